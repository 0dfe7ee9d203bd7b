"""How a study is cut into tasks, and put together again to the last bit."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from simulator.scenario.model import Scenario
from simulator.study.replicate import Record, Task, replicate
from simulator.study.run import run
from simulator.study.tasks import Gathering, requests_of, tasks_of
from tests.study.scenarios import BASE, scenario

#: Worth two tasks and more: 30 days of 2 requests/s on each endpoint.
LONG = "30d"
TWO = BASE["endpoints"]
THREE = [*TWO, {**TWO[1], "name": "larger", "initial_instance_count": 2}]


def parts(tasks: list[Task]) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Numbers and endpoints of tasks."""
    return [(task.numbers, task.endpoints) for task in tasks]


@pytest.mark.parametrize(
    ("replications", "horizon", "workers", "sizes"),
    [
        (6, "20m", 1, [1] * 6),
        (100, "20m", 2, [12] * 8 + [4]),
        (100, LONG, 2, [1] * 100),
        (6, "20m", None, [1] * 6),
    ],
)
def test_tasks_are_worth_sending(replications: int, horizon: str, workers: int | None, sizes: list[int]) -> None:
    """Short replications go together, at least four tasks a worker; long ones go alone; numbers stay in order."""
    tasks = tasks_of(scenario(horizon=horizon), range(replications), "compiled", workers)
    assert sizes == [len(task.numbers) for task in tasks]
    assert list(range(replications)) == [number for task in tasks for number in task.numbers]


@pytest.mark.parametrize("workers", [2, 8, 64, None])
def test_a_thousand_short_replications_are_few_tasks(workers: int | None) -> None:
    """Sending costs little: four to six tasks a worker; sixteen workers where nobody knows how many."""
    tasks = tasks_of(scenario(horizon="1m"), range(1000), "compiled", workers)
    assert 4 * (workers or 16) <= len(tasks) <= 6 * (workers or 16)


def test_a_task_is_half_a_second_of_work_at_most() -> None:
    """Replications of a tenth of 5 million requests go by ten at most, however many there are; of more, alone."""
    size = 5e5 / (2 * 2)
    tenth = scenario(horizon=f"{size}s")
    assert 5e5 == pytest.approx(requests_of(tenth))
    assert {10} == {len(task.numbers) for task in tasks_of(tenth, range(10_000), "compiled", 2)}
    assert {1} == {len(task.numbers) for task in tasks_of(scenario(horizon=LONG), range(10_000), "compiled", 2)}
    assert {1} == {len(task.numbers) for task in tasks_of(tenth, range(10_000), "reference", 2)}


@pytest.mark.parametrize(
    ("endpoints", "replications", "workers", "expected"),
    [
        (TWO, 1, 2, [((0,), ("on-demand",)), ((0,), ("instance",))]),
        (TWO, 2, 2, [((0,), ()), ((1,), ())]),
        (THREE, 3, 2, [((0,), ()), ((1,), ()), ((2,), ("on-demand", "larger")), ((2,), ("instance",))]),
        (THREE, 1, 4, [((0,), ("on-demand",)), ((0,), ("instance",)), ((0,), ("larger",))]),
        (THREE, 2, 4, [((n,), names) for n in (0, 1) for names in (("on-demand", "larger"), ("instance",))]),
        (THREE, 3, 4, [((0,), ()), ((1,), ()), ((2,), ())]),
        (TWO, 1, None, [((0,), ())]),
        (TWO, 3, 1, [((0,), ()), ((1,), ()), ((2,), ())]),
    ],
)
def test_the_last_round_is_cut_by_endpoint(
    endpoints: list[dict[str, Any]], replications: int, workers: int | None, expected: list[Any]
) -> None:
    """Only those of the last round, in which workers would wait, and into no more parts than workers or endpoints."""
    found = tasks_of(scenario(horizon=LONG, endpoints=endpoints), range(replications), "compiled", workers)
    assert expected == parts(found)


def test_records_of_some_endpoints_are_those_of_all() -> None:
    """Each endpoint alone, and each two: measured, series and traffic are equal to the last bit."""
    asked = scenario(endpoints=THREE)
    (whole,) = replicate(Task(asked, (0,), "compiled"))
    names = list(whole.measured)
    assert ["on-demand", "instance", "larger"] == names == list(whole.timelines)
    for some in (*itertools.combinations(names, 1), *itertools.combinations(names, 2)):
        (part,) = replicate(Task(asked, (0,), "compiled", some))
        assert {name: whole.measured[name] for name in some} == part.measured
        assert {name: whole.timelines[name] for name in some} == part.timelines
        assert whole.traffic == part.traffic


def cut(asked: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take replications of this scenario to be long."""
    monkeypatch.setattr(
        "simulator.study.tasks._REQUESTS_PER_TASK", {"compiled": requests_of(asked) / 2, "reference": 1.0}
    )


@pytest.mark.parametrize(("endpoints", "replications"), [(TWO, 1), (THREE, 3)])
def test_cut_replications_are_whole_again(
    monkeypatch: pytest.MonkeyPatch, endpoints: list[dict[str, Any]], replications: int
) -> None:
    """On two processes, to the last bit; the order of endpoints is that of the scenario."""
    asked = scenario(endpoints=endpoints)
    expected = run(asked, replications)
    cut(asked, monkeypatch)
    assert len(tasks_of(asked, range(replications), "compiled", 2)) == replications + 1
    study = run(asked, replications, jobs=2)
    assert expected == study
    assert expected.results_digest() == study.results_digest()
    assert [endpoint["name"] for endpoint in endpoints] == list(study.records[-1].measured)


def test_parts_may_come_in_any_order() -> None:
    """A record is whole with its last part, whichever that is, and parts of several may be mixed."""
    asked = scenario(endpoints=THREE)
    names = [endpoint["name"] for endpoint in THREE]
    whole = replicate(Task(asked, (0, 1), "compiled"))
    pieces = [replicate(Task(asked, (number,), "compiled", (name,)))[0] for number in (0, 1) for name in names]
    for order in itertools.islice(itertools.permutations(pieces), 0, None, 97):
        gathering = Gathering(asked)
        seen: list[Record] = []
        for place, piece in enumerate(order, 1):
            seen += gathering.add([piece])
            complete = [n for n in (0, 1) if 3 == sum(one.number == n for one in order[:place])]
            assert complete == sorted(record.number for record in seen)
        assert whole == sorted(seen, key=lambda record: record.number)
