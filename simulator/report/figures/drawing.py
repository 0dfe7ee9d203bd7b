"""The figures of a study: each function of plain arrays, given what the study holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.measures.catalogue import Kind
from simulator.report import open_loop, reaction
from simulator.report.figures.cost import CostLine, monthly_cost
from simulator.report.figures.plane import cost_against_latency
from simulator.report.figures.tail import Limit, latency_tail
from simulator.report.figures.timeline import Timeline, around, timeline
from simulator.report.reading import Reading
from simulator.traffic import Closed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from simulator.endpoints import Endpoint
    from simulator.measures.histogram import Histogram
    from simulator.measures.intervals import Estimate
    from simulator.measures.objectives import Objective

#: A part of a timeline at most one in this many of it is drawn by itself.
_SMALL_PART: Final = 4


def figures(reading: Reading) -> Iterator[tuple[str, Figure]]:
    """File name without its ending, and figure: cost, latency tail, cost against latency, a timeline an endpoint.

    Of a closed population the tail of each endpoint beside that under open traffic, if there is one.

    Where an endpoint was short of capacity for a small part of its timeline, that part once more.
    """
    stretches = reaction.stretches(reading)
    limits = _objectives(reading)
    month = f"{reading.scenario.month / 3600:g} h"
    yield "cost", monthly_cost(_bills(reading), _monthly(reading), _cost_limit(limits), month)
    yield "latency-tail", latency_tail(_histograms(reading), _tail_limits(limits))
    for one in open_loop.endpoints(reading):
        histograms = (reading.study.histogram(one.endpoint), one.latencies)
        curves = dict(zip(open_loop.labels(reading, one), map(_dense, histograms), strict=True))
        yield f"open-loop-{one.endpoint}", latency_tail(curves, _tail_limits(limits), open_loop.headline(reading, one))
    percentile = next((limit.measure.name for limit in limits if limit.share is not None), "p99")
    yield "cost-against-latency", _plane(reading, limits, percentile, month)
    for endpoint in reading.scenario.endpoints:
        frame = reading.study.timeline(endpoint.name)
        series = _series(reading, frame)
        if endpoint.kind == "managed_api":
            series = _without_instances(series, frame)
        yield f"timeline-{endpoint.name}", timeline(endpoint.name, series, _most_instances(endpoint))
        if endpoint.name in stretches:
            part = around(series, *stretches[endpoint.name])
            if len(part.arrivals) * _SMALL_PART <= len(series.arrivals):
                yield f"reaction-{endpoint.name}", timeline(endpoint.name, part, _most_instances(endpoint))


def _objectives(reading: Reading) -> list[Objective]:
    judged = reading.study.judgements()
    return [judgement.objective for judgement in next(iter(judged.values()), [])]


def _upper(limits: list[Objective], measure: str) -> float | None:
    """Lowest upper limit on a measure, in its unit."""
    given = [one.limit for one in limits if one.measure.name == measure and one.comparison in {"<", "<="}]
    return min(given, default=None)


def _cost_limit(limits: list[Objective]) -> float | None:
    return _upper(limits, "monthly_cost")


def _tail_limits(limits: list[Objective]) -> list[Limit]:
    return [
        Limit(one.text, float(1 - one.share), one.limit)
        for one in limits
        if one.share is not None and one.measure.kind is Kind.DURATION and one.comparison in {"<", "<="}
    ]


def _monthly(reading: Reading) -> dict[str, Estimate]:
    return {name: reading.estimate(name, "monthly_cost") for name in reading.endpoints}


def _bills(reading: Reading) -> dict[str, list[CostLine]]:
    bills: dict[str, list[CostLine]] = {name: [] for name in reading.endpoints}
    for row in reading.bill_lines:
        # Lines that cost nothing would only fill the legend.
        if row["monthly_usd"]:
            bills[row["endpoint"]].append(CostLine(str(row["line"]), bool(row["is_fixed"]), float(row["monthly_usd"])))
    return bills


def _histograms(reading: Reading) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    return {name: _dense(reading.study.histogram(name)) for name in reading.endpoints}


def _dense(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges of all bins [ms], and the counts between them."""
    from simulator.measures.histogram import BINS, edges_ns

    dense = np.zeros(BINS, np.int64)
    dense[histogram.bins] = histogram.counts
    return edges_ns() / 1e6, dense


def _plane(reading: Reading, limits: list[Objective], percentile: str, month: str) -> Figure:
    points = {
        name: (reading.estimate(name, "monthly_cost"), reading.estimate(name, percentile)) for name in reading.endpoints
    }
    return cost_against_latency(points, percentile, _upper(limits, percentile), _cost_limit(limits), month)


def _series(reading: Reading, frame: pd.DataFrame) -> Timeline:
    seconds = frame["seconds"].to_numpy(np.float64)
    start_s = frame["start_s"].to_numpy(np.float64)
    # The series are those of replication 0.
    scenario = reading.scenario.realised(0)
    counts = {name: frame[name].to_numpy(np.int64) for name in ("arrivals", "cold_starts", "throttled", "timed_out")}
    later: dict[str, Any] = {}
    for name, column, kind in (
        ("expired", "expired", np.int64),
        ("throttled_attempts", "throttled_attempts", np.int64),
        ("waiting", "requests_waiting", np.float64),
        ("capacity", "capacity", np.float64),
    ):
        if column in frame:
            later[name] = frame[column].to_numpy(kind)
    states = {name: frame[f"instances_{name}"].to_numpy(np.float64) for name in ("busy", "starting", "idle")}
    expected: NDArray[np.float64] | None = None
    if not isinstance(scenario.traffic, Closed):  # how often its clients send is not known beforehand
        rates = [
            scenario.traffic.expected_count(float(start), float(start + length), scenario.clock) / length
            for start, length in zip(start_s, seconds, strict=True)
        ]
        expected = np.array(rates, np.float64)
    return Timeline(
        starts_at=scenario.starts_at,
        lengths_s=seconds,
        expected_rate=expected,
        **counts,
        **states,
        **later,
    )


def _without_instances(series: Timeline, frame: pd.DataFrame) -> Timeline:
    """The series of a managed API, where requests in service are all that there is to be seen."""
    in_service = frame["concurrency"].to_numpy(np.float64)
    return replace(series, busy=None, starting=None, idle=None, waiting=None, in_service=in_service)


def _most_instances(endpoint: Endpoint) -> float | None:
    if endpoint.kind == "real_time" or endpoint.kind == "asynchronous" or endpoint.kind == "multi_model":
        return float(endpoint.most_instances)
    if endpoint.kind == "managed_api" or endpoint.kind == "batch_transform":
        return None
    if endpoint.kind == "container":
        return None if endpoint.max_instances == "none" else float(endpoint.max_instances)
    return None if endpoint.max_concurrency == "none" else float(endpoint.max_concurrency)
