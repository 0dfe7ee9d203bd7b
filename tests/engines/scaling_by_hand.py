"""Scaling worked out on paper, for what random cases seldom meet: a step of load, exact bounds, large capacities.

Times are whole nanoseconds; a unit of the golden trace is a second.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import (
    Adjustment,
    Metric,
    Scaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
)
from simulator.engines.tables import Demand
from simulator.units import NS_PER_SECOND
from tests.engines.later_cases import Later

INVOCATIONS, CONCURRENT = Metric.INVOCATIONS_PER_INSTANCE, Metric.CONCURRENT_REQUESTS_PER_INSTANCE
SECOND = NS_PER_SECOND
_INFINITE = float("inf")


class Golden(NamedTuple):
    """A case, every change of capacity as (when, capacity), and every instance as (launch, ready, gone or None)."""

    words: str
    later: Later
    changes: list[tuple[int, int]]
    instances: list[tuple[int, int, int | None]] | None = None


def tracking(target: float, metric: Metric = CONCURRENT, **given: Any) -> TargetTracking:
    """Target tracking on single points of 10 ns, known at once, without a cooldown."""
    plain = {"period_ns": 10, "delay_ns": 0, "points_out": 1, "points_in": 1, "scale_in_cooldown_ns": 0}
    return TargetTracking(metric, target, **{**plain, **given})


def pool(standing: int, scaling: Scaling, **given: Any) -> Pool:
    """Instances with a central queue and workers enough."""
    given = {"places": 99, **given}
    return Pool(standing=standing, launches=False, routing=Routing.CENTRAL_QUEUE, scaling=scaling, **given)


def _step_load(until_s: int, falls_at_s: int) -> Demand:
    """A request a minute until 300 s, ten a minute until it falls, one a minute again; 2 s of service each."""
    slow = [30 + 60 * n for n in range(5)]
    fast = [300 + 3 + 6 * n for n in range((falls_at_s - 300) // 6)]
    again = [falls_at_s + 30 + 60 * n for n in range((until_s - falls_at_s) // 60)]
    return Demand.from_arrays([SECOND * at for at in slow + fast + again], 2 * SECOND)


def _stepped(
    falls_at_s: int = 1200, until_s: int = 2400, bounds: tuple[int, int] = (1, 20), delay_s: int = 0, **given: Any
) -> Later:
    """Target 1 a minute and instance, points of 60 s, 3 of them for out, launches of 120 s."""
    policy = TargetTracking(INVOCATIONS, 1.0, delay_ns=delay_s * SECOND, **given)
    scaling = Scaling(*bounds, until_s * SECOND, (policy,))
    return Later(pool(1, scaling), _step_load(until_s, falls_at_s), (120 * SECOND,))


def _seconds(*rows: tuple[int, int]) -> list[tuple[int, int]]:
    return [(at_s * SECOND, capacity) for at_s, capacity in rows]


def _one_and_nine(launch_s: int, gone_s: int | None) -> list[tuple[int, int, int | None]]:
    gone = None if gone_s is None else gone_s * SECOND
    return [(0, 0, None), *[(launch_s * SECOND, (launch_s + 120) * SECOND, gone)] * 9]


def _held(requests: int, standing: int, target: float, least: int = 0) -> Later:
    """So many requests from 0 to 1000, one point at 10."""
    scaling = Scaling(least, 50, 15, (tracking(target),))
    return Later(pool(standing, scaling), Demand.from_arrays([0] * requests, 1000), (0,))


def _base_of_a_cooldown(horizon: int, *launches: int) -> Later:
    """Threshold 2, +1 from 2 on, +3 from 4 on, a cooldown of 25."""
    steps = (Step(0.0, 2.0, 1), Step(2.0, _INFINITE, 3))
    policy = StepScaling(INVOCATIONS, 2.0, True, steps, Adjustment.CHANGE, period_ns=10, delay_ns=0, cooldown_ns=25)
    arrivals = [at for at, many in ((5, 3), (15, 8), (25, 12), (35, 16), (45, 16)) for _ in range(many)]
    return Later(pool(1, Scaling(1, 10, horizon, (policy,))), Demand.from_arrays(arrivals, 1), launches)


def _nothing_in_service() -> Later:
    """One is launched at 5 for 10; from 16 on none is needed."""
    actions = (ScheduledAction(5, minimum=1), ScheduledAction(16, minimum=0))
    policy = tracking(1.0, Metric.BACKLOG_PER_INSTANCE, points_in=2)
    scaling = Scaling(0, 5, 35, (policy,), actions)
    return Later(pool(0, scaling, waits_for_capacity=True), Demand.from_arrays([17], 1), (10,))


def _two_policies(x_of_other: int) -> Later:
    """A step policy wants 9 of 10; the other holds so many requests on 10 instances, target 2."""
    step = StepScaling(
        *(INVOCATIONS, 99.0, False, (Step(-_INFINITE, 0.0, 9),), Adjustment.EXACT),
        period_ns=10,
        delay_ns=0,
        cooldown_ns=99,
    )
    scaling = Scaling(1, 50, 15, (step, tracking(2.0)))
    return Later(pool(10, scaling), Demand.from_arrays([0] * x_of_other, 1000), (0,))


GOLDEN = [
    Golden(
        """Load 1 -> 10 at 300 s, metric of 60 s, 3 of 3, start-up 120 s, and back at 1200 s.

        Points of 60 s have x = 1 of target 1, not above it. Those that end at 360, 420 and 480 have x = y = 10: at 480
        it asks for ceil(10/1) = 10. Nine are launched, ready at 600. The points of 540 and 600 still have x = 10, but
        ask for the capacity there is. From 660 on x = 10 · 1/10, which is 1 but for rounding. The points that end at
        1260 to 2100 have x = 1/10, 15 in a row below 0.9: at 2100 it asks for 1, and 9 to 1 are gone.
        """,
        _stepped(),
        _seconds((480, 10), (2100, 1)),
        _one_and_nine(480, 2100),
    ),
    Golden(
        "The same, points known 120 s after their end: decided at 600, ready at 720, in again at 2220.",
        _stepped(delay_s=120),
        _seconds((600, 10), (2220, 1)),
        _one_and_nine(600, 2220),
    ),
    Golden("The same with at most 4: out to 4.", _stepped(bounds=(1, 4)), _seconds((480, 4), (2100, 1))),
    Golden("With minimum = maximum it never scales.", _stepped(bounds=(1, 1)), [], [(0, 0, None)]),
    Golden(
        """Load falls at 660 s, 3 points for in: those of 720, 780 and 840 are below.

        The change of 480 is complete at 600; its cooldown of 300 s is over at 900 exactly, when the points still are.
        """,
        _stepped(660, 1300, points_in=3, scale_in_cooldown_ns=300 * SECOND),
        _seconds((480, 10), (900, 1)),
        _one_and_nine(480, 900),
    ),
    Golden(
        "With a cooldown 1 ns longer the next point, of 960, is the first after it.",
        _stepped(660, 1300, points_in=3, scale_in_cooldown_ns=300 * SECOND + 1),
        _seconds((480, 10), (960, 1)),
    ),
    Golden("Never in if it may not.", _stepped(scales_in=False), _seconds((480, 10)), _one_and_nine(480, None)),
    Golden("18 held by 10: x = 1.8, not below 0.9 · 2.", _held(18, 10, 2.0), []),
    Golden("17 held by 10: x = 1.7: ceil(17/2) = 9.", _held(17, 10, 2.0), [(10, 9)]),
    Golden("19 held by 10: x = 1.9 of 2, well in the band, though ceil(19/2) = 10.", _held(19, 10, 2.0), []),
    Golden("37 held by 20: x = 1.85, below 2 but not below 1.8, though ceil(37/2) = 19.", _held(37, 20, 2.0), []),
    Golden("35 held by 20: x = 1.75: ceil(35/2) = 18.", _held(35, 20, 2.0), [(10, 18)]),
    Golden("20 held by 10: x = 2, not above the target.", _held(20, 10, 2.0), []),
    Golden("21 held by 1, target 0.7: 21/0.7 is 30.000000000000004, 30 are enough.", _held(21, 1, 0.7), [(10, 30)]),
    Golden("Another policy's less is done if x = 17/10 is below 1.8.", _two_policies(17), [(10, 9)]),
    Golden("It is not done if x = 18/10 is 1.8.", _two_policies(18), []),
    Golden("Nor with x = 19/10, below the target.", _two_policies(19), []),
    Golden(
        """10: x = 3, 1 -> 2, cooldown to 35 with base 1. 20: x = 8/2, 1 + 3 = 4, cooldown to 45, base 1 still.

        30: x = 12/4: 1 + 1 is not above 4. 40: x = 16/4: 1 + 3 is capacity. 50: the cooldown is over: 4 + 3 = 7.
        """,
        _base_of_a_cooldown(55, 0),
        [(10, 2), (20, 4), (50, 7)],
    ),
    Golden(
        """The change of 20 is made inside the cooldown of 10 to 35 and complete after it, at 50: base 1 still.

        At 50 x = 16/2, 1 + 3 is capacity; from a base of its own, 2, it would be 5.
        """,
        _base_of_a_cooldown(55, 0, 30, 30, 0),
        [(10, 2), (20, 4)],
    ),
    Golden(
        """The point of 10 found nothing in service: at 20 the run for in is not good, at 30 it is.

        One was launched at 5 by its schedule, ready at 15.
        """,
        _nothing_in_service(),
        [(5, 1), (30, 0)],
    ),
]
