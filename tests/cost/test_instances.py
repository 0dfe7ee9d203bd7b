"""Bills of endpoints on instances that come and go: autoscaled real-time and asynchronous ones."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from simulator.endpoints import Asynchronous, RealTime, RunLength
from simulator.engines.tables import Demand, Outcome
from simulator.measures.bill import bill
from simulator.measures.billed_time import usage_of
from simulator.measures.tally import Tally
from simulator.measures.usage import Usage
from simulator.units import FOREVER
from tests.cost.usages import DAY, GB, HOUR, SECOND, SHEET, cents
from tests.measures.made_up import attempt, run_of, settled_of

SCALING = {"min_capacity": 0, "max_capacity": 4, "policies": [{"kind": "wake"}]}


def asynchronous(**changes: Any) -> Asynchronous:
    """An asynchronous endpoint that scales to zero."""
    given = {"name": "a", "instance_type": "ml.c5.xlarge", "autoscaling": SCALING, "initial_instance_count": 0}
    return Asynchronous.model_validate({**given, **changes})


def real_time(**changes: Any) -> RealTime:
    """A real-time endpoint that scales."""
    policy = {"kind": "target_tracking", "metric": "invocations_per_instance", "target": 10.0}
    scaling = {"min_capacity": 1, "max_capacity": 4, "policies": [policy]}
    return RealTime.model_validate(
        {"name": "r", "instance_type": "ml.m5.large", "autoscaling": scaling, "volume_size": "20GB", **changes}
    )


def usage(endpoint: Any, lives: list[tuple[int, int, int]], ends: list[Any], arrivals: list[int]) -> Usage:
    """Usage in a day by the tally, equal to that of the plain reference."""
    pool = endpoint.pool(RunLength(DAY))
    demand = Demand.from_arrays(arrivals, 60 * SECOND, payload_in_bytes=GB, payload_out_bytes=GB)
    changes = [(launch, k + 1) for k, (launch, _, _) in enumerate(lives) if launch]
    run = run_of(ends, lives, changes=changes)
    tally = Tally.of(endpoint, from_ns=0, until_ns=DAY, pool=pool)
    for part in settled_of(demand, run):
        tally.add(part)
    found = tally.finish().usage
    assert usage_of(endpoint, pool, demand, run.requests, run.instances, (0, DAY)) == found
    return found


def test_an_asynchronous_endpoint_is_billed_from_launch_until_gone() -> None:
    """Two wakes of an ml.c5.xlarge, 2.5 h and 20 s: 9,060 s at $0.204 an hour, launch and idling included.

    The second is billed for a minute. What the requests take in lies in S3 and costs nothing.
    """
    lives = [(HOUR, HOUR + 300 * SECOND, HOUR + 9000 * SECOND), (5 * HOUR, 5 * HOUR, 5 * HOUR + 20 * SECOND)]
    start = HOUR + 300 * SECOND
    ends = [attempt(Outcome.COMPLETED, start, start + 60 * SECOND, start + 60 * SECOND, 0)]
    used = usage(asynchronous(), lives, ends, [HOUR])
    whole = bill(asynchronous(), used, SHEET)
    assert (Fraction(9060, 3600), "instance_hours") == (whole.lines[0].quantity, whole.lines[0].name)
    assert Fraction(9060, 3600) * Fraction("0.204") == whole.exact_usd
    assert (0.0, whole.cost_usd) == (whole.fixed_usd, whole.usage_usd)


def test_a_month_of_wakes() -> None:
    """2.5 h a day for 31 days on an ml.c5.xlarge: 77.5 h, $15.81."""
    used = Usage(span_ns=31 * DAY, instance_ns=31 * 9000 * SECOND)
    whole = bill(asynchronous(), used, SHEET, month_s=31 * 86400.0)
    assert (Fraction("77.5"), Decimal("15.81")) == (whole.lines[0].quantity, cents(whole.exact_usd))


def test_nothing_but_a_queue_costs_nothing() -> None:
    """An endpoint at zero all day."""
    assert 0 == bill(asynchronous(), usage(asynchronous(), [], [], []), SHEET).exact_usd


def test_storage_is_billed_for_the_same_time() -> None:
    """I-7 with one instance for 10 of 30 days: 20 GB are 6.6667 GB-months, $0.93; with two for half of it, the same."""
    for instance_ns in (10 * DAY, 2 * 5 * DAY):
        used = Usage(span_ns=30 * DAY, instance_ns=instance_ns)
        line = bill(real_time(), used, SHEET, month_s=30 * 86400.0).line("storage")
        assert (Fraction(20, 3), Decimal("0.93"), False) == (line.quantity, cents(line.exact_usd), line.is_fixed)


def test_an_autoscaled_endpoint_is_billed_for_each_instance() -> None:
    """One all day and one for 6 h: 30 h of an ml.m5.large, $3.45, and of its volume; data as ever."""
    start = 6 * HOUR
    ends = [attempt(Outcome.COMPLETED, start, start + 60 * SECOND, start + 60 * SECOND, 0)]
    lives = [(0, 0, FOREVER), (8 * HOUR, 9 * HOUR, 14 * HOUR)]
    used = usage(real_time(), lives, ends, [start])
    whole = bill(real_time(), used, SHEET)
    assert (Fraction(30), Decimal("3.45")) == (
        whole.line("instance_hours").quantity,
        cents(whole.line("instance_hours").exact_usd),
    )
    assert Fraction(20 * 30, 730) == whole.line("storage").quantity
    assert Fraction("0.032") == whole.line("data_in").exact_usd + whole.line("data_out").exact_usd


@pytest.mark.parametrize("endpoint", [asynchronous(), asynchronous(volume_size="30GB"), real_time()])
def test_price_items_are_the_items_of_the_bill(endpoint: Any) -> None:
    """What an endpoint says it needs is what its bill looks up."""
    lines = bill(endpoint, Usage(span_ns=DAY), SHEET).lines
    assert endpoint.price_items() == tuple(line.price.item for line in lines)


def test_instances_that_stay_are_fixed_cost() -> None:
    """Time alone makes them where nothing scales."""
    fixed = real_time(autoscaling=None)
    whole = bill(fixed, Usage(span_ns=DAY, instance_ns=DAY), SHEET)
    assert (2.76, 0.0) == (round(whole.fixed_usd - whole.line("storage").usd, 10), whole.usage_usd)
