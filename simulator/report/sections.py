"""The parts of a report, as tables of words and lists of sentences; text, Markdown and HTML show the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.measures.intervals import Estimate, none_of
from simulator.report import advice, checks, jobs, month, open_loop, provisioned, reaction, tokens, uncertain
from simulator.report.numbers import significant, with_interval
from simulator.report.precision import is_unresolved, sentence
from simulator.report.reading import Reading, estimate_of, in_words, line_in_words, number, records
from simulator.report.verdict import Answer, headline, judgement_line
from simulator.traffic import Closed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.endpoints import Endpoint
    from simulator.study.results import Study

#: What a bill counts as the time of a request: field of serverless endpoints.
_BILLED: Final = {
    "service": "service time",
    "service_and_overhead": "service time and overhead",
    "service_and_startup": "service time and, for a cold request, startup time",
}
#: Measures that are compared with the baseline, and the heads of their columns.
_DIFFERENCES: Final = {
    "monthly_cost": "a month",
    "p50": "p50",
    "p95": "p95",
    "p99": "p99",
    "p99.9": "p99.9",
    "cold_start_fraction": "cold starts",
    "throttled_fraction": "throttled",
    "timed_out_fraction": "timed out",
}
#: Kinds of endpoint where no request causes a launch.
_NEVER_COLD: Final = ("real_time", "asynchronous", "managed_api", "batch_transform")
_NONE_SEEN: Final = "none seen"
_LATENCIES: Final = ("p50", "p95", "p99", "p99.9")


@dataclass(frozen=True)
class Table:
    """A table of words.

    Parameters
    ----------
    title : str
    columns : tuple of str
        The first one names the rows and stands left, the others stand right.
    rows : tuple of tuple of str
    remark : str
        One sentence below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""


@dataclass(frozen=True)
class Sentences:
    """A list of sentences.

    Parameters
    ----------
    title : str
    lines : tuple of str
    is_code : bool
        Whether the lines are indented as they stand and not wrapped as prose.
    """

    title: str
    lines: tuple[str, ...]
    is_code: bool = False


Section = Table | Sentences


def sections(reading: Reading, found: Answer, *, verbose: bool = False) -> Iterator[Section]:
    """All parts in the order in which they are read: the answer first.

    Parameters
    ----------
    reading : Reading
    found : Answer
        To the question of the scenario.
    verbose : bool
        Also the lines of the bill with their unit prices.
    """
    yield verdict(reading, found)
    yield setting(reading)
    if reading.scenario.assumed:
        yield Sentences("Uncertain", tuple(uncertain.lines(reading)))
        title = "Range of single replications"
        yield Table(title, uncertain.columns(), uncertain.rows(reading), uncertain.remark(reading))
    yield latencies(reading)
    yield requests(reading)
    yield from beside_open_traffic(reading)
    yield from counted_tokens(reading)
    if jobs.endpoints(reading):
        yield Table("Jobs", jobs.COLUMNS, jobs.rows(reading), jobs.remark())
    yield from reacted(reading)
    yield costs(reading)
    found_months = reading.months
    if found_months is not None:
        yield Table(month.title(found_months), month.COLUMNS, month.rows(found_months), month.remark(found_months))
        if found_months.chances:
            yield Sentences("Chance that a month misses an objective", tuple(month.lines(found_months)))
    if len(reading.endpoints) > 1:
        yield differences(reading)
    yield pooled(reading)
    yield drawn_traffic(reading)
    if verbose:
        yield bill(reading)
    yield from remarks(reading)


def verdict(reading: Reading, found: Answer) -> Sentences:
    """Which endpoint meets which objective, and which is cheapest."""
    judgements = reading.study.judgements()
    lines = []
    for name, state in found.verdicts.items():
        own = judgements.get(name, [])
        lines.append(headline(name, state, len(own)))
        lines += [f"  {judgement_line(judgement)}" for judgement in own]
    lines += found.sentences
    if not reading.study.complete:
        lines.append(
            f"Interrupted: {reading.finished} of {reading.study.requested} replications were finished; all numbers "
            "are of those."
        )
    precision = reading.study.precision
    if precision is not None and is_unresolved(precision):
        lines.append(sentence(precision))
    return Sentences("Verdict", tuple(lines), is_code=True)


def setting(reading: Reading) -> Sentences:
    """What was simulated, and how."""
    scenario, study = reading.scenario, reading.study
    count = reading.finished
    lines = [
        f"{scenario.traffic.describe()}; {count} replication{'s' if count != 1 else ''} of {_length(scenario.horizon)}",
        f"seed {study.seed}; prices {scenario.price_sheet.id}; a month is {month_in_words(reading)}; "
        f"{study.engine} engine; intervals at {100 * scenario.confidence:g}%",
    ]
    if study.precision is not None and not is_unresolved(study.precision):
        lines.insert(1, sentence(study.precision))
    if scenario.description:
        lines.insert(0, scenario.description)
    return Sentences(f"Scenario {scenario.name}", tuple(lines))


def _length(seconds: float) -> str:
    """A length of time in the largest unit of which it is a whole number."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:,.10g} {unit}"
    return f"{seconds:,.10g} s"


def month_in_words(reading: Reading) -> str:
    """Length of the month of "per month" figures: ``730 h``."""
    return f"{reading.scenario.month / 3600:g} h"


def latencies(reading: Reading) -> Table:
    """Percentiles of latency, each the mean over replications."""
    rows = tuple((name, *(reading.text(name, level) for level in _LATENCIES)) for name in reading.endpoints)
    remark = "Percentiles of the completed requests of one replication: mean over replications, and its interval."
    return Table("Latency", ("endpoint", *_LATENCIES), rows, remark)


def requests(reading: Reading) -> Table:
    """What became of requests, and how busy the endpoint was."""
    columns = {
        "cold_start_fraction": "cold starts",
        "throttled_fraction": "throttled",
        "timed_out_fraction": "timed out",
        "expired_fraction": "expired",
        "attempts_per_request": "attempts a request",
        "utilization": "utilization",
    }
    if not any(reading.estimate(name, "expired_fraction").value for name in reading.endpoints) and not any(
        endpoint.kind == "asynchronous" for endpoint in reading.scenario.endpoints
    ):
        del columns["expired_fraction"]
    lost = "throttled and timed out" if "expired_fraction" not in columns else "throttled, timed out and expired"
    remark = f"Cold starts of the completed requests; {lost} of all that arrived."
    if reading.scenario.clients is None:
        del columns["attempts_per_request"]
    else:
        remark += " A request that is tried again counts by its last attempt."
    rows = tuple(
        (endpoint.name, *(_share(reading, endpoint, measure) for measure in columns))
        for endpoint in reading.scenario.endpoints
    )
    if any(_NONE_SEEN in row for row in rows):
        bound = significant(100 * none_of(reading.finished, reading.scenario.confidence), 2)
        remark += f" None seen in {reading.finished}: at most {bound} % of replications have any."
    return Table("Requests", ("endpoint", *columns.values()), rows, remark)


def _share(reading: Reading, endpoint: Endpoint, measure: str) -> str:
    """A share, in words where no replication had any: a zero would look surer than it is."""
    if measure == "cold_start_fraction" and endpoint.kind in _NEVER_COLD:
        # No request causes a launch there, so that none is a matter of kind and not of luck.
        return "never"
    if measure == "utilization" and endpoint.kind == "managed_api":
        return "none"
    estimate = reading.estimate(endpoint.name, measure)
    if measure == "attempts_per_request":
        return with_interval(estimate)
    return _NONE_SEEN if measure.endswith("fraction") and estimate.value == 0 else reading.text(endpoint.name, measure)


def beside_open_traffic(reading: Reading) -> Iterator[Section]:
    """What a closed population does not show, if the open loop was simulated beside it."""
    rows = open_loop.rows(reading)
    if rows:
        yield Table(open_loop.TITLE, open_loop.COLUMNS, rows, open_loop.remark(reading))
        yield Sentences(open_loop.FINDINGS, tuple(open_loop.findings(reading)))


def counted_tokens(reading: Reading) -> Iterator[Table]:
    """What endpoints that are priced by the token made of them and of their quota."""
    if tokens.apis(reading):
        yield Table("Tokens", tokens.COLUMNS, tokens.rows(reading), tokens.remark())


def reacted(reading: Reading) -> Iterator[Table]:
    """How endpoints that scale react: replication 0 as it went, and what scaling did in all."""
    rows = reaction.rows(reading)
    if rows:
        yield Table("Reaction, replication 0", reaction.columns(reading), rows, reaction.remark(reading))
    everywhere = reaction.all_rows(reading)
    if everywhere:
        yield Table("Scaling, all replications", reaction.ALL_COLUMNS, everywhere, reaction.all_remark(reading))
    moved = provisioned.rows(reading)
    if moved:
        yield Table("Provisioned concurrency", provisioned.COLUMNS, moved, provisioned.remark(reading))


def costs(reading: Reading) -> Table:
    """Cost a month, fixed and by usage, and per 1,000 completed requests."""
    measures = ("monthly_cost", "monthly_fixed", "monthly_usage", "cost_per_1000")
    rows = tuple((name, *(reading.text(name, measure) for measure in measures)) for name in reading.endpoints)
    columns = ("endpoint", "a month", "of it fixed", "of it usage", "per 1,000 requests")
    remark = f"A month is {month_in_words(reading)}; 1,000 completed requests."
    if provisioned.scaled(reading.scenario):
        remark += " Where provisioned concurrency follows its load, its allocation counts as usage."
    if reaction.scaled(reading.scenario):
        remark += " Where scaling changes the number of instances, all their hours count as usage."
    return Table("Cost", columns, rows, remark)


def differences(reading: Reading) -> Table:
    """Endpoints less the baseline, paired over replications, one row an endpoint."""
    baseline = reading.scenario.baseline
    found: dict[str, dict[str, str]] = {}
    for row in records(reading.study.differences()):
        if row["measure"] not in _DIFFERENCES or row["endpoint"] == baseline:
            continue
        estimate = estimate_of(row)
        cell = in_words(estimate, row["unit"], difference=True)
        equal = estimate.value == 0 and not estimate.half_width
        if not row["decided"] and estimate.value is not None and not equal:
            cell += ", undecided"
        found.setdefault(row["endpoint"], {})[row["measure"]] = cell
    measures = [name for name in _DIFFERENCES if any(name in cells for cells in found.values())]
    rows = tuple((name, *(cells.get(measure, "no data") for measure in measures)) for name, cells in found.items())
    same = "under the same clients" if isinstance(reading.scenario.traffic, Closed) else "on the same traffic"
    remark = f"Each endpoint less {baseline}, {same}. Undecided: the interval holds 0."
    columns = ("endpoint", *(_DIFFERENCES[measure] for measure in measures))
    return Table(f"Compared with {baseline}, paired differences", columns, rows, remark)


def pooled(reading: Reading) -> Table:
    """Percentiles of the requests of all replications together."""
    found: dict[str, dict[str, str]] = {name: {} for name in reading.endpoints}
    levels: list[str] = []
    for row in records(reading.study.pooled()):
        if row["percentile"] not in levels:
            levels.append(row["percentile"])
        value, low, high = (number(row[column]) for column in ("value_ms", "ci_low", "ci_high"))
        estimate = Estimate(value, low, high, float(row["level"]), int(row["n"]), str(row["method"]))
        found[row["endpoint"]][row["percentile"]] = in_words(estimate, "ms")
    levels = [level for level in levels if level != "p90"]
    rows = tuple((name, *(cells.get(level, "no data") for level in levels)) for name, cells in found.items())
    remark = "Requests of all replications as one sample: where they differ, busy replications weigh more."
    return Table("Latency, all replications together", ("endpoint", *levels), rows, remark)


def drawn_traffic(reading: Reading) -> Table:
    """Traffic that was drawn, over replications."""
    frame = reading.study.traffic()
    names = {
        "requests": "requests in a replication",
        "mean_rate_per_s": "mean rate [1/s]",
        "peak_to_mean": "peak to mean minute",
        "dispersion": "dispersion of minute counts (Poisson: 1)",
    }
    rows = []
    for column, name in names.items():
        values = frame[column].astype(float).dropna()
        if not len(values):
            rows.append((name, *["no data"] * 3))
            continue
        digits = 4 if column == "requests" else 3
        ends = (values.mean(), values.min(), values.max())
        rows.append((name, *(f"{end:,.0f}" if column == "requests" else significant(end, digits) for end in ends)))
    is_closed = isinstance(reading.scenario.traffic, Closed)
    remark = f"What the clients sent to {reading.endpoints[0]}." if is_closed else ""
    return Table("Traffic as drawn", ("", "mean", "least", "most"), tuple(rows), remark)


def bill(reading: Reading) -> Table:
    """Lines of the bills with their unit prices."""
    rows = tuple(
        (
            f"{row['endpoint']}: {line_in_words(str(row['line']))}",
            f"${significant(float(row['monthly_usd']), 4)}",
            "fixed" if row["is_fixed"] else "usage",
            f"${row['unit_price']}/{row['unit']}",
            str(row["price_status"]),
        )
        for row in reading.bill_lines
    )
    return Table("Bill of a month, mean", ("line", "a month", "", "unit price", "price is"), rows)


def remarks(reading: Reading) -> Iterator[Sentences]:
    """What a reader must know: warnings, rules of thumb, what was billed and assumed, notes; at the end, advice."""
    study = reading.study
    warnings = checks.warnings(reading)
    if warnings:
        yield Sentences("Warnings", tuple(warnings))
    rules = checks.rules_of_thumb(reading)
    if rules:
        yield Sentences("Rules of thumb", tuple(rules))
    yield from taken_for_granted(study)
    if study.notes():
        yield Sentences("Notes", tuple(study.notes()))
    advised = advice.sentences(study)
    if advised:
        yield Sentences("Advice", tuple(advised))


def taken_for_granted(study: Study) -> Iterator[Sentences]:
    """What of the input a reader should doubt: what was billed, what is assumed, how sure prices are."""
    varying = {one.path for one in study.scenario.assumed}
    billed = [
        f"{endpoint.name}: billed_time {endpoint.billed_time}: {_BILLED[endpoint.billed_time]}"
        for position, endpoint in enumerate(study.scenario.endpoints)
        if endpoint.kind == "serverless" and ("endpoints", position, "billed_time") not in varying
    ]
    if billed:
        yield Sentences("Billed", tuple(billed))
    assumed: dict[str, list[str]] = {}
    for name, texts in study.assumptions().items():
        for text in texts:
            assumed.setdefault(text, []).append(name)
    if assumed:
        # What several endpoints have in common is said once.
        yield Sentences("Assumed", tuple(f"{', '.join(names)}: {text}" for text, names in assumed.items()))
    if study.price_remarks():
        yield Sentences("Prices", tuple(study.price_remarks()))
