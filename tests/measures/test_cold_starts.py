"""Cold starts by clock hour: hand-made traces, any cut into blocks, agreement with what else is counted."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

import simulator
from simulator.engines import compiled
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand
from simulator.measures.cold_starts import ColdStarts, ColdTally
from simulator.measures.histogram import Histogram
from simulator.traffic.clock import Clock
from simulator.units import NS_PER_SECOND, to_ns

S, HOUR = NS_PER_SECOND, 3600 * NS_PER_SECOND


def tallied(arrival_s: list[float], *, from_s: float = 0, clock_s: float = 0, cuts: tuple[int, ...] = ()) -> ColdStarts:
    """Requests of 1 s at instances that start in 2 s and live 10 minutes when idle."""
    demand = Demand.from_arrays(
        arrival_ns=np.array([to_ns(one) for one in arrival_s]),
        service_ns=S,
        startup_ns=2 * S,
        idle_timeout_ns=600 * S,
    )
    tally = ColdTally(to_ns(from_s), to_ns(clock_s))
    simulation = compiled.Simulation(
        Pool(standing=0, launches=True, routing=Routing.MOST_RECENTLY_IDLE, max_concurrency=10)
    )
    for low, high in zip((0, *cuts), (*cuts, len(arrival_s)), strict=True):
        tally.add(simulation.feed(demand.rows(low, high)))
    tally.add(simulation.finish())
    return tally.finish()


def hours(**counts: int) -> tuple[int, ...]:
    """24 counts, those given as h<hour>."""
    return tuple(counts.get(f"h{hour}", 0) for hour in range(24))


def test_a_hand_made_day() -> None:
    """Cold at 0 h, warm 5 min later, cold 11 min after that; cold at 23:50 and, the next day, warm at 23:55 + 5 min."""
    found = tallied([0, 300, 961, 85800, 86399, 86401])
    assert hours(h0=4, h23=2) == found.completed
    assert hours(h0=2, h23=1) == found.cold
    assert Histogram.of(np.full(3, 2 * S)) == found.penalties


def test_the_clock_and_the_transient_are_kept_to() -> None:
    """A run that begins at 23:30 has its 1,800th second at midnight; what comes before the transient is left out."""
    assert hours(h23=1, h0=1) == tallied([1799, 1800], clock_s=84600).completed
    found = tallied([10, 1799, 1803], clock_s=84600, from_s=1799)
    assert (hours(h23=1, h0=1), hours(h23=1)) == (found.completed, found.cold)


def test_blocks_change_nothing() -> None:
    """Cut anywhere, also over so many hours that requests are divided one by one."""
    rng = np.random.default_rng(3)
    for span_s in (86400.0, 60 * 86400.0):
        times = sorted(np.unique(rng.integers(0, int(span_s), 500)).astype(float).tolist())
        whole = tallied(times)
        assert whole == tallied(times, cuts=(1, 7, 300))
        clock = np.array(times) // 3600 % 24
        assert np.bincount(clock.astype(int), minlength=24).tolist() == list(whole.completed)


def test_nothing_arrived() -> None:
    """No request, no count."""
    empty = tallied([])
    assert (hours(), hours(), 0) == (empty.completed, empty.cold, empty.penalties.total)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_records_hold_what_the_rows_say(engine: str) -> None:
    """Sums are those of the measures, by hour those of the rows, and both engines agree."""
    scenario = simulator.load_scenario("quiet-development-endpoint", overrides={"horizon": "4d"})
    study = simulator.run(scenario, replications=2, engine=engine)
    record = study.records[1]
    assert [one.name for one in scenario.endpoints if one.kind == "serverless"] == list(record.cold_starts)
    found, measured = record.cold_starts["serverless-2gb"], record.measured["serverless-2gb"]
    assert (measured.completed, measured.cold_starts) == (sum(found.completed), sum(found.cold))
    assert measured.cold_starts == found.penalties.total
    rows = simulator.simulate(scenario, endpoint="serverless-2gb", replication=1)
    by_hour = rows["arrival_s"].to_numpy(dtype=float) // 3600 % 24
    assert np.bincount(by_hour[rows["is_cold"].to_numpy(dtype=bool)].astype(int), minlength=24).tolist() == list(
        found.cold
    )


def test_clock_of_a_scenario() -> None:
    """06:30 in the morning is 6.5 h after midnight."""
    assert 6.5 * 3600 == Clock(starts_at=datetime(2026, 11, 23, 6, 30, tzinfo=UTC)).day_s
