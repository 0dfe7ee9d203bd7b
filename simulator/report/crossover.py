"""The report on a crossover: text, Markdown, JSON and CSV."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.endpoints import ManagedApi
from simulator.measures.catalogue import Kind
from simulator.measures.intervals import Estimate
from simulator.questions.breakeven import mean_rate
from simulator.report import text as plain_text
from simulator.report.changes import NOBODY, at_place, closed_form, months, place, plain_place, what_is_open, who, why
from simulator.report.machine import markdown
from simulator.report.numbers import significant, with_interval
from simulator.report.sections import Section, Sentences, Table, taken_for_granted

if TYPE_CHECKING:
    from simulator.questions.crossover.flips import Crossover, Flip
    from simulator.questions.crossover.stretches import Stretch
    from simulator.study.results import Study

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1


def as_text(result: Crossover) -> str:
    """The answer, then the report, in lines of at most 100 columns."""
    first = [
        textwrap.fill(text, plain_text.WIDTH, break_on_hyphens=False) for text in (answer(result), *outlook(result))
    ]
    return "\n\n".join([*first, plain_text.written(sections(result))])


def as_markdown(result: Crossover) -> str:
    """The same as Markdown."""
    parts = [Sentences("Answer", (answer(result), *outlook(result))), *sections(result)]
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
            where = f"from {plain_place(stretch.low)}{unit} to {plain_place(stretch.high)}{unit}"
        elif number == last:
            where = "above"
        else:
            where = _up_to(result, stretch)
        parts.append(f"{who(stretch)} {where}{_aside(stretch)}")
    return f"{question(result)}: {', '.join(parts)}."


def outlook(result: Crossover) -> Iterator[str]:
    """What holds at present and, with growth, which change comes next and when; nothing if the axis is no rate."""
    if result.base is None or not result.is_rate:
        return
    unit, rate = result.line.axis.unit, mean_rate(result.base)
    now = f"At present, {plain_place(rate)}/s"
    if not result.first_rate <= rate <= result.last_rate:
        yield f"{now} lies outside what was looked at."
        return
    near = [flip for flip in result.flips if _is_within(rate, flip.rate)]
    held = next(one for number, one in enumerate(result.stretches) if rate <= result.rate_at(one.high))
    said = f"{now}: {who(held)}"
    if near:
        said += f", not for sure, as the change at {place(near[0].change, unit)} may be behind or ahead"
    if result.growth is None:
        yield f"{said}."
        return
    trend = (
        f"{'growing' if result.growth >= 0 else 'shrinking'} by {significant(100 * abs(result.growth), 3)} % a month"
    )
    ahead = [
        (flip.months.value, number)
        for number, flip in enumerate(result.flips)
        if flip.months is not None and flip.months.value is not None
    ]
    if not ahead:
        yield f"{said}. {trend.capitalize()}, no change lies ahead in what was looked at."
        return
    coming = result.flips[min(ahead)[1]]
    change = coming.change
    follower = change.after if result.growth >= 0 else change.before
    yield (
        f"{said}. {trend.capitalize()}, the next change is reached after {months(coming, result.growth)}, "
        f"at {place(change, unit)}: then {follower or NOBODY}."
    )


def _is_within(value: float, interval: Estimate) -> bool:
    low, high = interval.low, interval.high
    return (low is None or low <= value) and (high is None or value <= high)


def question(result: Crossover) -> str:
    """What the answer is to."""
    measure = result.line.measure
    least = "Cheapest endpoint" if measure.kind is Kind.MONEY else f"Endpoint of the lowest {measure.name}"
    return f"{least} that meets all objectives" if result.scenario.objectives else least


def _up_to(result: Crossover, stretch: Stretch) -> str:
    unit = result.line.axis.unit
    change = next((one for one in result.changes if one.at == stretch.high), None)
    if change is None:
        return f"up to about {significant(stretch.high, 3)}{unit}"
    return f"{'below' if result.line.is_whole else 'up to'} {place(change, unit)}"


def _aside(stretch: Stretch) -> str:
    if stretch.unsure:
        return f" ({what_is_open(stretch)})"
    if stretch.alike:
        return f" ({', '.join(stretch.alike)} exactly alike)"
    if stretch.close:
        return f" (not shown to be cheaper than {', '.join(stretch.close)} everywhere there)"
    return ""


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
    low, high = (plain_place(spot.place) for spot in (spots[0], spots[-1]))
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
        f"{place(one, unit)}: {one.before or NOBODY} → {one.after or NOBODY}, {why(one)}" for one in result.changes
    ]
    count = len(lines)
    return Sentences(f"The answer changes {'once' if count == 1 else f'{count} times'}", tuple(lines))


def _numbers(result: Crossover) -> Table:
    """What goes with each change, one row a change."""
    has_closed_form = any(flip.predicted is not None for flip in result.flips)
    columns = ["at", "requests a month"]
    columns += ["closed form"] if has_closed_form else []
    columns += ["reached after"] if result.growth is not None else []
    rows = []
    for flip in result.flips:
        row = [at_place(flip.change, result.line.axis.unit), with_interval(flip.requests)]
        row += [closed_form(flip, result.line.axis.unit)] if has_closed_form else []
        row += [months(flip, result.growth)] if result.growth is not None else []
        rows.append(tuple(row))
    remarks = []
    if has_closed_form:
        remarks.append(
            "Closed form: where hours × price and billed time × price are equal, every request warm and none lost; in "
            "brackets how far it lies from the simulated place. A change of eligibility has none."
        )
    if result.growth is not None:
        remarks.append(
            f"Reached after: at {significant(100 * result.growth, 3)} % a month from the traffic of the scenario; the "
            "interval is that of the place, the growth counts as certain."
        )
    return Table("At each change", tuple(columns), tuple(rows), " ".join(remarks))


def _utilizations(result: Crossover) -> Table:
    unit = result.line.axis.unit
    columns = ("endpoint", *(f"at {at_place(flip.change, unit)}" for flip in result.flips))
    # An API has no instances that could be in use.
    names = [one.name for one in result.scenario.endpoints if not isinstance(one, ManagedApi)]
    rows = tuple((name, *(_share(flip.utilization.get(name)) for flip in result.flips)) for name in names)
    remark = "Busy part of the time that instances, or places in them, are there; an instance pays for the rest too."
    return Table("Utilization at each change", columns, rows, remark)


def _share(value: float | None) -> str:
    return "no data" if value is None else f"{significant(100 * value, 3)} %"


def _remarks(result: Crossover) -> Iterator[Sentences]:
    """Why the closed form lies elsewhere, and what is not known."""
    unit = result.line.axis.unit
    apart = [
        f"{plain_place(flip.predicted)}{unit} by hand, {place(flip.change, unit)} simulated: "
        f"{'; '.join(flip.why_apart)}"
        for flip in result.flips
        if flip.why_apart
    ]
    if apart:
        yield Sentences("Where the closed form lies outside the interval", tuple(apart))
    open_ = [
        f"from {plain_place(one.low)}{unit} to {plain_place(one.high)}{unit}, undecided or without data: "
        f"{'; '.join(one.open_objectives) or ', '.join(one.unsure)}"
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
        "outlook": " ".join(outlook(result)) or None,
        "decided": result.is_decided,
        "changes": [_change_facts(flip, result.growth) for flip in result.flips],
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


def _change_facts(flip: Flip, growth: float | None) -> dict[str, Any]:
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
    if flip.months is None:
        return found
    return {**found, "months": _estimate(flip.months), "is_behind": flip.months.value is None and growth != 0}


def _estimate(one: Estimate) -> dict[str, Any]:
    return {"value": one.value, "ci": [one.low, one.high], "level": one.level, "n": one.n}
