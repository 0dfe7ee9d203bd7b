"""How many clients of a closed population wait for an answer."""

from __future__ import annotations

import numpy as np

from simulator.engines.clients import Population
from simulator.engines.tables import Outcome, Settled
from simulator.measures.attempts import last_attempts_ns
from simulator.measures.billed_time import plus
from simulator.measures.instance_time import clipped, total


class ClientTally:
    """Accumulates the time that clients wait, from sending a request until its end (model.md 4.5).

    Parameters
    ----------
    population : Population
    from_ns, until_ns : int
        The measured part. [ns]
    """

    def __init__(self, population: Population, from_ns: int, until_ns: int) -> None:
        self._overhead_ns = np.int64(population.overhead_ns)
        self._from_ns, self._until_ns = from_ns, until_ns
        self._settled = 0
        #: Sum over requests, measured or not, of their time inside the measured part. [ns]
        self.waiting_ns = 0

    def add(self, settled: Settled) -> None:
        """Add what an engine has settled."""
        demand, requests = settled.demand, settled.requests
        before, self._settled = self._settled, self._settled + len(demand)
        if not len(demand):
            return
        end_ns = np.where(
            requests.outcome == Outcome.THROTTLED, last_attempts_ns(settled, before), requests.response_ns
        )
        completed = requests.outcome == Outcome.COMPLETED
        end_ns = np.where(completed, plus(end_ns, self._overhead_ns), end_ns)
        begin_ns, end_ns = clipped(demand.arrival_ns, end_ns, self._from_ns, self._until_ns)
        self.waiting_ns += total(end_ns - begin_ns)
