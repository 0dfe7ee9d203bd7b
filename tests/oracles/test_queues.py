"""Queues with closed forms: M/M/c, M/G/1, G/M/c, bursts, a limit on the queue, patience, and choosing an instance.

Patience of clients is in `test_impatience`, the queue that scales to zero in `test_scale_to_zero`. The dispersion of
arrivals is held against its formulas where traffic is tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Outcome
from simulator.units import FOREVER, to_ns
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import Observed, observe
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, replicate

Draw = Callable[[np.random.Generator, float], draws.Times]


def queue(servers: int, queue_limit: int = FOREVER, patience_s: float | None = None) -> Pool:
    """One instance with as many workers as there are servers, first come, first served."""
    return Pool(
        standing=1,
        launches=False,
        routing=Routing.CENTRAL_QUEUE,
        places=servers,
        queue_limit=queue_limit,
        timeout_ns=FOREVER if patience_s is None else to_ns(patience_s),
        timeout_from=TimeoutFrom.ARRIVAL,
    )


def settled_s(lam: float, servers: int, mu: float = 1.0) -> float:
    """Initial part to leave out: 20 relaxation times of a queue, as rho = lam / (c mu) rules them."""
    return 20 / (servers * mu * (1 - lam / (servers * mu)) ** 2)


def exponential(rng: np.random.Generator, n: int) -> draws.Times:
    """Service times with mean 1 s."""
    return rng.exponential(1.0, n)


def measures(seen: Observed, quantiles: tuple[float, ...] = ()) -> dict[str, float]:
    """The estimates that the queues below have in common."""
    waiting, latency = seen.waiting_s(), seen.latency_s()
    found = {
        "waits": float(np.mean(waiting > 0)),
        "waiting": float(waiting.mean()),
        "latency": float(latency.mean()),
        "latency over 10 s": float(np.mean(latency > 10)),
        "waiting over 1 s": float(np.mean(waiting > 1)),
        "waiting over 2 s": float(np.mean(waiting > 2)),
    }
    if quantiles:
        for share, value in zip(quantiles, np.quantile(latency, quantiles), strict=True):
            found[f"p{100 * share:g}"] = float(value)
        found["waiting p99"] = float(np.quantile(waiting, 0.99))
    return found


def mmc_quantile(lam: float, servers: int, share: float) -> float:
    """Latency quantile of M/M/c with mean service 1 s."""
    return cf.quantile(lambda t: cf.mmc_latency_tail(t, lam, 1.0, servers), share)


def simulated(
    row: int,
    total: float,
    size: Size,
    rate: float,
    pool: Pool,
    arrivals: Draw,
    service: Callable[[np.random.Generator, int], draws.Times | float],
    initial_s: float,
    quantiles: tuple[float, ...] = (),
) -> Mapping[str, np.ndarray]:
    """Estimates of all replications, `total` requests together in the full size."""
    horizon_s = initial_s + total * size.requests / REPLICATIONS / rate

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = arrivals(rng, horizon_s)
        seen = observe(pool, arrivals_s, service(rng, len(arrivals_s)), horizon_s=horizon_s, initial_s=initial_s)
        return measures(seen, quantiles)

    return replicate(one, row)


@both_sizes
def test_mm1(size: Size) -> None:
    """Row 1: M/M/1 at load 0.8 waits, and its latency is exponential."""
    found = simulated(
        *(1, 3e7, size, 0.8, queue(1)),
        *(lambda rng, horizon_s: draws.poisson(rng, 0.8, horizon_s), exponential, settled_s(0.8, 1), (0.99,)),
    )
    exact = {
        "waiting": Exact(cf.mmc_waiting(0.8, 1, 1), 0.004, {"constant service": cf.mg1_waiting(0.8, 1, 0)}),
        "waits": Exact(0.8, 0.001),
        "p99": Exact(mmc_quantile(0.8, 1, 0.99), 0.005),
        "latency over 10 s": Exact(cf.mmc_latency_tail(10, 0.8, 1, 1), 0.005),
    }
    check(found, exact, size)


@both_sizes
def test_mm4(size: Size) -> None:
    """Row 2: M/M/4 is Erlang C, and not two queues of M/M/2."""
    found = simulated(
        *(2, 3e7, size, 3.0, queue(4)),
        *(lambda rng, horizon_s: draws.poisson(rng, 3, horizon_s), exponential, settled_s(3, 4), (0.5, 0.95, 0.99)),
    )
    exact = {
        "waits": Exact(cf.erlang_c(4, 3), 0.001, {"two queues": cf.erlang_c(2, 1.5)}),
        "waiting": Exact(cf.mmc_waiting(3, 1, 4), 0.003, {"two queues": cf.mmc_waiting(1.5, 1, 2)}),
        **{
            f"p{100 * share:g}": Exact(mmc_quantile(3, 4, share), 0.003, {"two queues": mmc_quantile(1.5, 2, share)})
            for share in (0.5, 0.95, 0.99)
        },
    }
    check(found, exact, size)


@both_sizes
def test_mm10(size: Size) -> None:
    """Row 3: M/M/10 is Erlang C with ten servers, neither nine nor eleven."""
    found = simulated(
        *(3, 8e7, size, 8.0, queue(10)),
        *(lambda rng, horizon_s: draws.poisson(rng, 8, horizon_s), exponential, settled_s(8, 10), (0.99,)),
    )
    exact = {
        "waits": Exact(cf.erlang_c(10, 8), 0.003, {f"{c} servers": cf.erlang_c(c, 8) for c in (9, 11)}),
        "waiting": Exact(cf.mmc_waiting(8, 1, 10), 0.003, {f"{c} servers": cf.mmc_waiting(8, 1, c) for c in (9, 11)}),
        "p99": Exact(mmc_quantile(8, 10, 0.99), 0.003),
    }
    check(found, exact, size)


@both_sizes
def test_mg1(size: Size) -> None:
    """Row 4: M/G/1 with lognormal service of cv 2 waits as Pollaczek and Khinchine say."""
    found = simulated(
        *(4, 1e8, size, 0.7, queue(1), lambda rng, horizon_s: draws.poisson(rng, 0.7, horizon_s)),
        *(lambda rng, n: draws.lognormal(rng, 1.0, 2.0, n), 20 / 0.3**2),
    )
    exact = {
        "waiting": Exact(cf.mg1_waiting(0.7, 1, 2), 0.004, {"exponential service": cf.mg1_waiting(0.7, 1, 1)}),
        "waits": Exact(0.7, 0.001),
    }
    check(found, exact, size)


@both_sizes
def test_md1(size: Size) -> None:
    """Row 5: M/D/1 waits half as long as M/M/1, with Erlang's law of waiting."""
    found = simulated(
        *(5, 6e7, size, 0.8, queue(1), lambda rng, horizon_s: draws.poisson(rng, 0.8, horizon_s)),
        *(lambda rng, n: 1.0, settled_s(0.8, 1), (0.99,)),
    )
    p99 = cf.quantile(lambda t: cf.md1_waiting_tail(t, 0.8, 1), 0.99, upper=19)
    exact = {
        "waiting": Exact(cf.mg1_waiting(0.8, 1, 0), 0.002, {"exponential": cf.mmc_waiting(0.8, 1, 1)}),
        "waiting over 2 s": Exact(cf.md1_waiting_tail(2, 0.8, 1), 0.002, {"exponential": 0.8 * math.exp(-0.4)}),
        "waiting p99": Exact(p99, 0.002, {"exponential": math.log(80) / 0.2}),
    }
    check(found, exact, size)


@both_sizes
@pytest.mark.parametrize(("servers", "rate"), [(1, 0.7), (4, 3.0)])
def test_gamma_gaps(servers: int, rate: float, size: Size) -> None:
    """Rows 6 and 7: gamma gaps of cv 2 before exponential servers (Takács) are no Poisson traffic."""
    found = simulated(
        *(5 + (1 if servers == 1 else 2), 8e7 if servers == 1 else 3e7, size, rate, queue(servers)),
        *(lambda rng, horizon_s: draws.gamma_renewal(rng, rate, 2.0, horizon_s), exponential),
        *(4 * settled_s(rate, servers), (0.99,)),
    )
    waits, waiting, sigma = cf.gmc(lambda s: cf.gamma_gap_transform(s, rate, 2.0), 1.0, servers)
    exact = {
        "waits": Exact(waits, 0.003, {"Poisson": cf.erlang_c(servers, rate)}),
        "waiting": Exact(waiting, 0.003, {"Poisson": cf.mmc_waiting(rate, 1, servers)}),
    }
    if servers == 1:
        exact["p99"] = Exact(math.log(100) / (1 - sigma), 0.003, {"Poisson": mmc_quantile(rate, 1, 0.99)})
    check(found, exact, size)


BURSTY_RATES, BURSTY_LEAVING = (10.0, 1.0), (1 / 30, 1 / 120)


@both_sizes
def test_bursts_before_a_queue(size: Size) -> None:
    """Row 8: bursts make six servers wait 800 times longer than Poisson traffic of the same rate."""
    found = simulated(
        *(8, 2e8, size, 2.8, queue(6)),
        *(lambda rng, horizon_s: draws.mmpp(rng, BURSTY_RATES, BURSTY_LEAVING, horizon_s), exponential, 2000.0),
    )
    waiting, waits = cf.mmpp_mmc(BURSTY_RATES, BURSTY_LEAVING, 1.0, 6)
    exact = {
        "waiting": Exact(waiting, 0.005, {"Poisson": cf.mmc_waiting(2.8, 1, 6)}),
        "waits": Exact(waits, 0.005, {"Poisson": cf.erlang_c(6, 2.8)}),
    }
    check(found, exact, size)


@both_sizes
def test_limited_queue(size: Size) -> None:
    """Row 10: M/M/3/8 loses, and those it takes wait, as its chain says; the limit counts those who wait only."""
    row = cf.Mmck(4.0, 1.0, 3, 8)
    horizon_s = 50.0 + 2.5e7 * size.requests / REPLICATIONS / 4

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 4, horizon_s)
        service_s = exponential(rng, len(arrivals_s))
        seen = observe(queue(3, queue_limit=5), arrivals_s, service_s, horizon_s=horizon_s, initial_s=50.0)
        return {**measures(seen), "loss": seen.share(Outcome.THROTTLED)}

    exact = {
        "loss": Exact(row.loss(), 0.001, {"eight may wait": cf.Mmck(4, 1, 3, 11).loss()}),
        "waiting": Exact(row.waiting(), 0.001, {"eight may wait": cf.Mmck(4, 1, 3, 11).waiting()}),
        "waits": Exact(row.waits(), 0.001),
        "waiting over 1 s": Exact(row.waiting_tail(1), 0.001, {"eight may wait": cf.Mmck(4, 1, 3, 11).waiting_tail(1)}),
    }
    check(replicate(one, 10), exact, size)


@both_sizes
def test_patience(size: Size) -> None:
    """Row 12: with a time-out of 2 s from arrival, those never started are those who lost patience in M/M/4+D.

    A time-out while in service leaves the queue as it is, so the share of all time-outs is another number.
    """
    horizon_s = 100.0 + 4e7 * size.requests / REPLICATIONS / 5

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 5, horizon_s)
        service_s = exponential(rng, len(arrivals_s))
        seen = observe(queue(4, patience_s=2.0), arrivals_s, service_s, horizon_s=horizon_s, initial_s=100.0)
        started = seen.requests.start_ns != NONE
        return {
            "never started": float(np.mean(~started)),
            "waits": float(1 - np.mean(seen.requests.start_ns == seen.arrival_ns)),
            "timed out": seen.share(Outcome.TIMED_OUT),
        }

    found = replicate(one, 12)
    gives_up, waits = cf.mmc_patience(5, 1, 4, 2)
    exact = {
        "never started": Exact(gives_up, 0.001, {"any time-out": float(found["timed out"].mean())}),
        "waits": Exact(waits, 0.001, {"no patience": 1.0}),
    }
    check(found, exact, size)


ONE_QUEUE = 1 + cf.mmc_waiting(1.6, 1, 2)
LATENCY = {
    Routing.LEAST_OUTSTANDING_REQUESTS: cf.join_shortest_queue(1.6, 1),
    Routing.RANDOM: 1 + cf.mmc_waiting(0.8, 1, 1),
    Routing.CENTRAL_QUEUE: ONE_QUEUE,
}


@both_sizes
@pytest.mark.parametrize("routing", LATENCY)
def test_choice_of_instance(routing: Routing, size: Size) -> None:
    """Row 13: two instances at load 0.8 answer in 2.78 s, 2.96 s or 5 s, by how a request finds its instance."""
    pool = Pool(standing=2, launches=False, routing=routing, places=1, timeout_from=TimeoutFrom.ARRIVAL)
    initial_s = 500.0
    horizon_s = initial_s + 3e7 * size.requests / REPLICATIONS / 1.6

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 1.6, horizon_s)
        service_s = exponential(rng, len(arrivals_s))
        chosen = rng.random(len(arrivals_s))
        seen = observe(pool, arrivals_s, service_s, routing=chosen, horizon_s=horizon_s, initial_s=initial_s)
        return {"latency": float(seen.latency_s().mean())}

    others = {other.name: value for other, value in LATENCY.items() if other is not routing}
    exact = Exact(LATENCY[routing], 0.002, {**others, "ROUND_ROBIN": 3.8439798})
    check(replicate(one, 13, int(routing)), {"latency": exact}, size)
