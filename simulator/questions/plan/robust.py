"""The robust choice: the cheapest candidate whose objectives hold under every stress of a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from simulator.errors import InputError
from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict
from simulator.questions.plan.plan import Planned
from simulator.questions.plan.racing import State
from simulator.questions.running import Runner
from simulator.questions.stress.planned import planned
from simulator.questions.stress.stress import stress
from simulator.scenario.loading import Source
from simulator.scenario.stress import SetName, Stresses
from simulator.scenario.wording import nearest


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
    """

    set_of: str
    verdicts: Mapping[str, Verdict]
    costs: Mapping[str, Estimate]
    replications: int

    @property
    def survivors(self) -> tuple[str, ...]:
        """Those that meet all objectives under every stress, the cheapest first."""
        known = {name: cost.value for name, cost in self.costs.items() if cost.value is not None}
        met = [name for name, verdict in self.verdicts.items() if verdict is Verdict.MET and name in known]
        return tuple(sorted(met, key=lambda name: known[name]))


def check_set(name: str) -> None:
    """See that there is a set of stresses of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    known = get_args(SetName)
    if name not in known:
        raise InputError(f"no set of stresses {name!r}, {nearest(name, known)}")


def robust(found: Planned, source: Source, set_of: str, runner: Runner) -> Robust:
    """Put candidates to a set of stresses.

    Parameters
    ----------
    found : Planned
        Those that miss an objective in it are left out.
    source : Source
        Of the plan.
    set_of : str
        A set that comes with the package.
    runner : callable
        Gives studies of scenarios (`running.runner_of`).

    Raises
    ------
    InputError
        If there is no such set, no objective, or a stress cannot be put on the scenario.
    """
    check_set(set_of)
    candidates = [found.candidate(one.name) for one in found.race.runners.values() if one.state is not State.MISSES]
    base = found.choice.base
    if not candidates:
        return Robust(set_of, {}, {}, base.replications)
    seed = (found.scenario or base).seed
    scenario = found.choice.scenario(source, candidates, replications=base.replications, seed=seed)
    result = stress(planned(scenario, Stresses.model_validate({"set_of": set_of}), refine=False), runner)
    if not result.complete:
        raise KeyboardInterrupt
    cost = find("monthly_cost")
    costs = {one.name: result.plain.sample(one.name).estimate(cost) for one in candidates}
    return Robust(set_of, result.verdicts, costs, base.replications)
