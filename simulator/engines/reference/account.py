"""Several pools that share a limit of places: the concurrency of an account (model.md 7.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import simpy
from simpy.events import NORMAL, EventPriority

from simulator.engines.clients import Patience
from simulator.engines.ledger import Attempt, Calendar, Request
from simulator.engines.pool import Pool
from simulator.engines.reference.launching import Instance, LaunchingEndpoint
from simulator.engines.reference.moments import Life, Moment
from simulator.engines.tables import NONE, Demand, Reason, Settled
from simulator.errors import InputError


class SharedAccount:
    """Pools that launch under one limit of the account, fed together, in one calendar.

    Parameters
    ----------
    pools : sequence of Pool
        In the order that decides between them at one instant and rank.
    limit : int
        Most places that are occupied on demand, together with the provisioned instances of all pools, which count
        always. 1 or more.

    Raises
    ------
    ValueError
        If a pool does not launch, or has more than clients that try again or give up on the response; or if the
        limit is out of range.
    """

    def __init__(self, pools: Sequence[Pool], limit: int) -> None:
        for number, pool in enumerate(pools):
            without_clients = replace(pool, retries=None, patience=Patience.NONE)
            if not pool.launches or not without_clients.is_plain or pool.patience is Patience.WAITING:
                raise ValueError(
                    f"pool {number} must be a plain pool that launches, but for retries and patience for the response"
                )
        if limit < 1:
            raise ValueError(f"limit is {limit}, must be 1 or more")
        self._limit = limit
        self._calendar = Calendar()
        self._until_ns = 0
        self._members = [
            Member(pool, self, PoolCalendar(self._calendar, number, len(pools))) for number, pool in enumerate(pools)
        ]

    @property
    def is_full(self) -> bool:
        """Whether as many places as the limit are counted."""
        return sum(member.counted for member in self._members) >= self._limit

    def feed(self, demands: Sequence[Demand], until_ns: int) -> list[Settled]:
        """What is settled of each pool once everything before an instant has happened.

        Parameters
        ----------
        demands : sequence of Demand
            Of each pool the requests that arrive from the last `until_ns` on and before this one; there may be none.
        until_ns : int
            Never decreases. [ns]

        Raises
        ------
        ValueError
            If there is not one block per pool, or `until_ns` decreases.
        InputError
            If a request arrives before the last `until_ns`, or not before this one.
        """
        if len(demands) != len(self._members):
            raise ValueError(f"{len(demands)} blocks of demand, must be {len(self._members)}, one per pool")
        if until_ns < self._until_ns:
            raise ValueError(f"until_ns is {until_ns}, must not be before {self._until_ns}")
        for number, block in enumerate(demands):
            if len(block) and not self._until_ns <= block.arrival_ns[0] <= block.arrival_ns[-1] < until_ns:
                raise InputError(
                    f"demand of pool {number}: arrivals from {block.arrival_ns[0]} to {block.arrival_ns[-1]} ns,"
                    f" must be from {self._until_ns} ns on and before {until_ns} ns"
                )
        for member, block in zip(self._members, demands, strict=True):
            member.enter(block)
        if until_ns > self._until_ns:
            self._until_ns = until_ns
            self._calendar.run(until=until_ns)
            self._calendar.forget()
        return [member.settle(until_ns) for member in self._members]

    def finish(self) -> list[Settled]:
        """The rest of each pool, once all is over.

        Raises
        ------
        InputError
            If the end of a request is still undecided.
        """
        self._calendar.run()
        return [member.ledger.close() for member in self._members]


class Member(LaunchingEndpoint):
    """A pool of the account, in the calendar of all."""

    def __init__(self, pool: Pool, account: SharedAccount, calendar: PoolCalendar) -> None:
        super().__init__(pool)
        self.env = calendar
        self._account = account
        self._has_begun = False

    @property
    def counted(self) -> int:
        """Its provisioned instances, and its places occupied on demand, startup included.

        Of the provisioned instances those that hold a request are among the places occupied.
        """
        return self.occupied + len(self.standing.idle)

    def enter(self, block: Demand) -> None:
        """Let the requests of a block arrive, each in its time."""
        if len(block) == 0:
            return
        self._has_begun = True
        self.retry_key = int(block.retry_key[0])
        self.env.process(self.arrivals(self.ledger.enter(block)))

    def settle(self, until_ns: int) -> Settled:
        """What is known for good once everything before an instant has happened.

        The instance of a warm start, which may be gone before the first request comes, is known with that.
        """
        is_complete = self._has_begun or not self.pool.starts_warm
        return replace(self.ledger.settle(), until_ns=until_ns if is_complete else 0)

    def begin(self, first: Request) -> None:
        """A warm start at 0, though it may be later by now: others have been fed before the first request."""
        if not self.pool.starts_warm:
            return
        instance = Instance(self.ledger.instances, lifetime_ns=first.lifetime_ns)
        self.ledger.launch(instance)
        retired_ns = min(first.idle_timeout_ns, first.lifetime_ns)
        if retired_ns < self.now:
            instance.gone_ns = retired_ns
        else:
            self.become_idle(instance, NONE, retired_ns - self.now)

    def life(self, attempt: Attempt) -> Life:
        """Turned away at the limit of the account, unless an idle provisioned instance takes it."""
        if self._account.is_full and not self.standing.idle:
            self.throttle(attempt, Reason.CONCURRENCY)
            return
        yield from super().life(attempt)


class PoolCalendar(Calendar):
    """The calendar of all, as one pool sees it: at one instant and rank the pools go in their order."""

    def __init__(self, shared: Calendar, number: int, pools: int) -> None:
        super().__init__()
        self._shared, self._number, self._pools = shared, number, pools

    @property
    def now(self) -> int:
        """The present instant, ns since the start of the run."""
        return int(self._shared.now)

    def schedule(self, event: simpy.Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Put an event into the calendar of all, a moment by (rank, pool, id, attempt).

        SimPy's own events have no rank: they stay before all moments.
        """
        rank, rest = divmod(priority, Moment.BEYOND_IDS * Moment.BEYOND_ATTEMPTS)
        if rank > 0:
            ranked = rank * self._pools + self._number
            priority = EventPriority(ranked * Moment.BEYOND_IDS * Moment.BEYOND_ATTEMPTS + rest)
        self._shared.schedule(event, priority, delay)
