"""How probable `favor` and `against` must be to be published: below that, a judgement is left at neutral."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import models
from pipeline.errors import UsageError

MIN_PORTRAYAL = 0.8
MIN_RELATION = 0.9
"""For judges that state no thresholds of their own, whatever precision is asked for.

On the hand labels, where nine pairs in ten are neutral, 0.5 would publish four right ones in ten, and 0.9
seven in ten, of half as many (docs/models.md).
"""
Pair = tuple[float, float]  # of favor, of against; infinite: never published
MARGINS: Pair = (0.01, 0.03)
"""How much more probable than the precision asked for favor and against must be between two parties.

Of version 6 in articles of news, as read (docs/models.md): *against* between 0.92 and 0.93 13 of 17 right,
from 0.93 on 33 of 38; *favor* between 0.90 and 0.91 2 of 4, from 0.91 on 9 of 10. Of version 7 by these
bounds 33 or 35 of 38 and 29 of 33, of version 8 81 or 80 of 90 and 39 of 43.
"""
PORTRAYAL_MARGINS: Pair = (0.05, 0.02)
"""How much above its threshold favor and against of the text itself must be.

Of version 7 in the same articles, where 0.01 was asked before, two readers found of *favor* less than 0.05
above it 18 and 19 of 27 right, of the rest 60 and 61 of 70; of *against* less than 0.02 above it 20 of 23,
of the rest 61 of 67. Of version 8 by these bounds 77 and 80 of 90, and 98 and 100 of 111.
"""
REPORTED: Pair = (math.inf, math.inf)
"""For a source that another sentence names: never published, until labels measure how often that is right.

Such a judgement has the portrayal's probabilities, and facts that shine a bad light on somebody are
portrayal: who says "Norsund lost the case" need not be against Norsund.
"""


@dataclass(frozen=True)
class Thresholds:
    """The least probabilities of favor and against, where the text itself judges and between two parties."""

    portrayal: Pair
    relation: Pair

    @staticmethod
    def of(judge: models.Judge, precision: float) -> Thresholds:
        """Those at which a judge was right as often as asked on held-out labels; fixed ones if it has none.

        Between two parties nothing is published either that is less probable itself than is asked, and of
        *against* a little more (`MARGINS`), nor by the text itself just above the threshold: news is harder
        than the labels that thresholds are chosen on.
        Raises UsageError where it does not state them for this precision.
        """
        stated = judge.thresholds if isinstance(judge, models.Calibrated) else {}
        if not stated:
            return Thresholds((MIN_PORTRAYAL, MIN_PORTRAYAL), (MIN_RELATION, MIN_RELATION))
        name = f"{precision:.2f}"
        common = sorted(set(stated["portrayal"]) & set(stated["relation"]))
        if name not in common:
            raise UsageError(
                f"precision: {precision:g} is not one that the model has thresholds for; "
                f"set STANDPOINT_PRECISION to one of {', '.join(f'{float(one):g}' for one in common)}"
            )
        between = zip(_pair(stated["relation"][name]), MARGINS, strict=True)
        favor, against = (max(least, round(precision + margin, 4)) for least, margin in between)
        alone = zip(_pair(stated["portrayal"][name]), PORTRAYAL_MARGINS, strict=True)
        praised, blamed = (round(least + margin, 4) for least, margin in alone)
        return Thresholds((praised, blamed), (favor, against))


def _pair(least: Sequence[float | None]) -> Pair:
    favor, against = (math.inf if one is None else one for one in least)
    return favor, against
