"""Runs worked out on paper: how they are written down, and on which engines they are checked.

Times are whole nanoseconds. Rows have the columns of their table, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engines import compiled, reference
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER

Row = tuple[Any, ...]

#: Every engine on which the traces are checked.
ENGINES = [reference, compiled]
each_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__.split(".")[-1])


def launching(**given: Any) -> Pool:
    """A pool that launches, nothing there at first."""
    return Pool(**{"standing": 0, "launches": True, "routing": Routing.MOST_RECENTLY_IDLE, **given})


def standing(instances: int = 1, **given: Any) -> Pool:
    """A pool of standing instances with one worker each and a central queue."""
    return Pool(**{"standing": instances, "launches": False, "routing": Routing.CENTRAL_QUEUE, **given})


def warm(start: int, release: int, instance: int) -> Row:
    """Completed, no instance was launched for it."""
    return Outcome.COMPLETED, Reason.NONE, start, release, release, instance, False


def cold(start: int, release: int, instance: int) -> Row:
    """Completed, an instance was launched for it."""
    return Outcome.COMPLETED, Reason.NONE, start, release, release, instance, True


def late(start: int, response: int, release: int, instance: int, is_cold: bool = False) -> Row:
    """Timed out, served to its release."""
    return Outcome.TIMED_OUT, Reason.NONE, start, response, release, instance, is_cold


def failed(response: int, release: int, instance: int) -> Row:
    """Its launch failed."""
    return Outcome.TIMED_OUT, Reason.NONE, NONE, response, release, instance, True


def left(limit: int, is_cold: bool = False) -> Row:
    """Timed out while it waited, never served."""
    return Outcome.TIMED_OUT, Reason.NONE, NONE, limit, NONE, NONE, is_cold


def expired(at: int) -> Row:
    """Its time to live passed while it waited."""
    return Outcome.EXPIRED, Reason.NONE, NONE, at, NONE, NONE, False


def throttled(reason: Reason) -> Row:
    """Turned away."""
    return Outcome.THROTTLED, reason, NONE, NONE, NONE, NONE, False


def there(launch: int = 0, ready: int = 0) -> Row:
    """An instance that is never gone."""
    return launch, ready, FOREVER


def rows(table: object) -> list[Row]:
    """The rows of a table, all columns."""
    return list(zip(*(getattr(table, f.name).tolist() for f in fields(table)), strict=True))  # type: ignore[arg-type]


def run_of(engine: ModuleType, pool: Pool, demand: Demand, launches: Sequence[int] = (0,)) -> Run:
    """The run of an engine, the same at once and fed request by request; launch times begin anew after the last."""

    def launch_times(n: int) -> NDArray[np.int64]:
        return np.resize(np.array(launches, np.int64), n)

    at_once: Run = engine.simulate(pool, demand, launch_times)
    simulation = engine.Simulation(pool, launch_times)
    parts = [simulation.feed(demand.rows(row, row + 1)) for row in range(len(demand))]
    in_blocks = Run.joined([*parts, simulation.finish()])
    for name in ("requests", "instances", "tries", "changes"):
        assert rows(getattr(at_once, name)) == rows(getattr(in_blocks, name))
    return at_once


def check(
    run: Run,
    requests: list[Row] | None = None,
    instances: list[Row] | None = None,
    tries: Sequence[Row] = (),
    changes: Sequence[Row] = (),
) -> None:
    """Every column of the tables; of requests or instances only if they are given."""
    if requests is not None:
        assert requests == rows(run.requests)
    if instances is not None:
        assert instances == rows(run.instances)
    assert list(tries) == rows(run.tries)
    assert list(changes) == rows(run.changes)
