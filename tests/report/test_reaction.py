"""How an endpoint that scales reacts: short, covered, worked off, and the tail, on timelines worked out by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from simulator.endpoints import RealTime
from simulator.engines.pool import Batching, Pool, Routing
from simulator.report import checks, machine, page, reaction, sections, text
from simulator.report.reading import Reading
from simulator.report.shortages import Reaction, Tail, reactions, work_per_instance
from simulator.report.verdict import answer
from simulator.scenario.loading import load_scenario
from simulator.study.results import Study
from simulator.study.run import run

#: Four workers of 250 ms: 960 requests a minute need one instance.
SERVICE_S, WORK, PLACES = 0.25, 4.0, 4


def frame(**series: list[float]) -> pd.DataFrame:
    """A timeline of minutes in which nothing happens but what is given; as many there as capacity, all idle."""
    count = len(series["arrivals"])
    zero = [0] * count
    made: dict[str, Any] = {
        "start_s": [60.0 * minute for minute in range(count)],
        "seconds": [60.0] * count,
        **dict.fromkeys(("throttled", "timed_out", "expired", "throttled_attempts"), zero),
        **{name: [0.0] * count for name in ("instances_starting", "instances_busy", "requests_waiting")},
        **series,
    }
    there = made.pop("there", made["capacity"])
    made["instances_idle"] = [all_ - starts for all_, starts in zip(there, made["instances_starting"], strict=True)]
    return pd.DataFrame(made)


def found(timeline: pd.DataFrame) -> tuple[Reaction, ...]:
    """Reactions of a timeline of such instances."""
    return reactions(timeline, SERVICE_S, WORK, PLACES).found


#: Half an instance is needed, from minute 2 on two, from minute 7 on half a one again.
STEP = frame(
    arrivals=[480, 480, *[1920] * 5, *[480] * 6],
    capacity=[1, 1, 1, 1, 3, 3, 3, 3, 3, 2, 2, 1, 1],
    instances_starting=[0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0],
    there=[1, 1, 1, 1, 3, 3, 3, 3, 3, 2.5, 2, 1, 1],
    requests_waiting=[0, 0, 100, 100, 100, 30, 2, 0, 0, 0, 0, 0, 0],
    throttled=[5, 0, 900, 960, 800, 100, 7, 0, 0, 0, 0, 0, 0],
    timed_out=[0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 4],
    expired=[0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    throttled_attempts=[5, 0, 1800, 1920, 1600, 200, 7, 0, 0, 0, 0, 0, 0],
)


def test_a_step_is_followed_from_shortage_to_tail() -> None:
    """Short in minutes 2 to 4, added in 4, covered from 5 on, queue gone in 6; tail in 7 to 10: 2 + 2 + 1.5 + 1."""
    (one,) = found(STEP)
    assert (120.0, 120.0, 180.0, 240.0) == (one.from_s, one.added_s, one.covered_s, one.queue_gone_s)
    assert pytest.approx(3 / 60) == one.missing_h
    assert {"throttled": 2760, "timed_out": 3, "expired": 3} == one.lost
    assert 5520 == one.throttled_attempts
    assert Tail(660.0, 240.0, pytest.approx(6.5 / 60), True) == one.tail
    assert 180.0 == reactions(STEP, SERVICE_S, WORK, PLACES).short_s


def test_capacity_that_always_covers_the_need_has_nothing_to_react_to() -> None:
    """Need equal to the instances in service is covered."""
    assert () == found(frame(arrivals=[960, 1920, 960], capacity=[1, 2, 1]))
    assert reactions(frame(arrivals=[960], capacity=[1]), SERVICE_S, WORK, PLACES).longest is None


def test_starting_instances_do_not_cover_the_need() -> None:
    """Two are wanted and needed in minute 1, of which one starts."""
    (one,) = found(frame(arrivals=[960, 1920, 1920], capacity=[1, 2, 2], instances_starting=[0, 1, 0]))
    assert (60.0, 0.0, 60.0) == (one.from_s, one.added_s, one.covered_s)


def test_what_never_ends_is_open() -> None:
    """No instance is added: not covered, no queue worked off, no tail."""
    (one,) = found(frame(arrivals=[480, 1920, 1920], capacity=[1, 1, 1], requests_waiting=[0, 50, 100]))
    assert (None, None, None, None) == (one.added_s, one.covered_s, one.queue_gone_s, one.tail)


def test_a_tail_that_the_end_cuts_says_so() -> None:
    """One instance too many in the last two minutes; and none yet where both are needed to the end."""
    (cut,) = found(frame(arrivals=[480, 1920, 1920, 480, 480], capacity=[1, 1, 2, 2, 2]))
    assert Tail(300.0, 120.0, pytest.approx(2 / 60), False) == cut.tail
    (needed,) = found(frame(arrivals=[480, 1920, 1920], capacity=[1, 1, 2]))
    assert Tail(180.0, 0.0, 0.0, False) == needed.tail


def test_a_batch_is_short_until_something_serves_it_and_open_until_it_is_read() -> None:
    """All arrive in minute 1; none in service until minute 3; read in 5; the tail is minute 5 alone."""
    (one,) = found(
        frame(
            arrivals=[0, 9600, 0, 0, 0, 0, 0],
            capacity=[0, 0, 1, 1, 1, 1, 0],
            instances_starting=[0, 0, 1, 0, 0, 0, 0],
            requests_waiting=[0, 9600, 9600, 5000, 1000, 0, 0],
        )
    )
    assert (60.0, 60.0, 120.0, 240.0) == (one.from_s, one.added_s, one.covered_s, one.queue_gone_s)
    assert Tail(360.0, 60.0, pytest.approx(1 / 60), True) == one.tail


def test_the_longest_of_several_is_shown() -> None:
    """Short in minute 1, and in minutes 3 and 4, with a minute without a queue between."""
    timeline = frame(arrivals=[480, 1920, 480, 1920, 1920, 480], capacity=[1] * 6)
    both = reactions(timeline, SERVICE_S, WORK, PLACES)
    assert [60.0, 180.0] == [one.from_s for one in both.found]
    assert both.longest == both.found[1]
    assert 180.0 == both.short_s


def test_a_shortage_that_returns_before_its_queue_is_gone_is_the_same_one() -> None:
    """Covered in minute 2, short again in 3: covered from 4 on."""
    (one,) = found(
        frame(arrivals=[480, 1920, 480, 1920, 480, 480], capacity=[1] * 6, requests_waiting=[0, 50, 40, 60, 20, 0])
    )
    assert (60.0, 180.0, 240.0) == (one.from_s, one.covered_s, one.queue_gone_s)


def test_an_instance_does_as_much_as_its_workers_cores_or_batches_allow() -> None:
    """4 workers; 2 cores; batches of 8 in 1 + 0.5 · 7 = 4.5 service times."""
    pool = Pool(standing=1, launches=False, places=4, routing=Routing.RANDOM)
    assert 4.0 == work_per_instance(pool)
    shared = Pool(standing=1, launches=False, places=4, routing=Routing.RANDOM, cores=2)
    assert 2.0 == work_per_instance(shared)
    batched = Pool(standing=1, launches=False, places=4, routing=Routing.RANDOM, batching=Batching(8, 0, 0.5))
    assert pytest.approx(4 * 8 / 4.5) == work_per_instance(batched)


@pytest.fixture(scope="module")
def step() -> Study:
    """One request a second, from minute 10 on three; one of 500 ms at a time; three points known after 120 s."""
    scaled = {
        "name": "scaled",
        "kind": "real_time",
        "instance_type": "ml.m5.xlarge",
        "queue_limit": 10,
        "routing": "least_outstanding_requests",
        "autoscaling": {
            "max_capacity": 4,
            "launch_time": {"kind": "constant", "value": "120s"},
            "policies": [
                {
                    "kind": "target_tracking",
                    "metric": "invocations_per_instance",
                    "target": 90,
                    "publication_delay": "120s",
                    "datapoints_out": 3,
                }
            ],
        },
    }
    assert RealTime.model_validate(scaled).autoscaling is not None
    parts = [{"kind": "periodic", "interval": "1s"}, {"kind": "periodic", "interval": "500ms", "offset": "10m"}]
    return run(
        load_scenario(
            {
                "schema_version": 1,
                "name": "step",
                "prices": "aws/us-east-1/2026-11",
                "horizon": "30m",
                "replications": 2,
                "traffic": {"kind": "superposition", "parts": parts},
                "model": {
                    "service_time": {"kind": "constant", "value": "500ms"},
                    "payload_in": "1kB",
                    "payload_out": "1kB",
                },
                "endpoints": [scaled, {**scaled, "name": "fixed", "autoscaling": None}],
                "objectives": ["p95 < 1s"],
            }
        )
    )


def test_three_points_two_minutes_and_a_launch_of_two_are_seven_minutes(step: Study) -> None:
    """Until then 420 s · (3 − 2)/s come too many: 10 fit in the queue, 410 are throttled. Only what scales is told."""
    (told,) = machine.facts(step)["reaction"]
    assert ("scaled", 0, 60.0, 420.0) == tuple(told[key] for key in ("endpoint", "replication", "period_s", "short_s"))
    (one,) = told["short"]
    assert (600.0, 300.0, 420.0) == (one["from_s"], one["added_after_s"], one["covered_after_s"])
    assert 410 == one["throttled"]
    assert {"length_s": 0.0, "instance_hours": 0.0, "cost_usd": 0.0, "is_over": False} == one["tail"]
    everywhere = told["all_replications"]
    assert (1.0, "changes", 2) == tuple(everywhere["scale_outs"][key] for key in ("value", "unit", "n"))
    # One instance for half an hour and one from its launch at 15 min on.
    assert 0.75 == everywhere["instance_hours"]["value"]


def test_late_requests_are_those_completed_beyond_the_loosest_limit(step: Study) -> None:
    """As many as the latencies of the pooled sample that exceed 1 s, over two replications."""
    (told,) = machine.facts(step)["reaction"]
    histogram = step.histogram("scaled")
    late = sum(count for edge, count in zip(_lower_ms(histogram.bins), histogram.counts, strict=True) if edge > 990)
    assert late == 2 * told["all_replications"]["late"]["value"] > 0


def _lower_ms(bins: Any) -> Any:
    from simulator.measures.histogram import edges_ns

    return edges_ns()[bins] / 1e6


def test_text_and_page_show_both_tables(step: Study) -> None:
    """Times in minutes, each table saying what it is of."""
    said = text.report(step)
    row = reaction.rows(Reading(step))[0]
    assert ("scaled", "1", "7 min", "00:10", "5 min", "7 min", "7 min", "410", "0", "0", "still needed") == row[:11]
    for title in ("Reaction, replication 0", "Scaling, all replications"):
        assert title in said
        assert title in page.page(step, drawings={})
    assert 100 >= max(map(len, said.splitlines()))


def test_what_cannot_be_is_not_called_luck(step: Study) -> None:
    """No request launches an instance there: cold starts are never seen, and not only not in so many replications."""
    (found,) = (part for part in sections.sections(Reading(step), answer(Reading(step))) if part.title == "Requests")
    assert isinstance(found, sections.Table)
    assert ["never", "never"] == [row[1] for row in found.rows]
    assert "their hours count as usage" in " ".join(text.report(step).split())


def test_a_percentile_that_a_shortage_tears_is_warned_about(step: Study) -> None:
    """500 ms in one replication and 5.5 s in the other; not where both are alike, nor of an endpoint that stays."""
    assert [] == checks.torn(Reading(step))
    reading = Reading(step)
    changed = reading.replications.copy()
    changed.loc[(changed["replication"] == 0), "latency_p95_ms"] = 500.0
    changed.loc[(changed["replication"] == 1), "latency_p95_ms"] = 5500.0
    reading.__dict__["replications"] = changed
    (warning,) = checks.torn(reading)
    assert warning.startswith("scaled: p95 is 500 ms in one replication and 5.5 s in another")
