"""Which way of serving a model is the best, alone and where some share a multi-model endpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures import intervals
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict

if TYPE_CHECKING:
    from simulator.questions.fleet.answer import Way

#: Verdicts from the best to the worst; those of one class are alike.
_CLASSES: Final[tuple[Collection[Verdict], ...]] = (
    {Verdict.MET},
    {Verdict.UNDECIDED, Verdict.NO_DATA},
    {Verdict.NOT_MET},
)
#: (Model, way) → verdict on all objectives, and cost of a month in each replication [USD].
Verdicts = Mapping[tuple[str, str], Verdict]
Costs = Mapping[tuple[str, str], NDArray[np.float64]]


def class_of(verdict: Verdict) -> int:
    """0 for met, 1 for perhaps, 2 for not met."""
    return next(number for number, one in enumerate(_CLASSES) if verdict in one)


def best(verdicts: Mapping[str, Verdict], means: Mapping[str, float]) -> str | None:
    """The cheapest way of those with the best verdict, the first of equals; None if there is no way."""
    return min(means, key=lambda way: (class_of(verdicts[way]), means[way]), default=None)


@dataclass(frozen=True)
class Shared:
    """A multi-model endpoint beside the best ways of its own for each model.

    It costs the same whatever it serves, so it takes every model that is as well served there as alone, and pays if
    these cost more alone.

    Parameters
    ----------
    way : str
        Name of the endpoint.
    models : frozenset of str
        Those that it would take.
    saves : Estimate
        What those of them that fit elsewhere cost alone, less its bill, a month, paired over replications. [USD]
    is_needed : bool
        Whether one of them fits nowhere else.
    """

    way: str
    models: frozenset[str]
    saves: Estimate
    is_needed: bool

    @property
    def gain(self) -> float:
        """What it saves by the mean, more than any number if it is needed [USD]."""
        return np.inf if self.is_needed else self.saves.value or 0.0

    @property
    def is_decided(self) -> bool:
        """Whether its saving is sure to be more, or less, than 0, or it is needed."""
        if self.is_needed:
            return True
        low, high = self.saves.low, self.saves.high
        return low is not None and high is not None and (low > 0 or high < 0)


def shared(
    way: str,
    bills: NDArray[np.float64],
    own: Mapping[str, str | None],
    verdicts: Verdicts,
    costs: Costs,
    confidence: float,
) -> Shared:
    """A multi-model endpoint, judged.

    Parameters
    ----------
    way : str
        Its name.
    bills : ndarray, shape (replications,)
        Of a month. [USD]
    own : mapping of str to str or None
        Model → its best way of its own, None if there is none.
    verdicts, costs : mapping
        Of models and ways.
    confidence : float
    """
    takes = []
    alone = np.zeros(len(bills))
    for model, choice in own.items():
        if (model, way) not in verdicts:
            continue
        if choice is None:
            takes.append(model)
        elif class_of(verdicts[model, way]) <= class_of(verdicts[model, choice]):
            alone = alone + costs[model, choice]
            takes.append(model)
    saves = intervals.difference(alone.tolist(), bills.tolist(), confidence)
    return Shared(way, frozenset(takes), saves, is_needed=any(own[model] is None for model in takes))


def is_decided(ways: Mapping[str, Way], choice: str, all_shared: Sequence[Shared]) -> bool:
    """Whether no other way can be the better choice: it misses objectives for sure, or costs more for sure.

    A multi-model endpoint is the better or the worse one for all models that it would take together.
    """
    chosen = ways[choice].verdict
    names = {one.way for one in all_shared}
    if chosen is not Verdict.MET:
        return chosen is Verdict.NOT_MET
    if any(
        one.way in ways and ways[one.way].verdict is not Verdict.NOT_MET and not one.is_decided for one in all_shared
    ):
        return False
    if choice in names:
        return True
    for name, one in ways.items():
        if name == choice or name in names or one.verdict is Verdict.NOT_MET:
            continue
        if one.more.low is None or not one.more.low > 0:
            # Equal in every replication: the first is as good.
            if one.more.value == 0 and one.more.half_width == 0:
                continue
            return False
    return True
