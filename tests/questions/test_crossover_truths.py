"""Crossovers whose true places are known exactly: staircases, humps, eligibility, provisioned concurrency, growth."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.optimize import brentq

from simulator.questions.breakeven import months_until
from simulator.questions.crossover.crossover import crossover
from simulator.questions.crossover.flips import Crossover
from simulator.questions.crossover.standing import Reason
from tests.oracles.closed_forms import erlang_b
from tests.questions.crossed import PRICES, SERVERLESS, held, instances, scenario

pytestmark = pytest.mark.thorough

SERVICE_S = 0.2


def losing(places: int, share: float) -> float:
    """Rate at which so many places lose this share of the requests, by Erlang's loss formula [1/s]."""
    return float(brentq(lambda rate: erlang_b(places, rate * SERVICE_S) - share, 0.01, 1000.0))


# --- Staircases


def test_eligibility_drives_a_staircase_of_one_two_and_four_instances() -> None:
    """Instances without a queue lose more than 1 % from where Erlang's formula says for 4, 8 and 16 workers.

    Serverless costs as much as one instance at 2/s. From there one is the cheapest, up to 4.35/s, where it loses too
    much: two are dearer than one and cheaper than serverless (4/s), and then four (8/s). Costs alone would say one
    instance for ever.
    """
    losses = {"queue_limit": 0, "routing": "least_outstanding_requests"}
    result = crossover(
        scenario(
            horizon="4m",
            initial_transient="10s",
            prices={**PRICES, "serverless.duration.1024MB": "0.00025 USD/s"},
            endpoints=[SERVERLESS, *(instances(count, **losses) for count in (1, 2, 4))],
            objectives=["failed_fraction < 1%"],
        ),
        "traffic.mean_rate=1/s..60/s",
    )
    expected = [
        (2.0, "serverless", "x1", Reason.COST, ""),
        (losing(4, 0.01), "x1", "x2", Reason.LOSES, "failed_fraction < 1%"),
        (losing(8, 0.01), "x2", "x4", Reason.LOSES, "failed_fraction < 1%"),
        (losing(16, 0.01), "x4", "serverless", Reason.LOSES, "failed_fraction < 1%"),
    ]
    found = result.changes
    assert [one[1:] for one in expected] == [
        (one.before, one.after, one.cause.reason, one.cause.objective) for one in found
    ]
    assert [] == [one[0] for number, one in enumerate(expected) if not held(result, one[0], number, of=4)]
    assert [None, "x1", "x2", "x4"] == [one.cause.endpoint for one in found]
    assert all(one.at == pytest.approx(true[0], rel=0.05) for one, true in zip(found, expected, strict=True))
    # The closed form is of costs: it has nothing to say of the other three.
    assert [pytest.approx(2.0), None, None, None] == [flip.predicted for flip in result.flips]


@pytest.mark.parametrize("over", ["traffic.mean_rate=5/s..20/s", "traffic.mean_rate=5/s..20/s:2"])
def test_an_endpoint_that_wins_between_two_points_of_the_grid_is_found(over: str) -> None:
    """One instance is cheaper from 9.5/s on and 55 % utilized at 11/s; the grid has 8.9 and 11.9/s, or 5 and 20."""
    result = crossover(
        scenario(
            horizon="3m",
            prices={**PRICES, "serverless.duration.1024MB": f"{0.0001 / (SERVICE_S * 9.5)} USD/s"},
            endpoints=[SERVERLESS, instances(1, routing="least_outstanding_requests")],
            objectives=["utilization < 55%"],
        ),
        over,
    )
    assert [("x1", Reason.COST), ("serverless", Reason.LOSES)] == [
        (one.after, one.cause.reason) for one in result.changes
    ]
    assert [9.5, 11.0] == pytest.approx([one.at for one in result.changes], rel=0.02)


def test_no_window_is_made_up() -> None:
    """Too few from 9/s on, cheaper from 9.5/s on: never the answer, though each turns between two neighbours."""
    result = crossover(
        scenario(
            horizon="3m",
            prices={**PRICES, "serverless.duration.1024MB": f"{0.0001 / (SERVICE_S * 9.5)} USD/s"},
            endpoints=[SERVERLESS, instances(1, routing="least_outstanding_requests")],
            objectives=["utilization < 43%"],
        ),
        "traffic.mean_rate=5/s..20/s",
    )
    assert () == result.changes
    assert ["serverless"] == [one.winner for one in result.stretches]
    assert result.is_decided


# --- Costs that rise, fall and rise


STARTUP_S, WORK_S, TIMEOUT_S = 0.3, 0.02, 300.0
BILLED_USD_S, BOX_USD_H = 0.0008, 0.00115


def hump_less_box(rate: float) -> float:
    """Cost an hour of one billed-startup place less that of the instance; exact in the long run [USD].

    One place: after each completion the next request comes after an exponential time, so it is cold with
    e^(-λT); of the others λE[S]/(1 + λE[S]) find the place taken.
    """
    occupied = WORK_S + STARTUP_S * math.exp(-rate * TIMEOUT_S)
    return rate / (1 + rate * occupied) * occupied * BILLED_USD_S * 3600 - BOX_USD_H


HUMP = [float(brentq(hump_less_box, *ends)) for ends in ((0.0005, 0.003), (0.005, 0.01), (0.01, 0.02))]


def hump(seed: int) -> Crossover:
    return crossover(
        scenario(
            horizon="10d",
            initial_transient="1h",
            replications=30,
            prices={
                "real_time.instance.box": f"{BOX_USD_H} USD/h",
                "serverless.duration.1024MB": f"{BILLED_USD_S} USD/s",
            },
            model={"service_time": f"{WORK_S}s", "startup_time": f"{STARTUP_S}s"},
            endpoints=[
                {
                    **SERVERLESS,
                    "max_concurrency": 1,
                    "idle_timeout": f"{TIMEOUT_S}s",
                    "billed_time": "service_and_startup",
                },
                instances(1),
            ],
        ),
        "traffic.mean_rate=0.0005/s..0.05/s",
        seed=seed,
    )


def test_a_serverless_cost_that_falls_and_rises_has_all_its_crossings() -> None:
    """C/W = 15 is more than e² = 7.39, so λ(W + C e^(-λT)) has a hump: a flat price is crossed up, down and up.

    Each interval holds the exact place, with this seed; the slow test counts how often. By hand nothing is cold, so
    there is one crossing, at 0.01997/s, and why the simulated ones lie elsewhere is said.
    """
    assert math.e**2 < STARTUP_S / WORK_S
    result = hump(0)
    assert ["serverless", "x1", "serverless"] == [one.before for one in result.changes]
    assert [Reason.COST] * 3 == [one.cause.reason for one in result.changes]
    assert [True, True, True] == [held(result, true, number, of=3) for number, true in enumerate(HUMP)]
    assert [0.01996528, 0.01996528] == pytest.approx([flip.predicted for flip in result.flips[::2]], rel=1e-5)
    (first,) = result.flips[0].why_apart
    assert first.startswith("cold starts of serverless are billed, ")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_of_a_hump_hold_the_exact_crossings() -> None:
    """In 40 seeds all three are found, and 104 or more of the 120 intervals hold theirs: once in 10,000 fewer."""
    found = [hump(seed) for seed in range(40)]
    assert 104 <= sum(held(one, true, number, of=3) for one in found for number, true in enumerate(HUMP))


# --- Eligibility


def eligibility(seed: int, limit: str = "5%") -> Crossover:
    """Four places at half the price of as many as are needed: the cheaper until it throttles too much."""
    few = {**SERVERLESS, "name": "few", "max_concurrency": 4}
    many = {**SERVERLESS, "name": "many", "memory_size": "2048MB"}
    return crossover(
        scenario(
            initial_transient="10s",
            prices={**PRICES, "serverless.duration.2048MB": "0.001 USD/s"},
            endpoints=[few, many],
            objectives=[f"throttled_fraction < {limit}"],
        ),
        "traffic.mean_rate=4/s..16/s" if limit == "5%" else "traffic.mean_rate=1/s..10/s",
        seed=seed,
    )


def eligibility_covered(seeds: int, limit: str, share: float) -> int:
    """How many of so many seeds have the place where four places lose this share in their interval."""
    return sum(held(eligibility(seed, limit), losing(4, share)) for seed in range(seeds))


def test_where_eligibility_changes_is_where_erlang_b_says() -> None:
    """7.62/s; in 8 seeds at least 5 intervals hold it: fewer come with a chance of 4 in 10,000 at 95 %."""
    assert 7.62 == pytest.approx(losing(4, 0.05), abs=0.005)
    result = eligibility(0)
    (change,) = result.changes
    assert ("few", "many", Reason.LOSES, "few") == (
        change.before,
        change.after,
        change.cause.reason,
        change.cause.endpoint,
    )
    assert 5 <= eligibility_covered(8, "5%", 0.05)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("limit", "share"), [("5%", 0.05), ("0.5%", 0.005)])
def test_intervals_hold_the_place_where_eligibility_changes_as_often_as_they_say(limit: str, share: float) -> None:
    """In 100 seeds 87 to 100: below 87 comes with a chance of 1 in 2,000 at 95 %, with 99.7 % at 75 %."""
    assert 87 <= eligibility_covered(100, limit, share)


# --- Break-even of provisioned concurrency and of memory sizes

#: One second of 2,048 MB: on demand, kept, and served by what is kept [USD]; AWS, us-east-1.
ON_DEMAND, ALLOCATION, PROVISIONED = 0.00004, 0.00001, 0.0000233
BREAK_EVEN = ALLOCATION / (ON_DEMAND - PROVISIONED)
BARE = {"name": "bare", "kind": "serverless", "memory_size": "2048MB", "max_concurrency": 200}


def kept(count: int, **changes: Any) -> dict[str, Any]:
    """A bare endpoint beside one with provisioned concurrency, at AWS's prices of 2,048 MB; no cold start costs."""
    return scenario(
        prices="aws/us-east-1/2026-11",
        horizon="1h",
        initial_transient="10s",
        endpoints=[BARE, {**BARE, "name": "kept", "provisioned_concurrency": count}],
        **changes,
    )


def test_provisioned_concurrency_pays_from_sixty_per_cent_on() -> None:
    """Break-even at 59.88 % of what is kept, 1e-5/(4e-5 - 2.33e-5); 58.8 to 60 % by the prices of others.

    One kept place of Poisson arrivals is used to a/(1 + a), so it pays from a = 1.492 on, 7.463/s.
    """
    assert "59.88" == f"{100 * BREAK_EVEN:.2f}"
    load = BREAK_EVEN / (1 - BREAK_EVEN)
    result = crossover(kept(1), "traffic.mean_rate=3/s..20/s")
    (flip,) = result.flips
    change = flip.change
    assert ("bare", "kept", Reason.COST) == (change.before, change.after, change.cause.reason)
    assert held(result, load / SERVICE_S)
    assert load / SERVICE_S == pytest.approx(flip.predicted, rel=1e-3)
    used = [end * SERVICE_S / (1 + end * SERVICE_S) for end in (change.low or 0.0, change.high or 0.0)]
    assert 0.588 < used[0] < BREAK_EVEN < used[1] < 0.61


def test_how_much_provisioned_concurrency_pays() -> None:
    """Of 4 erlangs five places are used to 64.1 %, six to 58.9 %, less than 59.88 %: from six on it is dearer."""
    used = {count: 4 * (1 - erlang_b(count, 4.0)) / count for count in (5, 6)}
    assert used[6] < BREAK_EVEN < used[5]
    result = crossover(
        kept(1, traffic={"kind": "poisson", "mean_rate": "20/s"}), "endpoints[kept].provisioned_concurrency=1..12"
    )
    (flip,) = result.flips
    change = flip.change
    assert ("kept", "bare", 6.0) == (change.before, change.after, change.at)
    assert (6.0, 6.0, 6.0) == (change.low, change.high, flip.predicted)


def test_provisioned_concurrency_by_hand() -> None:
    """Its closed form splits requests by Erlang's formula, exact here: the interval holds it."""
    prices = {
        **PRICES,
        "serverless.provisioned_allocation.1024MB": "0.0001 USD/s",
        "serverless.provisioned_duration.1024MB": "0.0002 USD/s",
    }
    two = {**SERVERLESS, "name": "two", "provisioned_concurrency": 2}
    result = crossover(
        scenario(prices=prices, endpoints=[SERVERLESS, two], horizon="20m", initial_transient="10s", replications=20),
        "traffic.mean_rate=1/s..20/s",
    )
    exact = brentq(lambda load: load * (1 - erlang_b(2, load)) / 2 - 0.0001 / 0.0003, 0.1, 10.0) / SERVICE_S
    assert exact == pytest.approx(result.flips[0].predicted, rel=1e-2)
    assert held(result, exact)


def test_memory_sizes_break_even() -> None:
    """At 1/s an instance costs as much as 0.0005 USD/s: 1,024 MB at 0.0004 are cheaper, 2,048 MB at 0.0006 are not."""
    prices = {**PRICES} | {
        f"serverless.duration.{size}MB": f"{price} USD/s"
        for size, price in ((1024, "0.0004"), (2048, "0.0006"), (3072, "0.0009"))
    }
    result = crossover(
        scenario(prices=prices, traffic={"kind": "poisson", "mean_rate": "1/s"}, replications=20),
        "endpoints[0].memory_size=1024MB..3072MB",
    )
    (change,) = result.changes
    assert ("serverless", "x1", 2048.0) == (change.before, change.after, change.at)


def test_twice_the_memory_pays_if_it_halves_the_time() -> None:
    """2,048 MB cost twice as much a second as 1,024 MB, which take 400 ms: cheaper below 200 ms, to the millisecond."""
    small, large = (
        {"name": f"mb{size}", "kind": "serverless", "memory_size": f"{size}MB", "max_concurrency": 200}
        for size in (1024, 2048)
    )
    endpoints = [{**small, "service_time": "400ms"}, {**large, "service_time": "100ms"}]
    result = crossover(
        scenario(prices="aws/us-east-1/2026-11", endpoints=endpoints, replications=2),
        "endpoints[1].service_time=100ms..300ms",
    )
    (change,) = result.changes
    assert ("mb2048", "mb1024") == (change.before, change.after)
    assert change.low is not None
    assert change.high is not None
    assert 198.0 <= change.low <= change.high <= 201.0


# --- Growth


def test_growth_tells_the_true_month_within_its_interval() -> None:
    """From 0.5/s at 8 % a month to the exact crossing, 1/s: log 2/log 1.08 = 9.006 months."""
    true = months_until(0.5, 1.0, 0.08)
    assert 9.0065 == pytest.approx(true, abs=1e-4)
    (flip,) = crossover(scenario(), "traffic.mean_rate=0.4/s..3/s", growth="8%/month").flips
    assert flip.months is not None
    assert flip.months.low is not None
    assert flip.months.high is not None
    assert flip.months.low < 9.0065 < flip.months.high
    assert flip.months.high - flip.months.low < 1.5


@pytest.mark.parametrize(("present", "growth"), [(0.999, "8%/month"), (1.001, "-8%/month"), (1.001, "8%/month")])
def test_a_change_whose_interval_holds_the_present_may_be_now(present: float, growth: str) -> None:
    """Its months begin at 0, and go on to where the traffic leaves the interval."""
    traffic = {"kind": "poisson", "mean_rate": f"{present}/s"}
    (flip,) = crossover(scenario(traffic=traffic), "traffic.mean_rate=0.4/s..3/s", growth=growth).flips
    change, months = flip.change, flip.months
    assert change.low is not None
    assert change.high is not None
    assert months is not None
    assert change.low < present < change.high
    end = change.high if growth[0] != "-" else change.low
    share = math.log1p(0.08) if growth[0] != "-" else math.log1p(-0.08)
    assert (0.0, pytest.approx(math.log(end / present) / share)) == (months.low, months.high)
    assert months.value is not None
    assert 0.0 <= months.value <= (months.high or 0.0)


def test_a_limit_that_a_measure_runs_into_steeply_is_closed_in_on_from_both_sides() -> None:
    """p95 is flat and then explodes: straight lines miss on one side, and 37 points would be needed; 24 are enough."""
    pools = [instances(count, routing="least_outstanding_requests") for count in (1, 2)]
    model = {"service_time": {"kind": "lognormal", "mean": "200ms", "cv": 0.5}, "startup_time": "0s"}
    result = crossover(scenario(model=model, endpoints=pools, objectives=["p95 < 1s"]), "traffic.mean_rate=5/s..35/s")
    (change,) = result.changes
    assert ("x1", "x2", Reason.LOSES, True) == (change.before, change.after, change.cause.reason, change.is_decided)
    assert 30 > len(result.line.spots)


def test_why_a_closed_form_lies_elsewhere_is_said() -> None:
    """Bursts spill over more than Erlang's formula says at the mean rate; the closed form is outside the interval."""
    bursty = {"kind": "bursty", "mean_rate": "5/s", "burst_factor": 4, "burst_share": "20%", "burst_length": "30s"}
    (flip,) = crossover(kept(1, traffic=bursty), "traffic.mean_rate=4/s..24/s:5").flips
    assert flip.predicted is not None
    assert not flip.change.holds(flip.predicted)
    assert flip.predicted < flip.change.at
    assert (
        "what spills over the provisioned concurrency of kept is taken from Erlang's loss formula at the mean rate, "
        "and the traffic varies",
    ) == flip.why_apart
