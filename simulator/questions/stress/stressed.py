"""What became of endpoints under stresses: what was seen at each severity, and where objectives break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator.measures import objectives
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Verdict, overall
from simulator.questions.stress.breaking import WORST_FIRST, Break, Outcome, Tried, break_of
from simulator.questions.stress.planned import Plan
from simulator.questions.stress.stressing import Stress
from simulator.study.replicate import objectives_of
from simulator.study.results import Study

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Seen:
    """One endpoint at one severity.

    Parameters
    ----------
    judgements : tuple of Judgement
        Of each objective, in the order of the scenario. Where no request was completed nothing is met.
    estimates, changes : dict of str to Estimate
        Measure → estimate over replications, and its paired difference from the neutral severity.
    """

    judgements: tuple[Judgement, ...]
    estimates: dict[str, Estimate]
    changes: dict[str, Estimate]

    @property
    def verdict(self) -> Verdict:
        """On all objectives together."""
        return overall(self.judgements)


@dataclass(frozen=True)
class Cell:
    """One endpoint under one stress.

    Parameters
    ----------
    endpoint : str
    stress : Stress
    outcome : Outcome
        The worst of all objectives.
    breaks : tuple of Break
        One an objective, in the order of the scenario; none if the stress spares the endpoint.
    reason : str
        Why it is spared.
    """

    endpoint: str
    stress: Stress
    outcome: Outcome
    breaks: tuple[Break, ...] = ()
    reason: str = ""

    @property
    def first(self) -> Break | None:
        """The objective that breaks at the mildest severity; else the first with the cell's outcome."""
        return min(
            (one for one in self.breaks if one.outcome is self.outcome),
            key=lambda one: self.stress.place(self.stress.neutral if one.at is None else one.at),
            default=None,
        )


@dataclass(frozen=True)
class Stressed:
    """What became of every endpoint under every stress.

    Parameters
    ----------
    plan : Plan
    plain : Study
        Of the scenario without stress.
    seen : dict of (stress name, severity) to dict of endpoint to Seen
        What was tried.
    complete : bool
        False if it was interrupted: then not every severity was tried, or not with all replications.
    """

    plan: Plan
    plain: Study
    seen: dict[tuple[str, float], dict[str, Seen]]
    complete: bool = True

    def at(self, stress: Stress, endpoint: str) -> dict[float, Seen]:
        """Severity → what was seen of an endpoint, harder and harder."""
        found = {
            severity: by_endpoint[endpoint]
            for (name, severity), by_endpoint in self.seen.items()
            if name == stress.name and endpoint in by_endpoint
        }
        return dict(sorted(found.items(), key=lambda entry: stress.place(entry[0])))

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every endpoint under every stress, endpoint by endpoint."""
        return tuple(self._cell(name, stress) for name in self.plan.endpoints for stress in self.plan.stresses)

    def _cell(self, endpoint: str, stress: Stress) -> Cell:
        reason = self.plan.spared.get((stress.name, endpoint), "")
        if reason:
            return Cell(endpoint, stress, Outcome.SPARED, reason=reason)
        breaks = tuple(
            break_of(stress, objective, tried_of(self.at(stress, endpoint), number))
            for number, objective in enumerate(objectives_of(self.plan.scenario))
        )
        return Cell(endpoint, stress, min((one.outcome for one in breaks), key=WORST_FIRST.index), breaks)

    def cell(self, endpoint: str, stress: str) -> Cell:
        """One endpoint under the stress of a name."""
        return next(one for one in self.cells if (one.endpoint, one.stress.name) == (endpoint, stress))

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Endpoint → whether it survives: met if no objective breaks, with or without stress."""
        of_outcome = {
            **dict.fromkeys((Outcome.BREAKS, Outcome.BROKEN_ALREADY), Verdict.NOT_MET),
            **dict.fromkeys((Outcome.HOLDS, Outcome.SPARED), Verdict.MET),
            Outcome.NO_DATA: Verdict.NO_DATA,
            **dict.fromkeys((Outcome.UNDECIDED, Outcome.UNFINISHED), Verdict.UNDECIDED),
        }
        found = {}
        for name, judgements in judged(self.plain).items():
            given = {of_outcome[one.outcome] for one in self.cells if one.endpoint == name} | {overall(judgements)}
            found[name] = next(verdict for verdict in objectives.WORST_FIRST if verdict in given)
        return found

    def table(self) -> pd.DataFrame:
        """One row a severity that was tried, endpoint and measure or objective.

        Columns: ``stress``, ``severity`` (a factor; minutes of an outage are in seconds; 0 and 1 of what is off or
        on), ``is_planned`` (or else tried in between), ``endpoint``, ``measure``, ``unit``, ``value``, ``ci_low``,
        ``ci_high``, ``level``, ``n``, ``method``; ``change``, ``change_low``, ``change_high`` from the neutral
        severity, paired over replications; of objectives ``objective``, ``limit``, ``verdict``,
        ``replications_to_decide`` and ``reason``.
        """
        rows = [
            row
            for stress in self.plan.stresses
            for endpoint in self.plan.stressed(stress)
            for severity, seen in self.at(stress, endpoint).items()
            for row in self._rows(stress, severity, endpoint, seen)
        ]
        text = ("stress", "endpoint", "measure", "unit", "method", "objective", "verdict", "reason")
        columns = (
            *("stress", "severity", "is_planned", "endpoint", "measure", "unit", "value", "ci_low", "ci_high", "level"),
            *("n", "method", "change", "change_low", "change_high", "objective", "limit", "verdict"),
            *("replications_to_decide", "reason"),
        )
        return _frame(rows, columns, text, ("n", "replications_to_decide"), ("is_planned",))

    def _rows(self, stress: Stress, severity: float, endpoint: str, seen: Seen) -> Iterator[dict[str, Any]]:
        for measure in self.plan.measures:
            estimate, change = seen.estimates[measure.name], seen.changes.get(measure.name)
            facts = {
                "stress": stress.name,
                "severity": severity,
                "is_planned": severity in stress.severities,
                "endpoint": endpoint,
                "measure": measure.name,
                "unit": measure.unit,
                "value": estimate.value,
                "ci_low": estimate.low,
                "ci_high": estimate.high,
                "level": estimate.level,
                "n": estimate.n,
                "method": estimate.method,
                "change": None if change is None else change.value,
                "change_low": None if change is None else change.low,
                "change_high": None if change is None else change.high,
            }
            judged = [one for one in seen.judgements if one.objective.measure.name == measure.name]
            for one in judged:
                yield {
                    **facts,
                    "objective": one.objective.text,
                    "limit": one.objective.limit,
                    "verdict": one.verdict.value,
                    "replications_to_decide": one.replications_to_decide,
                    "reason": one.reason or None,
                }
            if not judged:
                yield facts

    def breaks(self) -> pd.DataFrame:
        """One row an endpoint, stress and objective.

        Columns: ``endpoint``, ``stress``, ``objective``, ``outcome``; ``breaks_at`` with ``met_to``, the hardest
        severity at which it is met, and ``not_met_from``, the mildest at which it is not; ``is_first`` of those of its
        endpoint and stress; ``reason`` if the stress changes nothing.
        """
        rows = [
            {
                "endpoint": cell.endpoint,
                "stress": cell.stress.name,
                "objective": None if one is None else one.objective.text,
                "outcome": (cell if one is None else one).outcome.value,
                "breaks_at": None if one is None else one.at,
                "met_to": None if one is None else one.low,
                "not_met_from": None if one is None else one.high,
                "is_first": None if one is None or one.at is None else one is cell.first,
                "reason": cell.reason or None,
            }
            for cell in self.cells
            for one in cell.breaks or (None,)
        ]
        text = ("endpoint", "stress", "objective", "outcome", "reason")
        columns = (*text[:4], "breaks_at", "met_to", "not_met_from", "is_first", "reason")
        return _frame(rows, columns, text, (), ("is_first",))


def judged(study: Study) -> dict[str, list[Judgement]]:
    """Endpoint → judgements; where requests came and none was completed, limits without data are not met."""
    found = study.judgements()
    for name, judgements in found.items():
        measured = [record.measured[name] for record in study.records]
        if any(one.requests for one in measured) and not any(one.completed for one in measured):
            found[name] = [
                replace(one, verdict=Verdict.NOT_MET, reason="no request was completed")
                if one.verdict is Verdict.NO_DATA
                else one
                for one in judgements
            ]
    return found


def tried_of(seen: dict[float, Seen], number: int) -> list[Tried]:
    """What was judged of one objective."""
    return [(severity, one.judgements[number]) for severity, one in seen.items()]


def _frame(
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str],
    text: Sequence[str],
    whole: Sequence[str],
    switches: Sequence[str],
) -> pd.DataFrame:
    """Frame of nullable columns: text, whole numbers, true or false; all others are numbers."""
    import pandas as pd

    kinds = {**dict.fromkeys(text, "string"), **dict.fromkeys(whole, "Int64"), **dict.fromkeys(switches, "boolean")}
    made: dict[str, Any] = {
        column: pd.array([row.get(column) for row in rows], dtype=kinds.get(column, "Float64"))  # type: ignore[call-overload]
        for column in columns
    }
    return pd.DataFrame(made)
