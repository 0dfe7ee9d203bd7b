"""What clients do when they are turned away or have waited long enough, as far as an engine has to know it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from simulator.units import FOREVER


class Patience(IntEnum):
    """What the patience of a request (`Demand.patience_ns`) covers.

    NONE: nothing, it is not looked at. WAITING: it runs while the request waits for a place, and is over once a place
    takes it. RESPONSE: it runs until the response; a request in service whose patience passes is timed out with its
    response at that instant, and its place serves on.
    """

    NONE = 0
    WAITING = 1
    RESPONSE = 2


@dataclass(frozen=True)
class Population:
    """A closed population of clients: each sends its next request a think time after its last ended (model.md 4.5).

    How many there are, and when each sends its first request, is told to the simulation; the think time that follows
    a request is its `Demand.think_ns`.

    Parameters
    ----------
    until_ns : int
        Nothing is sent at or after it. [ns]
    overhead_ns : int
        Between the response of a completed request and its client's having it. 0 or more. [ns]

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    until_ns: int
    overhead_ns: int = 0

    def __post_init__(self) -> None:
        if self.until_ns < 0 or self.overhead_ns < 0:
            raise ValueError(f"{self}: both must be 0 or more")


@dataclass(frozen=True)
class Retries:
    """How often, and how much later, a client tries again (model.md 8).

    After attempt j ends badly at t the next one is at t + max(1, round(u · min(cap, base · multiplier^(j−1)))), half
    to even, in double precision; u is 1 without jitter, else `jitter_draw`.

    Parameters
    ----------
    attempts : int
        Attempts in all, 2 or more.
    base_ns, cap_ns : int
        1 or more; the base at most the cap, `FOREVER` for no cap. [ns]
    multiplier : float
        1 or more.
    jitter : bool
        Whether a uniform draw multiplies the delay.
    after_timeout : bool
        Whether an attempt that timed out is followed by another; one that was throttled is. A request that expired
        is not tried again.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    attempts: int
    base_ns: int
    cap_ns: int = FOREVER
    multiplier: float = 2.0
    jitter: bool = True
    after_timeout: bool = False

    def __post_init__(self) -> None:
        problems = []
        if self.attempts < 2:
            problems.append(f"attempts is {self.attempts}, must be 2 or more")
        if not 1 <= self.base_ns <= self.cap_ns:
            problems.append(f"base_ns is {self.base_ns}, must be 1 to cap_ns, which is {self.cap_ns}")
        if not 1.0 <= self.multiplier < float("inf"):
            problems.append(f"multiplier is {self.multiplier}, must be 1 or more and finite")
        if problems:
            raise ValueError("; ".join(problems))

    def delays_ns(self) -> tuple[float, ...]:
        """min(cap, base · multiplier^(j−1)) for each attempt j that another may follow, before it is drawn [ns]."""
        delays = [float(self.base_ns)]
        while len(delays) < self.attempts - 1:
            delays.append(delays[-1] * self.multiplier)
        return tuple(min(float(self.cap_ns), delay) for delay in delays)


#: Constants of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
_ALL_64_BITS = 2**64 - 1


def mixed(state: int) -> int:
    """The output of SplitMix64 for a state, both 64 bits."""
    state = ((state ^ (state >> 30)) * MIX_1) & _ALL_64_BITS
    state = ((state ^ (state >> 27)) * MIX_2) & _ALL_64_BITS
    return state ^ (state >> 31)


def jitter_draw(key: int, number: int, attempt: int) -> float:
    """The uniform draw in [0, 1) of one request's attempt, found by number, so that nothing is drawn in advance.

    Parameters
    ----------
    key : int
        Of the replication, 64 bits (`Demand.retry_key`).
    number : int
        Of the request, from 0.
    attempt : int
        That ended badly, from 1.

    Notes
    -----
    z = mixed(key + GOLDEN · (number + 1)), then w = mixed(z + GOLDEN · attempt), all modulo 2⁶⁴; the draw is the upper
    53 bits of w, times 2⁻⁵³. `mixed` is the output function of SplitMix64.
    """
    z = mixed((key + GOLDEN * (number + 1)) & _ALL_64_BITS)
    w = mixed((z + GOLDEN * attempt) & _ALL_64_BITS)
    return float(w >> 11) * 2.0**-53


def retry_delay_ns(delay_ns: float, draw: float) -> int:
    """From the bad end of an attempt to the next: `delay_ns` times the draw, rounded, 1 to `FOREVER` [ns]."""
    return min(FOREVER, max(1, round(delay_ns * draw)))
