"""How likely a request is to meet a cold start, when, how long it waits, and what would change that at what price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

from simulator.endpoints import Endpoint, RealTime
from simulator.errors import InputError
from simulator.measures import intervals
from simulator.measures.catalogue import Kind, find
from simulator.measures.cold_starts import HOURS, ColdStarts
from simulator.measures.histogram import Histogram
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Objective
from simulator.questions.rates import check_has_a_rate
from simulator.questions.risk.fixes import Fix, Offer, fix_of, ping_fix
from simulator.questions.risk.instead import Instead, Launching
from simulator.questions.risk.ready import Judged, Least, all_met, below_limit, least_that
from simulator.questions.running import Runner
from simulator.scenario.model import Scenario
from simulator.study.replicate import objectives_of
from simulator.study.results import Study

#: What the field is called that says how many instances are kept ready.
READY_WORDS: Final = {"provisioned_concurrency": "provisioned concurrency", "min_instances": "minimum instances"}
#: So many times the idle timeout is tried, if it could be had.
LONGER: Final = (2, 6)
#: Without an objective on cold starts, so small a part of them is what a fix has to reach. Assumption.
WANTED_PART: Final = 0.1
#: Percentiles of the penalty.
SHARES: Final = (Fraction(1, 2), Fraction(9, 10), Fraction(95, 100), Fraction(99, 100))


@dataclass(frozen=True)
class Hour:
    """One hour of the day, over all days of all replications.

    Parameters
    ----------
    hour : int
        From 0 to 23, by the clock of the scenario.
    share : Estimate
        Cold requests of the completed ones.
    completed, cold : float
        Of them each time that this hour comes, mean.
    """

    hour: int
    share: Estimate
    completed: float
    cold: float


class Risk:
    """The risk of one endpoint.

    Parameters
    ----------
    study : Study
        Of the endpoint, and of the real-time endpoints that could be put in its place.
    endpoint : str
    offers : sequence of Offer
        What could be put in its place, under the same requests.
    pinged : tuple of Study and Offer, or None
        The endpoint without and with pings, under the same requests of users.
    searches : sequence of Least
        What the searches for the least provisioned concurrency came to.
    untried : str
        Why no instance could be kept ready, empty if one could.
    is_complete : bool
        False if it was interrupted: then not everything was tried, or not with all replications.
    """

    def __init__(
        self,
        study: Study,
        endpoint: str,
        offers: Sequence[Offer] = (),
        pinged: tuple[Study, Offer] | None = None,
        searches: Sequence[Least] = (),
        *,
        untried: str = "",
        is_complete: bool = True,
    ) -> None:
        self.study, self.endpoint, self.searches = study, endpoint, tuple(searches)
        self._offers, self._pinged = tuple(offers), pinged
        self.scenario, self.untried, self.is_complete = study.scenario, untried, is_complete

    @property
    def days(self) -> float:
        """Length of the measured part of a replication [d]."""
        return (self.scenario.horizon - self.scenario.initial_transient) / 86400

    @cached_property
    def _counts(self) -> list[ColdStarts]:
        return [record.cold_starts[self.endpoint] for record in self.study.records]

    @cached_property
    def hours(self) -> list[Hour]:
        """All 24; an hour in which no request was completed has no share."""
        found = []
        for hour in range(HOURS):
            cold = [float(one.cold[hour]) for one in self._counts]
            completed = [float(one.completed[hour]) for one in self._counts]
            share = intervals.ratio(cold, completed, self.scenario.confidence).within(0.0, 1.0)
            if share.value == 0:
                share = intervals.fraction(cold, self.scenario.confidence)
            times = self._hours_seen[hour] * len(self._counts)
            found.append(Hour(hour, share, *(sum(one) / times if times else 0.0 for one in (completed, cold))))
        return found

    @cached_property
    def _hours_seen(self) -> list[float]:
        """How often each hour of the day is in the measured part of a replication."""
        begins_s = self.scenario.clock.day_s
        first_s, last_s = begins_s + self.scenario.initial_transient, begins_s + self.scenario.horizon

        def before(time_s: float, hour: int) -> float:
            days, rest_s = divmod(time_s, 86400.0)
            return days + min(max(rest_s / 3600.0 - hour, 0.0), 1.0)

        return [before(last_s, hour) - before(first_s, hour) for hour in range(HOURS)]

    @cached_property
    def share(self) -> Estimate:
        """Cold requests of the completed ones."""
        return self.study.sample(self.endpoint).estimate(find("cold_start_fraction"))

    @cached_property
    def per_day(self) -> Estimate:
        """Cold requests a day, mean of a replication."""
        return intervals.mean([sum(one.cold) / self.days for one in self._counts], self.scenario.confidence)

    @property
    def worst_per_day(self) -> float:
        """Cold requests a day in the replication that had most."""
        return max(sum(one.cold) / self.days for one in self._counts)

    @cached_property
    def penalty(self) -> Estimate:
        """Mean wait of a cold request for its launch, beyond what it would have taken on a warm instance [ms]."""
        return self.study.sample(self.endpoint).estimate(find("cold_start_penalty"))

    @cached_property
    def penalties_ns(self) -> list[tuple[Fraction, int]]:
        """Percentiles of the wait for a launch, replications together, to 0.4 %; none without a cold request [ns]."""
        merged = Histogram.merged(one.penalties for one in self._counts)
        return [(share, merged.quantile_ns(share)) for share in SHARES] if merged.total else []

    @cached_property
    def wanted(self) -> float:
        """Share of cold requests that a fix has to come below."""
        limits = [
            one.limit
            for one in objectives_of(self.scenario)
            if one.measure.name == "cold_start_fraction" and one.comparison in {"<", "<="}
        ]
        return min(limits, default=WANTED_PART * (self.share.value or 0.0))

    @cached_property
    def fixes(self) -> list[Fix]:
        """By price, the cheapest first; of provisioned concurrency the counts that the searches tell."""
        now = self.study.sample(self.endpoint)
        found = [fix_of(one, now, self.wanted, self.days) for one in self._offers]
        if self._pinged is not None:
            before, offer = self._pinged
            found.append(ping_fix(offer, before, self.wanted, self.days))
        return sorted(found, key=lambda fix: fix.cost.value or 0.0)


def risk(scenario: Scenario, run: Runner, endpoint: str | None = None) -> Risk:
    """The risk of a serverless endpoint, and of everything that could be put in its place.

    Parameters
    ----------
    scenario : Scenario
        What is uncertain in it is drawn for each replication, the same for everything that is tried.
    run : callable
        Gives the studies of scenarios.
    endpoint : str, optional
        Of the scenario; by default the first serverless one without provisioned concurrency.

    Raises
    ------
    InputError
        If there is no such endpoint, or it is not serverless.
    """
    check_has_a_rate(scenario, "risk")
    return _Course(scenario, _asked(scenario, endpoint), run).run()


def is_helped(objective: Objective) -> bool:
    """Whether instances kept ready can only help to meet an objective: upper limits on times and on shares lost."""
    is_good = objective.measure.kind in {Kind.DURATION, Kind.SHARE} and objective.measure.unit != "s"
    return objective.comparison in {"<", "<="} and is_good and objective.measure.name != "utilization"


def _asked(scenario: Scenario, name: str | None) -> Launching:
    if name is not None:
        endpoint = scenario.endpoint(name)
        if not isinstance(endpoint, Launching):
            raise InputError(
                f"{name} is {endpoint.kind}: it launches no instance for a request, which is what risk asks about"
            )
        return endpoint
    found = [one for one in scenario.endpoints if isinstance(one, Launching)]
    bare = [one for one in found if not one.may_keep_ready]
    if not found:
        raise InputError("no endpoint of the scenario launches instances for requests, which is what risk asks about")
    return (bare or found)[0]


class _InterruptedError(Exception):
    """A study is not complete: nothing more is asked for."""


class _Course:
    """An endpoint on its way through the studies of what could be put in its place."""

    def __init__(self, scenario: Scenario, asked: Launching, run: Runner) -> None:
        self._scenario, self._asked, self._runner = scenario, asked, run
        self._instead = Instead(scenario, asked)
        self._ready: dict[int, Study] = {}
        self._why_not_ready = self._instead.why_not_ready()

    def run(self) -> Risk:
        name, longer = self._asked.name, [(factor, self._instead.longer(factor)) for factor in LONGER]
        pings = self._instead.pings()
        known = [(factor, one) for factor, one in longer if one is not None]
        wanted = [self._instead.now(), *(one for _, one in known)]
        wanted += [pings.without, pings.among] if pings is not None else []
        now, *others = self._runner(wanted)
        if not all(one.complete for one in (now, *others)):
            return Risk(now, name, is_complete=False)
        offers = [
            Offer(one.name, words_of(one), now, one.name) for one in now.scenario.endpoints if one.name != name
        ] + [
            Offer(f"{name}-idle-x{factor}", f"idle timeout × {factor}, if it could be had", study, name, False)
            for (factor, _), study in zip(known, others, strict=False)
        ]
        pinged = None
        if pings is not None:
            pinged = others[-2], Offer(f"{name}-pings", f"pings: {pings.words}", others[-1], name, note=pings.note)
        searches: list[Least] = []
        is_complete = True
        try:
            self._search(Risk(now, name), searches)
        except _InterruptedError:
            is_complete = False
        told = sorted({count for one in searches for count in one.told})
        offers += [
            Offer(f"{name}-pc{count}", f"{READY_WORDS[self._asked.READY]} {count}", self._ready[count], name)
            for count in told
        ]
        untried = self._why_not_ready
        return Risk(now, name, offers, pinged, searches, untried=untried, is_complete=is_complete)

    def _search(self, now: Risk, found: list[Least]) -> None:
        """The least provisioned concurrency that is enough, for cold starts and for what objectives it can help."""
        first, most = self._instead.first_ready, self._most(now)
        if most < first or self._why_not_ready:
            return
        wanted = f"cold requests below {100 * now.wanted:.3g} %"
        if not now.share.is_none_seen:
            found.append(least_that(lambda count: self._cold_at(count, now.wanted), wanted, first, most))
        helped = [one for one in objectives_of(self._scenario) if is_helped(one)]
        others = [one for one in helped if one.measure.name != "cold_start_fraction"]
        if others and all_met(self._judged(now.study, helped))[0] != "met":
            wanted = ", ".join(one.text for one in helped)
            found.append(least_that(lambda count: all_met(self._judged(self._at(count), helped)), wanted, first, most))

    def _most(self, now: Risk) -> int:
        """The greatest count that is worth trying: as many places as were ever occupied, and no more than may be."""
        seen = [value for value in now.study.sample(now.endpoint).column("concurrency_max") if value is not None]
        counts, limit = [int(max(seen, default=0))], self._asked.max_concurrency
        if limit != "none":
            counts.append(limit // self._asked.places)
        name = f"endpoints[{now.endpoint}].max_concurrency"
        uncertain = [one for one in self._scenario.assumed if one.name == name and one.scale is not None]
        counts += [int(one.number(one.quantile(0.0))) for one in uncertain]
        return min(counts)

    def _at(self, count: int) -> Study:
        if count not in self._ready:
            (study,) = self._runner([self._instead.ready(count)])
            if not study.complete:
                raise _InterruptedError
            self._ready[count] = study
        return self._ready[count]

    def _cold_at(self, count: int, wanted: float) -> Judged:
        return below_limit(self._at(count).sample(self._asked.name).estimate(find("cold_start_fraction")), wanted)

    def _judged(self, study: Study, objectives: Sequence[Objective]) -> list[Judgement]:
        texts = [one.text for one in objectives]
        return [one for one in study.judgements()[self._asked.name] if one.objective.text in texts]


def words_of(endpoint: Endpoint) -> str:
    """What is put in the place of the other."""
    assert isinstance(endpoint, RealTime)
    return f"{endpoint.initial_instance_count} × {endpoint.instance_type}"
