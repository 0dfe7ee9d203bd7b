"""Requests per second, end to end, next to other simulators and next to drawing the random numbers alone.

End to end is what a study does with a replication: draw the demand, simulate it block by block, measure it
(percentiles, fractions) and bill it. No time is asserted, times depend on the machine; what was processed is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import pytest

from simulator.demand import BLOCK, draw_demand
from simulator.engines.tables import Demand
from simulator.measures.bill import bill
from simulator.measures.measured import Measured
from simulator.questions.fleet.replication import fleet_record, measured_of_all, measured_under_limit
from simulator.scenario.model import Scenario
from simulator.study.replicate import Task, replicate
from simulator.units import to_ns
from tests.benchmarks import rivals
from tests.benchmarks.timing import Table, best_of
from tests.benchmarks.workloads import (
    MEAN_SERVICE_S,
    SEED,
    SERVICE_CV,
    WAVE_RATE,
    WAVE_S,
    Workload,
    autoscaling,
    central_queue,
    closed_population,
    fleet,
    multi_model,
    on_demand,
    random_routing,
    retrying,
    without_rival,
)

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

OURS, DRAWS = "endpointsim", "NumPy's draws alone"
SIMPY, SIMFAAS, CIW, CIMBA = "minimal SimPy", "simfaas", "Ciw", "cimba"
REQUESTS = 2_000_000
#: Replication 0 also records a timeline for the figures, the others are what a study mostly consists of.
REPLICATION = 1


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """Printed when all is measured."""
    if find_spec("cimba") is not None:
        # It adds to Numba what it compiles; that has to be there before Numba compiles anything.
        import_module("tests.benchmarks.in_cimba")
    table = Table()
    yield table
    print(f"\n\n{table}")


def end_to_end(scenario: Scenario) -> Measured:
    """One replication, drawn, simulated, measured and billed."""
    (record,) = replicate(Task(scenario, (REPLICATION,), "compiled"))
    measured = record.measured["it"]
    bill(scenario.endpoint("it"), measured.usage, scenario.price_sheet)
    assert record.requests == measured.requests
    return measured


def draws_alone(rate: float, n: int, *, lognormal: bool, routing: bool) -> int:
    """The same random numbers in blocks of the same size, from NumPy, and nothing done with them."""
    arrivals, services, routings = (np.random.default_rng([SEED, stream]) for stream in range(3))
    variance = math.log1p(SERVICE_CV**2)
    mean, deviation = math.log(MEAN_SERVICE_S) - variance / 2, math.sqrt(variance)
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        arrivals.exponential(1 / rate, size)
        if lognormal:
            services.lognormal(mean, deviation, size)
        else:
            services.exponential(MEAN_SERVICE_S, size)
        if routing:
            routings.random(size)
    return n


def compare(
    table: Table,
    workload: Workload,
    simpy_model: Callable[[Demand], rivals.Counts],
    others: dict[str, Callable[[], int]],
    bars: Mapping[str, float],
    draws: Callable[[int], int],
    simpy_requests: int = 50_000,
) -> float:
    """Rows of one workload; our speed [1/s]."""
    scenario = workload.scenario(REQUESTS)
    n = len(draw_demand(scenario, "it", REPLICATION))
    assert abs(n - REQUESTS) < 6 * math.sqrt(REQUESTS)
    short = workload.scenario(simpy_requests)
    demand = draw_demand(short, "it", REPLICATION)

    # The two models are the same model: they count the same.
    counted, measured = simpy_model(demand), end_to_end(short)
    assert (counted.requests, counted.completed) == (measured.requests, measured.completed)
    assert (counted.throttled, counted.timed_out) == (measured.throttled_in_all, measured.timed_out)
    assert counted.cold_starts == measured.cold_starts
    assert counted.tries == measured.tries
    assert (counted.scale_outs, counted.scale_ins) == (measured.scale_outs or 0, measured.scale_ins or 0)

    took = best_of(
        {
            OURS: lambda: end_to_end(scenario).requests,
            DRAWS: lambda: draws(n),
            SIMPY: lambda: simpy_model(demand).requests,
            **others,
        }
    )
    assert (n, n, len(demand)) == tuple(took[name][0] for name in (OURS, DRAWS, SIMPY))
    speeds = {name: count / time_s for name, (count, time_s) in took.items()}
    for name in (SIMPY, *others):
        table.faster(workload.title, speeds[OURS], name, speeds[name], bars.get(name))
    table.longer(workload.title, speeds[OURS], DRAWS, speeds[DRAWS], bars.get(DRAWS))
    return speeds[OURS]


def simfaas_or_why(workload: Workload, requests: float) -> tuple[dict[str, Callable[[], int]], str]:
    """simfaas as a contender, or why it is none."""
    if find_spec("simfaas") is None:
        return {}, "skipped: not installed, the extra `bench` installs it"
    try:
        counts = rivals.simfaas_on_demand(workload, requests)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        return {}, f"skipped: {version('simfaas')} fails with NumPy {np.__version__}: {error}"
    assert abs(counts.requests - requests) < 6 * math.sqrt(requests)
    assert counts.completed == counts.requests
    return {SIMFAAS: lambda: rivals.simfaas_on_demand(workload, requests).requests}, ""


def test_on_demand_serverless_at_three_sizes(table: Table) -> None:
    """Serverless with on-demand instances: as many requests as arrived, all completed, the cold starts of SimPy."""
    speeds = {}
    for busy, simfaas_requests, bars in (
        (8, 5_000, {SIMFAAS: 120, SIMPY: 60, DRAWS: 3.5}),
        (200, 4_000, {}),
        (1_000, 4_000, {SIMFAAS: 2_000, DRAWS: 5.5}),
    ):
        workload = on_demand(busy)
        others, why_not = simfaas_or_why(workload, simfaas_requests)
        draws = partial(draws_alone, workload.rate, lognormal=True, routing=False)
        speeds[busy] = compare(table, workload, rivals.simpy_on_demand, others, bars, draws)
        if why_not:
            table.note(workload.title, SIMFAAS, why_not)
    table.faster("on demand, 1,000 busy", speeds[1_000], "itself at 8 busy", speeds[8], 0.5)


def cimba_or_why(workload: Workload, requests: int) -> tuple[dict[str, Callable[[], int]], str]:
    """cimba as a contender, or why it is none."""
    if find_spec("cimba") is None:
        return {}, "skipped: not installed, the extra `bench` installs it where it has a wheel"
    from tests.benchmarks import in_cimba

    counts = in_cimba.central_queue(workload, requests)
    assert (requests, requests) == (counts.requests, counts.completed)
    # Erlang C at 3.2 of 4 workers: one in 0.596 waits, on average a service time over what is left of 4.
    waiting_s = 0.5964 * MEAN_SERVICE_S / 0.8
    assert MEAN_SERVICE_S + waiting_s == pytest.approx(counts.latency_s / requests, rel=0.05)
    return {CIMBA: lambda: in_cimba.central_queue(workload, requests).requests}, ""


def test_central_queue(table: Table) -> None:
    """M/M/4: every customer is served, in Ciw, in cimba and here."""
    workload, customers = central_queue(), 10_000
    ciw = {CIW: lambda: rivals.ciw_central_queue(workload, customers).requests} if find_spec("ciw") else {}
    cimba, why_not = cimba_or_why(workload, 1_000_000)
    draws = partial(draws_alone, workload.rate, lognormal=False, routing=False)
    bars = {CIW: 400, CIMBA: 8, DRAWS: 3.5}
    compare(table, workload, rivals.simpy_central_queue, {**ciw, **cimba}, bars, draws)
    if not ciw:
        table.note(workload.title, CIW, "skipped: not installed, the extra `bench` installs it")
    if not cimba:
        table.note(workload.title, CIMBA, why_not)


def test_random_routing_with_queue_limits_and_timeouts(table: Table) -> None:
    """Queues at instances: as many requests completed, throttled and timed out as in SimPy."""
    workload = random_routing()
    measured = end_to_end(workload.scenario(50_000))
    assert measured.throttled_in_all > 0
    assert measured.timed_out > 0
    draws = partial(draws_alone, workload.rate, lognormal=True, routing=True)
    compare(table, workload, rivals.simpy_random_routing, {}, {SIMPY: 150}, draws)


def test_autoscaling(table: Table) -> None:
    """Queues at instances that come and go: counted as in SimPy, how often capacity grew and shrank too."""
    workload = autoscaling()
    # A whole wave.
    requests = round(WAVE_RATE * WAVE_S)
    short = workload.scenario(requests)
    measured = end_to_end(short)
    assert measured.throttled_in_all > 0
    assert measured.timed_out > 0
    assert measured.scale_outs
    assert measured.scale_ins
    model = partial(rivals.simpy_autoscaling, horizon_ns=to_ns(short.horizon))
    draws = partial(draws_alone, workload.rate, lognormal=True, routing=True)
    compare(table, workload, model, {}, {SIMPY: 100}, draws, simpy_requests=requests)


def test_retries(table: Table) -> None:
    """Clients that try again: as many attempts, completed and throttled requests and cold starts as in SimPy."""
    workload, requests = retrying(), 50_000
    scenario = workload.scenario(requests)
    retries = scenario.pool(scenario.endpoint("it")).retries
    assert retries is not None
    measured = end_to_end(scenario)
    assert measured.tries / measured.requests == pytest.approx(0.3, abs=0.03)
    assert measured.throttled_in_all > 0
    demand = draw_demand(scenario, "it", REPLICATION)
    model = partial(rivals.simpy_retrying, delays=rivals.drawn_delays(demand, retries))
    draws = partial(draws_alone, workload.rate, lognormal=True, routing=False)
    compare(table, workload, model, {}, {SIMPY: 25}, draws, simpy_requests=requests)


@pytest.mark.parametrize("workload", without_rival(), ids=lambda workload: workload.title)
def test_without_a_rival(table: Table, workload: Workload) -> None:
    """Other rules by which rows depend on later ones: all that arrived is settled, speed next to the draws alone."""
    scenario = workload.scenario(REQUESTS)
    measured = end_to_end(scenario)
    n = len(draw_demand(scenario, "it", REPLICATION))
    settled = measured.completed + measured.throttled_in_all + measured.timed_out + measured.expired
    assert (n, n) == (measured.requests, settled)
    endpoint = workload.endpoint
    routing = endpoint["kind"] == "real_time" and endpoint.get("routing", "random") != "central_queue"
    draws = partial(draws_alone, workload.rate, lognormal=True, routing=routing)
    took = best_of({OURS: lambda: end_to_end(scenario).requests, DRAWS: lambda: draws(n)}, repeats=3)
    speeds = {name: count / time_s for name, (count, time_s) in took.items()}
    table.longer(workload.title, speeds[OURS], DRAWS, speeds[DRAWS], None)


def test_a_closed_population(table: Table) -> None:
    """Clients that wait for their answers: Little's law holds of what is counted, speed next to the draws alone."""
    workload = closed_population()
    scenario = workload.scenario(REQUESTS)
    measured = end_to_end(scenario)
    n = measured.requests
    clients_ns = measured.latency_ns + n * 1.5e9
    assert 400 == pytest.approx(clients_ns / measured.span_ns, rel=0.01)
    draws = partial(draws_alone, workload.rate, lognormal=True, routing=True)
    took = best_of({OURS: lambda: end_to_end(scenario).requests, DRAWS: lambda: draws(n)}, repeats=3)
    speeds = {name: count / time_s for name, (count, time_s) in took.items()}
    table.longer(workload.title, speeds[OURS], DRAWS, speeds[DRAWS], None)


def test_many_models_together(table: Table) -> None:
    """100 models on one multi-model endpoint, and at endpoints of their own whose account's limit binds."""
    shared = fleet(multi_model(), REQUESTS / 2)
    serverless = {**on_demand(8).endpoint, "platform": "sagemaker", "max_concurrency": 200}
    limited = fleet(serverless, REQUESTS / 2, account_concurrency=40)
    draws = partial(draws_alone, 32 / MEAN_SERVICE_S, lognormal=True, routing=True)

    def of_shared() -> int:
        whole = measured_of_all(fleet_record(shared, REPLICATION), "it")
        assert whole is not None
        assert whole.cold_starts > 100
        return whole.requests

    def under_limit() -> int:
        record = fleet_record(limited, REPLICATION)
        assert measured_under_limit(record, "model-1", "it") is not None
        return int(record.traffic["requests"])

    for title, ours in (("100 models, multi-model endpoint", of_shared), ("100 models, account's limit", under_limit)):
        count = ours()
        took = best_of({OURS: ours, DRAWS: partial(draws, count)}, repeats=3)
        speeds = {name: found / time_s for name, (found, time_s) in took.items()}
        table.longer(title, speeds[OURS], DRAWS, speeds[DRAWS], None)
