import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import calibrate
from models.scores import calibration_error, macro_f1


def drawn(logits, fit, rng):
    """Labels drawn from the probabilities of the logits under a calibration."""
    chances = calibrate.chances(logits, fit).cumsum(1)
    return (rng.random(len(logits))[:, None] > chances[:, :2]).sum(1)


@pytest.mark.parametrize("fit", [[0.5, 0.0, 0.0, 0.0], [1.3, -2.0, 0.7, 0.0], [0.8, 1.0, -1.5, 0.0]])
def test_scale_and_biases_that_made_the_labels_are_found(fit):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 3))
    gold = drawn(logits, fit, rng)
    found = calibrate.likelihood(logits, gold)
    assert found[0] == pytest.approx(fit[0], abs=0.04)
    assert found[1:] == pytest.approx(fit[1:], abs=0.12)
    assert found[3] == 0


def test_a_fit_states_the_share_of_each_class():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1, (4000, 3))
    gold = rng.choice(3, 4000, p=[0.05, 0.05, 0.9])
    fitted = calibrate.chances(logits, calibrate.likelihood(logits, gold))
    assert fitted.mean(0) == pytest.approx(np.bincount(gold) / 4000, abs=1e-3)


def test_the_log_odds_of_mentions_are_scaled_and_shifted():
    rng = np.random.default_rng(1)
    odds = rng.normal(0, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * odds + 0.3)))
    assert calibrate.entities(odds, right) == pytest.approx([0.7, 0.3], abs=0.06)
    even = np.arange(len(odds)) % 2 == 0
    assert calibration_error(calibrate.crossed_scores(odds, right, even), right) < 0.02


def test_relations_lean_toward_rare_classes_by_half_of_what_macro_f1_asks():
    rng = np.random.default_rng(2)
    gold = rng.choice(3, 4000, p=[0.1, 0.2, 0.7])
    logits = rng.normal(0, 1, (4000, 3)) + np.eye(3)[gold] * 2 + [-1.2, 0.0, 0.0]
    scale, *bias = calibrate.relation(logits, gold)
    assert 0.3 < bias[0] / scale < 1.0
    assert abs(bias[1] / scale) < 0.4
    assert bias[2] == 0
    leaning = calibrate.chances(logits, [scale, *bias]).argmax(1)
    assert macro_f1(gold, leaning) > macro_f1(gold, logits.argmax(1)) + 0.02


def test_probabilities_are_the_softmax_of_scaled_and_shifted_logits():
    found = calibrate.chances(np.array([[1.0, 2.0, 3.0]], dtype=np.float32), [2.0, 1.0, 0.0, -1.0])
    wanted = np.exp([3.0, 4.0, 5.0])
    assert found[0] == pytest.approx(wanted / wanted.sum())


def test_each_half_is_calibrated_on_the_other():
    seen = []

    def fit(logits, gold):
        seen.append((logits[:, 0].tolist(), gold.tolist()))
        return [1.0, float(len(seen)), 0.0, 0.0]

    logits = np.zeros((5, 3))
    logits[:, 0] = np.arange(5)
    gold, even = np.array([0, 1, 2, 0, 1]), np.array([True, False, True, True, False])
    found = calibrate.crossed_chances(fit, logits, gold, even)
    assert seen == [([1.0, 4.0], [1, 1]), ([0.0, 2.0, 3.0], [0, 2, 0])]
    for part, bias in ((even, 1.0), (~even, 2.0)):
        assert np.allclose(found[part], calibrate.chances(logits[part], [1.0, bias, 0.0, 0.0]))


def reached(chances, right, least):
    """Precision of what a threshold lets through, and how many that are."""
    out = chances.round(4) >= least
    return right[out].mean(), out.sum()


@settings(max_examples=300)
@given(
    st.integers(0, 400),
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 3, 9]),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_a_threshold_reaches_its_precision_where_it_was_chosen(size, seed, decimals, precision):
    rng = np.random.default_rng(seed)
    chances = rng.beta(3, 1, size).round(decimals)  # with few decimals many are the same
    right = rng.random(size) < chances
    least = calibrate.least(chances, right, precision)
    if least is not None:
        found, count = reached(chances, right, least)
        assert count >= 20
        assert found >= precision
        assert round(least, 4) == least
    for lower in np.unique(chances.round(4)):
        if least is None or lower < least:
            found, count = reached(chances, right, lower)
            assert count < 20 or found * count < precision * (count + 1)


def test_what_cannot_be_reached_has_no_threshold():
    few, wrong = np.full(19, 0.99), np.linspace(0.5, 1, 200)
    assert calibrate.least(few, np.ones(19, dtype=bool), 0.8) is None
    assert calibrate.least(wrong, np.arange(200) % 2 == 0, 0.8) is None
    assert calibrate.least(np.zeros(0), np.zeros(0, dtype=bool), 0.8) is None


def test_chances_that_are_judged_the_same_are_published_together():
    chances = np.array([0.9] * 30 + [0.80001] * 30 + [0.80004] * 30)
    right = np.array([True] * 60 + [False] * 30)
    assert calibrate.least(chances, right, 0.8) == 0.9
    assert calibrate.least(chances, right, 0.6) == 0.8


def test_one_more_is_counted_as_wrong():
    chances, right = np.linspace(0.6, 0.9, 20), np.arange(20) > 1
    assert calibrate.least(chances, right, 18 / 21) == 0.6
    assert calibrate.least(chances, right, 0.9) is None
