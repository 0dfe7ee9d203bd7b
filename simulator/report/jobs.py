"""Jobs of batch transform: how many there are, how long they take, and how old results are when they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.endpoints import BatchTransform
from simulator.report.numbers import with_interval
from simulator.report.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = (
    *("endpoint", "jobs", "length of a job", "longest", "results are old: mean", "95 % at most", "oldest"),
    "instances, mean",
)
#: Share of requests beyond the measured part from which on cost and requests do not go together.
_MANY_LATE: Final = 0.001


def endpoints(reading: Reading) -> list[BatchTransform]:
    """Endpoints that have jobs."""
    return [one for one in reading.scenario.endpoints if isinstance(one, BatchTransform)]


def rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """One row an endpoint."""
    return tuple(
        (
            one.name,
            with_interval(reading.estimate(one.name, "jobs")),
            *(
                reading.text(one.name, name)
                for name in ("job_length", "job_length_max", "mean_latency", "p95", "max_latency")
            ),
            with_interval(reading.estimate(one.name, "instances_mean")),
        )
        for one in endpoints(reading)
    )


def remark() -> str:
    """What the columns mean."""
    return (
        "Jobs of a replication that begin in its measured part, from the launch of their instances to their end; a "
        "result is as old as its latency: from the arrival of the request, the wait for its job included."
    )


def warnings(reading: Reading) -> Iterator[str]:
    """Where requests are counted whose jobs are not in the cost."""
    for one in endpoints(reading):
        late = reading.estimate(one.name, "late_fraction")
        if (late.value or 0.0) > _MANY_LATE:
            yield (
                f"{one.name}: {reading.text(one.name, 'late_fraction')} of requests are served by jobs that begin "
                "after the measured part, whose instances are not in the cost: make the measured part several times "
                "as long as every, and initial_transient one of it."
            )
