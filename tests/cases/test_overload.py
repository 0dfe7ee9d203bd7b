"""Late work nobody waits for, and calls that are re-sent at once. Public cases C21 and C22.

Of C22 the part on retries only: the closed population of clients is not simulated.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.tables import Demand, Outcome, Run
from simulator.units import NS_PER_SECOND
from tests.cases.asking import column, serverless, study
from tests.cases.rows import each_engine, every, instance, lasting, tables
from tests.oracles.recipe import QUICK, Exact, check

#: C21 (aws/sagemaker-python-sdk#241): 3.33/s before a capacity of 3.0/s, 300 s are waited.
SERVICE_NS = 333_333_000
OVERLOADED: dict[str, Any] = {"traffic": every("300ms"), "model": lasting("333333us"), "horizon": "1h"}
COLLAPSE_S = 45 * 60


def late(run: Run, demand: Demand, from_s: float = COLLAPSE_S) -> np.ndarray:
    """Whether each request that came from then on was not completed."""
    return np.asarray((run.requests.outcome != Outcome.COMPLETED)[demand.arrival_ns >= from_s * NS_PER_SECOND])


def overloaded(engine: ModuleType, clients: dict[str, Any] | None = None, **fields: Any) -> tuple[Demand, Run]:
    """The endpoint of C21, whose callers give up at 300 s."""
    endpoint = instance(routing="central_queue", **{"queue_limit": "none", "invocation_timeout": "300s", **fields})
    return tables(engine, endpoint, **OVERLOADED, **({} if clients is None else {"clients": clients}))


@each_engine
def test_case_c21_goodput_falls_to_0_at_100_percent_busy(engine: ModuleType) -> None:
    """C21 without cancelling: the endpoint works through the abandoned ones, `serve_on`.

    Request k, from 0, comes at 0.3 k and is answered at (k + 1)/3: that is late if k/30 + 1/3 > 300, from k = 8991
    on, at 2697 s: after 45 min. From then on every answer is late, and the worker is never idle.
    """
    demand, run = overloaded(engine, on_give_up="serve_on")
    first = int(np.flatnonzero(run.requests.outcome != Outcome.COMPLETED)[0])
    assert (8991, 2697.3) == (first, demand.arrival_ns[first] / NS_PER_SECOND)
    assert {Outcome.COMPLETED} == set(run.requests.outcome[:first].tolist())
    assert late(run, demand).all()
    assert {SERVICE_NS} == set(np.diff(np.sort(run.requests.release_ns)).tolist())


@each_engine
def test_case_c21_leaving_the_queue_is_not_enough(engine: ModuleType) -> None:
    """C21: whoever leaves the queue at 300 s makes room, but the head has then waited for nearly 300 s.

    Served first in, first out, each starts between 299.7 and 300 s after it came and takes 1/3 s: late as well. What
    helps is a client that, once it is served, waits for the answer (patience for waiting): 9 of 10 are good then.
    """
    demand, run = overloaded(engine, on_give_up="leave")
    assert late(run, demand).all()
    clients = {"patience": "300s", "patience_covers": "waiting"}
    demand, run = overloaded(engine, clients, invocation_timeout="none")
    assert 0.9 == pytest.approx(1 - float(late(run, demand).mean()), abs=2e-3)


@each_engine
def test_case_c21_a_queue_limit_keeps_90_percent_good(engine: ModuleType) -> None:
    """C21 with at most 100 waiting, 33 s of work: 3.0 of 3.33/s are served in time, 10 % are refused at once.

    Nobody waits for more than 100/3 s + what the one in service has left.
    """
    demand, run = overloaded(engine, queue_limit=100, on_give_up="serve_on")
    assert 0.1 == pytest.approx(float(late(run, demand).mean()), abs=2e-3)
    assert {Outcome.COMPLETED, Outcome.THROTTLED} == set(run.requests.outcome.tolist())
    served = run.requests.outcome == Outcome.COMPLETED
    waits_s = (run.requests.start_ns - demand.arrival_ns)[served] / NS_PER_SECOND
    assert 99 / 3 < waits_s.max() <= 101 / 3


@each_engine
def test_case_c21_retries_double_what_is_offered(engine: ModuleType) -> None:
    """C21, callers that give up retry at once: from 45 min on each request is two attempts, and both are late.

    The second attempt waits behind a backlog that is longer by then. With the limit of 100 no attempt is late; of the
    10 % refused a few get in when they try again, and as many others do not: 90 % is all that there is.
    """
    clients = {"retries": {"attempts": 2, "base": "1ms", "jitter": False, "after_timeout": True}}
    demand, run = overloaded(engine, clients, on_give_up="serve_on")
    attempts = 1 + np.bincount(run.tries.number, minlength=len(demand))
    fresh = demand.arrival_ns >= COLLAPSE_S * NS_PER_SECOND
    assert {2} == set(attempts[fresh].tolist())
    assert late(run, demand).all()
    demand, run = overloaded(engine, clients, queue_limit=100, on_give_up="serve_on")
    assert 0.1 == pytest.approx(float(late(run, demand).mean()), abs=4e-3)


def test_case_c21_goodput_apart_from_throughput_in_a_study() -> None:
    """C21 with Poisson traffic, as the measures tell it: after an hour 0/s good of 3.0/s served without a limit.

    With a limit of 100 it is 3.0/s good. Without cancelling the worker is busy for clients that have gone all the time.
    """
    found = study(
        {"kind": "poisson", "mean_rate": "200/min"},
        "333333us",
        [
            instance(
                "no-limit",
                routing="central_queue",
                queue_limit="none",
                invocation_timeout="300s",
                on_give_up="serve_on",
            ),
            instance("limit-100", routing="central_queue", queue_limit=100, invocation_timeout="300s"),
        ],
        horizon="4h",
        initial_transient="3h",
        replications=32,
    )
    assert {0.0} == set(column(found, "no-limit", "goodput_per_s").tolist())
    assert {1.0} == set(column(found, "no-limit", "utilization").tolist())
    assert 0.99 < float(column(found, "no-limit", "client_gone_mean").min())
    good = {"goodput": column(found, "limit-100", "goodput_per_s")}
    check(good, {"goodput": Exact(3.0, 0.005, {"all that is offered": 10 / 3})}, QUICK)


@each_engine
def test_case_c22_retries_raise_attempts_not_the_good_rate(engine: ModuleType) -> None:
    """C22 (opensearch-project/ml-commons#2438), open traffic: 300/s of 0.2 s at a limit of 40 are 200/s good.

    Without retries 100/s are lost, 300 attempts a second. Sent again after 1 ms, and again, what is lost stays lost:
    200/s is all that 40 places serve. Attempts go up to 300 + 2 x 100 a second. Attempts, requests and losses apart.
    """
    counts = {}
    for name, clients in {
        "once": None,
        "three times": {"retries": {"attempts": 3, "base": "1ms", "cap": "1ms", "jitter": False}},
    }.items():
        demand, run = tables(
            engine,
            serverless("bulk", max_concurrency=40),
            traffic=every("10ms", 3),
            model=lasting("200ms"),
            horizon="20s",
            **({} if clients is None else {"clients": clients}),
        )
        lost = int((run.requests.outcome == Outcome.THROTTLED).sum())
        counts[name] = (len(demand), len(demand) + len(run.tries), lost)
    assert (6000, 6000, 2000) == counts["once"]
    requests, attempts, lost = counts["three times"]
    assert 6000 == requests
    assert 2000 == pytest.approx(lost, abs=45)  # what the end of the run cuts off
    assert 6000 + 2 * 2000 == pytest.approx(attempts, rel=0.03)


def test_case_c22_backoff_saves_what_a_burst_lost() -> None:
    """C22, a bulk of 60 at once every 10 s, limit 40, 0.2 s each: 20 of 60 are lost without retries.

    Sent again 1 ms later they find the 40 still there, twice. With a delay of 1 s they are all served.
    """
    for base, lost in (("1ms", 20 * 6), ("1s", 0)):
        _, run = tables(
            compiled,
            serverless("bulk", max_concurrency=40),
            traffic=every("10s", 60),
            model=lasting("200ms"),
            horizon="1m",
            clients={"retries": {"attempts": 3, "base": base, "jitter": False}},
        )
        assert lost == int((run.requests.outcome == Outcome.THROTTLED).sum())
        assert 20 * 6 * (2 if lost else 1) == len(run.tries)
