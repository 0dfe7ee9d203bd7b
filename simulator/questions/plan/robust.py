"""The robust choice: the cheapest candidate whose objectives hold under every stress of a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from simulator.errors import InputError
from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict
from simulator.questions.plan.plan import Planned
from simulator.questions.plan.racing import State
from simulator.questions.running import Runner
from simulator.questions.stress.breaking import Outcome
from simulator.questions.stress.planned import planned
from simulator.questions.stress.stress import stress
from simulator.questions.stress.stressed import Cell
from simulator.scenario.loading import Source
from simulator.scenario.model import Scenario
from simulator.scenario.stress import SetName, Stresses
from simulator.scenario.wording import nearest

#: Name of the stresses that the scenario says itself.
SCENARIO: Final = "scenario"


@dataclass(frozen=True)
class Robust:
    """What is left of the candidates under stress.

    Parameters
    ----------
    set_of : str
        Name of the set of stresses.
    verdicts : dict of str to Verdict
        Candidate → verdict on all objectives at every severity, by the mean over replications; those that miss an
        objective without stress were not tried.
    costs : dict of str to Estimate
        Monthly cost without stress. [USD]
    replications : int
        Of every candidate at every severity.
    broken : dict of str to tuple of Cell
        Candidate → the stresses under which an objective breaks, or is not known to hold.
    """

    set_of: str
    verdicts: Mapping[str, Verdict]
    costs: Mapping[str, Estimate]
    replications: int
    broken: Mapping[str, tuple[Cell, ...]] = field(default_factory=dict)

    @property
    def survivors(self) -> tuple[str, ...]:
        """Those that meet all objectives under every stress, the cheapest first."""
        return tuple(name for name in self._by_cost if self.verdicts[name] is Verdict.MET)

    @property
    def nearest(self) -> str | None:
        """The one with the fewest stresses under which an objective breaks; the cheapest of several."""
        return min(self._by_cost, key=lambda name: len(self.broken.get(name, ())), default=None)

    @property
    def _by_cost(self) -> list[str]:
        known = {name: cost.value for name, cost in self.costs.items() if cost.value is not None}
        return sorted(known, key=lambda name: known[name])


def stresses_of(name: str, scenario: Scenario) -> Stresses:
    """The stresses of a name: a set that comes with the package, or `SCENARIO`: those that the scenario says.

    Raises
    ------
    InputError
        If there is none of that name, or the scenario says none.
    """
    if name == SCENARIO:
        if scenario.stress is None:
            raise InputError(f"--robust {SCENARIO} takes the stresses of the scenario, which has no stress block")
        return scenario.stress
    known = get_args(SetName)
    if name not in known:
        raise InputError(f"no set of stresses {name!r}, {nearest(name, (*known, SCENARIO))}")
    return Stresses.model_validate({"set_of": name})


def robust(found: Planned, source: Source, set_of: str, runner: Runner) -> Robust:
    """Put candidates to a set of stresses.

    Parameters
    ----------
    found : Planned
        Those that miss an objective in it are left out.
    source : Source
        Of the plan.
    set_of : str
        A set that comes with the package, or `SCENARIO`.
    runner : callable
        Gives studies of scenarios (`running.runner_of`).

    Raises
    ------
    InputError
        If there is no such set, no objective, or a stress cannot be put on the scenario.
    """
    stresses = stresses_of(set_of, found.choice.base)
    candidates = [found.candidate(one.name) for one in found.race.runners.values() if one.state is not State.MISSES]
    base = found.choice.base
    if not candidates:
        return Robust(set_of, {}, {}, base.replications)
    seed = (found.scenario or base).seed
    scenario = found.choice.scenario(source, candidates, replications=base.replications, seed=seed)
    result = stress(planned(scenario, stresses, refine=False), runner)
    if not result.complete:
        raise KeyboardInterrupt
    cost = find("monthly_cost")
    costs = {one.name: result.plain.sample(one.name).estimate(cost) for one in candidates}
    fine = {Outcome.HOLDS, Outcome.SPARED}
    broken = {
        one.name: tuple(cell for cell in result.cells if cell.endpoint == one.name and cell.outcome not in fine)
        for one in candidates
    }
    return Robust(set_of, result.verdicts, costs, base.replications, broken)
