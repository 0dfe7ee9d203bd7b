"""The instances of a pool that scales, with a queue each: launched, in service, draining, gone."""

from __future__ import annotations

import numpy as np

from simulator.engines.compiled.growing import doubled
from simulator.engines.compiled.outstanding import outstanding
from simulator.engines.compiled.releases import NEAR
from simulator.engines.compiled.sampling import begin_series, last_sampled_ns, points_of
from simulator.engines.compiled.scaled_queues.departures import forget_departures
from simulator.engines.compiled.scaled_queues.state import (
    FAR_ONES,
    NEAR_ONES,
    NOT_IN_SERVICE,
    SAMPLE_AT,
    SAMPLES,
    SERVING,
    Ints,
    empty_state,
    rules_of,
)
from simulator.engines.compiled.scaling.points import Point
from simulator.engines.pool import Pool
from simulator.engines.scaling import StepScaling, TargetTracking
from simulator.engines.tables import Instances
from simulator.units import FOREVER


class Fleet:
    """The instances that live, by number, and the arrays that follow from them; what a `Scaler` changes and watches.

    Parameters
    ----------
    pool : Pool
        Its standing instances are in service from the start.
    room : int
        Size of the growing arrays at the start.
    """

    def __init__(self, pool: Pool, room: int) -> None:
        self.rules = rules_of(pool)
        #: Replaced where its arrays have to grow.
        self.state = empty_state(pool, room)
        self._unused = [0]
        #: Slot, launch and ready of those that live.
        self._living: dict[int, tuple[int, int, int]] = {}
        self._serving: list[int] = []
        #: When those that drain, or have drained, are gone. [ns]
        self._gone_ns: dict[int, int] = {}
        self._launched_ns: list[int] = []
        self._entered = 0
        for _ in range(pool.standing):
            self._serving.append(self.launch(0, 0))
        self._follow(held_by_slot=None)

    @property
    def serving(self) -> int:
        """Instances in service."""
        return len(self._serving)

    def launch(self, now_ns: int, ready_ns: int) -> int:
        """Number of a new instance, which is starting."""
        if not self._unused:
            self._double_slots()
        slot, number, state = self._unused.pop(), self._entered, self.state
        places = self.rules.terms.places
        state.free_ns[slot * places : (slot + 1) * places] = 0
        state.tails[slot], state.numbers[slot], state.positions[slot] = 0, number, NOT_IN_SERVICE
        self._living[number] = slot, now_ns, ready_ns
        self._launched_ns.append(now_ns)
        self._entered += 1
        return number

    def begin_service(self, number: int, now_ns: int) -> None:
        """An instance becomes ready."""
        held = self._held_by_slot(now_ns)
        self._serving.append(number)
        self._serving.sort()
        self._follow(held)

    def drain(self, count: int, now_ns: int) -> None:
        """The highest-numbered instances in service take no more requests.

        They are gone when the last worker is free of what they hold: whoever gives up in a queue does so before that.
        """
        held = self._held_by_slot(now_ns)
        places = self.rules.terms.places
        for _ in range(count):
            number = self._serving.pop()
            slot = self._living[number][0]
            last_ns = int(self.state.free_ns[slot * places : (slot + 1) * places].max())
            self._gone_ns[number] = max(now_ns, last_ns)
            self.state.positions[slot] = NOT_IN_SERVICE
        self._follow(held)

    def begin_sampling(self, policies: tuple[TargetTracking | StepScaling, ...]) -> None:
        """Let the first period of every policy begin."""
        self.state.counts[SAMPLE_AT] = begin_series(self.state.series, policies)

    def take_samples(self) -> list[tuple[int, Point | None]]:
        """What was sampled since the last call."""
        state = self.state
        count = int(state.counts[SAMPLES])
        state.counts[SAMPLES] = 0
        return points_of(state.series, state.samples[:count], state.sampled_shares[:count])

    @property
    def sampled_ns(self) -> int:
        """The last instant at which anything was sampled [ns]."""
        return last_sampled_ns(self.state.series)

    def stop_sampling(self) -> None:
        """Nothing is published any more."""
        self.state.counts[SAMPLE_AT] = FOREVER

    def given_back(self, until_ns: int, *, is_last: bool) -> tuple[list[int], list[int], Instances]:
        """Launches since the last call; numbers and rows of the instances that are gone by an instant, or of all."""
        # Slots are used again, and no departure from them may be left.
        forget_departures(self.rules, self.state, until_ns + 1)
        gone = (number for number, gone_ns in self._gone_ns.items() if gone_ns <= until_ns)
        numbers = sorted(self._living if is_last else gone)
        lives = [self._living.pop(number) for number in numbers]
        gone_ns = [self._gone_ns.pop(number, FOREVER) for number in numbers]
        self._unused += [slot for slot, _, _ in lives]
        launched_ns, self._launched_ns = self._launched_ns, []
        columns = ([launch_ns for _, launch_ns, _ in lives], [ready_ns for _, _, ready_ns in lives], gone_ns)
        return launched_ns, numbers, Instances(*(np.array(column, np.int64) for column in columns))

    def _double_slots(self) -> None:
        before, state = len(self.state.numbers), self.state
        of_slots = ("numbers", "positions", "slots", "free_ns", "leaves_ns", "tails", "no_order")
        self.state = state._replace(**{name: doubled(getattr(state, name)) for name in of_slots})
        self._unused = list(range(2 * before - 1, before - 1, -1))

    def _held_by_slot(self, now_ns: int) -> Ints | None:
        """Requests that each slot holds, after all departures up to now; None where nobody asks."""
        if not self.rules.by_outstanding:
            return None
        forget_departures(self.rules, self.state, now_ns + 1)
        counts, departs_from = self.state.counts, self.state.departs_from
        left = [departs_from[: counts[NEAR_ONES]], departs_from[NEAR : NEAR + counts[FAR_ONES]]]
        return np.bincount(np.concatenate(left), minlength=len(self.state.numbers))

    def _follow(self, held_by_slot: Ints | None) -> None:
        """Make anew what depends on which instances are in service."""
        slots = [self._living[number][0] for number in self._serving]
        self.state.counts[SERVING] = len(slots)
        self.state.slots[: len(slots)] = slots
        self.state.positions[slots] = np.arange(len(slots))
        if self.rules.by_outstanding:
            counts = np.zeros(len(slots), np.int64) if held_by_slot is None else held_by_slot[slots]
            held, least, sharing = outstanding(counts)
            self.state = self.state._replace(held=held, least=least, sharing=sharing)
