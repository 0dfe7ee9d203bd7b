"""How long does an idle instance stay warm, and what does the answer depend on? Public cases C16, C24, C25."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Run
from simulator.units import NS_PER_SECOND, array_to_ns
from tests.cases.asking import column, serverless, study
from tests.oracles.recipe import QUICK, Exact, check, replicate

DATA = Path(__file__).parent.parent / "data"
ON_DEMAND = Pool(standing=0, launches=True, routing=Routing.MOST_RECENTLY_IDLE)
MINUTE = 60 * NS_PER_SECOND
MS = 1_000_000

Simulate = Callable[[Pool, Demand], Run]
both_engines = pytest.mark.parametrize(
    "simulate", [compiled.simulate, reference.simulate], ids=["compiled", "reference"]
)


def cold(simulate: Simulate, arrival_ns: object, service_ns: int, idle_timeout_ns: int) -> list[bool]:
    """Which requests were cold starts."""
    demand = Demand.from_arrays(arrival_ns, service_ns, idle_timeout_ns=idle_timeout_ns)
    return [bool(flag) for flag in simulate(ON_DEMAND, demand).requests.is_cold]


#: Idle timeout → (cold share as published, exact). Requests are 10 min apart on average, so short that they never meet.
UNKNOWN_TIMEOUTS: dict[str, tuple[str, float, Any]] = {
    "30 s": ("95%", math.exp(-0.05), "30s"),
    "5 min": ("61%", math.exp(-0.5), "5m"),
    "10 min": ("37%", math.exp(-1), "10m"),
    "15 min": ("22%", math.exp(-1.5), "15m"),
    "5 to 15 min": (
        *("38.3%", math.exp(-0.5) - math.exp(-1.5)),
        {"kind": "uniform", "low": "5m", "high": "15m"},
    ),
}


def test_case_c16_an_unknown_idle_timeout_is_a_range_of_answers() -> None:
    """C16 (aws/sagemaker-python-sdk#3446): Poisson, one request in 10 min; cold share exp(-T/10).

    95 % at T = 0.5 min, 61 % at 5, 37 % at 10, 22 % at 15; T uniform in 5 to 15 min: (e^-0.5 - e^-1.5)/1 = 38.3 %.
    One study, five endpoints under the same traffic.
    """
    found = study(
        {"kind": "poisson", "mean_rate": "6/h"},
        "1ms",
        [serverless(f"t{i}", idle_timeout=t) for i, (*_, t) in enumerate(UNKNOWN_TIMEOUTS.values())],
        horizon="365d",
        initial_transient="1h",
        replications=32,
    )
    for i, (published, exact, _) in enumerate(UNKNOWN_TIMEOUTS.values()):
        digits = len(published.partition(".")[2].rstrip("%"))
        assert published == f"{exact:.{digits}%}"
        estimates = {"cold": column(found, f"t{i}", "cold_start_fraction")}
        check(estimates, {"cold": Exact(exact, 0.002)}, QUICK)


@both_engines
@pytest.mark.parametrize(
    ("gap_ns", "colds"),
    [(10 * MINUTE - MS, 1), (10 * MINUTE, 50), (10 * MINUTE + MS, 50)],
    ids=["shorter", "equal", "longer"],
)
def test_case_c24_constant_gaps(simulate: Simulate, gap_ns: int, colds: int) -> None:
    """C24: idle gaps just under 10 min: the first request alone is cold; over it, or equal: all 50.

    The rule for the equal case: warm is idle for less than the timeout, strictly.
    """
    service_ns = 200 * MS
    arrival_ns = np.arange(50) * (gap_ns + service_ns)
    assert colds == sum(cold(simulate, arrival_ns, service_ns, 10 * MINUTE))


def test_case_c24_random_gaps() -> None:
    """C24 (AWS Lambda since July 2019: 10 min; Azure: 20 min; Lambda before: 25 to 60 min), a request in 10 min.

    exp(-10/10) = 36.8 %; exp(-20/10) = 13.5 %; uniform: (10/35)(e^-2.5 - e^-6) = 2.3 %.
    """
    timeouts: dict[str, tuple[float, Any]] = {
        "36.8%": (math.exp(-1), "10m"),
        "13.5%": (math.exp(-2), "20m"),
        "2.3%": (10 / 35 * (math.exp(-2.5) - math.exp(-6)), {"kind": "uniform", "low": "25m", "high": "60m"}),
    }
    found = study(
        {"kind": "poisson", "mean_rate": "6/h"},
        "1ms",
        [serverless(f"t{i}", idle_timeout=t) for i, (_, t) in enumerate(timeouts.values())],
        horizon="730d",
        initial_transient="2h",
        replications=32,
    )
    for i, (published, (exact, _)) in enumerate(timeouts.items()):
        assert published == f"{exact:.1%}"
        estimates = {"cold": column(found, f"t{i}", "cold_start_fraction")}
        check(estimates, {"cold": Exact(exact, 0.003)}, QUICK)


#: Idle timeout in minutes → cold share of the median function, as published.
MEDIAN_FUNCTION = {5: "5.5%", 10: "2.2%", 20: "1.1%", 60: "0.5%"}


@pytest.mark.parametrize("timeout_min", MEDIAN_FUNCTION)
def test_case_c24_recorded_minutes(timeout_min: int) -> None:
    """C24 on a day of 200 Azure functions: the median function is cold in 5.5 %, 2.25 %, 1.1 % or 0.5 % of its calls.

    One call stands at the start of each minute that had any, the others of that minute find it warm; cold if the
    gap is the timeout or more. So a call lasts 1 ns and the timeout is 1 ns shorter: the idle time is g - 1 ns.
    At 10 min about 15 % of the functions are cold in more than half of their calls.
    """
    shares = []
    with gzip.open(DATA / "azure_functions_2019_day.csv.gz", "rt", encoding="ascii") as file:
        for row in csv.DictReader(file):
            bits = np.unpackbits(np.frombuffer(bytes.fromhex(row["minutes_with_calls"]), np.uint8))
            arrival_ns = np.flatnonzero(bits) * MINUTE
            flags = cold(compiled.simulate, arrival_ns, 1, timeout_min * MINUTE - 1)
            shares.append(sum(flags) / int(row["calls"]))
    assert 200 == len(shares)
    assert MEDIAN_FUNCTION[timeout_min] == f"{np.median(shares):.1%}"
    if timeout_min == 10:
        assert 0.15 == pytest.approx(float(np.mean(np.array(shares) > 0.5)), abs=0.05)


@both_engines
@pytest.mark.parametrize(("gap_s", "flags"), [(0, [True, True]), (2, [True, False]), (8, [True, True])])
def test_case_c25_two_requests(simulate: Simulate, gap_s: int, flags: list[bool]) -> None:
    """C25 (BuilderIO/agent-native#3425), 5 s: two at once are both cold, 2 s apart one is warm, 8 s apart both cold."""
    arrival_ns = np.array([0, gap_s]) * NS_PER_SECOND
    assert flags == cold(simulate, arrival_ns, 100 * MS, 5 * NS_PER_SECOND)


def pinged(visits_s: np.ndarray, period_s: float, horizon_s: float) -> np.ndarray:
    """Cold flags of the visitors of an endpoint with an idle timeout of 5 s that is pinged every period."""
    pings_s = np.arange(0.0, horizon_s, period_s)
    both_s = np.concatenate([pings_s, visits_s])
    order = np.argsort(both_s, kind="stable")
    flags = cold(compiled.simulate, array_to_ns(both_s[order]), 1000, 5 * NS_PER_SECOND)
    return np.array(flags)[order >= len(pings_s)]


def test_case_c25_a_regular_visitor() -> None:
    """C25: a ping a minute, a visitor every 25 s: warm only if a ping came in the 5 s before, which is 1 in 12 (8 %).

    Visits stand at 12 phases of the minute, 5 s apart; one of them lies within 5 s after the ping.
    """
    horizon_s = 300.0 * 1000
    assert 11 / 12 == pinged(np.arange(2.5, horizon_s, 25.0), 60.0, horizon_s).mean()
    assert 11 / 12 == pinged(np.arange(4.9, horizon_s, 25.0), 60.0, horizon_s).mean()


def test_case_c25_always_warm_needs_a_ping_each_idle_timeout() -> None:
    """C25: pinged every 5 s, idle for a moment less than 5 s: every visitor is warm."""
    assert 0 == pinged(np.arange(2.5, 30_000.0, 25.0), 5.0, 30_000.0).sum()


def test_case_c25_a_random_visitor() -> None:
    """C25: pinged every minute, a Poisson visitor of rate r is cold with chance (1 - 5/60) exp(-5 r), about 1 - k/P."""
    rate, horizon_s = 1 / 600, 2e7

    def one(rng: np.random.Generator) -> dict[str, float]:
        visits_s = np.sort(rng.uniform(0.0, horizon_s, rng.poisson(rate * horizon_s)))
        return {"cold": float(pinged(visits_s, 60.0, horizon_s).mean())}

    exact = Exact((1 - 5 / 60) * math.exp(-5 * rate), 0.001, {"pings do nothing": math.exp(-5 * rate)})
    check(replicate(one, 1025), {"cold": exact}, QUICK)
