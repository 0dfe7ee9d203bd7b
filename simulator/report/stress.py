"""The report on a scenario under stress: text, Markdown, JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.catalogue import MEASURES
from simulator.measures.objectives import Verdict
from simulator.questions.stress.breaking import Outcome
from simulator.questions.stress.stressing import time_in_words
from simulator.report import text as plain_text
from simulator.report.machine import markdown
from simulator.report.reading import Reading, in_words
from simulator.report.sections import Section, Sentences, Table, setting, taken_for_granted
from simulator.report.survival import cell_words, headline, survival, undecided_lines
from simulator.study.replicate import objectives_of

if TYPE_CHECKING:
    from simulator.measures.intervals import Estimate
    from simulator.questions.stress.stressed import Cell, Seen, Stressed
    from simulator.questions.stress.stressing import Stress

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1
_COST: Final = MEASURES["monthly_cost"]


def as_text(result: Stressed, *, verbose: bool = False) -> str:
    """The report in lines of at most 100 columns."""
    return plain_text.written(sections(result, verbose=verbose))


def as_markdown(result: Stressed, *, verbose: bool = False) -> str:
    """The same as Markdown."""
    return markdown(f"{result.plan.scenario.name} under stress", sections(result, verbose=verbose))


def as_csv(result: Stressed) -> str:
    """What was seen at every severity, one line a severity, endpoint and measure or objective."""
    return result.table().to_csv(index=False, lineterminator="\n")


def as_json(result: Stressed) -> str:
    """Everything that the report says."""
    return json.dumps(facts(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sections(result: Stressed, *, verbose: bool = False) -> Iterator[Section]:
    """All parts in the order in which they are read, the verdict first.

    Parameters
    ----------
    result : Stressed
    verbose : bool
        Also what each objective limits, at every severity.
    """
    yield verdict(result)
    yield setting(Reading(result.plain))
    yield breaks(result)
    open_ = undecided_lines(result)
    if open_:
        yield Sentences("Undecided", tuple(open_))
    yield costs(result)
    if verbose:
        yield from measures(result)
    yield stresses(result)
    yield from taken_for_granted(result.plain)
    notes = [*result.plan.notes, *result.plain.notes()]
    if notes:
        yield Sentences("Notes", tuple(notes))


def verdict(result: Stressed) -> Sentences:
    """Who survives, who of them is the cheapest, and what becomes of each endpoint."""
    lines = [*survival(result).sentences, *(f"  {headline(result, name)}" for name in result.plan.endpoints)]
    if result.plan.left_out:
        names = ", ".join(stress.name for stress, _ in result.plan.left_out)
        lines.append(f"Not tried: {names}, which cannot be put on this traffic (see Stresses).")
    if not result.complete:
        lines.append("Interrupted: not every severity was tried, or not with all replications.")
    return Sentences("Verdict", tuple(lines), is_code=True)


def breaks(result: Stressed) -> Table:
    """Endpoint × stress: the objective that breaks first, and where."""
    columns = ("endpoint", *(stress.name for stress in result.plan.stresses))
    rows = tuple(
        (name, *(cell_words(result.cell(name, stress.name)) for stress in result.plan.stresses))
        for name in result.plan.endpoints
    )
    confidence = f"{100 * result.plan.scenario.confidence:g}%"
    remark = (
        "The objective that breaks at the mildest severity, the severity at which its mean reaches the limit, and in "
        f"brackets the hardest one at which it is met and the mildest at which it is not (verdicts at {confidence})."
    )
    return Table("What breaks first, and where", columns, rows, remark)


def costs(result: Stressed) -> Table:
    """Cost without stress, and what each severity adds to it, paired over replications."""
    reading = Reading(result.plain)
    names = result.plan.endpoints
    rows = [("without stress", *(in_words(reading.estimate(name, _COST.name), _COST.unit) for name in names))]
    for stress in result.plan.stresses:
        for severity, by_endpoint in _planned(result, stress):
            if severity != stress.neutral:
                rows.append((_row_name(stress, severity), *(_added(by_endpoint.get(name)) for name in names)))
    remark = "Below the first line: what the stress adds, on the same random numbers, paired over replications."
    scenario = result.plan.scenario
    if scenario.horizon < scenario.month and any(stress.happens_once for stress in result.plan.stresses):
        once = ", ".join(stress.title for stress in result.plan.stresses if stress.happens_once)
        remark += (
            f" A month is taken to be made of such runs: what happens once in a run ({once}) happens once in every "
            f"{time_in_words(scenario.horizon)} of it."
        )
    return Table("Cost a month", ("", *names), tuple(rows), remark)


def measures(result: Stressed) -> Iterator[Table]:
    """A table an objective: what it limits, at every severity."""
    names = result.plan.endpoints
    for number, objective in enumerate(objectives_of(result.plan.scenario)):
        rows = [
            (_row_name(stress, severity), *(_judged(by_endpoint.get(name), number) for name in names))
            for stress in result.plan.stresses
            for severity, by_endpoint in _planned(result, stress)
        ]
        yield Table(f"{objective.text}, under stress", ("", *names), tuple(rows))


def stresses(result: Stressed) -> Sentences:
    """What each stress does to this scenario, and whom it leaves untouched."""
    lines = []
    for stress in result.plan.stresses:
        lines.append(f"{stress.name} ({stress.title}): {stress.describe(result.plan.scenario)}.")
        reasons: dict[str, list[str]] = {}
        for name in result.plan.endpoints:
            reason = result.plan.spared.get((stress.name, name))
            if reason:
                reasons.setdefault(reason, []).append(name)
        lines += [f"  does not apply to {', '.join(spared)}: {reason}" for reason, spared in reasons.items()]
    lines += [f"{stress.name} ({stress.title}) is left out: {reason}." for stress, reason in result.plan.left_out]
    return Sentences("Stresses", tuple(lines))


def _planned(result: Stressed, stress: Stress) -> Iterator[tuple[float, dict[str, Seen]]]:
    for severity in stress.severities:
        yield severity, result.seen.get((stress.name, severity), {})


def _row_name(stress: Stress, severity: float) -> str:
    return stress.name if stress.is_switch and severity else f"{stress.name} {stress.text(severity)}"


def _added(seen: Seen | None) -> str:
    if seen is None or _COST.name not in seen.changes:
        return "–"
    return in_words(seen.changes[_COST.name], _COST.unit, difference=True)


def _judged(seen: Seen | None, number: int) -> str:
    if seen is None:
        return "–"
    one = seen.judgements[number]
    found = in_words(one.estimate, one.objective.measure.unit)
    return found if one.verdict is Verdict.MET else f"{found}, {one.verdict.value}"


def facts(result: Stressed) -> dict[str, Any]:
    """Everything that a report says, as JSON holds it."""
    plan, found = result.plan, survival(result)
    scenario = plan.scenario
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": scenario.name,
        "digest": plan.digest,
        "without_stress": result.plain.digest(),
        "seed": scenario.seed,
        "replications": scenario.replications,
        "prices": scenario.price_sheet.id,
        "confidence": scenario.confidence,
        "complete": result.complete,
        "survivors": list(found.survivors),
        "cheapest": found.cheapest,
        "cheapest_is_decided": found.is_decided,
        "answer": list(found.sentences),
        "stresses": [
            {
                "name": stress.name,
                "title": stress.title,
                "severities": list(stress.severities),
                "neutral": stress.neutral,
                "description": stress.describe(scenario),
            }
            for stress in plan.stresses
        ],
        "endpoints": [
            {
                "name": name,
                "verdict": result.verdicts[name].value,
                "stresses": [_cell_facts(cell) for cell in result.cells if cell.endpoint == name],
            }
            for name in plan.endpoints
        ],
        "seen": [
            {
                "stress": stress.name,
                "severity": severity,
                "is_planned": severity in stress.severities,
                "endpoint": name,
                "measures": {
                    measure.name: {
                        **_estimate(seen.estimates[measure.name]),
                        "unit": measure.unit,
                        "change": _estimate(seen.changes[measure.name]) if measure.name in seen.changes else None,
                    }
                    for measure in plan.measures
                },
                "objectives": [
                    {
                        "objective": one.objective.text,
                        "verdict": one.verdict.value,
                        "replications_to_decide": one.replications_to_decide,
                    }
                    for one in seen.judgements
                ],
            }
            for stress in plan.stresses
            for name in plan.stressed(stress)
            for severity, seen in result.at(stress, name).items()
        ],
        "left_out": [{"name": stress.name, "reason": reason} for stress, reason in plan.left_out],
        "notes": [*plan.notes, *result.plain.notes()],
    }


def _cell_facts(cell: Cell) -> dict[str, Any]:
    first = cell.first if cell.outcome in (Outcome.BREAKS, Outcome.BROKEN_ALREADY) else None
    return {
        "stress": cell.stress.name,
        "outcome": cell.outcome.value,
        "words": cell_words(cell),
        "reason": cell.reason or None,
        "first": None if first is None else first.objective.text,
        "objectives": [
            {
                "objective": one.objective.text,
                "outcome": one.outcome.value,
                "breaks_at": one.at,
                "met_to": one.low,
                "not_met_from": one.high,
                "undecided": [
                    {"severity": severity, "replications_to_decide": needed} for severity, needed in one.undecided
                ],
            }
            for one in cell.breaks
        ],
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "ci": None if estimate.low is None or estimate.high is None else [estimate.low, estimate.high],
        "n": estimate.n,
        "method": estimate.method,
    }
