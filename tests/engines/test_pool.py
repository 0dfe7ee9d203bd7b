"""Pools, scaling and clients that do not go together are refused, all problems at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from simulator.engines.clients import Population, Retries, jitter_draw, mixed, retry_delay_ns
from simulator.engines.pool import AtLimit, Batching, Bucket, OnTimeout, Pool, Routing, TimeoutFrom, WaitingRequests
from simulator.engines.scaling import Metric, Missing, Scaling, ScheduledAction, TargetTracking
from simulator.engines.served_otherwise import Jobs, Models, Quota
from simulator.units import FOREVER


def launching(**fields: object) -> Pool:
    """A pool that launches on demand."""
    return Pool(**{"standing": 0, "launches": True, "routing": Routing.MOST_RECENTLY_IDLE, **fields})  # type: ignore[arg-type]


def standing(**fields: object) -> Pool:
    """A pool of standing instances."""
    return Pool(
        **{
            "standing": 2,
            "launches": False,
            "routing": Routing.RANDOM,
            "timeout_from": TimeoutFrom.ARRIVAL,
            **fields,
        }  # type: ignore[arg-type]
    )


def test_plain_pools_are_those_without_later_rules() -> None:
    """What the fast kernels settle row by row is plain; each later rule makes a pool not so."""
    assert launching().is_plain
    assert standing(queue_limit=3).is_plain
    assert not launching(at_limit=AtLimit.QUEUE, queue_limit=3).is_plain
    assert not launching(places=2, waiting_requests=WaitingRequests.FIRST_FREE).is_plain
    assert not launching(request_rate=Bucket(1, 1)).is_plain
    assert not standing(cores=2).is_plain
    assert not standing(retries=Retries(2, 1)).is_plain


def test_all_problems_are_told_at_once() -> None:
    """Fields of the other kind of pool, and values out of range."""
    with pytest.raises(ValueError, match=r"^cores is -1.*cores needs a pool that does not launch.*several places"):
        launching(cores=-1, places=2)
    with pytest.raises(ValueError, match=r"^at_limit needs a pool that launches.*batching does not go with"):
        standing(at_limit=AtLimit.QUEUE, batching=Batching(2, 0, 0.0), on_timeout=OnTimeout.STOP)
    with pytest.raises(ValueError, match=r"max_concurrency is 3, must be a multiple of places, 2"):
        launching(max_concurrency=3, places=2, waiting_requests=WaitingRequests.FIRST_FREE)
    with pytest.raises(ValueError, match=r"standing is 2, must be 3 to 4"):
        standing(scaling=Scaling(3, 4, FOREVER))


def test_scaling_out_of_range_is_refused() -> None:
    """Bounds in order also after every action, targets above 0, metrics that have one."""
    with pytest.raises(ValueError, match=r"NO_CAPACITY_FAILURES has no target; target is inf.*minimum is 2"):
        Scaling(2, 1, FOREVER, (TargetTracking(Metric.NO_CAPACITY_FAILURES, math.inf),))
    with pytest.raises(ValueError, match=r"the action at 5 ns makes minimum 3 and maximum 2"):
        Scaling(0, 2, FOREVER, actions=(ScheduledAction(5, minimum=3),))
    with pytest.raises(ValueError, match="in order of time"):
        Scaling(0, 2, FOREVER, actions=(ScheduledAction(5), ScheduledAction(4)))


def test_split_mix() -> None:
    """The first outputs of SplitMix64 from state 0, as published with its reference code."""
    golden = 0x9E3779B97F4A7C15
    assert [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F] == [
        mixed((golden * k) % 2**64) for k in (1, 2, 3)
    ]


def test_retry_delays() -> None:
    """base · multiplier^(j − 1), up to the cap, times the draw, rounded half to even, at least 1 ns."""
    assert (100.0, 200.0, 350.0, 350.0) == Retries(5, base_ns=100, cap_ns=350, multiplier=2.0).delays_ns()
    assert (5.0,) == Retries(2, base_ns=5).delays_ns()
    assert [100, 50, 2, 1] == [
        retry_delay_ns(delay, draw) for delay, draw in ((100.0, 1.0), (100.0, 0.5), (5.0, 0.5), (100.0, 0.0))
    ]
    assert FOREVER == retry_delay_ns(float(FOREVER), 1.0)


def test_jitter_draws_are_uniform_and_of_their_own() -> None:
    """10,000 draws have mean 1/2 within 4 standard errors (1 chance in 16,000), and no two are equal."""
    draws = [jitter_draw(7, number, attempt) for number in range(5_000) for attempt in (1, 2)]
    assert 10_000 == len(set(draws))
    assert abs(sum(draws) / 10_000 - 0.5) < 4 * math.sqrt(1 / 12 / 10_000)
    assert all(0.0 <= draw < 1.0 for draw in draws)


def test_what_serves_otherwise_stands_alone() -> None:
    """Quotas, jobs, shared models and closed populations go only with what the model has rules for."""
    quota = Quota(requests_per_minute=10, tokens_per_minute=FOREVER, max_tokens=5)
    central = {"routing": Routing.CENTRAL_QUEUE, "timeout_from": TimeoutFrom.START}
    assert not standing(standing=1, quota=quota).is_plain
    with pytest.raises(ValueError, match=r"quota needs one standing instance"):
        standing(quota=quota)
    with pytest.raises(ValueError, match=r"models and routing BY_MODEL need each other"):
        standing(models=Models((1,), (0,), (0,), memory_bytes=1))
    with pytest.raises(ValueError, match=r"models do not go with other rules"):
        standing(routing=Routing.BY_MODEL, cores=2, models=Models((1,), (0,), (0,), memory_bytes=1))
    assert not standing(standing=0, waits_for_capacity=True, jobs=Jobs(0, 5, 1), **central).is_plain
    for wrong in ({"standing": 1}, {"retries": Retries(2, 1)}, {"timeout_from": TimeoutFrom.ARRIVAL}):
        with pytest.raises(ValueError, match=r"jobs need a central queue that waits for capacity"):
            standing(**{"standing": 0, "waits_for_capacity": True, "jobs": Jobs(0, 5, 1), **central, **wrong})
    assert not launching(population=Population(until_ns=9)).is_plain


def test_provisioned_instances_scale_by_their_own_metrics() -> None:
    """At most max_concurrency, one place each, and no metric of instances with queues."""
    own = TargetTracking(Metric.PROVISIONED_UTILIZATION_MAXIMUM, 0.7, missing=Missing.ZERO)
    assert not launching(scaling=Scaling(0, 4, FOREVER, (own,))).is_plain
    with pytest.raises(ValueError, match=r"scaling up to 4 is above max_concurrency, 3"):
        launching(max_concurrency=3, scaling=Scaling(0, 4, FOREVER, (own,)))
    with pytest.raises(ValueError, match=r"scaling of a pool that launches needs one place"):
        launching(at_limit=AtLimit.QUEUE, scaling=Scaling(0, 4, FOREVER))
    with pytest.raises(ValueError, match=r"metric BACKLOG_PER_INSTANCE is not one of this kind"):
        launching(scaling=Scaling(0, 4, FOREVER, (TargetTracking(Metric.BACKLOG_PER_INSTANCE, 2.0),)))
    with pytest.raises(ValueError, match=r"metric PROVISIONED_UTILIZATION_MAXIMUM is not one of this kind"):
        standing(scaling=Scaling(0, 4, FOREVER, (own,)))
    with pytest.raises(ValueError, match=r"missing ZERO needs a metric of provisioned instances"):
        Scaling(0, 4, FOREVER, (TargetTracking(Metric.BACKLOG_PER_INSTANCE, 2.0, missing=Missing.ZERO),))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Quota(0, 5, 5), "requests_per_minute is 0, must be 1 to 100000000 or for ever"),
        (lambda: Quota(5, 5, 0), "max_tokens is 0 and burndown 1"),
        (lambda: Models((1, 2), (0,), (0, 0), 5), "one entry for each model"),
        (lambda: Models((0,), (0,), (0,), 5), "sizes must be 1 or more"),
        (lambda: Models((1,), (0,), (0,), 5, disk_bytes=4), "memory_bytes must be 1 to disk_bytes"),
        (lambda: Jobs(0, 0, 1), "interval_ns and instances 1 or more"),
        (lambda: Population(-1), "both must be 0 or more"),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[[], object], problem: str) -> None:
    """Each with one message."""
    with pytest.raises(ValueError, match=problem):
        make()
