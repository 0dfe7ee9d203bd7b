"""The same workloads in other simulators: a minimal SimPy model, simfaas and Ciw, each as its users would write it.

The SimPy models take a demand that was drawn before, in whole nanoseconds, so what they count can be held against the
engine's own counts. simfaas, Ciw and cimba (`in_cimba`) draw for themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from simulator.engines.tables import Demand
from simulator.units import to_ns
from tests.benchmarks.workloads import (
    IDLE_TIMEOUT_S,
    INSTANCES,
    MEAN_SERVICE_S,
    QUEUE_LIMIT,
    SEED,
    SERVICE_CV,
    STARTUP_S,
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


Process = Callable[[int, int, float], Iterator[Any]]


def _arrivals(environment: simpy.Environment, demand: Demand, serve: Process) -> Iterator[Any]:
    """One process a request: arrival, service time, uniform draw for routing."""
    n = len(demand)
    draws = np.broadcast_to(demand.routing, n).tolist()
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


def simpy_random_routing(demand: Demand) -> Counts:
    """One resource an instance; a full queue turns away, a waiting request leaves when its time is over."""
    environment = simpy.Environment(initial_time=0)
    instances = [simpy.Resource(environment, WORKERS) for _ in range(INSTANCES)]
    timeout_ns = to_ns(TIMEOUT_S)
    latencies: list[int] = []
    counts = Counts(requests=len(demand))

    def serve(arrival_ns: int, service_ns: int, draw: float) -> Iterator[Any]:
        workers = instances[int(draw * INSTANCES)]
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
            latencies.append(environment.now - arrival_ns)

    environment.process(_arrivals(environment, demand, serve))
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
