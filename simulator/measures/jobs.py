"""Jobs of an endpoint that serves by the clock: how many there are, how long they take, and who comes too late."""

from __future__ import annotations

from typing import NamedTuple

from simulator.engines.served_otherwise import Jobs
from simulator.engines.tables import NONE, Settled
from simulator.measures.instance_time import total


class JobUse(NamedTuple):
    """Jobs that begin in the measured part.

    Parameters
    ----------
    jobs : int
    length_ns, longest_ns : int
        From launch until gone, in all and of the longest. [ns]
    late : int
        Measured requests that are served by jobs that begin after the measured part.
    """

    jobs: int = 0
    length_ns: int = 0
    longest_ns: int = 0
    late: int = 0


class JobTally:
    """Accumulates jobs, block by block.

    Parameters
    ----------
    jobs : Jobs
        Of the pool.
    from_ns, until_ns : int
        The measured part. [ns]
    """

    def __init__(self, jobs: Jobs, from_ns: int, until_ns: int) -> None:
        self._jobs, self._from_ns, self._until_ns = jobs, from_ns, until_ns
        self._instances, self._length_ns, self._longest_ns, self._late = 0, 0, 0, 0
        #: The first job that begins after the measured part.
        self._after_ns = jobs.first_ns + max(0, -(-(until_ns - jobs.first_ns) // jobs.interval_ns)) * jobs.interval_ns

    def add(self, settled: Settled, first: int) -> None:
        """Add what an engine has settled; requests before row `first` arrived before the measured part."""
        gone = settled.gone
        inside = (gone.launch_ns >= self._from_ns) & (gone.launch_ns < self._until_ns)
        length_ns = (gone.gone_ns - gone.launch_ns)[inside]
        self._instances += len(length_ns)
        self._length_ns += total(length_ns)
        self._longest_ns = max(self._longest_ns, int(length_ns.max(initial=0)))
        if len(settled.demand) > first:
            arrival_ns = settled.demand.arrival_ns[first:]
            # The job of a request is the first that begins after it came (model.md 4.7).
            job_ns = self._jobs.first_ns + self._jobs.interval_ns * (
                (arrival_ns - self._jobs.first_ns) // self._jobs.interval_ns + 1
            )
            served = settled.requests.start_ns[first:] != NONE
            self._late += int((served & (job_ns >= self._after_ns)).sum())

    def finish(self) -> JobUse:
        """What was found, everything settled added; all instances of a job are launched and gone together."""
        return JobUse(
            jobs=self._instances // self._jobs.instances,
            length_ns=self._length_ns // self._jobs.instances,
            longest_ns=self._longest_ns,
            late=self._late,
        )
