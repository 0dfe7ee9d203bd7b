"""Models that share instances in the compiled engine: rules worked out on paper, any blocks, and one model alone."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.clients import Patience, Retries
from simulator.engines.compiled.shared_models import SharedModels
from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.engines.served_otherwise import Models
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Requests, Run
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases, further_cases

SEED = 20261126
COMPLETED, THROTTLED, TIMED_OUT, _ = map(int, Outcome)
QUEUE_FULL, NO_CAPACITY = int(Reason.QUEUE_FULL), int(Reason.NO_CAPACITY)


def run(pool: Pool, blocks: list[Demand], room: int = 1024) -> Run:
    """The tables of a run."""
    simulation = SharedModels(pool, room)
    return Run.joined([*map(simulation.feed, blocks), simulation.finish()])


def pool(sizes: tuple[int, ...], memory: int, **given: Any) -> Pool:
    """A pool of one instance with one worker, whose models load in 2 and are downloaded in 5."""
    of_models = {
        name: given.pop(name) for name in ("load_ns", "download_ns", "disk_bytes", "copies_from") if name in given
    }
    times: dict[str, Any] = {"load_ns": (2,) * len(sizes), "download_ns": (5,) * len(sizes)}
    models = Models(sizes_bytes=sizes, memory_bytes=memory, **(times | of_models))
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.BY_MODEL, "models": models, **given})


def served(requests: Requests) -> list[tuple[int, int, int, bool]]:
    """(instance, start, release, cold) of each request."""
    columns = (requests.instance, requests.start_ns, requests.release_ns, requests.is_cold)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_a_model_is_downloaded_once_loaded_when_it_is_needed_and_unloaded_by_last_use() -> None:
    """Memory for two of three models: the least recently used goes, and comes back from the disk."""
    demand = Demand.from_arrays([0, 10, 20, 30, 40, 50], 1, model=[0, 1, 0, 2, 0, 1])
    # 0 and 1 are downloaded and loaded; 2 makes 1 go, which was used before 0; 1 comes back and needs no download.
    expected = [(0, 7, 8, True), (0, 17, 18, True), (0, 20, 21, False), (0, 37, 38, True), (0, 40, 41, False)]
    found = run(pool((1, 1, 1), 2), [demand]).requests
    assert [*expected, (0, 52, 53, True)] == served(found)
    assert found.response_ns.tolist() == found.release_ns.tolist()


def test_a_short_disk_loses_the_least_recently_used_model_that_is_not_in_memory() -> None:
    """Memory for one of three models and a disk for two."""
    demand = Demand.from_arrays([0, 10, 20, 30, 40], 1, model=[0, 1, 2, 1, 0])
    # 2 makes 0 go from the disk, which was used before 1; 1 is still there at 30, and 0 is downloaded anew at 40.
    expected = [(0, 7, 8, True), (0, 17, 18, True), (0, 27, 28, True), (0, 32, 33, True), (0, 47, 48, True)]
    assert expected == served(run(pool((1, 1, 1), 1, disk_bytes=2), [demand]).requests)


def test_a_model_with_an_outstanding_request_stays_and_without_room_the_attempt_is_throttled() -> None:
    """A release at the instant of an attempt comes before it; a model above the memory has room nowhere."""
    demand = Demand.from_arrays([0, 3, 10, 11], [3, 1, 1, 1], model=[0, 1, 1, 2])
    found = run(pool((2, 2, 4), 3, places=2), [demand]).requests
    # Request 0 is released at 10, so that model 0 can go for request 2, but not for request 1.
    assert [(0, 7, 10, True), (NONE, NONE, NONE, False), (0, 17, 18, True), (NONE, NONE, NONE, False)] == served(found)
    assert [0, NO_CAPACITY, 0, NO_CAPACITY] == found.reason.tolist()
    nowhere = run(pool((1,), 1, standing=0), [Demand.from_arrays([4], 1)])
    assert ([NO_CAPACITY], 0) == (nowhere.requests.reason.tolist(), len(nowhere.instances))


def test_a_worker_that_waits_for_a_model_serves_nobody_else() -> None:
    """First in, first out: a request for a model that is there waits behind one for a model that is loaded."""
    demand = Demand.from_arrays([0, 8, 9, 10], 1, model=[0, 1, 0, 0])
    expected = [(0, 7, 8, True), (0, 15, 16, True), (0, 16, 17, False), (0, 17, 18, False)]
    assert expected == served(run(pool((1, 1), 2), [demand]).requests)
    # With two workers the second takes requests 2 and 3.
    expected[2:] = [(0, 9, 10, False), (0, 10, 11, False)]
    assert expected == served(run(pool((1, 1), 2, places=2), [demand]).requests)
    # Warm requests for a model that is still loading wait for it, each at a worker of its own.
    together = Demand.from_arrays([0, 1, 2], [3, 1, 1])
    expected = [(0, 7, 10, True), (0, 7, 8, False), (0, 8, 9, False)]
    assert expected == served(run(pool((1,), 1, places=2), [together]).requests)


def test_a_model_goes_where_nothing_is_unloaded_then_to_the_least_outstanding_then_to_the_most_memory() -> None:
    """Three instances with memory for 4: the order of step 1."""
    sizes, at = (3, 1, 2, 4), [0, 1, 2, 60, 61, 62]
    demand = Demand.from_arrays(at, [50, 1, 1, 1, 1, 1], model=[0, 1, 2, 3, 3, 1])
    # 0 → 0 (all alike); 1 → 1 (0 has one outstanding); 2 → 2 at time 2, as 1 still holds its request until 9.
    # Everything is idle at 60: model 3 fits nowhere without unloading, and most memory is free on 1.
    expected = [0, 1, 2, 1, 1, 2]
    found = run(pool(sizes, 4, standing=3, load_ns=(2, 2, 2, 2)), [demand]).requests
    assert expected == found.instance.tolist()
    # Model 1 was unloaded from 1, so it is loaded on 2: 2 bytes are free there, 1 on 0.
    assert [True, True, True, True, False, True] == found.is_cold.tolist()


def test_busy_models_get_a_copy_where_fewer_requests_are_outstanding() -> None:
    """From two outstanding requests on, and only onto an instance that has fewer and room."""
    demand = Demand.from_arrays([0, 1, 2, 3, 4, 5], 100)
    sent = run(pool((1,), 1, standing=3, copies_from=2), [demand]).requests
    # 0 has two, so 1 gets a copy; 1 then has fewer; both have two, so 2 gets one; 2 then has fewer.
    assert [0, 0, 1, 1, 2, 2] == sent.instance.tolist()
    assert [True, False] * 3 == sent.is_cold.tolist()
    alone = run(pool((1,), 1, standing=3), [demand]).requests
    assert [0] * 6 == alone.instance.tolist()
    # Where model 1 has an outstanding request there is no room for a copy of model 0.
    taken = Demand.from_arrays([0, 1, 2, 3], 100, model=[0, 1, 0, 0])
    assert [0, 1, 0, 0] == run(pool((1, 1), 1, standing=2, copies_from=1), [taken]).requests.instance.tolist()


def test_a_full_queue_turns_away_and_loads_nothing() -> None:
    """One worker and one in the queue; the model of the one turned away does not make another go."""
    demand = Demand.from_arrays([0, 1, 2, 20, 21], [10, 1, 1, 1, 1], model=[0, 0, 1, 0, 1])
    found = run(pool((1, 1), 2, queue_limit=1), [demand]).requests
    expected = [(0, 7, 17, True), (0, 17, 18, False), (NONE, NONE, NONE, False), (0, 20, 21, False), (0, 28, 29, True)]
    assert expected == served(found)
    assert QUEUE_FULL == found.reason[2]


def test_limits_of_waiting_end_when_a_worker_takes_the_request() -> None:
    """Patience for a place, the timeout from the attempt, and from the start, with a load of 7."""
    demand = Demand.from_arrays([0, 1, 2], [3, 3, 3], patience_ns=[5, 9, 8])
    # A worker takes 0 at once, so its patience is over; 1 is taken at its very limit, 10; 2 leaves at 10.
    waiting = run(pool((1,), 1, patience=Patience.WAITING), [demand]).requests
    assert [(0, 7, 10, True), (0, 10, 13, False), (NONE, NONE, NONE, False)] == served(waiting)
    assert [COMPLETED, COMPLETED, TIMED_OUT] == waiting.outcome.tolist()
    assert [10, 13, 10] == waiting.response_ns.tolist()
    # Patience for the response ends while the model is loaded; the worker goes on.
    response = run(pool((1,), 1, patience=Patience.RESPONSE), [demand]).requests
    assert [(0, 7, 10, True), (0, 10, 13, False), (NONE, NONE, NONE, False)] == served(response)
    assert [5, 10, 10] == response.response_ns.tolist()
    assert [TIMED_OUT] * 3 == response.outcome.tolist()
    from_attempt = run(pool((1,), 1, timeout_ns=9, timeout_from=TimeoutFrom.ARRIVAL), [demand]).requests
    assert [9, 10, 11] == from_attempt.response_ns.tolist()
    assert [(0, 7, 10, True), (0, 10, 13, False), (NONE, NONE, NONE, False)][:2] == served(from_attempt)[:2]
    from_start = run(pool((1,), 1, timeout_ns=3), [demand]).requests
    assert [10, 13, 16] == from_start.response_ns.tolist()
    assert [COMPLETED] * 3 == from_start.outcome.tolist()


def test_who_leaves_the_queue_is_outstanding_until_then_and_cold_if_it_had_its_model_loaded() -> None:
    """Model 1 is loaded for a request that leaves at 3, and then goes for model 2 before it could ever serve."""
    demand = Demand.from_arrays([0, 1, 2, 3], [9, 1, 1, 1], model=[0, 1, 2, 2], patience_ns=[FOREVER, 2, 9, 99])
    found = run(pool((1, 1, 1), 2, patience=Patience.WAITING), [demand]).requests
    # 0 is served until 16. Model 2 has no room at 2; at 3 it takes the memory of model 1.
    assert [(0, 7, 16, True), (NONE, NONE, NONE, True), (NONE, NONE, NONE, False), (0, 16, 17, True)] == served(found)
    assert [COMPLETED, TIMED_OUT, THROTTLED, COMPLETED] == found.outcome.tolist()


def test_each_attempt_is_sent_and_may_load_anew() -> None:
    """A request that is turned away comes again at the instant of a release, before an arrival of that instant."""
    retries = Retries(attempts=2, base_ns=9, jitter=False)
    demand = Demand.from_arrays([0, 1, 10], [3, 1, 1], model=[0, 1, 0])
    found = run(pool((1, 1), 1, retries=retries, queue_limit=0), [demand])
    # Tried at 1 without room, again at 10, when request 0 is released; then model 0 has no room until 18, but the
    # client of request 2 comes at 19.
    assert [(0, 7, 10, True), (0, 17, 18, True), (0, 21, 22, True)] == served(found.requests)
    assert [(1, 1, 10), (2, 10, 19)] == list(
        zip(*(column.tolist() for column in (found.tries.number, found.tries.at_ns, found.tries.next_ns)), strict=True)
    )
    assert [NO_CAPACITY, NO_CAPACITY] == found.tries.reason.tolist()


def test_one_model_that_loads_in_no_time_is_a_pool_of_one_instance() -> None:
    """200 random pools, with retries and patience: all but the first attempt is as in a queue of its own."""
    dice = random.Random(SEED)
    for further in further_cases.seeded(further_cases.shared_models, SEED, 200):
        models = Models((1,), (0,), (0,), memory_bytes=1)
        shared = replace(further.pool, standing=1, models=models)
        demand = replace(further.demand, model=np.zeros(1, np.int64))
        expected = compiled.simulate(replace(shared, models=None, routing=Routing.RANDOM), demand)
        found = run(shared, list(cases.blocks(dice, demand)))
        found.requests.is_cold[:] = False
        found.tries.is_cold[:] = False
        problem = cases.difference(expected, found)
        assert problem is None, f"{problem}\n{cases.described(shared, demand)}"


def test_no_row_depends_on_blocks_or_on_room() -> None:
    """300 random pools and demands, at once and in random blocks with little room."""
    dice = random.Random(SEED)
    n_cold = n_tried = 0
    for further in further_cases.seeded(further_cases.shared_models, SEED + 1, 300):
        expected = run(further.pool, [further.demand])
        found = run(further.pool, list(cases.blocks(dice, further.demand)), room=1)
        problem = cases.difference(expected, found)
        assert problem is None, f"{problem}\n{cases.described(further.pool, further.demand)}"
        n_cold += int(expected.requests.is_cold.sum())
        n_tried += len(expected.tries)
    assert min(n_cold, n_tried) > 500


def test_models_are_numbered_and_nobody_waits_for_ever() -> None:
    """One message says which model there is not, and that a service never ends."""
    with pytest.raises(InputError, match="model 2, must be 0 to 1"):
        run(pool((1, 1), 1), [Demand.from_arrays([0, 1], 1, model=[0, 2])])
    with pytest.raises(InputError, match="requests wait for ever"):
        run(pool((1,), 1), [Demand.from_arrays([0, 1], [FOREVER, 1])])
