"""The one description of a pool of instances that both engines read; every kind of endpoint translates into it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from simulator.units import FOREVER


class Routing(IntEnum):
    """How a place is chosen for a request.

    The first four choose among idle on-demand instances; the last three choose among the instances in service
    of a pool that launches nothing.
    """

    MOST_RECENTLY_IDLE = 0
    LEAST_RECENTLY_IDLE = 1
    RANDOM_IDLE = 2
    NEWEST_CREATED = 3
    RANDOM = 4
    LEAST_OUTSTANDING_REQUESTS = 5
    CENTRAL_QUEUE = 6


#: Routings of pools that launch on demand, and of pools that do not.
IDLE_ROUTINGS = frozenset(
    {Routing.MOST_RECENTLY_IDLE, Routing.LEAST_RECENTLY_IDLE, Routing.RANDOM_IDLE, Routing.NEWEST_CREATED}
)
INSTANCE_ROUTINGS = frozenset({Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS, Routing.CENTRAL_QUEUE})


class TimeoutFrom(IntEnum):
    """From which instant the invocation timeout runs."""

    START = 0
    ARRIVAL = 1


class OnGiveUp(IntEnum):
    """What becomes of a request whose limit passes while it waits in a queue.

    LEAVE: it leaves the queue unserved, its place in the queue is free at once. SERVE_ON: its client has gone,
    but it keeps its place, is served in its turn and occupies a worker; its outcome is timed out, its response is
    its limit, and start, release and instance are those of the service.
    """

    LEAVE = 0
    SERVE_ON = 1


@dataclass(frozen=True)
class Pool:
    """Instances, and the rules by which requests get a place on them.

    The rules are those of ``notes/model.md`` 1 to 4; this class only names what varies.

    Parameters
    ----------
    standing : int
        Instances that are there from time 0 and never retire, numbered from 0: the provisioned concurrency of a
        serverless endpoint, the instances of a real-time endpoint. 0 or more.
    places : int
        Requests that one instance serves at once (workers); 1 for a pool that launches on demand. 1 or more.
    launches : bool
        True: a request that finds no idle instance launches one (serverless). False: the standing instances are
        all there is (real-time).
    routing : Routing
        One of `IDLE_ROUTINGS` if `launches`, else one of `INSTANCE_ROUTINGS`.
    max_concurrency : int
        Most places occupied at once, standing and launched together; `FOREVER` for none. Only if `launches`.
    starts_warm : bool
        True: one on-demand instance is there at time 0, as if launched and released at 0 (model.md 3). Only if
        `launches`.
    startup_limit_ns : int
        A startup longer than this fails; `FOREVER` for none. Only if `launches`. [ns]
    queue_limit : int
        Requests that may wait per standing instance; a central queue holds `standing` times as many. `FOREVER`
        for no limit. Only if not `launches`.
    timeout_ns : int
        Invocation timeout; `FOREVER` for none. 1 or more. [ns]
    timeout_from : TimeoutFrom
        START for serverless, ARRIVAL for real-time (waiting counts).
    on_give_up : OnGiveUp
        Only if not `launches`.

    Raises
    ------
    ValueError
        If a field is out of range or does not go with the others.
    """

    standing: int
    launches: bool
    routing: Routing
    places: int = 1
    max_concurrency: int = FOREVER
    starts_warm: bool = False
    startup_limit_ns: int = FOREVER
    queue_limit: int = FOREVER
    timeout_ns: int = FOREVER
    timeout_from: TimeoutFrom = TimeoutFrom.START
    on_give_up: OnGiveUp = OnGiveUp.LEAVE

    def __post_init__(self) -> None:
        problems = []
        if self.standing < 0:
            problems.append(f"standing is {self.standing}, must be 0 or more")
        if self.places < 1:
            problems.append(f"places is {self.places}, must be 1 or more")
        if self.timeout_ns < 1:
            problems.append(f"timeout_ns is {self.timeout_ns}, must be 1 or more")
        if self.queue_limit < 0:
            problems.append(f"queue_limit is {self.queue_limit}, must be 0 or more")
        if self.startup_limit_ns < 0:
            problems.append(f"startup_limit_ns is {self.startup_limit_ns}, must be 0 or more")
        if self.launches:
            if self.routing not in IDLE_ROUTINGS:
                problems.append(f"routing {self.routing.name} needs a pool that does not launch")
            if self.places != 1:
                problems.append("a pool that launches has one place per instance")
            if self.max_concurrency < 1 or self.max_concurrency < self.standing:
                problems.append(f"max_concurrency is {self.max_concurrency}, must be at least 1 and standing")
            if self.timeout_from is not TimeoutFrom.START:
                problems.append("a pool that launches counts its timeout from the start of service")
        else:
            if self.routing not in INSTANCE_ROUTINGS:
                problems.append(f"routing {self.routing.name} needs a pool that launches")
            if self.max_concurrency != FOREVER or self.starts_warm or self.startup_limit_ns != FOREVER:
                problems.append("max_concurrency, starts_warm and startup_limit_ns need a pool that launches")
        if problems:
            raise ValueError("; ".join(problems))
