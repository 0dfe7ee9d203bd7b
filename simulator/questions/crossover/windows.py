"""Where an endpoint may win between two points at neither of which it does.

Instances are the answer from where they are cheaper to where there are too few of them. If both lie between two
neighbouring points, the instances are eligible and dearer at one of them, and cheaper and no longer eligible at the
other. That much can be seen without a point between the two, so one is looked at, just beyond where the costs cross.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from simulator.measures.catalogue import Measure
from simulator.measures.objectives import Verdict
from simulator.questions.crossover.standing import standing
from simulator.questions.point import Point

#: What is looked at leaves at least this part of the gap on either side, so that every look narrows it.
_MARGIN: Final = 0.15

#: A place, and what was simulated there.
Placed = tuple[float, Point]


def windows(left: Placed, right: Placed, measure: Measure, beyond: float) -> Iterator[float]:
    """Places between two neighbours at which an endpoint may win that wins at neither.

    Parameters
    ----------
    left, right : (float, Point)
        Points at which the answer is known.
    measure : Measure
        What is compared.
    beyond : float
        How far beyond the crossing of the costs to look. [unit of the axis]
    """
    for inside, outside in ((left, right), (right, left)):
        winner = standing(inside[1], measure).winner
        if winner is None:
            continue
        for name in inside[1].endpoints:
            if not _turns(inside[1], outside[1], name):
                continue
            dearer, cheaper = (point.value(name, measure) - point.value(winner, measure) for _, point in (left, right))
            if inside is right:
                dearer, cheaper = cheaper, dearer
            if not (math.isfinite(dearer) and math.isfinite(cheaper) and dearer > 0 > cheaper):
                continue
            gap = outside[0] - inside[0]
            share = dearer / (dearer - cheaper) + beyond / abs(gap)
            yield inside[0] + gap * min(max(share, _MARGIN), 1.0 - _MARGIN)


def _turns(inside: Point, outside: Point, name: str) -> bool:
    """Whether an endpoint is eligible at the one and not at the other."""
    return inside.verdict(name) is Verdict.MET and outside.verdict(name) is not Verdict.MET
