"""Where one model of a fleet belongs: what each of its ways costs, and how it keeps to the objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Verdict
from simulator.scenario.fleet_models import FleetModel


@dataclass(frozen=True)
class Way:
    """One model on one of its ways.

    Parameters
    ----------
    name : str
        Of the endpoint.
    cost : Estimate
        Of a month. [USD]
    more : Estimate
        Cost less that of the chosen way, paired over replications; 0 for that way itself. [USD]
    cold : Estimate
        Cold requests of the completed ones.
    verdict : Verdict
        On all objectives.
    judgements : tuple of Judgement
    """

    name: str
    cost: Estimate
    more: Estimate
    cold: Estimate
    verdict: Verdict
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True)
class Answer:
    """Where one model belongs.

    Parameters
    ----------
    model : FleetModel
    rate : float
        Requests that arrived, mean over replications. [1/s]
    ways : dict of str to Way
        Those that can serve it.
    choice : str or None
        The cheapest that meets all objectives; if none is known to, the cheapest of those that perhaps do, else of
        all. None if it fits nowhere.
    verdict : Verdict
        Of the chosen way on all objectives.
    is_decided : bool
        Whether no other way can be the better choice at this confidence.
    break_even : float or None
        Rate at which the way that is cheapest without traffic costs as much as the one that is cheapest with much, by
        closed form, every request warm. [1/s]
    break_even_busy : float or None
        The same as places that are busy on average.
    """

    model: FleetModel
    rate: float
    ways: Mapping[str, Way]
    choice: str | None
    verdict: Verdict
    is_decided: bool
    break_even: float | None
    break_even_busy: float | None

    @property
    def name(self) -> str:
        """Of the model."""
        return self.model.name
