"""An API that lets through what a quota of requests and of tokens allows (model.md 4.6)."""

from __future__ import annotations

from simulator.engines.ledger import Attempt, InstanceRow
from simulator.engines.pool import Pool
from simulator.engines.reference.endpoint import Endpoint
from simulator.engines.reference.moments import Life, Moment, Rank
from simulator.engines.served_otherwise import MINUTE_NS, Quota
from simulator.engines.tables import Reason
from simulator.units import FOREVER


class Allowance:
    """One bucket of a quota, looked at in order of time: full at 0, as much as it holds flows in evenly in a minute.

    Its level is a whole number: `MINUTE_NS` stand for one token, and in 1 ns as much flows in as tokens in a minute.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._level = self._full = per_minute * MINUTE_NS
        self._level_of_ns = 0

    def has(self, now_ns: int, tokens: int) -> bool:
        """Whether so many are there now; without a limit they are."""
        self._fill(now_ns)
        return self._per_minute == FOREVER or self._level >= tokens * MINUTE_NS

    def add(self, now_ns: int, tokens: int) -> None:
        """So many more now, or fewer if below 0: never more than it holds, but perhaps fewer than none."""
        self._fill(now_ns)
        self._level = min(self._full, self._level + tokens * MINUTE_NS)

    def _fill(self, now_ns: int) -> None:
        """Let in what has flowed since it was last looked at."""
        self._level = min(self._full, self._level + self._per_minute * (now_ns - self._level_of_ns))
        self._level_of_ns = now_ns


class QuotaEndpoint(Endpoint[InstanceRow]):
    """Attempts and the two buckets; whatever these let through is served at once, by an instance without end."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        assert pool.quota is not None
        self.quota: Quota = pool.quota
        self.requests = Allowance(self.quota.requests_per_minute)
        self.tokens = Allowance(self.quota.tokens_per_minute)
        self.instance = InstanceRow(self.ledger.instances)
        self.ledger.launch(self.instance)

    def life(self, attempt: Attempt) -> Life:
        """Both buckets or none, service; then the tokens reserved are settled against those used."""
        request = attempt.request
        reserved = request.tokens_in + self.quota.max_tokens
        if not (self.requests.has(self.now, 1) and self.tokens.has(self.now, reserved)):
            self.throttle(attempt, Reason.QUOTA)
            return
        self.requests.add(self.now, -1)
        self.tokens.add(self.now, -reserved)

        release_ns = self.take(attempt, self.instance, self.now, request.service_ns)
        yield Moment(self.env, release_ns, Rank.RELEASE, request.number, attempt.index)
        used = request.tokens_in + request.tokens_out * self.quota.burndown
        self.tokens.add(self.now, reserved - used)
