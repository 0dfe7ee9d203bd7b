"""The same workloads in other simulators: a minimal SimPy model, simfaas and Ciw, each as its users would write it.

The SimPy models take a demand that was drawn before, in whole nanoseconds, so what they count can be held against the
engine's own counts. simfaas, Ciw and cimba (`in_cimba`) draw for themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from simulator.engines.clients import Retries, jitter_draw, retry_delay_ns
from simulator.engines.tables import Demand
from simulator.units import to_ns
from tests.benchmarks.workloads import (
    IDLE_TIMEOUT_S,
    INITIAL_INSTANCES,
    INSTANCES,
    LAUNCH_TIME_S,
    LEAST_INSTANCES,
    MEAN_SERVICE_S,
    MOST_INSTANCES,
    POINTS_IN,
    POINTS_OUT,
    PUBLICATION_DELAY_S,
    QUEUE_LIMIT,
    RETRYING_CONCURRENCY,
    SCALE_IN_COOLDOWN_S,
    SEED,
    SERVICE_CV,
    STARTUP_S,
    TARGET,
    TIMEOUT_S,
    WORKERS,
    Workload,
)


@dataclass
class Counts:
    """What a rival counted, and the sum of its latencies; a request is one that arrived before the horizon."""

    requests: int = 0
    completed: int = 0
    cold_starts: int = 0
    throttled: int = 0
    timed_out: int = 0
    latency_s: float = 0.0
    tries: int = 0
    scale_outs: int = 0
    scale_ins: int = 0


Process = Callable[[int, int, Any], Iterator[Any]]


def _arrivals(
    environment: simpy.Environment, demand: Demand, serve: Process, draws: Iterable[Any] | None = None
) -> Iterator[Any]:
    """One process a request: arrival, service time, and what is drawn besides, the uniform draw for routing."""
    n = len(demand)
    draws = np.broadcast_to(demand.routing, n).tolist() if draws is None else draws
    for arrival_ns, service_ns, draw in zip(demand.arrival_ns.tolist(), demand.service_ns.tolist(), draws, strict=True):
        yield environment.timeout(arrival_ns - environment.now)
        environment.process(serve(arrival_ns, service_ns, draw))


def simpy_on_demand(demand: Demand) -> Counts:
    """The most recently idle instance serves, else one is launched; retired ones are dropped when they are met."""
    environment = simpy.Environment(initial_time=0)
    startup_ns, idle_timeout_ns = to_ns(STARTUP_S), to_ns(IDLE_TIMEOUT_S)
    idle_until: list[int] = []
    latencies: list[int] = []
    counts = Counts(requests=len(demand))

    def serve(arrival_ns: int, service_ns: int, _: float) -> Iterator[Any]:
        if idle_until and idle_until[-1] > arrival_ns:
            idle_until.pop()
        else:
            # With one idle timeout for all, what lies below an instance that is gone is gone as well.
            idle_until.clear()
            counts.cold_starts += 1
            yield environment.timeout(startup_ns)
        yield environment.timeout(service_ns)
        latencies.append(environment.now - arrival_ns)
        idle_until.append(environment.now + idle_timeout_ns)

    environment.process(_arrivals(environment, demand, serve))
    environment.run()
    np.percentile(latencies, (50, 95, 99))
    counts.completed = len(latencies)
    return counts


def simpy_central_queue(demand: Demand) -> Counts:
    """One resource of four places."""
    environment = simpy.Environment(initial_time=0)
    workers = simpy.Resource(environment, WORKERS)
    latencies: list[int] = []

    def serve(arrival_ns: int, service_ns: int, _: float) -> Iterator[Any]:
        with workers.request() as place:
            yield place
            yield environment.timeout(service_ns)
        latencies.append(environment.now - arrival_ns)

    environment.process(_arrivals(environment, demand, serve))
    environment.run()
    np.percentile(latencies, (50, 95, 99))
    return Counts(requests=len(demand), completed=len(latencies))


class InstanceQueues:
    """A queue at every instance; a full one turns away, a waiting request leaves when its time is over."""

    def __init__(self, environment: simpy.Environment, instances: int) -> None:
        self.environment = environment
        self.instances = [simpy.Resource(environment, WORKERS) for _ in range(instances)]
        self.timeout_ns = to_ns(TIMEOUT_S)
        self.latencies: list[int] = []
        self.counts = Counts()

    def serve(self, arrival_ns: int, service_ns: int, draw: float) -> Iterator[Any]:
        """One request."""
        environment, timeout_ns, counts = self.environment, self.timeout_ns, self.counts
        workers = self.instances[int(draw * len(self.instances))]
        if len(workers.queue) >= QUEUE_LIMIT:
            counts.throttled += 1
            return
        with workers.request() as place:
            yield place | environment.timeout(timeout_ns)
            if not place.triggered:
                counts.timed_out += 1
                return
            yield environment.timeout(service_ns)
        if environment.now - arrival_ns > timeout_ns:
            counts.timed_out += 1
        else:
            self.latencies.append(environment.now - arrival_ns)

    def counted(self, demand: Demand) -> Counts:
        """All counts, when the run is over."""
        np.percentile(self.latencies, (50, 95, 99))
        self.counts.requests, self.counts.completed = len(demand), len(self.latencies)
        return self.counts


def simpy_random_routing(demand: Demand) -> Counts:
    """One resource an instance."""
    environment = simpy.Environment(initial_time=0)
    queues = InstanceQueues(environment, INSTANCES)
    environment.process(_arrivals(environment, demand, queues.serve))
    environment.run()
    return queues.counted(demand)


def simpy_autoscaling(demand: Demand, horizon_ns: int) -> Counts:
    """The same with target tracking; no capacity changes while an instance is starting."""
    environment = simpy.Environment(initial_time=0)
    queues = InstanceQueues(environment, INITIAL_INSTANCES)
    instances, counts = queues.instances, queues.counts
    minute_ns, delay_ns, launch_ns = to_ns(60), to_ns(PUBLICATION_DELAY_S), to_ns(LAUNCH_TIME_S)
    #: Invocations, and invocations per instance in service, of the minute and of past minutes.
    invocations, per_instance = 0, 0.0
    points: list[tuple[int, float]] = []
    changed_ns: int | None = None
    is_starting = False

    def serve(arrival_ns: int, service_ns: int, draw: float) -> Iterator[Any]:
        nonlocal invocations, per_instance
        invocations += 1
        per_instance += 1 / len(instances)
        return queues.serve(arrival_ns, service_ns, draw)

    def watch() -> Iterator[Any]:
        nonlocal invocations, per_instance
        while environment.now + minute_ns + delay_ns < horizon_ns:
            yield environment.timeout(minute_ns)
            points.append((invocations, per_instance))
            invocations, per_instance = 0, 0.0
            environment.process(decide(len(points)))

    def wanted(load: int) -> int:
        return min(max(math.ceil(load / TARGET - 1e-9), LEAST_INSTANCES), MOST_INSTANCES)

    def decide(known: int) -> Iterator[Any]:
        nonlocal changed_ns, is_starting
        yield environment.timeout(delay_ns)
        if is_starting:
            return
        high, low = points[max(known - POINTS_OUT, 0) : known], points[max(known - POINTS_IN, 0) : known]
        if len(high) == POINTS_OUT and all(value > TARGET for _, value in high):
            more = wanted(high[-1][0]) - len(instances)
            if more > 0:
                counts.scale_outs += 1
                is_starting = True
                yield environment.timeout(launch_ns)
                instances.extend(simpy.Resource(environment, WORKERS) for _ in range(more))
                is_starting, changed_ns = False, environment.now
        elif len(low) == POINTS_IN and all(value < 0.9 * TARGET for _, value in low):
            fewer = len(instances) - wanted(max(load for load, _ in low))
            if fewer > 0 and (changed_ns is None or environment.now >= changed_ns + to_ns(SCALE_IN_COOLDOWN_S)):
                counts.scale_ins += 1
                # Those that go serve what they hold: their requests know them.
                del instances[-fewer:]
                changed_ns = environment.now

    environment.process(_arrivals(environment, demand, serve))
    environment.process(watch())
    environment.run()
    return queues.counted(demand)


def drawn_delays(demand: Demand, retries: Retries) -> list[tuple[int, ...]]:
    """What each client waits after each attempt that may be followed by another [ns]; part of the demand."""
    key, delays = int(demand.retry_key[0]), retries.delays_ns()
    return [
        tuple(retry_delay_ns(delay, jitter_draw(key, number, attempt)) for attempt, delay in enumerate(delays, 1))
        for number in range(len(demand))
    ]


def simpy_retrying(demand: Demand, delays: list[tuple[int, ...]]) -> Counts:
    """On demand up to a limit; a client that is turned away tries again as long as it has delays."""
    environment = simpy.Environment(initial_time=0)
    startup_ns, idle_timeout_ns = to_ns(STARTUP_S), to_ns(IDLE_TIMEOUT_S)
    idle_until: list[int] = []
    latencies: list[int] = []
    counts = Counts(requests=len(demand))
    occupied = 0

    def serve(arrival_ns: int, service_ns: int, waits_ns: tuple[int, ...]) -> Iterator[Any]:
        nonlocal occupied
        if occupied >= RETRYING_CONCURRENCY:
            for wait_ns in waits_ns:
                counts.tries += 1
                yield environment.timeout(wait_ns)
                if occupied < RETRYING_CONCURRENCY:
                    break
            else:
                counts.throttled += 1
                return
        occupied += 1
        if idle_until and idle_until[-1] > environment.now:
            idle_until.pop()
        else:
            idle_until.clear()
            counts.cold_starts += 1
            yield environment.timeout(startup_ns)
        yield environment.timeout(service_ns)
        occupied -= 1
        latencies.append(environment.now - arrival_ns)
        idle_until.append(environment.now + idle_timeout_ns)

    environment.process(_arrivals(environment, demand, serve, delays))
    environment.run()
    np.percentile(latencies, (50, 95, 99))
    counts.completed = len(latencies)
    return counts


def simfaas_on_demand(workload: Workload, requests: float) -> Counts:
    """simfaas 0.2.2, `ServerlessSimulator`: routes to the newest instance; it has no percentiles to ask for."""
    from simfaas.ServerlessSimulator import ServerlessSimulator
    from simfaas.SimProcess import SimProcess

    variance = math.log1p(SERVICE_CV**2)
    mean, deviation = math.log(MEAN_SERVICE_S) - variance / 2, math.sqrt(variance)

    class Lognormal(SimProcess):  # type: ignore[misc]
        """simfaas has no lognormal process of its own."""

        def __init__(self, offset_s: float) -> None:
            super().__init__()
            self.offset_s = offset_s

        def generate_trace(self) -> float:
            return self.offset_s + float(np.random.lognormal(mean, deviation))  # noqa: NPY002, as simfaas draws

    np.random.seed(SEED)  # noqa: NPY002, simfaas draws from the global stream
    simulator = ServerlessSimulator(
        arrival_rate=workload.rate,
        warm_service_process=Lognormal(0.0),
        cold_service_process=Lognormal(STARTUP_S),
        expiration_threshold=IDLE_TIMEOUT_S,
        max_time=workload.horizon_s(requests),
        maximum_concurrency=1_000_000,
    )
    simulator.generate_trace(debug_print=False, progress=False)
    simulator.get_cold_start_prob()
    simulator.get_average_server_count()
    return Counts(
        requests=simulator.total_req_count,
        completed=simulator.total_warm_count + simulator.total_cold_count,
        cold_starts=simulator.total_cold_count,
        throttled=simulator.total_reject_count,
    )


def ciw_central_queue(workload: Workload, requests: int) -> Counts:
    """Ciw, one node of four servers; its records are read once for the percentiles."""
    import ciw

    ciw.seed(SEED)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=workload.rate)],
        service_distributions=[ciw.dists.Exponential(rate=1 / MEAN_SERVICE_S)],
        number_of_servers=[WORKERS],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(requests, method="Finish")
    latencies = [record.exit_date - record.arrival_date for record in simulation.get_all_records()]
    np.percentile(latencies, (50, 95, 99))
    return Counts(requests=len(latencies), completed=len(latencies))
