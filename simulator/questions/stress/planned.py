"""What a scenario is put to: its stresses, at which severities, and which endpoints they spare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from simulator.errors import InputError
from simulator.measures.catalogue import MEASURES, Measure
from simulator.questions.rates import check_has_a_rate
from simulator.questions.stress.stresses import stresses_of
from simulator.questions.stress.stressing import Stress
from simulator.scenario.model import Scenario
from simulator.scenario.stress import DEFAULT_SET, Stresses
from simulator.study.manifest import study_digest
from simulator.study.replicate import objectives_of
from simulator.study.run import asked

#: Told of every endpoint at every severity, besides what objectives limit.
DEFAULT_MEASURES: Final = ("monthly_cost", "p99", "cold_start_fraction", "throttled_fraction")


@dataclass(frozen=True)
class Plan:
    """What stresses a scenario is put to.

    Parameters
    ----------
    scenario : Scenario
        As it is without stress; nothing in it is uncertain.
    stresses : tuple of Stress
        At least one.
    refine : bool
        Whether severities between those of the stresses are tried where an objective breaks.
    notes : tuple of str
        What a reader must know about what was planned.
    left_out : tuple of (Stress, str)
        Stresses of a set that cannot be put on this scenario, with the reason.
    """

    scenario: Scenario
    stresses: tuple[Stress, ...]
    refine: bool = True
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[Stress, str], ...] = ()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names in the order of the scenario."""
        return tuple(endpoint.name for endpoint in self.scenario.endpoints)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """What is told of every endpoint: what objectives limit, then `DEFAULT_MEASURES`."""
        limited = {one.measure.name: one.measure for one in objectives_of(self.scenario)}
        return tuple({**limited, **{name: limited.get(name, MEASURES[name]) for name in DEFAULT_MEASURES}}.values())

    @cached_property
    def spared(self) -> dict[tuple[str, str], str]:
        """(stress, endpoint) → why the stress changes nothing for it."""
        reasons = {
            (stress.name, endpoint.name): stress.spares(self.scenario, endpoint)
            for stress in self.stresses
            for endpoint in self.scenario.endpoints
        }
        return {key: reason for key, reason in reasons.items() if reason}

    def stressed(self, stress: Stress) -> tuple[str, ...]:
        """Endpoints for which a stress changes something."""
        return tuple(name for name in self.endpoints if (stress.name, name) not in self.spared)

    def at(self, stress: Stress, severity: float, endpoints: Sequence[str]) -> Scenario:
        """The scenario under a stress, of some endpoints or, where a precision is asked for, of all.

        Raises
        ------
        InputError
            If that cannot be simulated: naming stress and severity.
        """
        if stress.begins_plain and severity == stress.neutral:
            return self.scenario
        try:
            whole = stress.apply(self.scenario, severity)
        except InputError as error:
            text, where = str(error), f"stress {stress.name}"
            told = text if text.startswith(where) else f"{where} at {stress.text(severity)}: {text}"
            raise InputError(told) from None
        if whole.precision is not None:
            return whole  # it may look at any endpoint
        chosen = [one for one in whole.endpoints if one.name in endpoints]
        baseline = whole.baseline if whole.baseline in endpoints else chosen[0].name
        return whole.model_copy(update={"endpoints": chosen, "baseline": baseline})

    @cached_property
    def digest(self) -> str:
        """Name of the results: the scenario, the stresses, their severities and options."""
        facts = [[stress.name, *vars(stress).values()] for stress in self.stresses]
        text = f"{study_digest(self.scenario)} {self.refine} {json.dumps(facts)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def folder(self, results: Path) -> Path:
        """The folder of the results below that of all results."""
        return results / self.scenario.name / f"stress-{self.digest}"


def planned(
    scenario: Scenario,
    stresses: Stresses | None = None,
    *,
    refine: bool = True,
    replications: int | None = None,
    seed: int | None = None,
) -> Plan:
    """What a scenario is to be put to.

    Parameters
    ----------
    scenario : Scenario
        With an objective at least. Uncertain values are taken at their middle.
    stresses : Stresses, optional
        By default those of the scenario, or the set `DEFAULT_SET`.
    refine : bool
        Whether break points are looked for between the severities.
    replications, seed : int, optional
        In place of the scenario's.

    Raises
    ------
    InputError
        If there is no objective, or a stress cannot be put on this scenario. One that cannot be for what the traffic
        is, and was not asked for by its name but stands in a set, is left out.
    """
    check_has_a_rate(scenario, "a stress")
    if not scenario.objectives:
        raise InputError(
            f"scenario {scenario.name} has no objectives, so nothing in it can break; write for example objectives: "
            '["p95 < 500ms"]'
        )
    block = stresses or scenario.stress or Stresses(set_of=DEFAULT_SET)
    notes: tuple[str, ...] = ()
    if scenario.assumed:
        names = ", ".join(one.name for one in scenario.assumed)
        notes = (f"Uncertain values are at their middle: {names}.",)
        scenario = scenario.with_values({})
    plain = asked(scenario, replications, seed).model_copy(update={"stress": None})
    reasons = [(one, _refusal(one, plain)) for one in stresses_of(block) if _is_of_interest(one, plain, block)]
    left_out = tuple((one, reason) for one, reason in reasons if reason)
    for one, reason in left_out:
        if getattr(block, one.name) is not None:
            raise InputError(f"stress {one.name}: {reason}")
    return Plan(plain, tuple(one for one, reason in reasons if not reason), refine, notes, left_out)


def _is_of_interest(stress: Stress, scenario: Scenario, block: Stresses) -> bool:
    """Whether a stress was asked for by its name, or is not of a kind of endpoint that there is none of."""
    asked_for = getattr(block, stress.name) is not None
    return asked_for or not stress.is_of_a_kind or not _spares_all(stress, scenario)


def _spares_all(stress: Stress, scenario: Scenario) -> bool:
    return all(stress.spares(scenario, endpoint) for endpoint in scenario.endpoints)


def _refusal(stress: Stress, scenario: Scenario) -> str:
    """Why a stress that would change something cannot be put on a scenario."""
    return "" if _spares_all(stress, scenario) else stress.refusal(scenario)
