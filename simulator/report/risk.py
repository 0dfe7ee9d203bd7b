"""The risk of cold starts as text, Markdown and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from simulator.report import month
from simulator.report.machine import estimate_facts, markdown
from simulator.report.numbers import latency, plain, significant
from simulator.report.reading import Reading, in_words
from simulator.report.sections import Section, Sentences, Table
from simulator.report.text import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.measures.intervals import Estimate
    from simulator.questions.risk import Risk

SCHEMA_VERSION: Final = 1


def sections(risk: Risk) -> Iterator[Section]:
    """The answer first, then hours, penalties, fixes, months."""
    yield Sentences("Cold starts", tuple(headline(risk)), is_code=True)
    rows = tuple(
        (f"{one.hour:02d}:00", significant(one.completed), significant(one.cold), _share(one.share))
        for one in risk.hours
    )
    remark = (
        f"Clock hours of {risk.scenario.starts_at.tzname()}; a day, mean over {len(risk.study.records)} replications."
    )
    yield Table("By hour of the day", ("hour", "requests", "of them cold", "cold"), rows, remark)
    if risk.penalties_ns:
        penalties = tuple((f"p{100 * float(at):g}", latency(plain(value / 1e6))) for at, value in risk.penalties_ns)
        yield Table("How long a cold request waits for its instance", ("percentile", "wait"), penalties)
    fixes = tuple(
        (
            fix.words,
            in_words(fix.cost, "USD"),
            in_words(fix.cost_more, "USD", difference=True),
            _share(fix.cold_share),
            in_words(fix.cold_less, ""),
            in_words(fix.p99, "ms"),
            "yes" if fix.reaches else "no",
            fix.meets.value,
        )
        for fix in risk.fixes
    )
    columns = ("instead", "a month", "more", "cold", "fewer a day", "p99", "enough", "objectives")
    limit = f"Enough: cold requests are known to be below {significant(100 * risk.wanted)} % of the completed ones."
    notes = [f"{fix.words}: {fix.note}." for fix in risk.fixes if fix.note]
    yield Table("What would change it, by price", columns, fixes, " ".join([limit, "Same requests, paired.", *notes]))
    months = Reading(risk.study).months
    if months is not None and months.chances:
        lines = [line for line in month.lines(months) if line.startswith(f"{risk.endpoint},")]
        yield Sentences("Chance that a month misses an objective", tuple(lines))
    yield Sentences("Assumed", tuple(risk.study.assumptions()[risk.endpoint]))


def _share(estimate: Estimate) -> str:
    return "none seen" if estimate.is_none_seen else in_words(estimate, "1")


def headline(risk: Risk) -> list[str]:
    """The risk in words."""
    lines = [
        f"{risk.endpoint}: {_share(risk.share)} of requests meet a cold start, {in_words(risk.per_day, '')} a day; "
        f"{significant(risk.worst_per_day)} in the worst of {len(risk.study.records)} replications."
    ]
    known = [one for one in risk.hours if one.share.value]
    if known:
        least, most = (pick(known, key=lambda one: one.share.value or 0.0) for pick in (min, max))
        lines.append(
            f"By hour of the day from {_share(least.share)} ({least.hour:02d}:00) to {_share(most.share)} "
            f"({most.hour:02d}:00)."
        )
    enough = [fix for fix in risk.fixes if fix.reaches and fix.is_offered]
    if enough:
        first = enough[0]
        more = in_words(first.cost_more, "USD", difference=True)
        lines.append(f"Least price of what is enough: {first.words}, {more} a month.")
    elif risk.share.value:
        lines.append("Nothing that was tried is known to be enough.")
    return lines


def as_text(risk: Risk) -> str:
    """The whole report."""
    return written(sections(risk))


def as_markdown(risk: Risk) -> str:
    """The same as Markdown."""
    return markdown(f"Cold starts of {risk.endpoint}, {risk.scenario.name}", sections(risk))


def as_json(risk: Risk) -> str:
    """The same for programs; every estimate with its interval."""
    return json.dumps(facts(risk), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def facts(risk: Risk) -> dict[str, Any]:
    """The same as a dict."""
    months = Reading(risk.study).months
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": risk.scenario.name,
        "endpoint": risk.endpoint,
        "answer": headline(risk),
        "cold_share": estimate_facts(risk.share, "1"),
        "cold_per_day": estimate_facts(risk.per_day, "requests"),
        "worst_cold_per_day": risk.worst_per_day,
        "wanted_share": risk.wanted,
        "hours": [
            {
                "hour": one.hour,
                "completed_per_day": one.completed,
                "cold_per_day": one.cold,
                "cold_share": estimate_facts(one.share, "1"),
            }
            for one in risk.hours
        ],
        "penalty_ms": {f"p{100 * float(at):g}": value / 1e6 for at, value in risk.penalties_ns},
        "fixes": [
            {
                "name": fix.name,
                "words": fix.words,
                "monthly_cost": estimate_facts(fix.cost, "USD"),
                "monthly_cost_more": estimate_facts(fix.cost_more, "USD"),
                "cold_share": estimate_facts(fix.cold_share, "1"),
                "cold_per_day_less": estimate_facts(fix.cold_less, "requests"),
                "p99": estimate_facts(fix.p99, "ms"),
                "objectives": fix.meets.value,
                "is_enough": fix.reaches,
                "note": fix.note,
            }
            for fix in risk.fixes
        ],
        "months": None if months is None else month.facts(months),
    }
