"""One replication: the demand drawn, every endpoint simulated under it, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.demand import first_sends, launch_times, replication_blocks
from simulator.engines import compiled, reference
from simulator.engines.pool import Pool
from simulator.engines.tables import Demand, LaunchTimes, Settled
from simulator.errors import InputError
from simulator.measures.cold_starts import ColdStarts, ColdTally
from simulator.measures.hourly import HourlyTally
from simulator.measures.measured import Measured
from simulator.measures.objectives import Objective, parse_objective
from simulator.measures.percentiles import LEVELS, Level, level
from simulator.measures.tally import Tally
from simulator.measures.timeline import Timeline, TimelineTally
from simulator.scenario.model import Scenario
from simulator.study.manifest import made_by, other_version
from simulator.traffic.drawn import MinuteTally
from simulator.units import to_ns

Engine = Literal["compiled", "reference"]
ENGINES: Final[tuple[Engine, ...]] = get_args(Engine)


@dataclass(frozen=True)
class Task:
    """Replications that one worker runs one after another; a pure function of these fields.

    Parameters
    ----------
    scenario : Scenario
        With the seed of the study.
    numbers : tuple of int
        Numbers of the replications.
    engine : {"compiled", "reference"}
        Both give the same records.
    endpoints : tuple of str
        Names of those to simulate; empty: all. Records are then of these endpoints only.
    study : int
        Number of the study among those that run together.
    made_by : dict of str to str
        Versions that the results depend on (`manifest.made_by`); a worker that has others refuses.
    """

    scenario: Scenario
    numbers: tuple[int, ...]
    engine: Engine
    endpoints: tuple[str, ...] = ()
    study: int = 0
    made_by: dict[str, str] = field(default_factory=made_by)


@dataclass(frozen=True)
class Record:
    """What is kept of one replication.

    Parameters
    ----------
    number : int
        Of the replication.
    traffic : dict
        Figures of the traffic that was drawn (`traffic.drawn.summary_of`).
    measured : dict of str to Measured
        Endpoint → what was measured of it.
    timelines : dict of str to Timeline
        Endpoint → its series; of replication 0 only.
    cold_starts : dict of str to ColdStarts
        Endpoint → its cold starts by hour of the day; of those that launch instances.
    instance_hours : dict of str to tuple of int
        Endpoint → time for which its instances are billed in each hour of the measured part (`HourlyTally`); of those
        that launch none on demand. [ns]
    """

    number: int
    traffic: dict[str, Any]
    measured: dict[str, Measured]
    timelines: dict[str, Timeline]
    cold_starts: dict[str, ColdStarts] = field(default_factory=dict)
    instance_hours: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Requests that arrived, measured or not."""
        return int(self.traffic["requests"])


def check_engine(engine: str) -> Engine:
    """The engine of a name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    for known in ENGINES:
        if engine == known:
            return known
    raise InputError(f"no engine {engine!r}; engines: {', '.join(ENGINES)}")


def objectives_of(scenario: Scenario) -> list[Objective]:
    """The scenario's objectives, read."""
    return [parse_objective(text) for text in scenario.objectives]


def levels_of(scenario: Scenario) -> tuple[Level, ...]:
    """Percentile levels that are reported: the usual ones, and those of objectives and of the precision asked for."""
    asked = {Level(one.share) for one in objectives_of(scenario) if one.share is not None}
    if scenario.precision is not None:
        with suppress(ValueError):  # other measures have no level
            asked.add(level(scenario.precision.measure))
    return tuple(sorted({*LEVELS, *asked}))


#: Takes the name of an endpoint and what was settled there, block by block.
Watch = Callable[[str, Settled], None]


def replicate(task: Task, tell: Callable[[int], None] | None = None, watch: Watch | None = None) -> list[Record]:
    """Records of the task's replications, in its order.

    Parameters
    ----------
    task : Task
    tell : callable, optional
        Called now and then with the number of requests that were simulated since, over all endpoints.
    watch : callable, optional
        Sees all that is settled; for what records do not hold.

    Raises
    ------
    InputError
        If the task comes from a process with other versions.
    """
    difference = other_version(task.made_by)
    if difference:
        raise InputError(f"the study was begun with {difference} in a worker process; install the same everywhere")
    return [_record(task, number, tell or (lambda _: None), watch) for number in task.numbers]


def _record(task: Task, number: int, tell: Callable[[int], None], watch: Watch | None) -> Record:
    scenario = task.scenario.realised(number)
    endpoints = [one for one in scenario.endpoints if not task.endpoints or one.name in task.endpoints]
    horizon_ns = to_ns(scenario.horizon)
    limits_ns = [one.threshold_ns for one in objectives_of(scenario) if one.threshold_ns is not None]
    levels = levels_of(scenario)
    clock_ns = to_ns(scenario.clock.day_s)
    pools = {endpoint.name: scenario.pool(endpoint) for endpoint in endpoints}
    sends_ns = first_sends(scenario, number)
    runs = {
        endpoint.name: _Endpoint(
            pools[endpoint.name],
            launch_times(scenario, endpoint.name, number),
            sends_ns,
            Tally.of(
                endpoint,
                from_ns=to_ns(scenario.initial_transient),
                until_ns=horizon_ns,
                limits_ns=limits_ns,
                levels=levels,
                pool=pools[endpoint.name],
            ),
            TimelineTally(pools[endpoint.name], horizon_ns) if number == 0 else None,
            ColdTally(to_ns(scenario.initial_transient), clock_ns) if pools[endpoint.name].launches else None,
            None if pools[endpoint.name].launches else HourlyTally(to_ns(scenario.initial_transient), horizon_ns),
            task.engine,
            None if watch is None else partial(watch, endpoint.name),
        )
        for endpoint in endpoints
    }
    minutes = MinuteTally(horizon_ns)
    blocks = replication_blocks(scenario, number, endpoints=task.endpoints)
    if sends_ns is None:
        for block in blocks:
            arrival_ns = next(iter(block.values())).arrival_ns
            minutes.add(arrival_ns)
            for name, demand in block.items():
                runs[name].feed(demand)
            tell(len(arrival_ns) * len(runs))
    else:
        _feed_clients(runs, blocks, minutes, tell)
    measured, timelines, cold_starts, instance_hours = {}, {}, {}, {}
    for name, run in runs.items():
        measured[name], timeline, cold = run.finish()
        if run.hourly is not None:
            instance_hours[name] = run.hourly.finish()
        if timeline is not None:
            timelines[name] = timeline
        if cold is not None:
            cold_starts[name] = cold
    return Record(number, minutes.finish(), measured, timelines, cold_starts, instance_hours)


def _feed_clients(
    runs: Mapping[str, _Endpoint],
    blocks: Iterator[Mapping[str, Demand]],
    minutes: MinuteTally,
    tell: Callable[[int], None],
) -> None:
    """Feed endpoints until no client of a closed population sends any more; each takes its own number of rows.

    The traffic that is summarised is what the first endpoint was sent.
    """
    first, *_ = runs.values()
    first.sees(lambda settled: minutes.add(settled.demand.arrival_ns))
    for run in runs.values():
        run.sees(lambda settled: tell(len(settled.demand)))
    while any(run.wants_rows for run in runs.values()):
        for name, demand in next(blocks).items():
            if runs[name].wants_rows:
                runs[name].feed(demand)


class _Endpoint:
    """One endpoint under a stream of demand, measured as it goes by."""

    def __init__(
        self,
        pool: Pool,
        launches: LaunchTimes | None,
        sends_ns: NDArray[np.int64] | None,
        tally: Tally,
        timeline: TimelineTally | None,
        cold: ColdTally | None,
        hourly: HourlyTally | None,
        engine: Engine,
        watch: Callable[[Settled], None] | None,
    ) -> None:
        self._tally, self._timeline, self._cold = tally, timeline, cold
        self._watches = [] if watch is None else [watch]
        self.hourly = hourly
        made = compiled.Simulation if engine == "compiled" else reference.Simulation
        self._simulation = made(pool, launches, sends_ns)

    @property
    def wants_rows(self) -> bool:
        """Whether clients of a closed population may send more."""
        return self._simulation.wants_rows

    def sees(self, watch: Callable[[Settled], None]) -> None:
        """Show all that is settled to one more."""
        self._watches.append(watch)

    def feed(self, demand: Demand) -> None:
        self._add(self._simulation.feed(demand))

    def finish(self) -> tuple[Measured, Timeline | None, ColdStarts | None]:
        self._add(self._simulation.finish())
        timeline = None if self._timeline is None else self._timeline.finish()
        return self._tally.finish(), timeline, None if self._cold is None else self._cold.finish()

    def _add(self, settled: Settled) -> None:
        self._tally.add(settled)
        if self._timeline is not None:
            self._timeline.add(settled)
        if self._cold is not None:
            self._cold.add(settled)
        if self.hourly is not None:
            self.hourly.add(settled)
        for watch in self._watches:
            watch(settled)
