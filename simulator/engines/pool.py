"""The one description of a pool of instances that both engines read; every kind of endpoint translates into it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from simulator.engines.clients import Patience, Population, Retries
from simulator.engines.scaling import PROVISIONED_METRICS, Scaling
from simulator.engines.served_otherwise import Jobs, Models, Quota
from simulator.units import FOREVER


class Routing(IntEnum):
    """How a place is chosen for a request.

    The first four choose among idle on-demand instances; the others choose among the instances in service
    of a pool that launches nothing, the last by the model that a request is for.
    """

    MOST_RECENTLY_IDLE = 0
    LEAST_RECENTLY_IDLE = 1
    RANDOM_IDLE = 2
    NEWEST_CREATED = 3
    RANDOM = 4
    LEAST_OUTSTANDING_REQUESTS = 5
    CENTRAL_QUEUE = 6
    BY_MODEL = 7


#: Routings of pools that launch on demand, and of pools that do not and whose instances are all alike.
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


class AtLimit(IntEnum):
    """What a pool that launches does with a request that comes at its limit of concurrency."""

    THROTTLE = 0
    QUEUE = 1


class WaitingRequests(IntEnum):
    """Which place takes a request for which an instance was launched.

    BOUND: the place on that instance, even if another becomes free sooner. FIRST_FREE: the first place that becomes
    free or ready; starting requests wait in order.
    """

    BOUND = 0
    FIRST_FREE = 1


class OnTimeout(IntEnum):
    """What becomes of a service that passes the invocation timeout.

    SERVE_ON: the place serves on, release at start + service. STOP: release at the response. A launched instance is
    gone at that instant, as function platforms kill; a standing one is free.
    """

    SERVE_ON = 0
    STOP = 1


@dataclass(frozen=True)
class Bucket:
    """A rate limit: `burst` tokens, one more every `interval_ns`, never more than `burst`; full at time 0.

    Whole numbers: credit(t) = min(burst · interval, credit + time since the last look); a token costs `interval_ns`.
    """

    burst: int
    interval_ns: int

    def __post_init__(self) -> None:
        if self.burst < 1 or self.interval_ns < 1:
            raise ValueError(f"burst is {self.burst} and interval_ns {self.interval_ns}, both must be 1 or more")


@dataclass(frozen=True)
class Batching:
    """How a worker takes several waiting requests at once.

    Parameters
    ----------
    most : int
        Requests of a batch, 2 or more.
    delay_ns : int
        Longest that the oldest waiting request waits for a full batch. 0 or more. [ns]
    growth : float
        α: a batch of k takes round(longest service · (1 + α·(k − 1))), half to even. 0 or more.
    """

    most: int
    delay_ns: int
    growth: float

    def __post_init__(self) -> None:
        if self.most < 2 or self.delay_ns < 0 or not 0.0 <= self.growth < float("inf"):
            raise ValueError(f"{self}: most must be 2 or more, delay_ns 0 or more, growth 0 or more and finite")


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
        One of `IDLE_ROUTINGS` if `launches`, else one of `INSTANCE_ROUTINGS`, or BY_MODEL.
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
    at_limit : AtLimit
        Only if `launches`. With QUEUE, `queue_limit` is the number of requests that may wait at the limit.
    waiting_requests : WaitingRequests
        Only if `launches`; FIRST_FREE has no startup limit. Several places need FIRST_FREE.
    on_timeout : OnTimeout
        STOP needs one place per instance if `launches`, and no batches.
    request_rate, launch_rate : Bucket or None
        Attempts, and launches, that are let through. Only if `launches`; `launch_rate` needs THROTTLE.
    waits_for_capacity : bool
        Whether requests wait in the central queue while no instance is in service, instead of being throttled; its
        queue has no limit. Only if not `launches`.
    time_to_live_ns : int
        From arrival; a request that then still waits expires. `FOREVER` for none, 1 or more. Only if not
        `launches`. [ns]
    cores : int
        Cores that the workers of an instance share; 0: none are shared. Only if not `launches`.
    batching : Batching or None
        Only if not `launches` and not with a central queue, `cores` or OnTimeout.STOP.
    scaling : Scaling or None
        `standing` is the capacity at time 0, within its bounds. If `launches` it is that of standing instances, at most
        `max_concurrency`, and needs one place per instance, THROTTLE and BOUND.
    quota : Quota or None
        Only with one standing instance, of which as many places are there as come (`places` is not looked at), and
        nothing that has to do with queues or instances.
    models : Models or None
        With `Routing.BY_MODEL` and only with that; not with scaling, batches, cores, OnTimeout.STOP, a time to live or
        OnGiveUp.SERVE_ON.
    jobs : Jobs or None
        Only with a central queue without a limit, no standing instance, and clients that neither try again nor give up.
    population : Population or None
        Who sends the requests; None: they arrive as the demand says. Not with jobs or models.
    retries : Retries or None
        Of the clients.
    patience : Patience
        What `Demand.patience_ns` covers.

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
    at_limit: AtLimit = AtLimit.THROTTLE
    waiting_requests: WaitingRequests = WaitingRequests.BOUND
    on_timeout: OnTimeout = OnTimeout.SERVE_ON
    request_rate: Bucket | None = None
    launch_rate: Bucket | None = None
    waits_for_capacity: bool = False
    time_to_live_ns: int = FOREVER
    cores: int = 0
    batching: Batching | None = None
    scaling: Scaling | None = None
    quota: Quota | None = None
    models: Models | None = None
    jobs: Jobs | None = None
    population: Population | None = None
    retries: Retries | None = None
    patience: Patience = Patience.NONE

    @property
    def is_plain(self) -> bool:
        """Whether no row's end depends on a later one: nothing that came after the first kinds of pool is used."""
        return not self._given(*_LATER)

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}, must be {least} or more"
            for name, least in _LEAST.items()
            if getattr(self, name) < least
        ]
        problems += self._launching_problems() if self.launches else self._standing_problems()
        if problems:
            raise ValueError("; ".join(problems))

    def _launching_problems(self) -> list[str]:
        foreign = self._given("waits_for_capacity", "time_to_live_ns", "cores", "batching", "on_give_up")
        foreign += self._given("quota", "models", "jobs")
        problems = [f"{name} needs a pool that does not launch" for name in foreign]
        if self.routing not in IDLE_ROUTINGS:
            problems.append(f"routing {self.routing.name} needs a pool that does not launch")
        if self.max_concurrency < 1 or self.max_concurrency < self.standing * self.places:
            problems.append(f"max_concurrency is {self.max_concurrency}, must be at least 1 and that of the standing")
        if self.timeout_from is not TimeoutFrom.START:
            problems.append("a pool that launches counts its timeout from the start of service")
        if self.at_limit is AtLimit.THROTTLE and self.queue_limit != FOREVER:
            problems.append("queue_limit needs a pool that does not launch, or a queue at the limit")
        if self.at_limit is AtLimit.QUEUE and self.launch_rate is not None:
            problems.append("launch_rate needs a pool that throttles at its limit")
        if self.waiting_requests is WaitingRequests.FIRST_FREE:
            if self.startup_limit_ns != FOREVER:
                problems.append("startup_limit_ns needs requests that are bound to their instance")
        elif self.places != 1:
            problems.append("several places per instance need requests that take the first free place")
        if self.places > 1 and self.on_timeout is OnTimeout.STOP:
            problems.append("on_timeout STOP needs one place per instance")
        if self.max_concurrency != FOREVER and self.max_concurrency % self.places:
            problems.append(f"max_concurrency is {self.max_concurrency}, must be a multiple of places, {self.places}")
        if self.scaling:
            if self.places > 1 or self._given("at_limit", "waiting_requests"):
                problems.append("scaling of a pool that launches needs one place, THROTTLE and BOUND")
            highest = max([self.scaling.maximum, *(action.maximum or 0 for action in self.scaling.actions)])
            if highest > self.max_concurrency:
                problems.append(f"scaling up to {highest} is above max_concurrency, {self.max_concurrency}")
            problems += self._scaling_problems(self.scaling, are_provisioned=True)
        return problems

    def _standing_problems(self) -> list[str]:
        foreign = self._given("max_concurrency", "starts_warm", "startup_limit_ns", "at_limit", "waiting_requests")
        foreign += self._given("request_rate", "launch_rate")
        problems = [f"{name} needs a pool that launches" for name in foreign]
        if self.routing not in INSTANCE_ROUTINGS and self.routing is not Routing.BY_MODEL:
            problems.append(f"routing {self.routing.name} needs a pool that launches")
        central = self.routing is Routing.CENTRAL_QUEUE
        if self.waits_for_capacity and (not central or self.queue_limit != FOREVER):
            problems.append("waits_for_capacity needs a central queue without a limit")
        if self.batching and (central or self.cores or self.on_timeout is OnTimeout.STOP):
            problems.append("batching does not go with a central queue, shared cores or on_timeout STOP")
        if self.scaling:
            problems += self._scaling_problems(self.scaling, are_provisioned=False)
        return problems + self._otherwise_problems()

    def _scaling_problems(self, scaling: Scaling, *, are_provisioned: bool) -> list[str]:
        problems = []
        if not scaling.minimum <= self.standing <= scaling.maximum:
            bounds = f"{scaling.minimum} to {scaling.maximum}"
            problems.append(f"standing is {self.standing}, must be {bounds}, the bounds of scaling")
        problems += [
            f"metric {policy.metric.name} is not one of this kind of pool"
            for policy in scaling.policies
            if (policy.metric in PROVISIONED_METRICS) is not are_provisioned
        ]
        return problems

    def _otherwise_problems(self) -> list[str]:
        """What does not go with a quota, models, jobs or a closed population."""
        of_queues = ("queue_limit", "waits_for_capacity", "time_to_live_ns", "cores", "batching", "scaling")
        problems = []
        if (self.models is not None) is not (self.routing is Routing.BY_MODEL):
            problems.append("models and routing BY_MODEL need each other")
        if self.quota and (self.standing != 1 or self._given(*of_queues, "on_give_up", "on_timeout", "jobs", "models")):
            problems.append("quota needs one standing instance and nothing of queues and instances")
        if self.models and self._given(*of_queues[1:], "on_give_up", "on_timeout", "jobs", "population"):
            problems.append("models do not go with other rules of queues and instances, or a closed population")
        if self.jobs:
            foreign = self._given(*of_queues[:1], *of_queues[2:], "retries", "patience", "population", "on_give_up")
            if self.standing or not self.waits_for_capacity or foreign or self.timeout_from is not TimeoutFrom.START:
                problems.append(
                    "jobs need a central queue that waits for capacity, patient clients, and a timeout from the start"
                )
        return problems

    def _given(self, *names: str) -> list[str]:
        """Those of some fields that differ from their default."""
        return [name for name in names if getattr(self, name) != self.__dataclass_fields__[name].default]


#: What came after the first kinds of pool.
_LATER = (
    *("at_limit", "waiting_requests", "on_timeout", "request_rate", "launch_rate", "waits_for_capacity"),
    *("time_to_live_ns", "cores", "batching", "scaling", "retries", "patience"),
    *("quota", "models", "jobs", "population"),
)
#: Least value of each field that has one.
_LEAST = {
    "standing": 0,
    "places": 1,
    "timeout_ns": 1,
    "queue_limit": 0,
    "startup_limit_ns": 0,
    "time_to_live_ns": 1,
    "cores": 0,
}
