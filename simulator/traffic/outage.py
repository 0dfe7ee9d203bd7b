"""An outage before the endpoint: requests are held back for a while, and all come after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Streams
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.traffic.merging import merged
from simulator.traffic.nested import Moved
from simulator.units import FOREVER, Seconds, duration_text, to_ns

_MINUTE_S: Final = 60.0


class Outage(Moved):
    """Other traffic whose requests are held back for a while, say by a queue in front of a network that is down.

    What would have arrived at t in ``[at, at + length)`` arrives at ``at + length + (t − at)·release/length``, among
    what arrives then in its own right. No request is lost, and all others arrive when they would have. The random
    draws are those of the other traffic, so that with and without the outage the requests are the same.

    Parameters
    ----------
    of : traffic
        Any, also another outage.
    at, length : duration
        Beginning, from time 0, and length of the outage, more than 0. [s]
    release : duration
        In which time the requests held back come afterwards, in their order; 0: all at once. [s]
    """

    kind: Literal["outage"] = "outage"
    at: Seconds
    length: Length
    release: Seconds

    @property
    def _ends_s(self) -> float:
        return self.at + self.length

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Those that keep their time, merged with those held back."""
        at_ns, length_ns, release_ns = to_ns(self.at), to_ns(self.length), to_ns(self.release)
        ends_ns = min(at_ns + length_ns, FOREVER)

        def on_time() -> Iterator[NDArray[np.int64]]:
            for piece in self.of.pieces(streams, clock, horizon_ns):
                first, beyond = np.searchsorted(piece, (at_ns, ends_ns))
                yield piece if first == beyond else np.delete(piece, np.s_[first:beyond])

        def held_back() -> Iterator[NDArray[np.int64]]:
            # Drawn a second time, so that those held back need not be in memory together.
            for piece in self.of.pieces(streams, clock, horizon_ns):
                first, beyond = np.searchsorted(piece, (at_ns, ends_ns))
                since_ns = np.rint((piece[first:beyond] - at_ns) * (release_ns / length_ns))
                # What is beyond the horizon anyway may be too large for int64.
                arrival_ns = ends_ns + np.minimum(since_ns, horizon_ns).astype(np.int64)
                yield arrival_ns[: np.searchsorted(arrival_ns, horizon_ns)]
                if beyond < len(piece):
                    return

        # Of an outage that ends after the run nobody is seen to come back.
        return merged([on_time(), held_back()] if ends_ns < horizon_ns else [on_time()])

    def _held_until(self, t_s: float) -> float:
        """Up to when the requests held back were due that have come by t [s]."""
        since_s = t_s - self._ends_s
        if since_s <= 0:
            return self.at
        return self.at + self.length * (min(since_s / self.release, 1.0) if self.release > 0 else 1.0)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """That of the other traffic outside the outage, and that of the part of it that comes in the window."""
        on_time = self.of.expected_count(start_s, stop_s, clock)
        first_s, last_s = (min(max(t_s, self.at), self._ends_s) for t_s in (start_s, stop_s))
        if last_s > first_s:
            on_time -= self.of.expected_count(first_s, last_s, clock)
        first_s, last_s = self._held_until(start_s), self._held_until(stop_s)
        return on_time + (self.of.expected_count(first_s, last_s, clock) if last_s > first_s else 0.0)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """0 in the outage, more after it; a release all at once is spread over its minute of the run [1/s]."""
        t_s = np.asarray(t_s, dtype=np.float64)
        rates = self.of.rate(t_s, clock)
        rates[(t_s >= self.at) & (t_s < self._ends_s)] = 0.0
        if self.release > 0:
            since_s = t_s - self._ends_s
            released = (since_s >= 0) & (since_s < self.release)
            speed = self.length / self.release
            rates[released] += speed * self.of.rate(self.at + speed * since_s[released], clock)
        else:
            minute = np.floor(t_s / _MINUTE_S) == np.floor(self._ends_s / _MINUTE_S)
            rates[minute] += self.of.expected_count(self.at, self._ends_s, clock) / _MINUTE_S
        return rates

    def describe(self) -> str:
        """The other traffic, when the outage is, and how it ends."""
        release = f"over {duration_text(self.release)}" if self.release > 0 else "at once"
        return (
            f"{self.of.describe()}; held back from {duration_text(self.at)} to {duration_text(self._ends_s)}, "
            f"released {release}"
        )

    def notes(self) -> list[str]:
        """Those of the other traffic, and from when latency counts."""
        note = "Requests held back arrive when they are released: latency leaves out how long they were held back."
        return list(dict.fromkeys([*self.of.notes(), note]))

    def remarks(self, horizon_s: float) -> list[str]:
        """Also whether the outage, or what comes after it, is beyond the horizon."""
        remarks = self.of.remarks(horizon_s)
        at, ends = duration_text(self.at), duration_text(self._ends_s)
        if self.at >= horizon_s:
            remarks.append(f"The outage at {at} begins after the end of the run: it is never seen.")
        elif self._ends_s >= horizon_s:
            remarks.append(f"The outage at {at} lasts to the end of the run: requests held back never come.")
        elif self._ends_s + self.release > horizon_s:
            remarks.append(f"The run ends while requests held back until {ends} are still being released.")
        return remarks
