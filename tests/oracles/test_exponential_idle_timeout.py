"""Exponential idle timeouts make the idle routing irrelevant: all four must agree with one small Markov chain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from simulator.engines.pool import IDLE_ROUTINGS, Routing
from simulator.engines.tables import Outcome
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import observe, on_demand
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, replicate


@dataclass(frozen=True)
class Row:
    """A chain, the requests of its full size, and the greatest relative standard errors there."""

    number: int
    rate: float
    startup_rate: float
    expiry_rate: float
    max_concurrency: int
    total: float
    errors: dict[str, float]


ROWS = [
    Row(26, 1.0, math.inf, 0.2, 12, 1.6e7, {"cold": 5e-4, "idle": 5e-4}),
    Row(27, 1.0, 0.5, 0.2, 12, 2e7, {"cold": 7e-4, "starting": 1e-3, "idle": 5e-4}),
    Row(28, 2.0, 0.5, 0.1, 4, 2.4e7, {"cold": 1e-3, "throttled": 1e-3, "starting": 1.5e-3, "busy": 1e-3, "idle": 1e-3}),
    Row(
        *(29, 0.2, 0.25, 0.05, 3, 2.4e7),
        {"cold": 1e-3, "throttled": 3e-3, "starting": 1e-3, "busy": 1e-3, "idle": 1e-3},
    ),
]


@both_sizes
@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS))
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.number}")
def test_chain(row: Row, routing: Routing, size: Size) -> None:
    """Rows 26 to 29: cold, throttled, starting, busy and idle are those of the chain, whatever the idle routing."""
    initial_s = 20 * (1 / row.expiry_rate + 1 / row.startup_rate + 1)
    horizon_s = initial_s + row.total * size.requests / REPLICATIONS / row.rate

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, row.rate, horizon_s)
        n = len(arrivals_s)
        seen = observe(
            on_demand(routing, max_concurrency=row.max_concurrency),
            arrivals_s,
            rng.exponential(1.0, n),
            startup_s=rng.exponential(1 / row.startup_rate, n),
            idle_timeout_s=rng.exponential(1 / row.expiry_rate, n),
            routing=rng.random(n),
            horizon_s=horizon_s,
            initial_s=initial_s,
        )
        return {
            "cold": seen.cold_share(),
            "throttled": seen.share(Outcome.THROTTLED),
            "starting": seen.starting(),
            "busy": seen.busy(),
            "idle": seen.idle(),
        }

    chain = cf.exponential_idle_timeout(row.rate, 1.0, row.startup_rate, row.expiry_rate, row.max_concurrency)
    constant = cf.most_recently_idle(row.rate, 1.0, 1 / row.expiry_rate)
    wrong = {"cold": {"constant idle timeout": constant[0]}, "idle": {"constant idle timeout": constant[1]}}
    exact = {name: Exact(getattr(chain, name), error, wrong.get(name, {})) for name, error in row.errors.items()}
    check(replicate(one, row.number, int(routing)), exact, size)
