"""The events of the model and their order.

SimPy takes events by (time, priority, order of scheduling). Here every event of the model is a `Moment`, whose
priority is made of rank and id, so the order of scheduling never decides anything. SimPy's own events (a process
begins, a waiting request is called) have priorities 0 and 1, below every rank: whatever follows from a moment without
delay is done before the next moment. Times are Python's whole numbers; nothing here overflows or rounds.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import IntEnum
from typing import Any, Final

import simpy
from simpy.events import EventPriority

from simulator.units import FOREVER

#: A SimPy process; what it returns is what the one who waits for it gets.
Life = Generator[simpy.Event, Any, None]


class Rank(IntEnum):
    """What comes first at one instant (model.md 1); a metric is sampled just before any event of its instant (4.2)."""

    SAMPLE = 5
    RELEASE = 10
    READY = 20
    RETIRE = 30
    SCALE = 40
    BATCH = 45
    GIVE_UP = 50
    RETRY = 55
    ARRIVAL = 60


class Moment(simpy.Event):
    """An event of the model, ordered by (time, rank, id, attempt); at `FOREVER` it never happens.

    The id is the instance number for ready and retired, 0 for samples and scaling, else the request number; the
    attempt tells those of one request apart (model.md 1).
    """

    #: Above every request or instance number, so that rank · BEYOND_IDS + id sorts by rank, then by id.
    BEYOND_IDS: Final = 2**48
    #: Above every attempt's number, likewise.
    BEYOND_ATTEMPTS: Final = 2**40

    def __init__(self, env: simpy.Environment, at_ns: int, rank: Rank, number: int = 0, attempt: int = 0) -> None:
        super().__init__(env)
        self._ok, self._value = True, None  # as simpy.Timeout: decided now, happens later
        if at_ns < FOREVER:
            order = rank * self.BEYOND_IDS + number
            env.schedule(self, EventPriority(order * self.BEYOND_ATTEMPTS + attempt), at_ns - env.now)


def later(instant_ns: int, duration_ns: int) -> int:
    """The instant a duration later; sums saturate at `FOREVER` (model.md 1)."""
    return min(instant_ns + duration_ns, FOREVER)


def stretched(duration_ns: int, factor: float) -> int:
    """A duration times a factor, in double precision, rounded half to even; it saturates at `FOREVER`."""
    product = duration_ns * factor
    return FOREVER if product >= FOREVER else round(product)
