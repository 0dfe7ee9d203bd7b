"""Where the time of a replication goes: draws, engine and tally, each timed block by block."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import pytest

from simulator.demand import draw_demand, replication_blocks
from simulator.engines import compiled
from simulator.engines.tables import Demand
from simulator.measures.tally import Tally
from simulator.scenario.model import Scenario
from simulator.units import to_ns
from tests.benchmarks.timing import REPEATS
from tests.benchmarks.workloads import Workload, central_queue, on_demand, random_routing

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

REQUESTS = 2_000_000
PARTS = ("draw", "engine", "tally", "in all")


@pytest.fixture(scope="module")
def lines() -> Iterator[list[str]]:
    """Printed when all is measured."""
    lines = [f"| ms of {REQUESTS:,} requests | {' | '.join(PARTS)} |", "|---|--:|--:|--:|--:|"]
    yield lines
    print("\n\n" + "\n".join(lines))


def times_s(scenario: Scenario) -> tuple[int, list[float]]:
    """Requests, and the time of each part [s]."""
    endpoint = scenario.endpoint("it")
    spent = dict.fromkeys(PARTS, 0.0)
    begin = perf_counter()
    simulation = compiled.Simulation(endpoint.pool())
    tally = Tally.of(endpoint, from_ns=0, until_ns=to_ns(scenario.horizon))
    blocks = replication_blocks(scenario, 1)
    block: dict[str, Demand] | None = {}
    while block is not None:
        times = [perf_counter()]
        block = next(blocks, None)
        times.append(perf_counter())
        settled = simulation.finish() if block is None else simulation.feed(block["it"])
        times.append(perf_counter())
        tally.add(settled)
        times.append(perf_counter())
        for part, since, until in zip(PARTS, times, times[1:], strict=False):
            spent[part] += until - since
    at = perf_counter()
    measured = tally.finish()
    spent["tally"] += perf_counter() - at
    spent["in all"] = perf_counter() - begin
    return measured.requests, list(spent.values())


@pytest.mark.parametrize(
    "workload", [on_demand(8), on_demand(1_000), central_queue(), random_routing()], ids=lambda workload: workload.title
)
def test_parts(lines: list[str], workload: Workload) -> None:
    """The same requests each time, taken apart."""
    scenario = workload.scenario(REQUESTS)
    runs = [times_s(scenario) for _ in range(1 + REPEATS)]
    assert {len(draw_demand(scenario, "it", 1))} == {requests for requests, _ in runs}
    best = np.min([times for _, times in runs[1:]], axis=0) * 1e3
    lines.append(f"| {workload.title} | {' | '.join(f'{time_ms:.0f}' for time_ms in best)} |")
