"""Every measure by its name: unit, column, and how its limit is written in an objective."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from simulator.measures.percentiles import LEVELS, Level, level


class Kind(StrEnum):
    """What a measure measures; decides how a limit on it is written and which interval it gets."""

    DURATION = "duration"
    SHARE = "share"
    MONEY = "money"
    COUNT = "count"
    AVERAGE = "average"


@dataclass(frozen=True)
class Measure:
    """One measure of one endpoint in one replication.

    Parameters
    ----------
    name : str
        As in objectives and summaries: ``p99``, ``cold_start_fraction``.
    kind : Kind
        What it is.
    unit : str
        Of its values in tables: ``ms``, ``USD``, ``s``, ``requests``, ``attempts``, ``places``, ``instances``,
        ``changes``, ``tokens``, ``jobs``, ``1/s``; ``1`` for shares.
    column : str
        In the table of replications, ending in its unit where it has one.
    meaning : str
        One line for reports.
    """

    name: str
    kind: Kind
    unit: str
    column: str
    meaning: str


def _count(name: str, meaning: str, unit: str = "requests") -> Measure:
    return Measure(name, Kind.COUNT, unit, name, meaning)


def _share(name: str, meaning: str) -> Measure:
    return Measure(name, Kind.SHARE, "1", name, meaning)


def _average(name: str, unit: str, meaning: str) -> Measure:
    return Measure(name, Kind.AVERAGE, unit, name, meaning)


def percentile(of: Level) -> Measure:
    """The measure of one percentile level of latency."""
    meaning = f"latency that {of.name[1:]} % of the completed requests do not exceed"
    return Measure(of.name, Kind.DURATION, "ms", f"latency_{of.column}_ms", meaning)


MEASURES: Final[dict[str, Measure]] = {
    measure.name: measure
    for measure in (
        _count("requests", "requests that arrived"),
        _count("completed", "requests answered in time"),
        _count("throttled", "requests turned away at a limit"),
        _count("throttled_concurrency", "throttled at the maximum concurrency"),
        _count("throttled_queue_full", "throttled because a queue was full"),
        _count("throttled_no_capacity", "throttled because there was no instance"),
        _count("throttled_rate", "throttled at a rate limit"),
        _count("throttled_quota", "throttled at a quota"),
        _count("timed_out", "requests whose limit passed before they were completed"),
        _count("expired", "requests whose time to live in a queue passed"),
        _count("cold_starts", "completed requests for which an instance was launched"),
        _count("failed_launches", "launches that took longer than the startup limit"),
        _count("spillover", "requests served on demand because provisioned concurrency was busy"),
        Measure("mean_latency", Kind.DURATION, "ms", "latency_mean_ms", "mean latency of completed requests"),
        *(percentile(one) for one in LEVELS),
        Measure("max_latency", Kind.DURATION, "ms", "latency_max_ms", "greatest latency of a completed request"),
        Measure("mean_waiting_time", Kind.DURATION, "ms", "waiting_mean_ms", "latency less service time, mean"),
        Measure(
            "cold_start_penalty",
            Kind.DURATION,
            "ms",
            "cold_start_penalty_mean_ms",
            "latency of a completed cold request less what it would have been on a warm instance, mean",
        ),
        _share("cold_start_fraction", "cold requests of the completed"),
        _share("throttled_fraction", "throttled requests of all that arrived"),
        _share("timed_out_fraction", "timed-out requests of all that arrived"),
        _share("expired_fraction", "expired requests of all that arrived"),
        _share("failed_fraction", "requests that were not completed, of all that arrived"),
        _count("attempts", "attempts of the requests that arrived, the first of each counted", "attempts"),
        _count("throttled_attempts", "attempts turned away at a limit, tried again or not", "attempts"),
        _average("attempts_per_request", "attempts", "attempts of a request, mean"),
        _share("retried_fraction", "requests that were tried again, of all that arrived"),
        Measure(
            "goodput",
            Kind.AVERAGE,
            "1/s",
            "goodput_per_s",
            "requests completed in a second, those beyond the loosest limit on latency left out",
        ),
        _average("concurrency_mean", "places", "places occupied, startup included, time average"),
        _average("concurrency_max", "places", "places occupied, startup included, maximum"),
        _average("client_gone_mean", "places", "places occupied for a client that has gone, time average"),
        _average("client_gone_max", "places", "places occupied for a client that has gone, maximum"),
        _average("instances_mean", "instances", "instances there, time average"),
        _average("instances_max", "instances", "instances there, maximum"),
        _average("instances_starting_mean", "instances", "instances starting, time average"),
        _average("instances_busy_mean", "instances", "instances with a request in service, time average"),
        _average("instances_idle_mean", "instances", "instances ready without a request, time average"),
        _count("instances_launched", "instances launched", "instances"),
        _count("capacity_changes", "changes of capacity by scaling", "changes"),
        _count("scale_outs", "times that scaling added instances", "changes"),
        _count("scale_ins", "times that scaling took instances away", "changes"),
        _count("jobs", "jobs that began", "jobs"),
        Measure("job_length", Kind.DURATION, "s", "job_length_mean_s", "from the beginning of a job to its end, mean"),
        Measure("job_length_max", Kind.DURATION, "s", "job_length_longest_s", "the same, of the longest job"),
        _share("late_fraction", "requests served by jobs that began after the measured part, of all that arrived"),
        Measure("instance_time", Kind.DURATION, "s", "instance_time_s", "instance-seconds, all states"),
        _share("utilization", "occupied place-seconds of the place-seconds there"),
        _average("tokens_per_minute", "tokens", "tokens of the quota that a minute takes in the end, mean"),
        _average("tokens_per_minute_max", "tokens", "the same, of the minute that takes most"),
        _average("tokens_reserved_per_minute", "tokens", "tokens of the quota that a minute reserves at first, mean"),
        _share("quota_used", "tokens that are taken of the quota in the end, of those that it lets through"),
        _share("cut_off_fraction", "completed requests whose response ends at max_tokens"),
        Measure("cost", Kind.MONEY, "USD", "cost_usd", "cost of the measured part of the horizon"),
        Measure("monthly_cost", Kind.MONEY, "USD", "monthly_cost_usd", "cost of a month like this"),
        Measure("monthly_fixed", Kind.MONEY, "USD", "monthly_fixed_usd", "of it what time alone makes"),
        Measure("monthly_usage", Kind.MONEY, "USD", "monthly_usage_usd", "of it what requests make"),
        Measure("cost_per_1000", Kind.MONEY, "USD", "cost_per_1000_usd", "cost of 1,000 completed requests"),
    )
}


class UnknownMeasureError(ValueError):
    """No measure has this name; the message says which is nearest."""


def find(name: str) -> Measure:
    """The measure of a name; any percentile level counts.

    Raises
    ------
    UnknownMeasureError
        With the nearest names.
    """
    from difflib import get_close_matches

    if name in MEASURES:
        return MEASURES[name]
    try:
        return percentile(level(name))
    except ValueError:
        pass
    near = get_close_matches(name, MEASURES, n=1, cutoff=0.5)
    hint = f"nearest: {near[0]}" if near else "known: p50 to p99.9, " + ", ".join(_headline())
    raise UnknownMeasureError(f"no measure {name!r}; {hint}")


def _headline() -> list[str]:
    return ["mean_latency", *(m.name for m in MEASURES.values() if m.kind in {Kind.SHARE, Kind.MONEY})]
