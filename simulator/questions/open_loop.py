"""What does a closed load test hide? Each endpoint once more, under open traffic of the rate that its clients sent.

A closed population slows down with the endpoint: a client that waits sends nothing, and no more requests than clients
are ever in the system. Users who do not know of each other do not slow down, and their latencies have a longer tail at
the same mean rate [1]_. So each endpoint is simulated again under Poisson traffic of the mean rate that the clients
sent to it in the measured part, all else alike: seed, replications, horizon, model, patience of clients.

What may be compared. Draws belong to rows: the n-th request of a replication asks for the same service time under both,
but comes at another time and finds other requests before it. Nothing is therefore paired request by request. A ratio
takes both sides of one replication together, so that its interval holds whether or not they go together (Cochran, as in
`measures.intervals.ratio`). The open traffic has the estimated rate and no other: how sure that rate is, is told beside
it and is in no other interval.

References
----------
.. [1] B. Schroeder, A. Wierman and M. Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final, Literal

from simulator.errors import InputError
from simulator.measures import intervals
from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.questions.running import Runner, runner_of
from simulator.questions.stress.stressing import changed
from simulator.scenario.model import Scenario
from simulator.study.estimates import Sample
from simulator.study.keeping import Resume
from simulator.study.open_loop import SHOWN, UNITS, Beside, OpenLoop
from simulator.study.results import Study
from simulator.study.run import Report
from simulator.traffic import Closed
from simulator.traffic.poisson import Poisson
from simulator.units import NS_PER_SECOND, rate_text

#: Open traffic of a higher rate is not simulated (that of `traffic.arrivals`). [1/s]
_MOST_PER_S: Final = 1e6


def with_open_loop(
    study: Study,
    *,
    jobs: int | Literal["auto"] = 1,
    executor: Executor | None = None,
    cluster: str | None = None,
    progress: Report | None = None,
    results: str | os.PathLike[str] | None = None,
    resume: Resume = "if_possible",
) -> Study:
    """The study of a closed population with the open loop beside it, for reports and `Study.save`.

    Parameters
    ----------
    study : Study
        Complete, of closed traffic, and nothing uncertain in it.
    jobs, executor, cluster, progress, results, resume
        As in `simulator.run`. The engine is that of the study; each endpoint is kept as a study of its own.

    Raises
    ------
    InputError
        If the study has no open loop (`why_not`).
    KeyboardInterrupt
        If it was interrupted; what was finished is kept in `results`.
    """
    return beside(
        study,
        runner_of(
            engine=study.engine,
            jobs=jobs,
            executor=executor,
            cluster=cluster,
            progress=progress,
            results=results,
            resume=resume,
        ),
    )


def why_not(study: Study) -> str:
    """Why a study has no open loop beside it; empty if it can have one."""
    if not isinstance(study.scenario.traffic, Closed):
        return "its traffic is open already"
    if study.scenario.assumed:
        return "something is uncertain, and each replication has a rate of its own"
    if not study.complete or not study.records:
        return "the study of the clients is not complete"
    for endpoint in study.scenario.endpoints:
        rate = _rate(study.sample(endpoint.name)).value
        if rate is None or rate > _MOST_PER_S:
            return f"the clients send more than {_MOST_PER_S:,.0f} requests a second to {endpoint.name}"
    return ""


def scenarios(study: Study) -> list[Scenario]:
    """The scenarios of the open loop: one an endpoint, in their order.

    Raises
    ------
    InputError
        If there is none (`why_not`).
    """
    reason = why_not(study)
    if reason:
        raise InputError(f"{study.scenario.name}: no open loop: {reason}")
    same = study.scenario.with_replications(len(study.records))
    return [
        changed(
            same,
            traffic=Poisson.model_validate({"mean_rate": rate_text(_rate(study.sample(endpoint.name)).value or 0.0)}),
            endpoints=[endpoint],
            baseline=endpoint.name,
            stress=None,
            plan=None,
        )
        for endpoint in same.endpoints
    ]


def beside(study: Study, runner: Runner) -> Study:
    """The same as `with_open_loop`, run as a runner does."""
    asked = scenarios(study)
    opened = runner(asked)
    if not all(one.complete for one in opened):
        raise KeyboardInterrupt
    return replace(study, open_loop=_compared(study, opened))


def _compared(study: Study, opened: Sequence[Study]) -> OpenLoop:
    endpoints = []
    for endpoint, one in zip(study.scenario.endpoints, opened, strict=True):
        ours, theirs = study.sample(endpoint.name), one.sample(endpoint.name)
        endpoints.append(
            Beside(
                endpoint.name,
                _rate(ours).value or 0.0,
                _figures(ours),
                _figures(theirs),
                {name: _ratio(ours, theirs, name) for name in SHOWN},
                theirs.histogram,
            )
        )
    return OpenLoop(study.results_digest(), tuple(endpoints))


def _figures(sample: Sample) -> dict[str, Estimate]:
    special = {"rate": _rate, "in_system": _in_system}
    return {name: special[name](sample) if name in special else sample.estimate(find(name)) for name in UNITS}


def _rate(sample: Sample) -> Estimate:
    """Requests that came in the measured part, over its length; attempts after the first are not counted [1/s]."""
    rates = [one.requests / (one.span_ns / NS_PER_SECOND) for one in sample.measured]
    return intervals.mean(rates, sample.confidence).within(0.0)


def _in_system(sample: Sample) -> Estimate:
    """Completed requests that were sent and not yet answered, time average: L = λW, rate times mean latency.

    Closed and open alike; what was lost has no latency and is left out.
    """
    present = [one.latency_ns / one.span_ns for one in sample.measured]
    return intervals.mean(present, sample.confidence).within(0.0)


def _ratio(ours: Sample, theirs: Sample, measure: str) -> Estimate:
    """A percentile under the closed population over that under open traffic, of the replications that have both."""
    both = [
        (float(one), float(other))
        for one, other in zip(ours.column(measure), theirs.column(measure), strict=True)
        if one is not None and other is not None
    ]
    return intervals.ratio([one for one, _ in both], [other for _, other in both], ours.confidence).within(0.0)
