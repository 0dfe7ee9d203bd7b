"""How a study is cut into tasks, and how what they bring back becomes whole records again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Final

from simulator.scenario.model import Scenario
from simulator.study.replicate import Engine, Record, Task
from simulator.traffic import Closed

#: A task should be worth about half a second of work, so that what it costs to send is lost in it; requests that each
#: engine simulates and measures in that time.
_REQUESTS_PER_TASK: Final[dict[Engine, float]] = {"compiled": 5e6, "reference": 5e4}
#: Tasks per worker at least, where there are enough replications, so that workers finish together.
_TASKS_PER_WORKER: Final = 4
#: Workers that an executor of unknown size is taken to have.
_UNKNOWN_WORKERS: Final = 16


def requests_of(scenario: Scenario) -> float:
    """Requests that one replication is expected to simulate, over all endpoints; of a closed population about."""
    if isinstance(scenario.traffic, Closed):
        means = [scenario.service_time(endpoint).mean() for endpoint in scenario.endpoints]
        return sum(scenario.traffic.about_count(scenario.horizon, mean) for mean in means)
    expected = scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock)
    return float(expected) * len(scenario.endpoints)


def tasks_of(scenario: Scenario, numbers: Sequence[int], engine: Engine, workers: int | None) -> list[Task]:
    """Tasks that together run all numbers.

    Short replications go together. Long ones go alone, and those of the last round, in which there is not one for
    each worker, are cut by endpoint, so that no worker is idle while endpoints wait; the traffic is then drawn once
    for each part, which costs less than waiting.

    Parameters
    ----------
    scenario : Scenario
        With the seed of the study.
    numbers : sequence of int
        Replications to run.
    engine : {"compiled", "reference"}
        Which engine.
    workers : int or None
        1: a task for each replication, because sending costs nothing; None: not known.
    """
    size = 1
    if workers != 1:
        worth = int(_REQUESTS_PER_TASK[engine] / max(requests_of(scenario), 1.0))
        size = max(1, min(worth, len(numbers) // ((workers or _UNKNOWN_WORKERS) * _TASKS_PER_WORKER)))
        if worth < 1 and workers is not None:
            return _long_tasks(scenario, numbers, engine, workers)
    return [Task(scenario, tuple(numbers[i : i + size]), engine) for i in range(0, len(numbers), size)]


def _long_tasks(scenario: Scenario, numbers: Sequence[int], engine: Engine, workers: int) -> list[Task]:
    names = [endpoint.name for endpoint in scenario.endpoints]
    last_round = len(numbers) % workers
    parts = min(len(names), workers // last_round) if last_round else 1
    whole = len(numbers) - (last_round if parts > 1 else 0)
    tasks = [Task(scenario, (number,), engine) for number in numbers[:whole]]
    for number in numbers[whole:]:
        tasks += [Task(scenario, (number,), engine, tuple(names[part::parts])) for part in range(parts)]
    return tasks


#: What a record holds endpoint by endpoint.
PARTS: Final = tuple(one.name for one in fields(Record) if one.name not in {"number", "traffic"})


class Gathering:
    """Puts the parts of records together.

    Parameters
    ----------
    scenario : Scenario
        Says which endpoints make a record whole.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._names = [endpoint.name for endpoint in scenario.endpoints]
        self._parts: dict[int, list[Record]] = {}

    def add(self, records: Sequence[Record]) -> Iterator[Record]:
        """Add what a task brought; the records that are whole now, endpoints in the order of the scenario."""
        for record in records:
            parts = self._parts.setdefault(record.number, [])
            parts.append(record)
            if sum(len(part.measured) for part in parts) == len(self._names):
                del self._parts[record.number]
                by_endpoint = {name: self._joined(parts, name) for name in PARTS}
                yield Record(record.number, record.traffic, **by_endpoint)

    def _joined(self, parts: Sequence[Record], field: str) -> dict[str, Any]:
        """One field of several records, endpoints in the order of the scenario."""
        found = {name: one for part in parts for name, one in getattr(part, field).items()}
        return {name: found[name] for name in self._names if name in found}
