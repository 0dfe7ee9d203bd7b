"""The risk of cold starts as text, Markdown, JSON, and a long table."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from simulator.endpoints import OnDemand
from simulator.measures.objectives import Verdict, overall
from simulator.questions.risk.ready import below_limit
from simulator.questions.risk.risk import READY_WORDS
from simulator.report import month, uncertain
from simulator.report.machine import markdown
from simulator.report.numbers import estimate_facts, latency, plain, significant
from simulator.report.reading import Reading, in_words
from simulator.report.sections import Section, Sentences, Table
from simulator.report.text import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from simulator.measures.intervals import Estimate
    from simulator.questions.risk.fixes import Fix
    from simulator.questions.risk.ready import Least
    from simulator.questions.risk.risk import Risk

SCHEMA_VERSION: Final = 1


def sections(risk: Risk) -> Iterator[Section]:
    """The answer first, then hours, penalties, fixes, months."""
    yield Sentences("Cold starts", tuple(headline(risk)), is_code=True)
    rows = tuple(
        (f"{one.hour:02d}:00", significant(one.completed), significant(one.cold), _share(one.share))
        for one in risk.hours
        if one.completed
    )
    remark = (
        f"Clock hours of {risk.scenario.starts_at.tzname()}; each time that the hour comes, mean over "
        f"{len(risk.study.records)} replications."
    )
    if len(rows) < len(risk.hours):
        remark += " In other hours no request was completed."
    yield Table("By hour of the day", ("hour", "requests", "of them cold", "cold"), rows, remark)
    if risk.penalties_ns:
        penalties = [("mean", in_words(risk.penalty, "ms"))]
        penalties += [(_percentile(at), latency(plain(value / 1e6))) for at, value in risk.penalties_ns]
        remark = "Percentiles of the cold requests of all replications together, within 0.4 %."
        yield Table("How long a cold request waits for its instance", ("", "wait"), tuple(penalties), remark)
    yield from _fixes(risk)
    yield _months(risk)
    reading = Reading(risk.study)
    if risk.scenario.assumed:
        yield Sentences("Uncertain", tuple(uncertain.lines(reading)))
    yield Sentences("Assumed", tuple(risk.study.assumptions()[risk.endpoint]))


def _percentile(share: Fraction) -> str:
    return f"p{100 * float(share):g}"


def _fixes(risk: Risk) -> Iterator[Section]:
    """What was tried in place of the endpoint, and what the least provisioned concurrency is."""
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
    if not fixes:
        return
    columns = ("instead", "a month", "more", "cold", "fewer a day", "p99", "enough", "objectives")
    limit = f"Enough: cold requests are known to be below {significant(100 * risk.wanted)} % of the completed ones."
    notes = [f"{fix.words}: {fix.note}." for fix in risk.fixes if fix.note]
    yield Table("What would change it, by price", columns, fixes, " ".join([limit, "Same requests, paired.", *notes]))
    if risk.searches:
        level = f"Each verdict at {100 * risk.scenario.confidence:g} %, on the same requests."
        lines = (*(search_in_words(one) for one in risk.searches), level)
        field = risk.scenario.endpoint(risk.endpoint)
        kept = READY_WORDS[field.READY] if isinstance(field, OnDemand) else "instances"
        yield Sentences(f"Least {kept} that is enough", lines)
    elif risk.untried:
        yield Sentences("Not tried", (risk.untried,))


def search_in_words(found: Least) -> str:
    """What a search came to."""
    if found.least is None:
        how = "not known to be enough" if found.verdict is Verdict.UNDECIDED else "not enough"
        return f"{found.wanted}: {found.below}, the most that can be busy at once, is {how}{_decided(found)}."
    if found.below is None:
        return f"{found.wanted}: {found.least}."
    is_open = found.verdict is Verdict.UNDECIDED
    below = f"with {found.below} it is undecided{_decided(found)}" if is_open else f"{found.below} is not enough"
    return f"{found.wanted}: {found.least}; {below}."


def _decided(found: Least) -> str:
    if found.verdict is not Verdict.UNDECIDED or found.replications_to_decide is None:
        return ""
    return f" (about {found.replications_to_decide:,} replications would decide)"


def _months(risk: Risk) -> Section:
    """The chance that a month misses an objective, or why it cannot be told."""
    title = "Chance that a month misses an objective"
    months = Reading(risk.study).months
    if months is not None and months.chances:
        lines = [line for line in month.lines(months) if line.startswith(f"{risk.endpoint},")]
        if risk.scenario.assumed:
            lines.append("Over months and over what is uncertain: each replication draws its own values.")
        return Sentences(title, tuple(lines))
    return Sentences(title, (f"Not told: {_no_month(risk)}.",))


def _no_month(risk: Risk) -> str:
    scenario = risk.scenario
    if not scenario.objectives:
        return "the scenario has no objectives"
    if len(risk.study.records) < 2:
        return "there are fewer than two replications"
    if scenario.composed_month is not None:
        return (
            "each day draws its own values for what is uncertain, and a month composed of such days would average what "
            "in truth is the same all month; with a horizon of a month, or one value for each, it can be told"
        )
    return (
        "replications are neither a month long nor days that months are composed of; give a horizon of a month, or "
        "composed_month with a horizon of a day"
    )


def _share(estimate: Estimate) -> str:
    return "none seen" if estimate.is_none_seen else in_words(estimate, "1")


def headline(risk: Risk) -> list[str]:
    """The risk in words."""
    lines = [
        f"{risk.endpoint}: {_share(risk.share)} of requests meet a cold start, {in_words(risk.per_day, '')} a day; "
        f"{significant(risk.worst_per_day)} in the worst of {len(risk.study.records)} replications."
    ]
    if risk.days < 1:
        lines.append(f"A day is taken to be as these {24 * risk.days:.3g} h are throughout.")
    known = [one for one in risk.hours if one.share.value]
    if known:
        least, most = (pick(known, key=lambda one: one.share.value or 0.0) for pick in (min, max))
        lines.append(
            f"By hour of the day from {_share(least.share)} ({least.hour:02d}:00) to {_share(most.share)} "
            f"({most.hour:02d}:00)."
        )
    if not risk.is_complete:
        lines.append("Interrupted: not everything that was to be tried is finished; what is told is of what was.")
    enough = [fix for fix in risk.fixes if fix.reaches and fix.is_offered]
    # Of what is enough the cheapest that also meets the objectives, if there is any.
    met = [fix for fix in enough if fix.meets is Verdict.MET] if risk.scenario.objectives else []
    if not risk.share.is_none_seen and below_limit(risk.share, risk.wanted)[0] is Verdict.MET:
        lines.append(f"That is enough as it is, below {significant(100 * risk.wanted, 3)} %.")
        # What else an objective asks may be had too.
        enough = [] if overall(risk.study.judgements()[risk.endpoint]) is Verdict.MET else met
    elif not enough and risk.share.value and risk.fixes:
        lines.append("Nothing that was tried is known to be enough.")
    if enough:
        first = [*met, *enough][0]
        more = in_words(first.cost_more, "USD", difference=True)
        lines.append(f"Least price of what is enough: {first.words}, {more} a month{_aside(risk, first)}.")
    return lines


def _aside(risk: Risk, fix: Fix) -> str:
    """What it does to the objectives."""
    if not risk.scenario.objectives or fix.meets is Verdict.MET:
        return "; all objectives are met then" if risk.scenario.objectives else ""
    if fix.meets is Verdict.NOT_MET:
        return "; not all objectives are met then"
    return "; whether all objectives are met then is not known"


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
        "penalty_ms": {
            **({"mean": risk.penalty.value} if risk.penalties_ns else {}),
            **{_percentile(at): value / 1e6 for at, value in risk.penalties_ns},
        },
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
        "least_provisioned_concurrency": [
            {
                "wanted": one.wanted,
                "least": one.least,
                "below": one.below,
                "below_is": None if one.verdict is None else one.verdict.value,
                "replications_to_decide": one.replications_to_decide,
            }
            for one in risk.searches
        ],
        "is_complete": risk.is_complete,
        "uncertain": [one.name for one in risk.scenario.assumed],
        "months": None if months is None else month.facts(months),
        "no_months": None if months is not None and months.chances else _no_month(risk),
    }


def as_csv(risk: Risk) -> str:
    """One line a figure (`table`)."""
    return table(risk).to_csv(index=False, lineterminator="\n")


def table(risk: Risk) -> pd.DataFrame:
    """One row a figure: of the endpoint, of each hour, of each percentile of the wait, and of each fix.

    Columns: ``endpoint``; ``instead``, the name of a fix, or nothing; ``figure``; ``hour`` of the day from 0 to 23, or
    nothing; ``value``, ``ci_low``, ``ci_high``, ``level``, ``n``, ``unit``, ``method``. Shares are from 0 to 1.
    """
    import pandas as pd

    rows = [{"endpoint": risk.endpoint, **row} for row in _rows(risk)]
    kinds = {
        **dict.fromkeys(("endpoint", "instead", "figure"), "string"),
        "hour": "Int64",
        **dict.fromkeys(("value", "ci_low", "ci_high", "level"), "Float64"),
        "n": "Int64",
        **dict.fromkeys(("unit", "method"), "string"),
    }
    made: dict[str, Any] = {
        column: pd.array([row.get(column) for row in rows], dtype=kind)  # type: ignore[call-overload]
        for column, kind in kinds.items()
    }
    return pd.DataFrame(made)


def _rows(risk: Risk) -> Iterator[dict[str, Any]]:
    n, unit = len(risk.study.records), "requests"
    yield _row("cold_start_fraction", risk.share, "1")
    yield _row("cold_starts_per_day", risk.per_day, unit)
    yield {"figure": "cold_starts_per_day_worst", "value": risk.worst_per_day, "n": n, "unit": unit}
    for one in risk.hours:
        yield {**_row("cold_start_fraction", one.share, "1"), "hour": one.hour}
        for figure, value in (("completed_per_day", one.completed), ("cold_starts_per_day", one.cold)):
            yield {"figure": figure, "hour": one.hour, "value": value, "n": n, "unit": unit}
    if risk.penalties_ns:
        yield _row("cold_start_penalty", risk.penalty, "ms")
    for at, value_ns in risk.penalties_ns:
        yield {"figure": f"cold_start_penalty_{_percentile(at)}", "value": value_ns / 1e6, "n": n, "unit": "ms"}
    months = Reading(risk.study).months
    for chance in () if months is None else months.chances:
        if chance.endpoint == risk.endpoint:
            yield _row(f"month misses {chance.objective.text}", chance.chance, "1")
    for fix in risk.fixes:
        for row in (
            _row("monthly_cost", fix.cost, "USD"),
            _row("monthly_cost_more", fix.cost_more, "USD"),
            _row("cold_start_fraction", fix.cold_share, "1"),
            _row("cold_starts_per_day_less", fix.cold_less, unit),
            _row("p99", fix.p99, "ms"),
        ):
            yield {**row, "instead": fix.name}


def _row(figure: str, estimate: Estimate, unit: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "value": estimate.value,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "level": estimate.level,
        "n": estimate.n,
        "unit": unit,
        "method": estimate.method,
    }
