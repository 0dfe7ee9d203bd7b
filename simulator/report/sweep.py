"""The report on a sweep: text, Markdown, JSON, CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.catalogue import MEASURES
from simulator.measures.objectives import Verdict
from simulator.report import text as plain_text
from simulator.report.machine import markdown
from simulator.report.numbers import estimate_facts
from simulator.report.reading import Reading, in_words
from simulator.report.sections import Section, Sentences, Table, setting, taken_for_granted

if TYPE_CHECKING:
    from simulator.measures.catalogue import Measure
    from simulator.questions.point import Point
    from simulator.questions.sweep import Sweep

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1
_COST: Final = MEASURES["monthly_cost"]
_NOT_MET, _UNDECIDED = "*", "?"
_NOBODY: Final = "no endpoint is known to meet all objectives"


def as_text(result: Sweep) -> str:
    """The report in lines of at most 100 columns."""
    return plain_text.written(sections(result))


def as_markdown(result: Sweep) -> str:
    """The same as Markdown."""
    return markdown(f"{result.plan.scenarios[0].name}: sweep", sections(result))


def as_csv(result: Sweep) -> str:
    """The long table."""
    return result.table().to_csv(index=False, lineterminator="\n")


def as_json(result: Sweep) -> str:
    """Everything that the report says."""
    return json.dumps(facts(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sections(result: Sweep) -> Iterator[Section]:
    """All parts in the order in which they are read, the answer first."""
    yield answer(result)
    yield setting(Reading(result.points[0].study))
    for measure in result.plan.measures:
        yield _table(result, measure)
    yield from taken_for_granted(result.points[0].study)
    notes = list(dict.fromkeys(note for point in result.points for note in point.study.notes()))
    if notes:
        yield Sentences("Notes", tuple(notes))


def answer(result: Sweep) -> Sentences:
    """Which endpoint is the cheapest that meets all objectives, point by point; neighbours that agree are one line."""
    has_objectives = bool(result.plan.scenarios[0].objectives)
    lines = ["Cheapest endpoint that meets all objectives:" if has_objectives else "Cheapest endpoint:"]
    for first, last, words in stretches(result):
        where = first if first == last else f"{first} to {last}"
        lines.append(f"  {where}: {words}")
    if not result.complete:
        lines.append("Interrupted: not every point was simulated, or not with all replications.")
    return Sentences("Verdict", tuple(lines), is_code=True)


def stretches(result: Sweep) -> Iterator[tuple[str, str, str]]:
    """First and last of neighbouring points with the same answer, and that answer in words.

    Along several axes every point stands alone, because only along one of them neighbours follow each other.
    """
    found = [(name_of(result, point), _in_words(point)) for point in result.points]
    at = 0
    while at < len(found):
        last = at
        while len(result.plan.axes) == 1 and last + 1 < len(found) and found[last + 1][1] == found[at][1]:
            last += 1
        yield found[at][0], found[last][0], found[at][1]
        at = last + 1


def _in_words(point: Point) -> str:
    """The cheapest endpoint that meets all objectives, and whether one that may meet them would be cheaper."""
    cheapest = point.cheapest(_COST)
    most = point.value(cheapest, _COST) if cheapest else float("inf")
    open_ = [
        name for name in point.endpoints if point.verdict(name) is Verdict.UNDECIDED and point.value(name, _COST) < most
    ]
    if not open_:
        return cheapest or _NOBODY
    would = (
        f"undecided for {', '.join(open_)}, which would be cheaper" if cheapest else f"undecided for {', '.join(open_)}"
    )
    return f"{cheapest or _NOBODY} ({would})"


def name_of(result: Sweep, point: Point) -> str:
    """A point by what is varied: ``mean_rate 4/s, memory_size 2048MB``; the bare value along one axis."""
    if len(result.plan.axes) == 1:
        return point.values[0]
    return ", ".join(f"{axis.name} {value}" for axis, value in zip(result.plan.axes, point.values, strict=True))


def _table(result: Sweep, measure: Measure) -> Table:
    rows = tuple(
        (name_of(result, point), *(_cell(point, endpoint, measure) for endpoint in result.endpoints))
        for point in result.points
    )
    marks = {cell[-1] for row in rows for cell in row[1:]}
    remarks = {_NOT_MET: "misses an objective there", _UNDECIDED: "undecided whether all objectives are met there"}
    remark = "; ".join(f"{mark} {meaning}" for mark, meaning in remarks.items() if mark in marks)
    axis = result.plan.axes[0].path if len(result.plan.axes) == 1 else "point"
    title = f"{measure.name.replace('_', ' ')} along {', '.join(one.path for one in result.plan.axes)}"
    return Table(title, (axis, *result.endpoints), rows, f"{remark[0].upper()}{remark[1:]}." if remark else "")


def _cell(point: Point, endpoint: str, measure: Measure) -> str:
    words = in_words(point.estimate(endpoint, measure), measure.unit)
    marks = {Verdict.NOT_MET: f" {_NOT_MET}", Verdict.UNDECIDED: f" {_UNDECIDED}"}
    return words + (marks.get(point.verdict(endpoint), "") if point.judgements[endpoint] else "")


def facts(result: Sweep) -> dict[str, Any]:
    """Everything that a report says, as JSON holds it."""
    scenario = result.plan.scenarios[0]
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": scenario.name,
        "digest": result.plan.digest,
        "seed": scenario.seed,
        "prices": scenario.price_sheet.id,
        "confidence": scenario.confidence,
        "complete": result.complete,
        "axes": [
            {"path": axis.path, "values": list(axis.texts), "unit": axis.unit, "is_log": axis.is_log}
            for axis in result.plan.axes
        ],
        "points": [
            {
                "values": dict(zip((axis.path for axis in result.plan.axes), point.values, strict=True)),
                "study": point.study.digest(),
                "replications": len(point.study.records),
                "cheapest": point.cheapest(_COST),
                "endpoints": [_endpoint_facts(result, point, endpoint) for endpoint in result.endpoints],
            }
            for point in result.points
        ],
    }


def _endpoint_facts(result: Sweep, point: Point, endpoint: str) -> dict[str, Any]:
    baseline = point.study.scenario.baseline
    return {
        "name": endpoint,
        "verdict": point.verdict(endpoint).value if point.judgements[endpoint] else None,
        "missed": point.missed(endpoint),
        "measures": {
            measure.name: estimate_facts(point.estimate(endpoint, measure), measure.unit)
            for measure in result.plan.measures
        },
        "less_baseline": {
            measure.name: estimate_facts(point.less(endpoint, baseline, measure), measure.unit)
            for measure in result.plan.measures
            if endpoint != baseline
        },
    }
