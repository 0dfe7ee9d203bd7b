"""On-demand instances: loss, spillover and cold starts, against Erlang B, renewal theory and a stack of idle ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from simulator.engines.pool import IDLE_ROUTINGS, Routing
from simulator.engines.tables import Outcome
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import Observed, observe, on_demand
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, check_flags, generator, replicate

SERVICE: dict[str, Callable[[np.random.Generator, int], draws.Times | float]] = {
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "constant": lambda rng, n: 1.0,
    "lognormal": lambda rng, n: draws.lognormal(rng, 1.0, 2.0, n),
}


@both_sizes
def test_bursts_without_a_limit(size: Size) -> None:
    """Row 9: the number busy under bursts has the mean of Poisson traffic and five times its variance."""
    rates, leaving = (10.0, 1.0), (1 / 30, 1 / 120)
    initial_s = 250.0
    horizon_s = initial_s + 3.6e7 * size.requests / REPLICATIONS / 2.8

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.mmpp(rng, rates, leaving, horizon_s)
        service_s = rng.exponential(1.0, len(arrivals_s))
        seen = observe(on_demand(), arrivals_s, service_s, idle_timeout_s=1.0, horizon_s=horizon_s, initial_s=initial_s)
        instants = np.concatenate([seen.demand.arrival_ns, seen.run.requests.release_ns])
        order = np.argsort(instants, kind="stable")
        steps = np.concatenate([np.ones(len(arrivals_s), np.int8), np.full(len(arrivals_s), -1, np.int8)])[order]
        busy = np.concatenate([[0], np.cumsum(steps)])
        edges = np.clip(np.concatenate([[0], instants[order], [seen.horizon_ns]]), seen.initial_ns, seen.horizon_ns)
        lengths = np.diff(edges) / (seen.horizon_ns - seen.initial_ns)
        mean = float(lengths @ busy)
        return {"mean busy": mean, "variance of busy": float(lengths @ busy**2) - mean**2}

    mean, variance = cf.mmpp_infinite(rates, leaving, 1.0)
    exact = {"mean busy": Exact(mean, 0.003), "variance of busy": Exact(variance, 0.003, {"Poisson": mean})}
    check(replicate(one, 9), exact, size)


@both_sizes
@pytest.mark.parametrize("law", SERVICE)
def test_throttled(law: str, size: Size) -> None:
    """Row 14: at a limit of 10 and 8 erlangs Erlang B is throttled, whatever the law of service."""
    horizon_s = 100.0 + 3e7 * size.requests / REPLICATIONS / 8

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 8, horizon_s)
        service_s = SERVICE[law](rng, len(arrivals_s))
        pool = on_demand(max_concurrency=10)
        seen = observe(pool, arrivals_s, service_s, idle_timeout_s=1.0, horizon_s=horizon_s, initial_s=100.0)
        return {"throttled": seen.share(Outcome.THROTTLED)}

    exact = Exact(cf.erlang_b(10, 8), 0.002, {f"limit {k}": cf.erlang_b(k, 8) for k in (9, 11)})
    check(replicate(one, 14, list(SERVICE).index(law)), {"throttled": exact}, size)


@both_sizes
def test_spillover(size: Size) -> None:
    """Row 15: provisioned concurrency that serves first lets Erlang B spill over, whatever cold starts cost there."""
    horizon_s = 100.0 + 2.4e7 * size.requests / REPLICATIONS / 2

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 2, horizon_s)
        seen = observe(
            on_demand(provisioned=3),
            arrivals_s,
            draws.lognormal(rng, 1.0, 2.0, len(arrivals_s)),
            startup_s=4.0,
            idle_timeout_s=5.0,
            horizon_s=horizon_s,
            initial_s=100.0,
        )
        return {"spillover": float(np.mean(seen.requests.instance >= 3))}

    wrong = {f"{p} provisioned": cf.erlang_b(p, 2) for p in (2, 4)}
    wrong["cold starts block provisioned places"] = cf.erlang_b(3, 2 + 2 * 4 * cf.erlang_b(3, 2))
    check(replicate(one, 15), {"spillover": Exact(cf.erlang_b(3, 2), 0.001, wrong)}, size)


def one_instance(size: Size, idle_timeout: Callable[[draws.Times], draws.Times | float]) -> Observed:
    """Row 16: one instance, 3 s of service (lognormal), 6 s of startup (gamma), a request every 20 s on average."""
    rng = generator(16, 0, 0)
    horizon_s = 2e7 * size.requests / 0.05
    arrivals_s = draws.poisson(rng, 0.05, horizon_s)
    service_s = draws.lognormal(rng, 3.0, 2.0, len(arrivals_s))
    return observe(
        on_demand(max_concurrency=1),
        arrivals_s,
        service_s,
        startup_s=rng.gamma(4.0, 6.0 / 4, len(arrivals_s)),
        idle_timeout_s=idle_timeout(service_s),
        horizon_s=horizon_s,
        initial_s=200.0,
    )


def cold_flags(seen: Observed) -> np.ndarray:
    """Cold or not, of the requests that were served."""
    return np.asarray(seen.requests.is_cold[seen.requests.outcome == Outcome.COMPLETED])


@both_sizes
def test_one_instance(size: Size) -> None:
    """Row 16: with one instance cold flags are independent with chance exp(-lam T), and Erlang B is throttled."""
    seen = one_instance(size, lambda service_s: 20.0)
    cold = math.exp(-0.05 * 20)
    check_flags(cold_flags(seen), cold, {"startup counts as idle": math.exp(-0.05 * 14)})
    estimates = np.array([np.mean(part) for part in np.array_split(seen.requests.outcome == Outcome.THROTTLED, 32)])
    exact = Exact(cf.erlang_b(1, 0.05 * (3 + 6 * cold)), 0.001, {"startup takes no place": cf.erlang_b(1, 0.05 * 3)})
    check({"throttled": estimates}, {"throttled": exact}, size)


def test_one_instance_refuses_an_idle_timeout_counted_from_the_start(request: pytest.FixtureRequest) -> None:
    """Row 16, broken on purpose: an idle timeout that runs from the start of service is refused."""
    seen = one_instance(Size("quick", 0.25, 2.0), lambda service_s: np.maximum(20.0 - service_s, 0.0))
    with pytest.raises(AssertionError, match="refused"):
        check_flags(cold_flags(seen), math.exp(-0.05 * 20), {})


@both_sizes
def test_gaps_without_overlap(size: Size) -> None:
    """Row 17: gaps of 2 s plus a gamma time, 2 s of service: cold if the gamma time reaches the idle timeout."""
    rng = generator(17, 0, 0)
    n = int(8e6 * size.requests)
    arrivals_s = np.cumsum(2.0 + rng.gamma(0.25, 120.0, n))
    seen = observe(on_demand(), arrivals_s, 2.0, idle_timeout_s=60.0, horizon_s=arrivals_s[-1], initial_s=100.0)
    cold = float(stats.gamma.sf(60, 0.25, scale=120))
    from_start = float(stats.gamma.sf(58, 0.25, scale=120))
    check_flags(cold_flags(seen), cold, {"idle timeout from the start of service": from_start})


#: (row, rate, service rate, idle timeout, requests of the full size, errors of cold share and idle, wrong cold shares)
STACKS = [
    (18, 0.5, 1.0, 5.0, 1.4e7, 5e-4, {"least recently": 0.19744, "newest": 0.22970, "random": 0.21674}),
    (
        *(19, 2.0, 1.0, 5.0, 5e7, 5e-4),
        {"least recently": 0.01858, "newest": 0.09216, "random": 0.05453, "from start": 0.12561, "no timeout": 2.4e-6},
    ),
    (20, 5.0, 1.0, 10.0, 4e7, 1e-3, {"least recently": 3e-6, "newest": 0.02663}),
    (21, 0.1, 1.0, 10.0, 8e6, 5e-4, {}),
    (22, 1.0, 0.1, 60.0, 2e7, 2e-3, {}),
    (23, 10.0, 1.0, 1.0, 1.2e7, 1e-3, {}),
]


@both_sizes
@pytest.mark.parametrize(
    ("row", "rate", "service_rate", "idle_timeout_s", "total", "error", "wrong"), STACKS, ids=lambda v: str(v)[:6]
)
def test_most_recently_idle(
    row: int,
    rate: float,
    service_rate: float,
    idle_timeout_s: float,
    total: float,
    error: float,
    wrong: dict[str, float],
    size: Size,
) -> None:
    """Rows 18 to 23: cold starts and idle instances of most-recently-idle routing, exactly."""
    initial_s = idle_timeout_s + 20 / service_rate
    horizon_s = initial_s + total * size.requests / REPLICATIONS / rate

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, rate, horizon_s)
        service_s = rng.exponential(1 / service_rate, len(arrivals_s))
        seen = observe(
            on_demand(), arrivals_s, service_s, idle_timeout_s=idle_timeout_s, horizon_s=horizon_s, initial_s=initial_s
        )
        return {"cold": seen.cold_share(), "idle": seen.idle()}

    cold, idle = cf.most_recently_idle(rate, service_rate, idle_timeout_s)
    check(replicate(one, row), {"cold": Exact(cold, error, wrong), "idle": Exact(idle, error)}, size)


@pytest.mark.parametrize(("broken", "published"), [("from start", 0.12561), ("from creation", 0.30431), ("never", 0.0)])
def test_most_recently_idle_refuses_broken_rules(broken: str, published: float) -> None:
    """Row 19 with a broken idle timeout gives the share published for that break, and is refused."""
    size = Size("broken", 0.05, 5.0)
    horizon_s = 25.0 + 1.6e6 / REPLICATIONS / 2

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 2, horizon_s)
        service_s = rng.exponential(1.0, len(arrivals_s))
        idle_timeout_s = {"from start": np.maximum(5.0 - service_s, 0.0), "from creation": None, "never": None}[broken]
        seen = observe(
            on_demand(),
            arrivals_s,
            service_s,
            idle_timeout_s=idle_timeout_s,
            lifetime_s=5.0 if broken == "from creation" else None,
            horizon_s=horizon_s,
            initial_s=25.0,
        )
        return {"cold": seen.cold_share()}

    found = replicate(one, 19, 1)
    with pytest.raises(AssertionError, match="refused"):
        check(found, {"cold": Exact(cf.most_recently_idle(2, 1, 5)[0], 5e-4)}, size)
    assert published == pytest.approx(float(found["cold"].mean()), rel=0.01, abs=2e-4)


#: Cold shares and idle instances at (0.5, 1, 5) and (2, 1, 5), published from an independent simulation of 1.2e8
#: requests, with their standard errors: a second opinion, not a closed form.
SECOND_OPINIONS = [
    (Routing.NEWEST_CREATED, 0.5, 0.229704, 3e-5, 1.205803),
    (Routing.RANDOM_IDLE, 0.5, 0.216740, 3e-5, 1.260447),
    (Routing.LEAST_RECENTLY_IDLE, 0.5, 0.197436, 4e-5, 1.357945),
    (Routing.NEWEST_CREATED, 2.0, 0.092161, 3e-5, 2.603022),
    (Routing.RANDOM_IDLE, 2.0, 0.054526, 2e-5, 3.065657),
]


@both_sizes
@pytest.mark.parametrize(("routing", "rate", "cold", "error", "idle"), SECOND_OPINIONS, ids=lambda v: str(v)[:20])
def test_other_idle_routings(routing: Routing, rate: float, cold: float, error: float, idle: float, size: Size) -> None:
    """The other idle routings agree with an independent simulation of the same pool."""
    horizon_s = 200.0 + 2.8e7 * size.requests / REPLICATIONS / rate

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, rate, horizon_s)
        seen = observe(
            on_demand(routing),
            arrivals_s,
            rng.exponential(1.0, len(arrivals_s)),
            idle_timeout_s=5.0,
            routing=rng.random(len(arrivals_s)),
            horizon_s=horizon_s,
            initial_s=200.0,
        )
        return {"cold": seen.cold_share(), "idle": seen.idle()}

    found = replicate(one, 18, 100 + int(routing) + (10 if rate == 2 else 0))
    shares = found["cold"]
    both = math.hypot(shares.std(ddof=1) / math.sqrt(REPLICATIONS), error)
    assert abs(cold - shares.mean()) <= 4.5 * both
    assert both <= 1e-3 * size.error * cold
    assert idle == pytest.approx(float(found["idle"].mean()), rel=2e-3)


@both_sizes
def test_limit_and_stack(size: Size) -> None:
    """Row 24: with at most 5 busy the stack is cut, the throttled are Erlang B, idle instances do not count."""
    horizon_s = 50.0 + 8e7 * size.requests / REPLICATIONS / 4

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 4, horizon_s)
        seen = observe(
            on_demand(max_concurrency=5),
            arrivals_s,
            rng.exponential(1.0, len(arrivals_s)),
            idle_timeout_s=3.0,
            horizon_s=horizon_s,
            initial_s=50.0,
        )
        return {"cold": seen.cold_share(), "throttled": seen.share(Outcome.THROTTLED), "idle": seen.idle()}

    cold, idle = cf.most_recently_idle(4, 1, 3, 5)
    exact = {
        "cold": Exact(cold, 1e-3, {"no limit": cf.most_recently_idle(4, 1, 3)[0]}),
        "throttled": Exact(cf.erlang_b(5, 4), 1e-3, {f"limit {k}": cf.erlang_b(k, 4) for k in (4, 6)}),
        "idle": Exact(idle, 1e-3, {"no limit": cf.most_recently_idle(4, 1, 3)[1]}),
    }
    check(replicate(one, 24), exact, size)


@both_sizes
@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS))
def test_no_instance_at_all(routing: Routing, size: Size) -> None:
    """Row 25: an arrival finds the pool empty with chance exp(-rho - lam T), for any service law and idle routing."""
    rate, mean_s, idle_timeout_s = 0.2, 1.0, 6.0
    horizon_s = 100.0 + 8e6 * size.requests / REPLICATIONS / rate

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, rate, horizon_s)
        seen = observe(
            on_demand(routing),
            arrivals_s,
            draws.lognormal(rng, mean_s, 2.0, len(arrivals_s)),
            idle_timeout_s=idle_timeout_s,
            routing=rng.random(len(arrivals_s)),
            horizon_s=horizon_s,
            initial_s=100.0,
        )
        instances = seen.run.instances
        launched = np.searchsorted(instances.launch_ns, seen.arrival_ns, side="left")
        gone = np.searchsorted(np.sort(instances.gone_ns), seen.arrival_ns, side="right")
        return {"empty": float(np.mean(launched == gone))}

    wrong = {"idle timeout from the start": math.exp(-1.2), "cold": cf.most_recently_idle(0.2, 1, 6)[0]}
    check(replicate(one, 25, int(routing)), {"empty": Exact(math.exp(-0.2 - 1.2), 1e-3, wrong)}, size)
