"""Models that share instances: runs worked out on paper.

Unless told, a model has a size of 1, its download takes 5 and its load 2: from remote storage it is there after 7, from
the disk after 2. In the tables *m* is a model, *memory* and *disk* what is there after the request, the least recently
used first.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from simulator.engines.clients import Patience, Retries
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.served_otherwise import Models
from simulator.engines.tables import Demand, Reason
from simulator.units import FOREVER
from tests.engines.traces import check, cold, each_engine, late, left, run_of, standing, there, throttled, warm

NO_ROOM, FULL = throttled(Reason.NO_CAPACITY), throttled(Reason.QUEUE_FULL)


def sharing(
    sizes: Sequence[int],
    memory: int,
    disk: int = FOREVER,
    *,
    instances: int = 1,
    copies_from: int = FOREVER,
    downloads: Sequence[int] = (),
    loads: Sequence[int] = (),
    **given: Any,
) -> Pool:
    """Instances with one worker each, unless told, and what they have for models of some sizes."""
    models = Models(
        tuple(sizes),
        tuple(loads) or (2,) * len(sizes),
        tuple(downloads) or (5,) * len(sizes),
        memory,
        disk,
        copies_from,
    )
    return standing(instances, routing=Routing.BY_MODEL, models=models, **given)


def demand(arrivals: Sequence[int], models: Sequence[int], services: object = 1, **given: Any) -> Demand:
    """Requests for models."""
    return Demand.from_arrays(arrivals, services, model=models, **given)


@each_engine
def test_first_load_from_remote_then_warm(engine: ModuleType) -> None:
    """The first is cold and starts at 0 + 5 + 2. The next comes while the model is loaded, the last after that.

    With a second worker request 1 starts when the model is there, too; it did not load it, so it is not cold.
    """
    run = run_of(engine, sharing([1], 1, places=2), demand([0, 3, 20], [0, 0, 0], 3))
    check(run, [cold(7, 10, 0), warm(7, 10, 0), warm(20, 23, 0)], [there()])


@each_engine
def test_least_recently_used_is_unloaded_and_comes_back_from_disk(engine: ModuleType) -> None:
    """Memory for two of three models, a disk for all; the service takes 1.

    | at | m | unloaded | from | starts | memory |
    |---|---|---|---|---|---|
    | 0 | 0 | | remote | 7 | 0 |
    | 10 | 1 | | remote | 17 | 0 1 |
    | 20 | 0 | | memory | 20 | 1 0 |
    | 30 | 2 | 1 | remote | 37 | 0 2 |
    | 40 | 0 | | memory | 40 | 2 0 |
    | 50 | 1 | 2 | disk | 52 | 0 1 |
    | 60 | 2 | 0 | disk | 62 | 1 2 |
    | 70 | 0 | 1 | disk | 72 | 2 0 |
    """
    run = run_of(engine, sharing([1, 1, 1], 2), demand(range(0, 80, 10), [0, 1, 0, 2, 0, 1, 2, 0]))
    check(
        run,
        [
            *(cold(7, 8, 0), cold(17, 18, 0), warm(20, 21, 0), cold(37, 38, 0)),
            *(warm(40, 41, 0), cold(52, 53, 0), cold(62, 63, 0), cold(72, 73, 0)),
        ],
        [there()],
    )


@each_engine
def test_a_short_disk(engine: ModuleType) -> None:
    """Memory for two of four models, a disk for three; models in memory stay on the disk.

    | at | m | unloaded | deleted | from | starts | memory | on disk only |
    |---|---|---|---|---|---|---|---|
    | 0 | 0 | | | remote | 7 | 0 | |
    | 10 | 1 | | | remote | 17 | 0 1 | |
    | 20 | 2 | 0 | | remote | 27 | 1 2 | 0 |
    | 30 | 3 | 1 | 0 | remote | 37 | 2 3 | 1 |
    | 40 | 1 | 2 | | disk | 42 | 3 1 | 2 |
    | 50 | 0 | 3 | 2, used before 3 | remote | 57 | 1 0 | 3 |
    | 60 | 3 | 1 | | disk | 62 | 0 3 | 1 |
    | 70 | 2 | 0 | 1, used before 0 | remote | 77 | 3 2 | 0 |
    | 80 | 0 | 3 | | disk | 82 | 2 0 | 3 |
    """
    run = run_of(engine, sharing([1, 1, 1, 1], 2, 3), demand(range(0, 90, 10), [0, 1, 2, 3, 1, 0, 3, 2, 0]))
    starts = [7, 17, 27, 37, 42, 57, 62, 77, 82]
    check(run, [cold(start, start + 1, 0) for start in starts], [there()])


@each_engine
def test_a_disk_as_short_as_the_memory(engine: ModuleType) -> None:
    """What is unloaded is deleted in the same instant: model 0 comes from remote storage again, 27."""
    run = run_of(engine, sharing([1, 1], 1, 1), demand([0, 10, 20], [0, 1, 0]))
    check(run, [cold(7, 8, 0), cold(17, 18, 0), cold(27, 28, 0)], [there()])


@each_engine
def test_models_of_different_sizes(engine: ModuleType) -> None:
    """Memory 4, disk 5; sizes 1, 2, 3, 5; loads 0, 1, 2, 3; downloads 10, 20, 30, 40.

    | at | m | unloaded | deleted | from | starts | memory | on disk only |
    |---|---|---|---|---|---|---|---|
    | 0 | 0 | | | remote | 10 | 0 | |
    | 100 | 1 | | | remote | 121 | 0 1 | |
    | 200 | 2 | 0 leaves 2 free, 1 besides | 0 | remote | 232 | 2 | 1 |
    | 300 | 3 | it does not fit beside nothing: throttled | | | | 2 | 1 |
    | 400 | 1 | 2 | | disk | 401 | 1 | 2 |
    | 500 | 0 | | 2 | remote | 510 | 1 0 | |
    | 600 | 2 | 1, then 3 are free | 1 | remote | 632 | 0 2 | |
    | 700 | 0 | | | memory | 700 | 2 0 | |
    """
    pool = sharing([1, 2, 3, 5], 4, 5, loads=[0, 1, 2, 3], downloads=[10, 20, 30, 40])
    run = run_of(engine, pool, demand(range(0, 800, 100), [0, 1, 2, 3, 1, 0, 2, 0]))
    check(
        run,
        [
            *(cold(10, 11, 0), cold(121, 122, 0), cold(232, 233, 0), NO_ROOM),
            *(cold(401, 402, 0), cold(510, 511, 0), cold(632, 633, 0), warm(700, 701, 0)),
        ],
        [there()],
    )


@each_engine
def test_a_model_without_room_is_throttled(engine: ModuleType) -> None:
    """Memory for one. At 8 model 0 serves until 17, and a request for it waits: no room until it is released at 18.

    At 18 the release comes before the arrival, and model 1 is loaded: 18 + 7.
    """
    run = run_of(engine, sharing([1, 1], 1), demand([0, 7, 8, 17, 18], [0, 0, 1, 1, 1], [10, 1, 1, 1, 1]))
    check(run, [cold(7, 17, 0), warm(17, 18, 0), NO_ROOM, NO_ROOM, cold(25, 26, 0)], [there()])


@each_engine
def test_no_instance(engine: ModuleType) -> None:
    """With nothing there a model has room nowhere."""
    check(run_of(engine, sharing([1], 1, instances=0), demand([1], [0])), [NO_ROOM], [])


@each_engine
def test_a_copy_on_a_second_instance(engine: ModuleType) -> None:
    """Two instances, a copy from two outstanding requests; the service takes 10.

    | at | outstanding on 0 and 1 | to | starts |
    |---|---|---|---|
    | 0 | 0 0, nobody holds it | 0, remote, 7 | 7 |
    | 1 | 1 -, fewer than two | 0 | 17 |
    | 2 | 2 0, which are fewer | 1, remote, 9 | 9 |
    | 3 | 2 1, both hold it | 1 | 19 |
    | 4 | 2 2, alike; no third | 0 | 27 |
    | 5 | 3 2 | 1 | 29 |
    """
    run = run_of(engine, sharing([1], 1, instances=2, copies_from=2), demand(range(6), [0] * 6, 10))
    check(
        run,
        [cold(7, 17, 0), warm(17, 27, 0), cold(9, 19, 1), warm(19, 29, 1), warm(27, 37, 0), warm(29, 39, 1)],
        [there(), there()],
    )


@each_engine
def test_no_copy_where_no_fewer_requests_are(engine: ModuleType) -> None:
    """A copy from one outstanding request; memory for both models on each of two instances.

    | at | m | outstanding on 0 and 1 | to | starts |
    |---|---|---|---|---|
    | 0 | 0 | 0 0 | 0, remote | 7 |
    | 0 | 1 | 1 0 | 1, remote | 7 |
    | 1 | 0 | 1 1, no fewer on 1 | 0 | 17 |
    | 2 | 1 | 2 1, no fewer on 0 | 1 | 17 |
    | 17 | 0 | 1 1, both just released their first | 0 | 27 |
    | 18 | 0 | 2 1, fewer on 1 | 1, remote, 25 | 27 |
    """
    pool = sharing([1, 1], 2, instances=2, copies_from=1)
    run = run_of(engine, pool, demand([0, 0, 1, 2, 17, 18], [0, 1, 0, 1, 0, 0], 10))
    check(
        run,
        [cold(7, 17, 0), cold(7, 17, 1), warm(17, 27, 0), warm(17, 27, 1), warm(27, 37, 0), cold(27, 37, 1)],
        [there(), there()],
    )


@each_engine
def test_a_copy_may_unload_another_model(engine: ModuleType) -> None:
    """Memory for one. At 20 model 1 is idle on instance 1: the copy of model 0 takes its memory.

    At 22 model 1 has room nowhere: model 0 has a request on both.
    """
    pool = sharing([1, 1], 1, instances=2, copies_from=1)
    run = run_of(engine, pool, demand([0, 1, 20, 22], [0, 1, 0, 1], [50, 1, 1, 1]))
    check(run, [cold(7, 57, 0), cold(8, 9, 1), cold(27, 28, 1), NO_ROOM], [there(), there()])


@each_engine
def test_no_copy_without_room(engine: ModuleType) -> None:
    """Memory for one. At 20 instance 0 has two requests, instance 1 has one, of model 1, and so no room."""
    pool = sharing([1, 1], 1, instances=2, copies_from=1)
    run = run_of(engine, pool, demand([0, 1, 19, 20], [0, 1, 0, 0], [50, 50, 1, 1]))
    check(run, [cold(7, 57, 0), cold(8, 58, 1), warm(57, 58, 0), warm(58, 59, 0)], [there(), there()])


@each_engine
def test_where_nothing_is_unloaded_comes_before_fewest_outstanding(engine: ModuleType) -> None:
    """Two workers, memory 2. Model 0 takes all of it on instance 0, idle from 8 on; model 1 takes 1 on instance 1.

    At 20 instance 0 has no request, instance 1 has one and room beside it: model 2 goes there. At 30 model 3 would be
    unloaded for on both, and goes where fewer are: instance 0, from 30 + 7.
    """
    pool = sharing([2, 1, 1, 1], 2, instances=2, places=2)
    run = run_of(engine, pool, demand([0, 10, 20, 30], [0, 1, 2, 3], [1, 100, 1, 1]))
    check(run, [cold(7, 8, 0), cold(17, 117, 1), cold(27, 28, 1), cold(37, 38, 0)], [there(), there()])


@each_engine
def test_fewest_outstanding_then_most_free_memory_then_lowest_number(engine: ModuleType) -> None:
    """Three instances, memory 4; the first three requests are served long after each other came, all others soon.

    | at | m, size | outstanding | free | to |
    |---|---|---|---|---|
    | 0 | 0, 2 | 0 0 0 | 4 4 4 | 0 |
    | 1 | 1, 1 | 1 0 0 | 2 4 4 | 1 |
    | 2 | 2, 1 | 1 1 0 | 2 3 4 | 2 |
    | 100 | 3, 1 | 0 0 0 | 2 3 3 | 1 |
    | 200 | 4, 1 | 0 0 0 | 2 2 3 | 2 |
    | 300 | 5, 1 | 0 0 0 | 2 2 2 | 0 |
    """
    run = run_of(
        engine,
        sharing([2, 1, 1, 1, 1, 1], 4, instances=3),
        demand([0, 1, 2, 100, 200, 300], range(6), [50, 50, 50, 1, 1, 1]),
    )
    check(
        run,
        [cold(7, 57, 0), cold(8, 58, 1), cold(9, 59, 2), cold(107, 108, 1), cold(207, 208, 2), cold(307, 308, 0)],
        [there()] * 3,
    )


@each_engine
def test_of_those_that_hold_it_the_fewest_outstanding_then_the_lowest(engine: ModuleType) -> None:
    """Model 0 is on both instances from 8 on, a copy from 1.

    At 20 both are idle: instance 0. At 21 that has one: instance 1. At 22 both have one, and no third: instance 0.
    """
    pool = sharing([1], 1, instances=2, copies_from=1)
    run = run_of(engine, pool, demand([0, 1, 20, 21, 22], [0] * 5, [1, 1, 10, 10, 1]))
    check(
        run,
        [cold(7, 8, 0), cold(8, 9, 1), warm(20, 30, 0), warm(21, 31, 1), warm(30, 31, 0)],
        [there(), there()],
    )


@each_engine
def test_a_full_queue_loads_nothing(engine: ModuleType) -> None:
    """One may wait. At 9 model 1 has room, but the queue is full; at 40 it comes from remote storage, not from memory.

    Model 0 is served from 7 and from 17 on, until 27.
    """
    run = run_of(engine, sharing([1, 1], 2, queue_limit=1), demand([0, 8, 9, 40], [0, 0, 1, 1], 10))
    check(run, [cold(7, 17, 0), warm(17, 27, 0), FULL, cold(47, 57, 0)], [there()])


@each_engine
def test_an_attempt_that_is_turned_away_uses_nothing(engine: ModuleType) -> None:
    """Nobody may wait, memory for two. Model 0 is used at 0, model 1 from 10 to 30; model 0 is turned away at 20.

    At 40 model 2 unloads model 0. Model 1 is warm at 60.
    """
    pool = sharing([1, 1, 1], 2, queue_limit=0)
    run = run_of(engine, pool, demand([0, 10, 20, 40, 60], [0, 1, 0, 2, 1], [1, 13, 1, 1, 1]))
    check(run, [cold(7, 8, 0), cold(17, 30, 0), FULL, cold(47, 48, 0), warm(60, 61, 0)], [there()])


@each_engine
def test_a_worker_that_waits_for_a_model_serves_nobody_else(engine: ModuleType) -> None:
    """Model 1 is downloaded in 50: loaded at 10 + 52 = 62. Its request gets the worker at 17 and holds it until 63.

    Request 2, of model 0, which is there, waits until then.
    """
    run = run_of(engine, sharing([1, 1], 2, downloads=[5, 50]), demand([0, 10, 11], [0, 1, 0], [10, 1, 1]))
    check(run, [cold(7, 17, 0), cold(62, 63, 0), warm(63, 64, 0)], [there()])


@each_engine
def test_a_model_that_is_loaded_while_its_request_waits(engine: ModuleType) -> None:
    """Model 1 is there at 17, its request gets the worker at 30: it starts then, and is cold."""
    run = run_of(engine, sharing([1, 1], 2), demand([0, 10], [0, 1], [23, 1]))
    check(run, [cold(7, 30, 0), cold(30, 31, 0)], [there()])


@each_engine
def test_timeout_from_arrival_while_the_worker_waits_for_a_model(engine: ModuleType) -> None:
    """Timeout 5 from the arrival: request 0 is timed out at 5, its worker serves on from 7 to 10.

    Request 1 waits in the queue and leaves it at 6. Request 2 comes at 8, gets the worker at 10, and is in time at 13.
    """
    pool = sharing([1], 1, timeout_ns=5, timeout_from=TimeoutFrom.ARRIVAL)
    run = run_of(engine, pool, demand([0, 1, 8], [0, 0, 0], 3))
    check(run, [late(7, 5, 10, 0, is_cold=True), left(6), warm(10, 13, 0)], [there()])


@each_engine
def test_timeout_from_the_start_runs_when_the_model_is_there(engine: ModuleType) -> None:
    """Timeout 5, from 7: a service of 5 is in time at 12, one of 6 is late at 12 and released at 13."""
    pool = sharing([1], 1, timeout_ns=5)
    check(run_of(engine, pool, demand([0], [0], 5)), [cold(7, 12, 0)])
    check(run_of(engine, pool, demand([0], [0], 6)), [late(7, 12, 13, 0, is_cold=True)])


@each_engine
@pytest.mark.parametrize("patience", [Patience.WAITING, Patience.RESPONSE])
def test_patience_while_the_worker_waits_for_a_model(engine: ModuleType, patience: Patience) -> None:
    """Patience 3. Request 0 has a worker from 0 on: only patience for the response is over at 3.

    Request 1 waits for the worker and leaves at 4, whichever patience it is.
    """
    run = run_of(engine, sharing([1], 1, patience=patience), demand([0, 1], [0, 0], 1, patience_ns=3))
    first = cold(7, 8, 0) if patience is Patience.WAITING else late(7, 3, 8, 0, is_cold=True)
    check(run, [first, left(4)], [there()])


@each_engine
def test_a_model_is_free_to_go_once_its_request_has_left(engine: ModuleType) -> None:
    """Memory for two, model 0 served from 7 to 107.

    | at | what |
    |---|---|
    | 10 | model 1 is loaded, until 17; its request waits, until 15 |
    | 14 | model 2 has no room |
    | 15 | request 1 leaves, cold; then model 2 takes the memory of model 1, though that is still loaded: 22 |
    | 107 | request 3 starts, until 108 |
    | 200 | model 1 is on the disk since 10; model 0 was used before model 2 and goes; 202 |
    """
    pool = sharing([1, 1, 1], 2, patience=Patience.WAITING)
    patience = [FOREVER, 5, FOREVER, FOREVER, FOREVER]
    run = run_of(engine, pool, demand([0, 10, 14, 15, 200], [0, 1, 2, 2, 1], [100, 1, 1, 1, 1], patience_ns=patience))
    check(run, [cold(7, 107, 0), left(15, is_cold=True), NO_ROOM, cold(107, 108, 0), cold(202, 203, 0)], [there()])


@each_engine
def test_ties_at_one_instant(engine: ModuleType) -> None:
    """Memory for one; clients try again 8 after they were turned away. Release, then retry, then arrival.

    | at | what |
    |---|---|
    | 0 | request 0, model 0, remote: starts at 7, until 17 |
    | 9 | request 1, model 1: no room, again at 17 |
    | 17 | request 0 is released; request 1 takes the memory: remote, starts at 24, until 25 |
    | 17 | then request 2 comes for model 0: no room, again at 25 |
    | 25 | request 1 is released; request 2, from the disk: starts at 27, until 28 |
    """
    pool = sharing([1, 1], 1, retries=Retries(attempts=2, base_ns=8, jitter=False))
    run = run_of(engine, pool, demand([0, 9, 17], [0, 1, 0], [10, 1, 1]))
    tries = [(1, 9, 17, *NO_ROOM), (2, 17, 25, *NO_ROOM)]
    check(run, [cold(7, 17, 0), cold(24, 25, 0), cold(27, 28, 0)], [there()], tries)


@each_engine
def test_several_arrivals_at_one_instant(engine: ModuleType) -> None:
    """Two workers, memory for two: at 0 model 0 is loaded once; request 2 waits for the first worker that is free.

    That is the one of request 0, released at 8: it starts at 8, with its model, loaded at 7. At 8, after the release,
    one request is outstanding of model 0 and one of model 1: no room for model 2.
    """
    pool = sharing([1, 1, 1], 2, places=2)
    run = run_of(engine, pool, demand([0, 0, 0, 8], [0, 0, 1, 2], [1, 5, 4, 1]))
    check(run, [cold(7, 8, 0), warm(7, 12, 0), cold(8, 12, 0), NO_ROOM], [there()])


@each_engine
def test_only_the_attempt_that_loads_is_cold(engine: ModuleType) -> None:
    """Timed out at 5 while its model was loaded, the request is tried again at 15, warm."""
    retries = Retries(attempts=2, base_ns=10, jitter=False, after_timeout=True)
    pool = sharing([1], 1, timeout_ns=5, timeout_from=TimeoutFrom.ARRIVAL, retries=retries)
    run = run_of(engine, pool, demand([0], [0]))
    check(run, [warm(15, 16, 0)], [there()], [(0, 0, 15, *late(7, 5, 8, 0, is_cold=True))])


@each_engine
def test_recently_used_is_by_attempts_not_by_requests(engine: ModuleType) -> None:
    """A second attempt makes a model the most recently used, though its request is the oldest.

    | at | what | memory |
    |---|---|---|
    | 0 | request 0, model 0, times out at 5, again at 30; served until 8 | 0 |
    | 10 | request 1, model 1, remote, starts at 17 | 0 1 |
    | 30 | request 0 again, warm | 1 0 |
    | 40 | request 2, model 2 takes the memory of model 1, starts at 47 | 0 2 |
    | 50 | request 3, model 0, warm | 2 0 |
    """
    retries = Retries(attempts=2, base_ns=25, jitter=False, after_timeout=True)
    pool = sharing([1, 1, 1], 2, patience=Patience.RESPONSE, retries=retries)
    run = run_of(engine, pool, demand([0, 10, 40, 50], [0, 1, 2, 0], patience_ns=[5, 99, 99, 99]))
    check(
        run,
        [warm(30, 31, 0), cold(17, 18, 0), cold(47, 48, 0), warm(50, 51, 0)],
        [there()],
        [(0, 0, 30, *late(7, 5, 8, 0, is_cold=True))],
    )


@each_engine
def test_times_of_nothing(engine: ModuleType) -> None:
    """A model that takes no time to load is there at once, and its request is cold all the same."""
    run = run_of(engine, sharing([1], 1, loads=[0], downloads=[0]), demand([3], [0]))
    check(run, [cold(3, 4, 0)], [there()])
