"""Jobs that serve together what has come since the one before: batch transform (model.md 4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.engines.ledger import Attempt, InstanceRow
from simulator.engines.pool import Pool
from simulator.engines.reference.endpoint import Endpoint, Queue
from simulator.engines.reference.moments import Life, Moment, Rank, later
from simulator.engines.served_otherwise import Jobs
from simulator.engines.tables import LaunchTimes


@dataclass(eq=False)
class Instance(InstanceRow):
    """An instance of a job, and how many of its workers hold a request."""

    busy: int = 0


@dataclass(eq=False)
class Job:
    """A job at work: its requests that wait, how many it has not released, its instances, how many of them start."""

    queue: Queue
    left: int
    instances: list[Instance]
    starting: int


class Worker(NamedTuple):
    """A worker that takes a request: of which job, and on which instance."""

    job: Job
    instance: Instance


class JobEndpoint(Endpoint[Worker]):
    """Requests gather until a job begins; its instances serve them and are gone together.

    Parameters
    ----------
    pool : Pool
        With jobs.
    launch_times : LaunchTimes
        By number of the launch over all jobs. [ns]

    Raises
    ------
    ValueError
        If there are no launch times.
    """

    def __init__(self, pool: Pool, launch_times: LaunchTimes | None) -> None:
        super().__init__(pool)
        if launch_times is None:
            raise ValueError("a pool with jobs needs launch times")
        assert pool.jobs is not None
        self.jobs: Jobs = pool.jobs
        #: Requests that no job has yet.
        self.gathered: Queue = {}
        self.instances_now = self.instances_told = 0
        self._launch_times = launch_times
        self._times_ns = np.empty(0, np.int64)

    def life(self, attempt: Attempt) -> Life:
        """Wait for a job and for one of its workers, then service; nobody leaves before."""
        if not self.gathered:
            self.env.process(self.next_job())
        called = self.gathered[attempt] = self.env.event()
        worker: Worker = yield called
        release_ns = self.take(attempt, worker.instance, self.now, attempt.request.service_ns)
        yield Moment(self.env, release_ns, Rank.RELEASE, attempt.request.number, attempt.index)
        self.release(worker)

    # The life of a job.

    def next_job(self) -> Life:
        """A job for the request that comes now and all that come before it begins; with none there is no job."""
        begun = (self.now - self.jobs.first_ns) // self.jobs.interval_ns + 1  # one that begins now came before
        begins_ns = self.jobs.first_ns + max(0, begun) * self.jobs.interval_ns
        yield Moment(self.env, begins_ns, Rank.SCALE)
        instances = [self.launch() for _ in range(self.jobs.instances)]
        job = Job(self.gathered, len(self.gathered), instances, len(instances))
        self.gathered = {}
        for instance in instances:
            self.env.process(self.startup(job, instance))
        self.count(len(instances))

    def launch(self) -> Instance:
        """The next instance; all are launched by jobs, so its number is that of its launch."""
        number = self.ledger.instances
        if number == len(self._times_ns):
            self._times_ns = self._launch_times(max(16, 2 * number))
        instance = Instance(number, self.now, later(self.now, int(self._times_ns[number])))
        self.ledger.launch(instance)
        return instance

    def startup(self, job: Job, instance: Instance) -> Life:
        """From launch until it can serve: then each of its workers takes a request."""
        yield Moment(self.env, instance.ready_ns, Rank.READY, instance.number)
        job.starting -= 1
        self.take_from_queue(job, instance)

    def release(self, worker: Worker) -> None:
        """Free a worker, which takes the head of the queue of its job."""
        worker.instance.busy -= 1
        worker.job.left -= 1
        self.take_from_queue(worker.job, worker.instance)

    def take_from_queue(self, job: Job, instance: Instance) -> None:
        """Let the free workers of an instance take from the head; the job may be over then."""
        while job.queue and instance.busy < self.pool.places:
            instance.busy += 1
            job.queue.pop(next(iter(job.queue))).succeed(Worker(job, instance))
        if job.left == 0 and job.starting == 0:
            for one in job.instances:
                one.gone_ns = self.now
            self.count(-len(job.instances))

    # The instances of all jobs.

    def count(self, more: int) -> None:
        """Count instances, and tell of them after all ends and beginnings of the instant."""
        self.instances_now += more
        moment = Moment(self.env, self.now, Rank.SCALE, 1)  # after the beginning of a job, which is 0
        moment.callbacks.append(lambda _: self.tell())

    def tell(self) -> None:
        """A row of changes, if the number of instances is not what was told last."""
        if self.instances_now != self.instances_told:
            self.instances_told = self.instances_now
            self.ledger.change(self.now, self.instances_now)
