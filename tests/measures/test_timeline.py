"""The timeline: by hand, against plain arithmetic, and adding up to what the tally says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, Run
from simulator.measures.measured import Measured
from simulator.measures.tally import Tally
from simulator.measures.timeline import COLUMNS, MOST_PERIODS, Timeline, TimelineTally, period_of
from tests.engines import cases
from tests.engines.settled import settled_of

SECOND = 10**9
MINUTE = 60 * SECOND
DAY = 1440 * MINUTE


def timeline_of(pool: Pool, demand: Demand, run: Run, horizon_ns: int, cuts: tuple[int, ...] = ()) -> Timeline:
    """Timeline of a run that is added in pieces."""
    tally = TimelineTally(pool, horizon_ns)
    for part in settled_of(demand, run, cuts):
        tally.add(part)
    return tally.finish()


def test_by_hand() -> None:
    """Arrivals at 30 s and 50 s, start 60 s, service 45 s and 20 s, idle timeout 60 s, over 2 min 30 s.

    Two instances: starting 30-90 and 50-110, busy 90-135 and 110-130, gone at 195 and 190. By minute: starting
    30 + 10, 30 + 50, 0 s; busy 0, 30 + 10, 15 + 10 s; in all 40, 120, 60 s (the last period is half a minute).
    """
    pool = Pool(0, True, Routing.MOST_RECENTLY_IDLE)
    demand = Demand.from_arrays([30 * SECOND, 50 * SECOND], [45 * SECOND, 20 * SECOND], MINUTE, MINUTE)
    frame = timeline_of(pool, demand, compiled.simulate(pool, demand), 150 * SECOND).frame()
    assert list(COLUMNS) == list(frame.columns)
    assert [0.0, 60.0, 120.0] == frame["start_s"].tolist()
    assert [60.0, 60.0, 30.0] == frame["seconds"].tolist()
    assert [2, 0, 0] == frame["arrivals"].tolist() == frame["cold_starts"].tolist()
    assert [40 / 60, 80 / 60, 0.0] == frame["instances_starting"].tolist()
    assert [0.0, 40 / 60, 25 / 30] == frame["instances_busy"].tolist()
    assert [0.0, 0.0, 35 / 30] == frame["instances_idle"].tolist()
    assert [40 / 60, 120 / 60, 25 / 30] == frame["concurrency"].tolist()


@pytest.mark.parametrize("launches", [True, False])
def test_periods_add_up_to_the_tally(launches: bool) -> None:
    """Sums over periods are the counts and instance-times of the tally, wherever the run is cut into blocks."""
    dice = random.Random(20261125)
    for pool, demand in cases.seeded(7, 150, launches=launches, has_ties=False, has_extremes=False):
        run = compiled.simulate(pool, demand)
        horizon_ns = (int(demand.arrival_ns[-1]) if len(demand) else 0) + 3 * SECOND
        tally = Tally(pool, from_ns=0, until_ns=horizon_ns)
        for part in settled_of(demand, run):
            tally.add(part)
        measured: Measured = tally.finish()
        cuts = tuple(sorted(dice.randint(0, len(demand)) for _ in range(2)))
        series = timeline_of(pool, demand, run, horizon_ns, cuts)
        assert series == timeline_of(pool, demand, run, horizon_ns)
        assert measured.requests == series.arrivals.sum()
        assert measured.throttled_in_all == series.throttled.sum()
        assert measured.timed_out == series.timed_out.sum()
        assert measured.busy_ns == series.busy_ns.sum()
        assert measured.starting_ns == series.starting_ns.sum()
        assert measured.there_ns == series.there_ns.sum()
        assert measured.in_service_ns + measured.starting_ns == series.occupied_ns.sum()


def test_intervals_are_divided_among_periods() -> None:
    """Random intervals by period, second by second in the plainest way."""
    from simulator.measures.sweeps import spread

    rng = np.random.default_rng(3)
    begin = rng.integers(0, 100, 200)
    end = np.minimum(begin + rng.integers(0, 60, 200), 100)
    part, steps = np.zeros(10, np.int64), np.zeros(11, np.int64)
    spread(begin, end, 10, part, steps)
    expected = [
        sum(max(0, min(int(e), k + 10) - max(int(b), k)) for b, e in zip(begin, end, strict=True))
        for k in range(0, 100, 10)
    ]
    assert expected == (part + 10 * np.cumsum(steps[:-1])).tolist()


@pytest.mark.parametrize("horizon_ns", [1, MINUTE, DAY, 2 * DAY, 30 * DAY, 365 * DAY, 20_000 * DAY])
def test_there_are_at_most_1500_periods(horizon_ns: int) -> None:
    """A day has minutes, a month half hours, and no horizon has more periods than are kept."""
    period_ns = period_of(horizon_ns)
    assert 0 == period_ns % MINUTE
    assert -(-horizon_ns // period_ns) <= MOST_PERIODS


def test_periods_are_round() -> None:
    """A day by the minute, two days by two minutes, a month by half hours, a year by six hours."""
    periods = [period_of(days * DAY) // MINUTE for days in (1, 2, 30, 365)]
    assert [1, 2, 30, 360] == periods
