"""Pools whose capacity follows policies: places, instances, changes and billed time, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.engines.clients import Retries
from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import Scaling
from simulator.engines.tables import Changes, Demand, Outcome, Run
from simulator.measures.identities import BrokenIdentityError
from simulator.measures.measured import Measured
from simulator.measures.tally import Tally
from simulator.measures.timeline import COLUMNS, LATER_COLUMNS, Timeline, TimelineTally
from simulator.study.journal import line_of, record_of
from simulator.study.replicate import Record
from simulator.units import FOREVER
from tests.measures.made_up import attempt, run_of, settled_of, throttled

SECOND = 10**9
MINUTE = 60 * SECOND
POOL = Pool(1, False, Routing.LEAST_OUTSTANDING_REQUESTS, places=2, scaling=Scaling(1, 4, 10 * MINUTE))


def by_hand() -> tuple[Demand, Run]:
    """Ten minutes of one to three instances with two workers.

    Instance 0 is there all the time. At 2 min instances 1 and 2 are launched; 1 is ready at 4 min and drains from 6 min
    until its request is over at 7 min, 2 is ready at 5 min and goes at 5 min 20 s. Requests: 30-90 s on 0, 250-310 s
    on 1, and from 5 min 50 s to 7 min on 1; one is turned away at 1 min.
    """
    demand = Demand.from_arrays(np.array([30, 60, 240, 345]) * SECOND, np.array([60, 60, 60, 70]) * SECOND)
    ends = [
        attempt(Outcome.COMPLETED, 30 * SECOND, 90 * SECOND, 90 * SECOND, 0),
        throttled(),
        attempt(Outcome.COMPLETED, 250 * SECOND, 310 * SECOND, 310 * SECOND, 1),
        attempt(Outcome.COMPLETED, 350 * SECOND, 420 * SECOND, 420 * SECOND, 1),
    ]
    instances = [(0, 0, FOREVER), (120, 240, 420), (120, 300, 320)]
    lives = [tuple(t if t in {0, FOREVER} else t * SECOND for t in life) for life in instances]
    changes = [(120 * SECOND, 3), (320 * SECOND, 2), (360 * SECOND, 1)]
    return demand, run_of(ends, lives, changes=changes)  # type: ignore[arg-type]


def measured(from_s: int = 0, until_s: int = 600, pool: Pool = POOL) -> Measured:
    """What is measured of it."""
    tally = Tally(pool, from_ns=from_s * SECOND, until_ns=until_s * SECOND, granularity_ns=0)
    for part in settled_of(*by_hand(), (2,)):
        tally.add(part)
    return tally.finish()


def test_places_follow_the_instances_in_service() -> None:
    """600 + 180 + 20 s in service, two places each; 190 s of them occupied. Starting instances hold nobody."""
    found = measured()
    values = found.values()
    assert 2 * 800 * SECOND == found.places_ns
    assert 190 / 1600 == values["utilization"]
    assert (190 / 600, 1) == (values["concurrency_mean"], values["concurrency_max"])


def test_instances_by_state() -> None:
    """600 + 300 + 200 s there, 120 + 180 s of them starting, 190 s busy, the rest idle; three at most."""
    values = measured().values()
    expected = {
        "instances_mean": 1100 / 600,
        "instances_max": 3,
        "instances_starting_mean": 300 / 600,
        "instances_busy_mean": 190 / 600,
        "instances_idle_mean": 610 / 600,
        "instance_time": 1100.0,
    }
    assert expected == {name: values[name] for name in expected}


def test_changes_of_capacity_are_counted() -> None:
    """One scale-out of two instances and two scale-ins; in the part from 3 min to 6 min, the end left out, one."""
    names = ("capacity_changes", "scale_outs", "scale_ins", "instances_launched")
    assert [3, 1, 2, 2] == [measured().values()[name] for name in names]
    assert [1, 0, 1, 0] == [measured(180, 360).values()[name] for name in names]


@pytest.mark.parametrize(
    ("from_s", "until_s", "expected_s"), [(0, 600, 600 + 300 + 200), (200, 400, 200 + 200 + 120), (0, 130, 130 + 20)]
)
def test_instances_are_billed_from_launch_until_gone(from_s: int, until_s: int, expected_s: int) -> None:
    """Starting and draining included, as far as it is in the measured part."""
    assert expected_s * SECOND == measured(from_s, until_s).usage.instance_ns


@pytest.mark.parametrize(
    ("life_s", "window", "expected_s"),
    [(20, (0, 600), 60), (60, (0, 600), 60), (61, (0, 600), 61), (20, (130, 600), 50), (20, (0, 150), 30)],
)
def test_an_instance_is_billed_for_a_minute_at_least(life_s: int, window: tuple[int, int], expected_s: int) -> None:
    """Launched at 2 min; the minute counts as far as it lies in the measured part, so that parts add up."""
    pool = replace(POOL, standing=0, scaling=Scaling(0, 4, 600 * SECOND))
    lives = [(120 * SECOND, 125 * SECOND, (120 + life_s) * SECOND)]
    tally = Tally(pool, from_ns=window[0] * SECOND, until_ns=window[1] * SECOND, granularity_ns=0)
    for part in settled_of(Demand.from_arrays([], 1), run_of([], lives, changes=[(120 * SECOND, 1)])):
        tally.add(part)
    assert expected_s * SECOND == tally.finish().usage.instance_ns


def test_capacity_that_does_not_follow_from_launches_is_caught() -> None:
    """Capacity grows by three, two instances were launched."""
    demand, run = by_hand()
    wrong = replace(run, changes=Changes(run.changes.at_ns, np.array([4, 2, 1])))
    tally = Tally(POOL, from_ns=0, until_ns=600 * SECOND)
    for part in settled_of(demand, wrong):
        tally.add(part)
    with pytest.raises(BrokenIdentityError, match="capacity grows by the instances launched: 3 is not 2"):
        tally.finish()


def timeline_of(pool: Pool, horizon_s: int) -> Timeline:
    """Timeline of the run by hand."""
    tally = TimelineTally(pool, horizon_s * SECOND)
    for part in settled_of(*by_hand(), (2,)):
        tally.add(part)
    return tally.finish()


def test_a_timeline_shows_capacity_instances_waiting_and_attempts() -> None:
    """By the minute: capacity 1, from 2 min 3, from 5 min 20 s 2, from 6 min 1.

    The requests of 4 min and of 5 min 45 s wait for 10 s and for 5 s.
    """
    frame = timeline_of(POOL, 600).frame()
    assert [*COLUMNS, *LATER_COLUMNS] == list(frame.columns)
    assert [1, 1, 3, 3, 3, 3 / 3 + 2 * 40 / 60, 1, 1, 1, 1] == pytest.approx(frame["capacity"].tolist())
    assert [0, 0, 2, 2, 1, 0, 0, 0, 0, 0] == frame["instances_starting"].tolist()
    assert [0.5, 0.5, 0, 0, 50 / 60, 20 / 60, 1, 0, 0, 0] == pytest.approx(frame["instances_busy"].tolist())
    assert frame["concurrency"].tolist() == frame["instances_busy"].tolist()
    assert [0, 0, 0, 0, 10 / 60, 5 / 60, 0, 0, 0, 0] == pytest.approx(frame["requests_waiting"].tolist())
    assert [1, 1, 0, 0, 1, 1, 0, 0, 0, 0] == frame["attempts"].tolist()
    assert [0, 1, 0, 0, 0, 0, 0, 0, 0, 0] == frame["throttled_attempts"].tolist()


def test_a_timeline_ends_with_the_horizon() -> None:
    """Half a minute of 5 min 30 s: capacity is that of its own time."""
    frame = timeline_of(POOL, 330).frame()
    assert [1, 1, 3, 3, 3, (20 * 3 + 10 * 2) / 30] == pytest.approx(frame["capacity"].tolist())


def test_capacity_stands_only_where_it_changes() -> None:
    """A pool with a line or retries has attempts and waiting, and no capacity."""
    pool = Pool(1, True, Routing.MOST_RECENTLY_IDLE, retries=Retries(attempts=2, base_ns=1))
    tally = TimelineTally(pool, MINUTE)
    frame = tally.finish().frame()
    assert LATER_COLUMNS[:-1] == tuple(frame.columns[len(COLUMNS) :])


def test_what_is_measured_is_kept_as_it_is() -> None:
    """A record of it comes back from its line equal; of a plain pool the line names none of the later fields."""
    record = Record(0, {"requests": 4}, {"it": measured()}, {"it": timeline_of(POOL, 600)})
    assert record == record_of(line_of(record))
    plain = Pool(0, False, Routing.CENTRAL_QUEUE)
    tally, timeline = Tally(plain, from_ns=0, until_ns=MINUTE), TimelineTally(plain, MINUTE)
    line = line_of(Record(0, {"requests": 0}, {"it": tally.finish()}, {"it": timeline.finish()}))
    assert b"usage" in line
    assert [] == [name for name in (b"tries", b"scale", b"launched", b"active", b"idle") if name in line]
