"""What both kinds of pool have in common: arrivals and attempts, waiting and its limits, service and its limit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, Generic, TypeVar, cast

import simpy

from simulator.engines.clients import Patience, jitter_draw, retry_delay_ns
from simulator.engines.ledger import Attempt, Calendar, InstanceRow, Ledger, Request
from simulator.engines.pool import OnGiveUp, OnTimeout, Pool, TimeoutFrom
from simulator.engines.reference.moments import Life, Moment, Rank, later
from simulator.engines.tables import NONE, Outcome, Reason
from simulator.units import FOREVER

#: Attempts that wait, in the order in which they came, each with the event that calls it.
Queue = dict[Attempt, simpy.Event]
#: What a waiting attempt is called to; None: it was turned away or has left.
Place = TypeVar("Place")
#: What can happen to an attempt while it waits: when, at which rank, and what then.
Happening = tuple[int, Rank, Callable[[Attempt, Queue, simpy.Event], None]]


class Endpoint(ABC, Generic[Place]):
    """A pool at work; each kind says how the life of an attempt goes."""

    def __init__(self, pool: Pool) -> None:
        self.env = Calendar()
        self.pool = pool
        self.ledger = Ledger()
        #: Key of the jitter of retries (`Demand.retry_key`).
        self.retry_key = 0
        #: Told of the last attempt of every request, and when that ends, once this is known.
        self.ended: Callable[[Attempt, int], None] | None = None
        self._delays_ns = pool.retries.delays_ns() if pool.retries else ()

    @property
    def now(self) -> int:
        """The present instant, ns since the start of the run."""
        return int(self.env.now)

    def arrivals(self, requests: Iterator[Request]) -> Life:
        """Source of the requests: each begins its life at its arrival."""
        for request in requests:
            if request.number == 0:
                self.begin(request)
            yield Moment(self.env, request.arrival_ns, Rank.ARRIVAL, request.number)
            self.env.process(self.life(Attempt(request, request.arrival_ns)))

    def begin(self, first: Request) -> None:
        """What is there from time 0 because of the first request of the run: by default nothing."""

    @abstractmethod
    def life(self, attempt: Attempt) -> Life:
        """The life of an attempt, from when it is made until its place is free of it."""

    # How an attempt ends.

    def throttle(self, attempt: Attempt, reason: Reason) -> None:
        """Turn an attempt away."""
        self.answer(attempt, Outcome.THROTTLED, NONE, reason)
        self.ledger.decide(attempt)

    def take(self, attempt: Attempt, instance: InstanceRow, start_ns: int, service_ns: int) -> int:
        """Release of an attempt that a place takes; its row is written (model.md 2, 4.1)."""
        served_ns = later(start_ns, service_ns)
        limit_from_ns = start_ns if self.pool.timeout_from is TimeoutFrom.START else attempt.at_ns
        timeout_ns = later(limit_from_ns, self.pool.timeout_ns)
        release_ns = served_ns
        if self.pool.on_timeout is OnTimeout.STOP:
            release_ns = min(served_ns, max(start_ns, timeout_ns))
        attempt.start_ns, attempt.release_ns, attempt.instance = start_ns, release_ns, instance.number

        if not attempt.is_answered:  # else its client has gone already, and it was served for nobody
            limit_ns = min(timeout_ns, self.client_goes_ns(attempt))
            outcome = Outcome.COMPLETED if served_ns <= limit_ns else Outcome.TIMED_OUT
            self.answer(attempt, outcome, min(served_ns, limit_ns))
        self.ledger.decide(attempt)
        return release_ns

    def client_goes_ns(self, attempt: Attempt) -> int:
        """When the client of an attempt that has a place has waited long enough for its response."""
        if self.pool.patience is not Patience.RESPONSE:
            return FOREVER
        return later(attempt.at_ns, attempt.request.patience_ns)

    def answer(self, attempt: Attempt, outcome: Outcome, response_ns: int, reason: Reason = Reason.NONE) -> None:
        """What the client learns, and when; it may try again then (model.md 4.3)."""
        attempt.outcome, attempt.response_ns, attempt.reason = outcome, response_ns, reason
        ended_ns = self.now if outcome is Outcome.THROTTLED else response_ns
        self.try_again(attempt, outcome, ended_ns)
        if attempt.next_ns == NONE and self.ended is not None:
            self.ended(attempt, ended_ns)

    def try_again(self, attempt: Attempt, outcome: Outcome, ended_ns: int) -> None:
        """Another attempt after one that ended badly, if the client makes as many."""
        retries = self.pool.retries
        if retries is None or attempt.index == retries.attempts:
            return
        if outcome is Outcome.THROTTLED or (outcome is Outcome.TIMED_OUT and retries.after_timeout):
            number, index = attempt.request.number, attempt.index
            draw = jitter_draw(self.retry_key, number, index) if retries.jitter else 1.0
            next_ns = later(ended_ns, retry_delay_ns(self._delays_ns[index - 1], draw))
            if next_ns < FOREVER:  # one that never comes leaves this the last
                attempt.next_ns = next_ns
                self.ledger.follow(attempt)
                self.env.process(self.next_attempt(attempt))

    def next_attempt(self, earlier: Attempt) -> Life:
        """A fresh arrival of the same request; an earlier attempt may still hold its place."""
        attempt = Attempt(earlier.request, earlier.next_ns, earlier.index + 1)
        yield Moment(self.env, attempt.at_ns, Rank.RETRY, attempt.request.number, attempt.index)
        self.env.process(self.life(attempt))

    # How an attempt waits.

    def wait(
        self, attempt: Attempt, queue: Queue, called: simpy.Event, others: tuple[Happening, ...] = ()
    ) -> Generator[simpy.Event, Any, Place | None]:
        """Wait in a queue that was joined until called to a place; None if the attempt leaves before.

        Its limits, and whatever else may happen meanwhile, are moments of their own.
        """
        passing = []
        for at_ns, rank, happen in (*self.limits(attempt), *others):
            # A time to live may have passed before this attempt was made: then it ends in this instant.
            moment = Moment(self.env, max(at_ns, self.now), rank, attempt.request.number, attempt.index)
            moment.callbacks.append(partial(happen, attempt, queue))
            passing.append(moment)
        place = yield called
        for moment in passing:
            if not moment.processed:
                moment.callbacks.clear()  # nothing happens then any more
        return cast("Place | None", place)

    def limits(self, attempt: Attempt) -> list[Happening]:
        """What ends the waiting of an attempt (model.md 4.1).

        The earliest limit counts; with `serve_on` the time to live may come besides, later.
        """
        gives_up_ns = expires_ns = FOREVER
        if self.pool.timeout_from is TimeoutFrom.ARRIVAL:
            gives_up_ns = later(attempt.at_ns, self.pool.timeout_ns)
        if self.pool.patience is not Patience.NONE:
            gives_up_ns = min(gives_up_ns, later(attempt.at_ns, attempt.request.patience_ns))
        if self.pool.time_to_live_ns < FOREVER:
            expires_ns = later(attempt.request.arrival_ns, self.pool.time_to_live_ns)
        limits: list[Happening] = []
        if gives_up_ns < expires_ns:
            limits.append((gives_up_ns, Rank.GIVE_UP, self.give_up))
        if expires_ns < FOREVER:
            limits.append((expires_ns, Rank.GIVE_UP, self.expire))
        return limits

    def give_up(self, attempt: Attempt, queue: Queue, _: simpy.Event) -> None:
        """Its timeout or patience passes while it waits: the client goes, the attempt only where it leaves."""
        self.answer(attempt, Outcome.TIMED_OUT, self.now)
        if self.pool.on_give_up is OnGiveUp.LEAVE:
            self.leave(attempt, queue)

    def expire(self, attempt: Attempt, queue: Queue, _: simpy.Event) -> None:
        """Its time to live passes while it waits."""
        if not attempt.is_answered:
            self.answer(attempt, Outcome.EXPIRED, self.now)
        self.leave(attempt, queue)

    def leave(self, attempt: Attempt, queue: Queue) -> None:
        """Off the queue, unserved."""
        self.ledger.decide(attempt)
        queue.pop(attempt).succeed(None)
