"""How many requests are turned away at the maximum concurrency, and at what cost? Public cases C17 and C18."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simulator.engines.compiled import simulate
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Outcome
from simulator.units import FOREVER, array_to_ns
from tests.cases.asking import column, serverless, study
from tests.oracles.closed_forms import erlang_b
from tests.oracles.recipe import QUICK, REPLICATIONS, Exact, check, replicate


@pytest.mark.parametrize(("rate", "published"), [("2/s", "0.3%"), ("5/s", "7.0%"), ("8/s", "19.9%")])
def test_case_c17_the_default_limit_of_5(rate: str, published: str) -> None:
    """C17 (aws/sagemaker-python-sdk#2831): 0.5 s a request, limit 5. Erlang B(5, a) is lost: 0.3, 7.0, 19.9 %."""
    load = float(rate.removesuffix("/s")) * 0.5
    exact = erlang_b(5, load)
    assert published == f"{exact:.1%}"
    found = study(
        {"kind": "poisson", "mean_rate": rate},
        "500ms",
        [serverless("limit-5", max_concurrency=5)],
        horizon="30h" if load == 1 else "2h",
        initial_transient="1m",
        replications=32,
    )
    wrong = {f"limit {k}": erlang_b(k, load) for k in (4, 6)}
    estimates = {"throttled": column(found, "limit-5", "throttled_fraction")}
    check(estimates, {"throttled": Exact(exact, 0.006, wrong)}, QUICK)


def test_case_c17_cold_starts_block_the_limit() -> None:
    """C17, after an idle night: a cold start of 10 s holds each of 5 places for 10.5 s.

    Of N requests in the first 10 s, N Poisson with mean 80, 5 are taken: (80 - 5)/80 = 94 % are lost in the mean, in
    the first second E[(N - 5)+]/8 = 39 %, N Poisson with mean 8, against 19.9 % in the long run.
    """
    pool = Pool(standing=0, launches=True, routing=Routing.MOST_RECENTLY_IDLE, max_concurrency=5)

    def one(rng: np.random.Generator) -> dict[str, float]:
        lost_first = lost_ten = 0
        for _ in range(500):
            arrivals_s = np.sort(rng.uniform(0.0, 10.0, rng.poisson(80)))
            demand = Demand.from_arrays(array_to_ns(arrivals_s), 500_000_000, 10_000_000_000, FOREVER)
            lost = simulate(pool, demand).requests.outcome == Outcome.THROTTLED
            lost_first += int(lost[arrivals_s < 1.0].sum())
            lost_ten += int(lost.sum())
        return {"first second": lost_first / 500 / 8, "ten seconds": lost_ten / 500 / 80}

    counts = np.arange(6, 60)
    first = float((counts - 5) @ stats.poisson.pmf(counts, 8)) / 8
    assert "39%" == f"{first:.0%}"
    exact = {
        "first second": Exact(first, 0.01, {"long run": erlang_b(5, 4)}),
        "ten seconds": Exact(75 / 80, 0.005, {"long run": erlang_b(5, 4)}),
    }
    check(replicate(one, 1017), exact, QUICK)


#: Limit → share throttled during a nightly test, as published.
NIGHTLY = {5: "72%", 20: "7.8%", 26: "0.85%"}


def test_case_c18_cost_and_throttling_of_a_nightly_test() -> None:
    """C18 (an AWS blog post): 10,000 requests a minute for 15 min, 0.1 s each, on 4 GB: 16.7 erlangs.

    Erlang B: a limit of 5 loses 72 %, 20 loses 7.8 %, 26 loses 0.85 %; 25 would lose more than 1 %. Only what is served
    is paid, $8e-6 a request: the cheapest limit is the one that refuses most.
    """
    load = 10_000 / 60 * 0.1
    assert erlang_b(26, load) < 0.01 < erlang_b(25, load)
    found = study(
        {"kind": "poisson", "mean_rate": "10000/min"},
        "100ms",
        [serverless(f"limit-{k}", max_concurrency=k, platform="sagemaker") for k in NIGHTLY],
        horizon="15m",
        initial_transient="30s",
        replications=REPLICATIONS,
    )
    for limit, published in NIGHTLY.items():
        exact = erlang_b(limit, load)
        digits = len(published.partition(".")[2].rstrip("%"))
        assert published == f"{exact:.{digits}%}"
        name = f"limit-{limit}"
        wrong = {f"limit {k}": erlang_b(k, load) for k in (limit - 1, limit + 1)}
        estimates = {"throttled": column(found, name, "throttled_fraction")}
        check(estimates, {"throttled": Exact(exact, 0.008, wrong)}, QUICK)
        served = column(found, name, "completed")
        assert (8e-6 * served).tolist() == pytest.approx(column(found, name, "cost_usd").tolist(), rel=1e-12)
