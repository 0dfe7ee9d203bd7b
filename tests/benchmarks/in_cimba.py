"""M/M/4 in cimba, as its users write a queue; to be imported only where cimba is installed.

It stands apart because cimba reads a model's fields and their kinds from the module in which its class is.
"""

from __future__ import annotations

import cimba as cb
import numpy as np
from cimba import inputs

from tests.benchmarks.rivals import Counts
from tests.benchmarks.workloads import MEAN_SERVICE_S, SEED, WORKERS, Workload


class CentralQueue(cb.Model):  # type: ignore[misc]
    """Arrivals are put into a store, four workers take them out."""

    customers: cb.Param[int]
    gap: cb.Input[float]
    service: cb.Input[float]
    queue: cb.Store[float]
    latencies: cb.Dataset

    @cb.process
    def arrive(self) -> None:
        """A stream of customers, each known by its time of arrival."""
        for _ in range(self.customers):
            cb.hold(self.gap.next())
            self.queue.put(cb.now())

    @cb.process(copies=WORKERS)
    def work(self) -> None:
        """A worker."""
        while True:
            arrival = self.queue.get()
            cb.hold(self.service.next())
            self.latencies.record(cb.now() - arrival)


def central_queue(workload: Workload, requests: int) -> Counts:
    """One trial until all customers are served; its latencies are read once for the percentiles."""
    model = CentralQueue()
    model.customers = requests
    model.gap = inputs.dist.exponential(mean=1 / workload.rate)
    model.service = inputs.dist.exponential(mean=MEAN_SERVICE_S)
    model.queue, model.latencies = cb.Store(), cb.Dataset()
    model.latencies.capture()
    results = cb.Experiment(model, seed=SEED, window=cb.Window.until_idle()).run(workers=1)
    assert not results.failed.any(), results.failure_reasons
    _, latencies = results[model].latencies.trial(0, 0)
    np.percentile(latencies, (50, 95, 99))
    return Counts(requests=requests, completed=len(latencies), latency_s=float(latencies.sum()))
