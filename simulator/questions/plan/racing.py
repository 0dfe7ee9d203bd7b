"""Choosing the cheapest candidate that qualifies, by replications that are added until it is clear: pure statistics.

Every candidate meets the same random numbers, and a candidate leaves the race when

- it is decided that it misses an objective: by the chance that a replication misses it (Clopper-Pearson), or by the
  mean (Student's t), at an error probability divided by candidates, looks and objectives (Bonferroni);
- it is decided dearer than one that is decided to qualify, by the procedure of Kim and Nelson [1]_;
- what it costs at the least, whatever the traffic does, is more than the upper bound of one that qualifies. Such a
  candidate is not simulated as long as that may still come out.

Half of the error probability goes to objectives, a quarter to comparisons of cost, a quarter to bounds of cost.
Two constraints and a race at once are treated in [2]_; the division here is the simpler one, by Bonferroni.

References
----------
.. [1] Kim & Nelson, "A fully sequential procedure for indifference-zone selection in simulation", ACM TOMACS 11 (2001)
   251.
.. [2] Andradóttir & Kim, "Fully sequential procedures for comparing constrained systems via simulation", Naval
   Research Logistics 57 (2010) 403.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

#: Replications of the first look, from which variances are taken: n0 of Kim and Nelson.
FIRST_LOOK: Final = 20
#: Each look comes after half as many replications again. Assumption: nine looks lead to 400.
GROWTH: Final = 1.5


class Standing(StrEnum):
    """Whether a candidate keeps to its objectives."""

    QUALIFIES = "qualifies"
    MISSES = "misses"
    UNDECIDED = "undecided"


class State(StrEnum):
    """What became of a candidate."""

    PLAN = "the plan"
    TIE = "as cheap"
    DEARER = "dearer"
    MISSES = "misses"
    UNDECIDED = "undecided"
    NOT_NEEDED = "not needed"
    NOT_TRIED = "not tried"


class Test(Protocol):
    """What one objective asks of the replications of one candidate."""

    def standing(self, error: float) -> Standing:
        """What they show, wrong in either direction with at most this probability."""


@dataclass(frozen=True)
class Chance:
    """The chance that a replication misses an objective must be small.

    Parameters
    ----------
    held : array of int8, shape (n,)
        1 where the replication kept to it, 0 where it missed it, -1 where it had no data.
    most : float
        Largest chance, between 0 and 1.
    """

    held: NDArray[np.int8]
    most: float

    def standing(self, error: float) -> Standing:
        """By the one-sided Clopper-Pearson bounds."""
        n, misses = int((self.held >= 0).sum()), int((self.held == 0).sum())
        if n == 0:
            return Standing.UNDECIDED
        low, high = chance_bounds(misses, n, error)
        if high <= self.most:
            return Standing.QUALIFIES
        return Standing.MISSES if low > self.most else Standing.UNDECIDED


@dataclass(frozen=True)
class Mean:
    """The mean over replications must keep to a limit.

    Parameters
    ----------
    values : array of float, shape (n,)
        NaN where a replication had no data.
    limit : float
    is_upper : bool
        Whether the limit is the most that is allowed.
    """

    values: NDArray[np.float64]
    limit: float
    is_upper: bool = True

    def standing(self, error: float) -> Standing:
        """By the one-sided bounds of Student's t."""
        known = self.values[~np.isnan(self.values)]
        if len(known) < 2:
            return Standing.UNDECIDED
        low, high = mean_bounds(known, error)
        if not self.is_upper:
            low, high = -high, -low
        limit = self.limit if self.is_upper else -self.limit
        if high <= limit:
            return Standing.QUALIFIES
        return Standing.MISSES if low > limit else Standing.UNDECIDED


@dataclass(frozen=True)
class Seen:
    """The first replications of one candidate.

    Parameters
    ----------
    costs : array of float, shape (n,)
    tests : tuple of Test
        One an objective.
    """

    costs: NDArray[np.float64]
    tests: tuple[Test, ...]


#: Names, number of replications → what they showed.
Observe = Callable[[Sequence[str], int], Mapping[str, Seen]]


@dataclass(frozen=True)
class Rules:
    """How sure the race must be.

    Parameters
    ----------
    confidence : float
        1 less the probability that the plan misses an objective or that something cheaper by `smallest_saving`
        qualified.
    smallest_saving : float
        Smallest difference of cost worth finding, as a share of the cheaper one's mean cost in the first look.
    most : int
        Replications at which the race ends in any case, at least `FIRST_LOOK`.
    """

    confidence: float = 0.95
    smallest_saving: float = 0.02
    most: int = 400

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of replications at which the race is looked at."""
        found = [min(FIRST_LOOK, self.most)]
        while found[-1] < self.most:
            found.append(min(math.ceil(found[-1] * GROWTH), self.most))
        return tuple(found)


@dataclass
class Runner:
    """One candidate in the race.

    Parameters
    ----------
    name : str
    floor : float
        What it costs at the least.
    standing : Standing
        What is decided of its objectives.
    state : State or None
        None: in the race.
    by : str
        The candidate that is the reason of its state, if one is.
    replications : int
        That were looked at.
    missed : int or None
        Number of the first objective that was decided to be missed.
    """

    name: str
    floor: float = 0.0
    standing: Standing = Standing.UNDECIDED
    state: State | None = None
    by: str = ""
    replications: int = 0
    missed: int | None = None


@dataclass(frozen=True)
class Race:
    """How a race ended.

    Parameters
    ----------
    runners : dict of str to Runner
        In the order given, each with a state.
    plan : str or None
        The cheapest that qualifies; None if none is known to.
    is_decided : bool
        Whether nothing undecided could be cheaper, and the plan is told apart from all others or they are as cheap.
    """

    runners: dict[str, Runner]
    plan: str | None
    is_decided: bool
    is_interrupted: bool = False


def chance_bounds(count: int, n: int, error: float) -> tuple[float, float]:
    """Lower and upper Clopper-Pearson bound of a chance seen `count` times in `n`, each wrong with chance `error`."""
    from scipy.special import betaincinv

    low = float(betaincinv(count, n - count + 1, error)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - error)) if count < n else 1.0
    return low, high


def mean_bounds(values: NDArray[np.float64], error: float) -> tuple[float, float]:
    """Lower and upper bound of a mean by Student's t, each wrong with chance `error`; two values or more."""
    from scipy.special import stdtrit

    n, mean = len(values), float(values.mean())
    if (values == values[0]).all():
        return float(values[0]), float(values[0])
    half = -float(stdtrit(n - 1, error)) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean - half, mean + half


def eta(candidates: int, error: float, first: int = FIRST_LOOK) -> float:
    """Constant of Kim and Nelson: η = ((2α/(k-1))^(-2/(n0-1)) - 1)/2.

    >>> round(eta(10, 0.05), 6)
    0.302934
    """
    return (math.pow(2 * error / max(candidates - 1, 1), -2 / (first - 1)) - 1) / 2


def h_squared(candidates: int, error: float, first: int = FIRST_LOOK) -> float:
    """Constant of Kim and Nelson: h² = 2η(n0-1).

    >>> round(h_squared(10, 0.05), 4)
    11.5115
    """
    return 2 * eta(candidates, error, first) * (first - 1)


def race(floors: Mapping[str, float], observe: Observe, rules: Rules) -> Race:
    """The cheapest candidate that qualifies.

    Parameters
    ----------
    floors : mapping of str to float
        Candidate → what it costs at the least, in every replication; 0 where nothing is known.
    observe : callable
        Gives the first n replications of some candidates; all under the same random numbers, so that replications of
        one number are compared with one another.
    rules : Rules
    """
    return _Course(floors, observe, rules).run()


@dataclass
class _Course:
    floors: Mapping[str, float]
    observe: Observe
    rules: Rules
    seen: dict[str, Seen] = field(default_factory=dict)
    #: Candidate → those that it was decided to be dearer than.
    beaten_by: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.runners = {name: Runner(name, floor) for name, floor in self.floors.items()}
        error = 1 - self.rules.confidence
        count, looks = max(len(self.runners), 1), len(self.rules.looks)
        self._error_of_objectives = error / 2 / (count * looks)
        self._error_of_bounds = error / 4 / (count * looks)
        self._h_squared = h_squared(count, error / 4, self.rules.looks[0]) if self.rules.looks[0] > 2 else math.inf

    def run(self) -> Race:
        try:
            self._run()
        except KeyboardInterrupt:
            return self._ended(is_interrupted=True)
        return self._ended()

    def _run(self) -> None:
        for n in self.rules.looks:
            is_last = n == self.rules.most
            self._round(n, is_last)
            if self._is_over():
                # Those that were waiting for it to come out otherwise.
                self._round(n, is_last=True)
                if self._is_over():
                    break

    def _round(self, n: int, is_last: bool) -> None:
        """One look: candidates that must be simulated now are, until no more of them must."""
        while True:
            while wanted := self._wanted(n, is_last):
                self._look(wanted, n)
            before = len(self._going())
            self._compare(n)
            if len(self._going()) == before and not self._wanted(n, is_last):
                return

    def _wanted(self, n: int, is_last: bool) -> list[str]:
        """Candidates in the race that have fewer replications, unless what they wait for may still come out."""
        behind = [name for name in self._going() if self.runners[name].replications < n]
        running = [name for name in behind if not self._waits(name, is_last)]
        return running + self._starters(is_last)

    def _keeps_waiting(self, name: str, is_last: bool) -> bool:
        """Whether others need not be simulated as long as this one is there; at the end only if it qualifies."""
        runner = self.runners[name]
        if name not in self.seen:
            return False
        return runner.standing is Standing.QUALIFIES or (runner.standing is Standing.UNDECIDED and not is_last)

    def _waits(self, name: str, is_last: bool) -> bool:
        """Whether a candidate is decided dearer than one that is not known to miss anything."""
        return any(self._keeps_waiting(other, is_last) for other in self.beaten_by.get(name, ()))

    def _going(self) -> list[str]:
        return [one.name for one in self.runners.values() if one.state is None and one.name in self.seen]

    def _waiting(self) -> list[Runner]:
        return [one for one in self.runners.values() if one.name not in self.seen]

    def _look(self, names: Sequence[str], n: int) -> None:
        """More replications of some candidates, and what they say of the objectives."""
        if not names:
            return
        self.seen |= self.observe(names, n)
        for name in names:
            runner, tests = self.runners[name], self.seen[name].tests
            runner.replications = n
            if runner.standing is not Standing.UNDECIDED:
                continue
            found = [test.standing(self._error_of_objectives / len(tests)) for test in tests]
            if Standing.MISSES in found:
                runner.standing, runner.state = Standing.MISSES, State.MISSES
                runner.missed = found.index(Standing.MISSES)
            elif all(one is Standing.QUALIFIES for one in found):
                runner.standing = Standing.QUALIFIES

    def _starters(self, is_last: bool) -> list[str]:
        """Candidates that must be simulated now: no other in the race is sure to cost less than they do at the least.

        At the end only those that qualify keep others waiting.
        """
        waiting = self._waiting()
        bounds = [self._upper(name) for name in self.runners if self._keeps_waiting(name, is_last)]
        if bounds:
            return [one.name for one in waiting if one.floor <= min(bounds)]
        least = min((one.floor for one in waiting), default=0.0)
        return [one.name for one in waiting if one.floor == least]

    def _upper(self, name: str) -> float:
        """Upper bound of a mean cost."""
        costs = self.seen[name].costs
        return mean_bounds(costs, self._error_of_bounds)[1] if len(costs) > 1 else math.inf

    def _compare(self, n: int) -> None:
        """Let those go that are decided dearer than one that qualifies; dearer than one that may, they wait."""
        level = [name for name in self._going() if self.runners[name].replications == n]
        gone: dict[str, tuple[State, str]] = {}
        # Of two without a saving between them the dearer one goes. Which it is may change until one qualifies.
        level_with: dict[str, list[str]] = {}
        for name in level:
            for other in level:
                if name != other and self._is_dearer(name, other, n):
                    self.beaten_by.setdefault(name, []).append(other)
                elif name != other and self._is_closed(name, other, n) and self._above(name, other, n) > 0:
                    level_with.setdefault(name, []).append(other)
        for name in self._going():
            is_tie = self.runners[name].standing is Standing.QUALIFIES
            beaten = [(State.DEARER, other) for other in self.beaten_by.get(name, ())]
            alike = [(State.TIE if is_tie else State.DEARER, other) for other in level_with.get(name, ())]
            for state, other in (*beaten, *alike):
                if self.runners[other].state is None and self.runners[other].standing is Standing.QUALIFIES:
                    gone.setdefault(name, (state, other))
        for name, (state, other) in gone.items():
            self.runners[name].state, self.runners[name].by = state, other

    def _above(self, name: str, other: str, n: int) -> float:
        """How much more one has cost than another, in all [USD]."""
        return float((self.seen[name].costs[:n] - self.seen[other].costs[:n]).sum())

    def _pair(self, name: str, other: str) -> tuple[float, float]:
        """Smallest saving worth finding between two, and the variance of their difference, in the first look."""
        first = self.rules.looks[0]
        ours, theirs = self.seen[name].costs[:first], self.seen[other].costs[:first]
        saving = self.rules.smallest_saving * min(float(ours.mean()), float(theirs.mean()))
        apart = ours - theirs
        return max(saving, 1e-12), 0.0 if (apart == apart[0]).all() else float(apart.var(ddof=1))

    def _margin(self, name: str, other: str, n: int) -> float:
        """What the sum of differences must exceed: (δ/2)(h²S²/δ² - n), not below 0."""
        saving, variance = self._pair(name, other)
        if len(self.seen[name].costs) < 2:
            return math.inf
        spread = self._h_squared * variance / saving**2 if variance else 0.0
        return max(0.0, saving / 2 * (spread - n))

    def _is_closed(self, name: str, other: str, n: int) -> bool:
        return self._margin(name, other, n) == 0.0

    def _is_dearer(self, name: str, other: str, n: int) -> bool:
        """Whether the sum of differences is beyond its margin, and their mean the smallest saving or more.

        The second is not asked by Kim and Nelson, and lets candidates stay longer: what is as cheap is told so.
        """
        above = self._above(name, other, n)
        return above > self._margin(name, other, n) and above >= n * self._pair(name, other)[0]

    def _is_over(self) -> bool:
        """Whether more replications of those in the race can change nothing that matters."""
        going = self._going()
        return len(going) <= 1 and all(self.runners[one].standing is Standing.QUALIFIES for one in going)

    def _ended(self, *, is_interrupted: bool = False) -> Race:
        going = self._going()
        qualifying = [name for name in going if self.runners[name].standing is Standing.QUALIFIES]
        plan = min(qualifying, key=lambda name: float(self.seen[name].costs.mean()), default=None)
        is_decided = not is_interrupted
        for name in going:
            runner = self.runners[name]
            if name == plan:
                runner.state = State.PLAN
            elif runner.standing is Standing.QUALIFIES:
                runner.state, runner.by, is_decided = State.TIE, plan or "", False
            else:
                runner.state, is_decided = State.UNDECIDED, False
        for runner in self._waiting():
            runner.state, runner.by = (State.NOT_TRIED, "") if is_interrupted else (State.NOT_NEEDED, plan or "")
        if plan is not None:
            self._told_against(plan)
        return Race(self.runners, plan, is_decided, is_interrupted)

    def _told_against(self, plan: str) -> None:
        """Ties are ties with the plan itself: a chain of them may lead further away than the smallest saving."""
        for runner in self.runners.values():
            if runner.state is not State.TIE or runner.by == plan:
                continue
            n = min(runner.replications, self.runners[plan].replications)
            saving = self._pair(runner.name, plan)[0]
            runner.by = plan
            if self._above(runner.name, plan, n) >= n * saving:
                runner.state = State.DEARER
