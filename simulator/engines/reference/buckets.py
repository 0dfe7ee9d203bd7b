"""Rate limits as credit in whole nanoseconds (model.md 3.1)."""

from __future__ import annotations

from simulator.engines.pool import Bucket


class Credit:
    """What a bucket holds at the instants at which it is looked at, in order of time; without one there is no limit."""

    def __init__(self, bucket: Bucket | None) -> None:
        self._bucket = bucket
        self._credit_ns = bucket.burst * bucket.interval_ns if bucket else 0
        self._looked_at_ns = 0

    def spends(self, now_ns: int) -> bool:
        """Whether there was a token, which is then spent."""
        if self._bucket is None:
            return True
        full_ns = self._bucket.burst * self._bucket.interval_ns
        self._credit_ns = min(full_ns, self._credit_ns + now_ns - self._looked_at_ns)
        self._looked_at_ns = now_ns
        if self._credit_ns < self._bucket.interval_ns:
            return False
        self._credit_ns -= self._bucket.interval_ns
        return True
