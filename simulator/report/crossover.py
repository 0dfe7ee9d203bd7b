"""The report on a crossover: text, Markdown, JSON and CSV."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.catalogue import Kind
from simulator.measures.intervals import Estimate
from simulator.questions.crossover.standing import Reason
from simulator.report import text as plain_text
from simulator.report.machine import markdown
from simulator.report.numbers import decimals_for, fixed, significant, with_interval
from simulator.report.sections import Section, Sentences, Table, taken_for_granted

if TYPE_CHECKING:
    from simulator.questions.crossover.flips import Crossover, Flip
    from simulator.questions.crossover.line import Change
    from simulator.questions.crossover.stretches import Stretch
    from simulator.study.results import Study

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1
_NOBODY: Final = "no endpoint"
#: Digits of a place that has no interval.
_PLACE_DIGITS: Final = 4


def as_text(result: Crossover) -> str:
    """The answer, then the report, in lines of at most 100 columns."""
    return textwrap.fill(answer(result), plain_text.WIDTH) + "\n\n" + plain_text.written(sections(result))


def as_markdown(result: Crossover) -> str:
    """The same as Markdown."""
    parts = [Sentences("Answer", (answer(result),)), *sections(result)]
    return markdown(f"{result.scenario.name}: crossover", parts)


def as_csv(result: Crossover) -> str:
    """One line a change."""
    return result.table().to_csv(index=False, lineterminator="\n")


def points_csv(result: Crossover) -> str:
    """One line a point and endpoint."""
    return result.points().to_csv(index=False, lineterminator="\n")


def as_json(result: Crossover) -> str:
    """Everything that the report says."""
    return json.dumps(facts(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def answer(result: Crossover) -> str:
    """Who is the cheapest eligible endpoint from where to where, in one sentence."""
    stretches, unit = result.stretches, result.line.axis.unit
    last = len(stretches) - 1
    parts = []
    for number, stretch in enumerate(stretches):
        if last == 0:
            where = f"from {_plain(stretch.low)}{unit} to {_plain(stretch.high)}{unit}"
        elif number == last:
            where = "above"
        else:
            where = _up_to(result, stretch)
        parts.append(f"{_who(stretch)} {where}{_aside(stretch)}")
    return f"{question(result)}: {', '.join(parts)}."


def question(result: Crossover) -> str:
    """What the answer is to."""
    measure = result.line.measure
    least = "Cheapest endpoint" if measure.kind is Kind.MONEY else f"Endpoint of the lowest {measure.name}"
    return f"{least} that meets all objectives" if result.scenario.objectives else least


def _who(stretch: Stretch) -> str:
    return "not known" if stretch.unsure else stretch.winner or _NOBODY


def _up_to(result: Crossover, stretch: Stretch) -> str:
    unit = result.line.axis.unit
    change = next((one for one in result.changes if one.at == stretch.high), None)
    if change is None:
        return f"up to about {significant(stretch.high, 3)}{unit}"
    return f"{'below' if result.line.is_whole else 'up to'} {place(change, unit)}"


def _aside(stretch: Stretch) -> str:
    if stretch.unsure:
        return f" (open: {'; '.join(stretch.open_objectives)})" if stretch.open_objectives else ""
    if stretch.alike:
        return f" ({', '.join(stretch.alike)} exactly alike)"
    if stretch.close:
        return f" (not shown to be cheaper than {', '.join(stretch.close)} everywhere there)"
    return ""


def place(change: Change, unit: str) -> str:
    """Where a change is, with its interval: ``3.97/s (3.91–4.02)``."""
    low, high = change.low, change.high
    if low is None and high is None:
        return f"{significant(change.at, _PLACE_DIGITS)}{unit} (interval not found in the range)"
    if low is None or high is None:
        bound = f"below {_plain(high)}" if low is None else f"above {_plain(low)}"
        return f"{_plain(change.at)}{unit} ({bound})"
    half = max(high - change.at, change.at - low)
    if half <= 0:
        return f"{_plain(change.at)}{unit}"
    decimals = min(decimals_for(half), 12)
    at, start, end = (fixed(value, decimals) for value in (change.at, low, high))
    return f"{at}{unit} ({start}–{end})"


def _plain(value: float | None) -> str:
    return "" if value is None else significant(value, _PLACE_DIGITS)


def sections(result: Crossover) -> Iterator[Section]:
    """All parts after the answer."""
    yield _setting(result)
    if result.flips:
        yield _changes(result)
        yield _numbers(result)
        yield _utilizations(result)
    yield from _remarks(result)
    study = _example(result)
    yield from taken_for_granted(study)
    notes = study.notes()
    if notes:
        yield Sentences("Notes", tuple(notes))


def _example(result: Crossover) -> Study:
    """The study of a point with all replications, near a change if there is one."""
    spots = [change.right for change in result.changes] or [spot for spot in result.line.spots if spot.is_full]
    return (spots or result.line.spots)[0].point.study


def _setting(result: Crossover) -> Sentences:
    scenario, line = result.scenario, result.line
    spots, unit = line.spots, line.axis.unit
    full = max(len(spot.point.study.records) for spot in spots)
    least = min(len(spot.point.study.records) for spot in spots)
    fewer = f", {least} at the least far from changes" if least < full else ""
    low, high = (_plain(spot.place) for spot in (spots[0], spots[-1]))
    lines = [
        f"{_axis_name(result)} from {low}{unit} to {high}{unit}, {len(spots)} points of {full} replications{fewer}, "
        "all under the same random numbers",
        f"points around a change at most {100 * line.tolerance:g} % apart; "
        f"intervals at {100 * scenario.confidence:g}%; "
        f"seed {scenario.seed}; prices {scenario.price_sheet.id}; a month is {scenario.month / 3600:g} h",
    ]
    if scenario.description:
        lines.insert(0, scenario.description)
    if result.base is not None and result.is_rate:
        lines.append(f"at present: {result.base.traffic.describe()}")
    return Sentences(f"Scenario {scenario.name}", tuple(lines))


def _axis_name(result: Crossover) -> str:
    return (
        "mean rate of the traffic, scaled as a whole," if result.line.axis.path == "traffic" else result.line.axis.path
    )


def _changes(result: Crossover) -> Sentences:
    """Where the answer changes, and why, one line a change."""
    unit = result.line.axis.unit
    lines = [
        f"{place(one, unit)}: {one.before or _NOBODY} → {one.after or _NOBODY}, {why(one)}" for one in result.changes
    ]
    count = len(lines)
    return Sentences(f"The answer changes {'once' if count == 1 else f'{count} times'}", tuple(lines))


def _numbers(result: Crossover) -> Table:
    """What goes with each change, one row a change."""
    unit = result.line.axis.unit
    has_closed_form = any(flip.predicted is not None for flip in result.flips)
    columns = ["at", "requests a month"]
    columns += ["closed form"] if has_closed_form else []
    columns += ["reached in"] if result.growth is not None else []
    rows = []
    for flip in result.flips:
        row = [f"{_plain(flip.change.at)}{unit}", with_interval(flip.requests)]
        row += ["" if flip.predicted is None else f"{_plain(flip.predicted)}{unit}"] if has_closed_form else []
        row += [months(flip)] if result.growth is not None else []
        rows.append(tuple(row))
    closed_form = "Closed form: where costs cross if every request is warm and none is lost."
    return Table("At each change", tuple(columns), tuple(rows), closed_form if has_closed_form else "")


def _utilizations(result: Crossover) -> Table:
    unit = result.line.axis.unit
    columns = ("endpoint", *(f"at {_plain(flip.change.at)}{unit}" for flip in result.flips))
    rows = tuple((name, *(_share(flip.utilization.get(name)) for flip in result.flips)) for name in result.endpoints)
    remark = "Occupied part of the places that are there; an instance pays for the rest too."
    return Table("Utilization at each change", columns, rows, remark)


def why(change: Change) -> str:
    """Why the answer changes, in a few words."""
    cause = change.cause
    if not change.is_near:
        return "not known where exactly"
    if cause.reason is Reason.COST:
        return "costs cross"
    if cause.reason is Reason.UNKNOWN:
        return "not known"
    lost = cause.reason is Reason.LOSES
    return (
        f"{cause.endpoint} {'misses' if lost else 'meets'} {cause.objective}" if cause.objective else cause.reason.value
    )


def months(flip: Flip) -> str:
    """When the traffic has grown to a change: ``month 9.1 (8.9–9.3)``, ``never``."""
    found = flip.months
    if found is None or found.value is None:
        return "never"
    if found.value == 0:
        return "now"
    if found.low is None or found.high is None or found.low == found.high:
        return f"month {significant(found.value, 3)}"
    decimals = max(decimals_for(max(found.high - found.value, found.value - found.low)), 0)
    value, low, high = (fixed(one, decimals) for one in (found.value, found.low, found.high))
    return f"month {value} ({low}–{high})"


def _share(value: float | None) -> str:
    return "no data" if value is None else f"{significant(100 * value, 3)} %"


def _remarks(result: Crossover) -> Iterator[Sentences]:
    """Why the closed form lies elsewhere, and what is not known."""
    unit = result.line.axis.unit
    apart = [
        f"{_plain(flip.predicted)}{unit}, simulated {place(flip.change, unit)}: {'; '.join(flip.why_apart)}"
        for flip in result.flips
        if flip.why_apart
    ]
    if apart:
        yield Sentences("Where the closed form lies outside the interval", tuple(apart))
    open_ = [
        f"from {_plain(one.low)}{unit} to {_plain(one.high)}{unit}: whether {', '.join(one.unsure)} meets all "
        f"objectives; undecided or without data: {'; '.join(one.open_objectives)}"
        for one in result.stretches
        if one.unsure
    ]
    open_ += [
        f"at {place(change, unit)}: {why(change)}" + ("" if change.is_near else ", points are too far apart")
        for change in result.changes
        if not change.is_decided
    ]
    if open_:
        yield Sentences("Not known", (*open_, "more replications may decide (-n), or longer ones (horizon)"))


def facts(result: Crossover) -> dict[str, Any]:
    """Everything that a report says, as JSON holds it."""
    scenario, axis = result.scenario, result.line.axis
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": scenario.name,
        "digest": result.digest,
        "seed": scenario.seed,
        "prices": scenario.price_sheet.id,
        "confidence": scenario.confidence,
        "tolerance": result.line.tolerance,
        "axis": {"path": axis.path, "unit": axis.unit, "is_log": axis.is_log},
        "measure": result.line.measure.name,
        "growth_per_month": result.growth,
        "answer": answer(result),
        "decided": result.is_decided,
        "changes": [_change_facts(flip) for flip in result.flips],
        "stretches": [
            {
                "from": one.low,
                "to": one.high,
                "cheapest": one.winner,
                "known": not one.unsure,
                "unsure": list(one.unsure),
                "open_objectives": list(one.open_objectives),
                "alike": list(one.alike),
                "not_shown_to_be_dearer": list(one.close),
            }
            for one in result.stretches
        ],
        "points": json.loads(result.points().to_json(orient="records", double_precision=15)),
    }


def _change_facts(flip: Flip) -> dict[str, Any]:
    change = flip.change

    found: dict[str, Any] = {
        "before": change.before,
        "after": change.after,
        "reason": change.cause.reason.value,
        "endpoint": change.cause.endpoint,
        "objective": change.cause.objective or None,
        "at": change.at,
        "ci": [change.low, change.high],
        "decided": change.is_decided,
        "requests_per_month": _estimate(flip.requests),
        "rate_per_s": _estimate(flip.rate),
        "utilization": flip.utilization,
        "closed_form": flip.predicted,
        "why_apart": list(flip.why_apart),
    }
    return found if flip.months is None else {**found, "months": _estimate(flip.months)}


def _estimate(one: Estimate) -> dict[str, Any]:
    return {"value": one.value, "ci": [one.low, one.high], "level": one.level, "n": one.n}
