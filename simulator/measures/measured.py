"""What was measured of one endpoint in one replication: whole numbers, and the measures that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from simulator.engines.served_otherwise import MINUTE_NS
from simulator.engines.tables import Reason
from simulator.measures.catalogue import find
from simulator.measures.histogram import Histogram
from simulator.measures.percentiles import Level
from simulator.measures.usage import IF_ANY, Usage

#: Measures that managed APIs have not.
_OF_INSTANCES: Final = (
    *("instances_mean", "instances_max", "instances_starting_mean", "instances_busy_mean", "instances_idle_mean"),
    *("instances_launched", "capacity_changes", "scale_outs", "scale_ins", "instance_time", "utilization"),
)


@dataclass(frozen=True)
class Measured:
    """Counts and sums over the requests that arrived in the measured part, and time averages over it.

    Parameters
    ----------
    span_ns : int
        Length of the measured part. [ns]
    requests, completed, timed_out, expired : int
        Requests that arrived, and how they ended.
    throttled : tuple of int
        Throttled requests by `Reason`, in its order.
    cold_starts : int
        Completed requests for which an instance was launched.
    failed_launches : int
        Launches longer than the startup limit.
    spillover : int
        Requests that went on demand although there are standing instances.
    latency_ns, waiting_ns, penalty_ns : int
        Sums over completed requests: latency, waiting time; over the cold ones: waiting for the launch. [ns]
    least_ns, greatest_ns : int or None
        Extreme latencies; None if none was completed. [ns]
    percentiles_ns : tuple of (Level, int)
        Of latency, of the levels for which there are enough completed requests. [ns]
    exact : bool
        Whether percentiles are exact; if not, they come from the histogram and are within 0.4 %.
    histogram : Histogram
        Of latency.
    below : tuple of (int, int)
        Limits, and completed requests with a latency below each. [ns]
    in_service_ns, starting_ns, client_gone_ns : int
        Place-time in service, in startup, and in service for a client that has gone. [ns]
    places_ns : int
        Place-time there. [ns]
    busy_ns, there_ns : int
        Instance-time with a request in service, and in all. [ns]
    concurrency_max, client_gone_max, instances_max : int
        Most places occupied, most of them for a client that has gone, most instances there, at one instant.
    usage : Usage
        What is billed.
    tries, throttled_tries : int
        Attempts that did not end their request, because the client tried again; the throttled ones of them.
    retried : int
        Requests that were tried again.
    scales : bool
        Whether capacity follows policies: then an instance that starts is not occupied by a request.
    starting_for_requests_ns : int
        Where capacity follows policies: the part of `starting_ns` in which an instance starts for a request. [ns]
    clients_waiting_ns : int
        Of a closed population: time of clients between sending a request and its end. [ns]
    is_api : bool
        Whether it is a managed API: there are no instances to be measured, nor places to be used.
    tokens_used, tokens_reserved, tokens_most_in_minute, tokens_quota, cut_off : int
        Of a managed API (`measures.tokens.TokenUse`).
    jobs : int or None
        Jobs that begin in the measured part; None where there is no such thing.
    job_ns, longest_job_ns, late : int
        Of jobs (`measures.jobs.JobUse`). [ns]
    launched, scale_outs, scale_ins : int or None
        Instances launched in the measured part, and how often capacity grew and shrank; None where it is not counted.
    """

    span_ns: int
    requests: int
    completed: int
    timed_out: int
    expired: int
    throttled: tuple[int, ...]
    cold_starts: int
    failed_launches: int
    spillover: int
    latency_ns: int
    waiting_ns: int
    penalty_ns: int
    least_ns: int | None
    greatest_ns: int | None
    percentiles_ns: tuple[tuple[Level, int], ...]
    exact: bool
    histogram: Histogram
    below: tuple[tuple[int, int], ...]
    in_service_ns: int
    starting_ns: int
    client_gone_ns: int
    places_ns: int
    busy_ns: int
    there_ns: int
    concurrency_max: int
    client_gone_max: int
    instances_max: int
    usage: Usage
    tries: int = field(default=0, metadata=IF_ANY)
    throttled_tries: int = field(default=0, metadata=IF_ANY)
    retried: int = field(default=0, metadata=IF_ANY)
    scales: bool = field(default=False, metadata=IF_ANY)
    starting_for_requests_ns: int = field(default=0, metadata=IF_ANY)
    clients_waiting_ns: int = field(default=0, metadata=IF_ANY)
    is_api: bool = field(default=False, metadata=IF_ANY)
    tokens_used: int = field(default=0, metadata=IF_ANY)
    tokens_reserved: int = field(default=0, metadata=IF_ANY)
    tokens_most_in_minute: int = field(default=0, metadata=IF_ANY)
    tokens_quota: int = field(default=0, metadata=IF_ANY)
    cut_off: int = field(default=0, metadata=IF_ANY)
    jobs: int | None = field(default=None, metadata=IF_ANY)
    job_ns: int = field(default=0, metadata=IF_ANY)
    longest_job_ns: int = field(default=0, metadata=IF_ANY)
    late: int = field(default=0, metadata=IF_ANY)
    launched: int | None = field(default=None, metadata=IF_ANY)
    scale_outs: int | None = field(default=None, metadata=IF_ANY)
    scale_ins: int | None = field(default=None, metadata=IF_ANY)

    @property
    def throttled_in_all(self) -> int:
        """Throttled requests, whatever the reason."""
        return sum(self.throttled)

    def _of_tokens(self) -> dict[str, float | int | None]:
        """Measures of managed APIs, which have neither instances nor places to be used; nothing of others."""
        if not self.is_api:
            return {}
        span_ns = self.span_ns
        return {
            **dict.fromkeys(_OF_INSTANCES),
            "tokens_per_minute": _over_minute(self.tokens_used, span_ns),
            "tokens_reserved_per_minute": _over_minute(self.tokens_reserved, span_ns),
            "tokens_per_minute_max": self.tokens_most_in_minute,
            "quota_used": _over(self.tokens_used * MINUTE_NS, self.tokens_quota * span_ns),
            "cut_off_fraction": _over(self.cut_off, self.completed),
        }

    def percentile_ns(self, share: Fraction) -> int | None:
        """A percentile of latency, None if there are too few completed requests or it was not asked for [ns]."""
        return next((value for level, value in self.percentiles_ns if level.share == share), None)

    def count_below(self, limit_ns: int) -> int:
        """Completed requests with a latency below one of the limits.

        Raises
        ------
        KeyError
            If it was not counted.
        """
        return dict(self.below)[limit_ns]

    @property
    def in_time(self) -> int:
        """Completed requests, within the loosest limit on latency if there is one."""
        return self.below[-1][1] if self.below else self.completed

    def values(self) -> dict[str, float | int | None]:
        """Measures by name (`catalogue.MEASURES`, but costs), in the units of the catalogue; None is no data."""
        lost = self.throttled_in_all + self.timed_out + self.expired
        occupied = self.in_service_ns + (self.starting_for_requests_ns if self.scales else self.starting_ns)
        idle = self.there_ns - self.busy_ns - self.starting_ns
        values: dict[str, float | int | None] = {
            "requests": self.requests,
            "completed": self.completed,
            "throttled": self.throttled_in_all,
            "timed_out": self.timed_out,
            "expired": self.expired,
            "cold_starts": self.cold_starts,
            "failed_launches": self.failed_launches,
            "spillover": self.spillover,
            **{f"throttled_{Reason(r).name.lower()}": self.throttled[r] for r in Reason if r != Reason.NONE},
            "attempts": self.requests + self.tries,
            "throttled_attempts": self.throttled_in_all + self.throttled_tries,
            "attempts_per_request": _over(self.requests + self.tries, self.requests),
            "retried_fraction": _over(self.retried, self.requests),
            "goodput": _over(self.in_time * 10**9, self.span_ns),
            "instances_launched": self.launched,
            "capacity_changes": _sum(self.scale_outs, self.scale_ins),
            "scale_outs": self.scale_outs,
            "scale_ins": self.scale_ins,
            "mean_latency": _over(self.latency_ns, self.completed * 10**6),
            "max_latency": None if self.greatest_ns is None else self.greatest_ns / 10**6,
            "mean_waiting_time": _over(self.waiting_ns, self.completed * 10**6),
            "cold_start_penalty": _over(self.penalty_ns, self.cold_starts * 10**6),
            "cold_start_fraction": _over(self.cold_starts, self.completed),
            "throttled_fraction": _over(self.throttled_in_all, self.requests),
            "timed_out_fraction": _over(self.timed_out, self.requests),
            "expired_fraction": _over(self.expired, self.requests),
            "failed_fraction": _over(lost, self.requests),
            "concurrency_mean": _over(occupied, self.span_ns),
            "concurrency_max": self.concurrency_max,
            "client_gone_mean": _over(self.client_gone_ns, self.span_ns),
            "client_gone_max": self.client_gone_max,
            "instances_mean": _over(self.there_ns, self.span_ns),
            "instances_max": self.instances_max,
            "instances_starting_mean": _over(self.starting_ns, self.span_ns),
            "instances_busy_mean": _over(self.busy_ns, self.span_ns),
            "instances_idle_mean": _over(idle, self.span_ns),
            "instance_time": self.there_ns / 10**9,
            "utilization": _over(occupied, self.places_ns),
        }
        values |= self._of_tokens()
        if self.jobs is not None:
            values |= {
                "jobs": self.jobs,
                "job_length": _over(self.job_ns, self.jobs * 10**9),
                "job_length_max": self.longest_job_ns / 10**9 if self.jobs else None,
                "late_fraction": _over(self.late, self.requests),
            }
        for level, value in self.percentiles_ns:
            values[find(level.name).name] = value / 10**6
        return values


def _over_minute(part: int, span_ns: int) -> float:
    """Of a count its mean in a minute."""
    return part * MINUTE_NS / span_ns


def _sum(a: int | None, b: int | None) -> int | None:
    """Sum of two counts; None if one is not counted."""
    return None if a is None or b is None else a + b


def _over(part: int, whole: int) -> float | None:
    """Quotient of whole numbers, rounded once; None if there is nothing to divide by."""
    return part / whole if whole else None
