"""The training loop with a tiny task, in one process and in two; on a GPU nothing of it was ever run."""

import json

import pytest
import torch
from safetensors.torch import load_file
from tiny_task import SETTINGS, Batch, Network, Task
from torch.multiprocessing.spawn import ProcessExitedException

from models import loop

ALWAYS = 1e-9  # save_minutes: after every step


def rows(folder):
    """The log without the time that it took."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert all(row.pop("minutes") >= 0 for row in found)
    return found


def same(one, other):
    one, other = load_file(one), load_file(other)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def trained(folder, task=(), **settings):
    """The folder in which a task was trained, whose weights are in `made`."""
    loop.run(Task, (folder / "made", *task), SETTINGS | settings, folder)
    return folder


def begun(folder, task=(), **settings):
    """A loop that has not yet made a step."""
    return loop.Loop(Task(folder / "made", *task), SETTINGS | settings, folder, 0, 1)


@pytest.fixture(autouse=True)
def folders(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def log_often(monkeypatch):
    monkeypatch.setattr(loop, "LOG_STEPS", 4)


def test_two_processes_train_what_one_does_to_the_bit(tmp_path):
    one = trained(tmp_path / "one", task=(120,), epochs=1)
    two = trained(tmp_path / "other", task=(120,), epochs=1, workers=2)
    assert same(one / "made", two / "made")
    assert [row["step"] for row in rows(two)] == [50]


def test_a_run_whose_second_process_was_killed_goes_on_to_the_same_weights(tmp_path):
    whole = trained(tmp_path / "one", epochs=1.5)
    cut = tmp_path / "other"
    with pytest.raises(ProcessExitedException):
        trained(cut, task=(24, 33, True), epochs=1.5, workers=2)
    assert not (cut / "made").exists()
    assert (cut / "last.pt").exists()
    assert same(trained(cut, epochs=1.5, workers=2) / "made", whole / "made")


@pytest.mark.parametrize("save", [ALWAYS, 4])
@pytest.mark.parametrize("stop", [0, 12, 23, 24, 41])
def test_a_cut_run_goes_on_to_the_same_weights_and_log(tmp_path, log_often, save, stop):
    whole = trained(tmp_path / "one")
    cut = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        trained(cut, task=(24, stop), save_minutes=save)
    trained(cut, save_minutes=save)
    assert same(cut / "made", whole / "made")
    assert rows(cut) == rows(whole)


def test_a_run_may_be_cut_again_and_again(tmp_path):
    whole = trained(tmp_path / "one")
    for stop in (3, 4, 18, 30, 47):
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "other", task=(24, stop), save_minutes=ALWAYS)
    assert same(trained(tmp_path / "other") / "made", whole / "made")


def test_a_line_that_was_cut_off_leaves_the_log(tmp_path, log_often):
    whole = rows(trained(tmp_path / "one"))
    with (tmp_path / "one" / "log.jsonl").open("a") as lines:
        lines.write('{"progress": 0.9')
    assert rows(trained(tmp_path / "one")) == whole


@pytest.mark.parametrize(("epochs", "steps"), [(0.5, 6), (1, 12), (1.25, 15), (2, 24)])
def test_the_last_epoch_may_be_a_part_of_one(tmp_path, epochs, steps):
    made = begun(tmp_path, epochs=epochs)
    made.run()
    assert made.steps == steps
    assert made.task.seen == list(range(2 * steps))


def test_a_finished_run_only_writes_again(tmp_path):
    trained(tmp_path)
    known = load_file(tmp_path / "made")
    (tmp_path / "made").unlink()
    made = begun(tmp_path)
    made.run()
    assert made.task.seen == []
    assert all(torch.equal(tensor, known[name]) for name, tensor in load_file(tmp_path / "made").items())


def test_the_state_of_another_run_is_refused(tmp_path):
    trained(tmp_path)
    known = torch.load(tmp_path / "last.pt", weights_only=True)
    torch.save(known | {"identity": "other"}, tmp_path / "last.pt")
    with pytest.raises(ValueError, match="holds a run with other settings or start"):
        begun(tmp_path)


def test_what_does_not_fill_a_step_is_left_to_chance_of_the_next_epoch(tmp_path):
    made = begun(tmp_path, task=(7,), epochs=1)
    made.run()
    assert made.task.seen == list(range(6))


def test_the_average_is_of_the_last_tenth_of_a_short_run(tmp_path):
    made = begun(tmp_path, task=(120,), epochs=1, average=0.3)
    todo = made.task.epoch(0)
    before = made.task.network.head.weight.detach().clone()
    mean, seen = torch.zeros_like(before), []
    for step in range(12):
        made._step(todo[2 * step : 2 * step + 2], 0.2)
        seen.append(made.task.network.head.weight.detach().clone())
        keep = min(0.3, step / (step + 10))  # from the fifth step on what the settings ask for
        mean = keep * mean + (1 - keep) * seen[-1]
        assert torch.allclose(made.averaged()["head.weight"], mean, atol=1e-6)
    assert not torch.equal(seen[0], before)
    assert not torch.equal(made.averaged()["head.weight"], seen[-1])


def test_what_is_frozen_is_exported_as_it_was(tmp_path):
    made = begun(tmp_path)
    made.run()
    state = load_file(tmp_path / "made")
    assert state.keys() == made.task.network.state_dict().keys()
    assert torch.equal(state["frozen"], torch.full((8,), 0.5))


def test_the_log_tells_progress_and_mean_losses(tmp_path, log_often):
    made = begun(tmp_path)
    made.run()
    found = rows(tmp_path)
    assert [row["step"] for row in found] == [4, 8, 12, 16, 20, 24]
    assert [row["progress"] for row in found] == sorted(row["progress"] for row in found)
    pieces = [int(batch.mask.sum()) for epoch in (0, 1) for batch in made.task.epoch(epoch)]
    assert [row["pieces"] for row in found] == [sum(pieces[i : i + 8]) for i in range(0, 48, 8)]


def test_the_loss_falls(tmp_path, log_often):
    made = begun(tmp_path, task=(200,), epochs=1, encoder_rate=0.05, head_rate=0.1)
    made.run()
    found = [row["sums"] for row in rows(tmp_path)]
    assert sum(found[-5:]) < 0.4 * sum(found[:5])


def test_other_noise_for_every_batch_and_the_same_in_every_run(tmp_path):
    drawn = []
    for folder in ("one", "other"):
        made = begun(tmp_path / folder, epochs=1)
        made.task.watch = lambda: drawn.append(float(torch.rand(())))
        made.run()
    assert len(set(drawn)) == 24
    assert drawn[:24] == drawn[24:]


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.0), (0.05, 1.0), (0.025, 0.5), (0.525, 0.5), (1.0, 0.0), (2.0, 0.0)]
)
def test_the_rate_rises_and_falls_linearly(progress, share):
    assert loop.rate(progress, 0.05) == pytest.approx(share)


def test_encoder_and_heads_have_their_rates_and_biases_do_not_decay():
    network = Network()
    groups = loop.optimizer(network, SETTINGS).param_groups
    told = {id(p): (group["top"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert told == {
        id(p): (0.01 if name.startswith("encoder.bert") else 0.02, 0.01 if p.ndim > 1 else 0.0)
        for name, p in network.named_parameters()
        if name != "frozen"
    }


def test_a_batch_moves_to_the_device_with_its_tensors():
    batch = loop.moved(Batch(torch.ones(2), torch.ones(2), number=3), torch.device("meta"))
    assert (batch.ids.device.type, batch.mask.device.type, batch.number) == ("meta", "meta", 3)
