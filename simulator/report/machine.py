"""The result for programs and documents: JSON, CSV and Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from simulator.report import advice, month, open_loop, precision, provisioned, reaction, uncertain
from simulator.report.numbers import estimate_facts
from simulator.report.reading import Reading, estimate_of, number, records
from simulator.report.sections import Section, Sentences, Table, sections
from simulator.report.verdict import answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.measures.objectives import Judgement
    from simulator.study.results import Study

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1


def as_json(study: Study) -> str:
    """Everything a report says, as JSON.

    Returns
    -------
    str
        With ``schema_version``; each estimate as ``{"value", "ci", "level", "n", "method", "unit"}``, where ``value``
        and ``ci`` are null if there is none. No NaN.
    """
    return json.dumps(facts(study), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def facts(study: Study) -> dict[str, Any]:
    """The same as a dict."""
    reading = Reading(study)
    found = answer(reading)
    judgements, assumptions = study.judgements(), study.assumptions()
    measures: dict[str, dict[str, Any]] = {name: {} for name in reading.endpoints}
    for row in records(reading.summary):
        measures[row["endpoint"]][row["measure"]] = estimate_facts(estimate_of(row), row["unit"])
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": study.scenario.name,
        "digest": study.digest(),
        "seed": study.seed,
        "engine": study.engine,
        "prices": study.scenario.price_sheet.id,
        "month_s": study.scenario.month,
        "horizon_s": study.scenario.horizon,
        "replications": {"requested": study.requested, "finished": reading.finished},
        "complete": study.complete,
        "precision": None if study.precision is None else precision.facts(study.precision),
        "cheapest": found.cheapest,
        "cheapest_is_decided": found.is_decided,
        "answer": list(found.sentences),
        "endpoints": [
            {
                "name": name,
                "verdict": found.verdicts[name].value,
                "objectives": [_judgement_facts(judgement) for judgement in judgements.get(name, [])],
                "measures": measures[name],
                "assumptions": assumptions.get(name, []),
            }
            for name in reading.endpoints
        ],
        "differences": [
            {key: row[key] for key in ("endpoint", "baseline", "measure")}
            | {"decided": bool(row["decided"])}
            | estimate_facts(estimate_of(row), row["unit"])
            for row in records(study.differences())
        ],
        "pooled": [
            {key: row[key] for key in ("endpoint", "percentile")}
            | estimate_facts(estimate_of({**row, "value": row["value_ms"]}), "ms")
            for row in records(study.pooled())
        ],
        "months": None if reading.months is None else month.facts(reading.months),
        "reaction": reaction.facts(reading),
        **({"provisioned": provisioned.facts(reading)} if provisioned.scaled(study.scenario) else {}),
        **({"open_loop": open_loop.facts(reading)} if open_loop.endpoints(reading) else {}),
        "uncertain": uncertain.facts(reading) if study.scenario.assumed else None,
        "traffic": [{name: _plain(value) for name, value in row.items()} for row in records(study.traffic())],
        "bill_lines": [{name: _plain(value) for name, value in row.items()} for row in reading.bill_lines],
        "price_remarks": study.price_remarks(),
        "notes": study.notes(),
        "advice": advice.facts(study),
    }


def _judgement_facts(judgement: Judgement) -> dict[str, Any]:
    objective = judgement.objective
    return {
        "objective": objective.text,
        "measure": objective.measure.name,
        "comparison": objective.comparison,
        "limit": objective.limit,
        "verdict": judgement.verdict.value,
        "estimate": estimate_facts(judgement.estimate, objective.measure.unit),
        "misses": estimate_facts(judgement.misses, "1"),
        "replications_to_decide": judgement.replications_to_decide,
        "reason": judgement.reason,
    }


def _plain(value: Any) -> Any:
    """A cell of a frame as JSON holds it: NumPy scalars as Python's, NaN and NA as null, decimals as text."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, bool | int | str):
        return value
    return number(value) if isinstance(value, float) else str(value)


def as_csv(study: Study) -> str:
    """The summary as CSV: a line an endpoint and measure, with value, interval, level, n, unit and method."""
    return Reading(study).summary.to_csv(index=False, lineterminator="\n")


def as_markdown(study: Study, *, verbose: bool = False) -> str:
    """The report as Markdown: the same parts as the text, tables as pipe tables."""
    reading = Reading(study)
    return markdown(study.scenario.name, sections(reading, answer(reading), verbose=verbose))


def markdown(title: str, parts: Iterable[Section]) -> str:
    """Parts of any report as Markdown below a title."""
    blocks = []
    for part in parts:
        body = _list(part) if isinstance(part, Sentences) else _pipes(part)
        blocks.append(f"## {_escaped(part.title)}\n\n{body}\n")
    return f"# {_escaped(title)}\n\n" + "\n".join(blocks)


def _list(part: Sentences) -> str:
    return "\n".join(
        f"{' ' * (len(line) - len(line.lstrip(' ')))}- {_escaped(' '.join(line.split()))}" for line in part.lines
    )


def _pipes(table: Table) -> str:
    lines = [_row(table.columns), "|" + "|".join([":--", *["--:"] * (len(table.columns) - 1)]) + "|"]
    lines += [_row(row) for row in table.rows]
    if table.remark:
        lines += ["", _escaped(table.remark)]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Text in which nothing is read as Markdown or HTML."""
    for character in "\\`*_|<>":
        text = text.replace(character, f"\\{character}")
    return text.replace("$", "\\$")
