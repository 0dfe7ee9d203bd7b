"""How likely a request is to meet a cold start, when, how long it waits, and what would change that at what price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from simulator.endpoints import RealTime, Serverless
from simulator.errors import InputError
from simulator.measures import intervals
from simulator.measures.catalogue import find
from simulator.measures.cold_starts import HOURS, ColdStarts
from simulator.measures.histogram import Histogram
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict, overall
from simulator.scenario.model import Scenario
from simulator.study.replicate import objectives_of
from simulator.study.results import Study

#: Studies of scenarios, in their order.
Runner = Callable[[Sequence[Scenario]], list[Study]]

#: Provisioned concurrency that is tried, as far as max_concurrency allows.
COUNTS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
#: So many times the idle timeout is tried, if it could be had.
LONGER: Final = (2, 6)
#: Pings come once in this part of the idle timeout.
PING_PART: Final = 0.9
#: Without an objective on cold starts, so small a part of them is what a fix has to reach. Assumption.
WANTED_PART: Final = 0.1
#: Percentiles of the penalty.
SHARES: Final = (Fraction(1, 2), Fraction(9, 10), Fraction(99, 100))


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
        Of them in a day, mean.
    """

    hour: int
    share: Estimate
    completed: float
    cold: float


@dataclass(frozen=True)
class Fix:
    """What would change the risk.

    Parameters
    ----------
    name, words : str
        Name in results, and what it is.
    cost, cost_more : Estimate
        A month, and by how much it is more than now, paired over replications. [USD]
    cold_share, cold_less : Estimate
        Cold requests of the completed ones, and how many a day there are less than now, paired.
    p99 : Estimate
        No value where it is not that of users alone. [ms]
    meets : Verdict
        On all objectives; no data where latencies are not those of users alone.
    reaches : bool
        Whether the share of cold requests is known to be below what is wanted.
    note : str
        What a reader must know of these numbers.
    is_offered : bool
        Whether the platform lets it be chosen.
    """

    name: str
    words: str
    cost: Estimate
    cost_more: Estimate
    cold_share: Estimate
    cold_less: Estimate
    p99: Estimate
    meets: Verdict
    reaches: bool
    note: str = ""
    is_offered: bool = True


class Risk:
    """The risk of one endpoint.

    Parameters
    ----------
    study : Study
        Of the endpoint and what could be put in its place, under the same requests.
    endpoint : str
    pinged : tuple of Study or None
        The endpoint without and with pings, under the same requests of users.
    pings : str
        What the pings are, in words.
    """

    def __init__(self, study: Study, endpoint: str, pinged: tuple[Study, Study] | None = None, pings: str = "") -> None:
        self.study, self.endpoint, self._pinged, self._pings = study, endpoint, pinged, pings
        self.scenario = study.scenario

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
            days = self.days * len(self._counts)
            found.append(Hour(hour, share, sum(completed) / days, sum(cold) / days))
        return found

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
        """By price, the cheapest first. Of provisioned concurrency one and the least tried count that is enough."""
        now = self.scenario.endpoint(self.endpoint)
        assert isinstance(now, Serverless)
        found: list[Fix] = []
        tried = enough = False
        for endpoint in self.scenario.endpoints:
            if endpoint.name == self.endpoint:
                continue
            fix = self._fix(endpoint, now)
            if not (
                isinstance(endpoint, Serverless) and endpoint.provisioned_concurrency > now.provisioned_concurrency
            ):
                found.append(fix)
                continue
            if not tried or (fix.reaches and not enough):
                found.append(fix)
            tried, enough = True, enough or fix.reaches
        if self._pinged is not None:
            found.append(self._ping())
        return sorted(found, key=lambda fix: fix.cost.value or 0.0)

    def _fix(self, endpoint: RealTime | Serverless, instead_of: Serverless) -> Fix:
        ours, now = self.study.sample(endpoint.name), self.study.sample(self.endpoint)
        cold = ours.estimate(find("cold_start_fraction"))
        return Fix(
            endpoint.name,
            words_of(endpoint, instead_of),
            ours.estimate(find("monthly_cost")),
            ours.less(now, find("monthly_cost")),
            cold,
            now.less(ours, find("cold_starts")).times(1 / self.days),
            ours.estimate(find("p99")),
            overall(self.study.judgements()[endpoint.name]),
            _is_below(cold, self.wanted),
            is_offered=isinstance(endpoint, RealTime) or endpoint.idle_timeout == instead_of.idle_timeout,
        )

    def _ping(self) -> Fix:
        """Pings are requests too: their cold starts are counted as though users had met them, which is the most."""
        assert self._pinged is not None
        before, after = self._pinged
        users = [record.measured[self.endpoint].completed for record in before.records]
        ours, now = after.sample(self.endpoint), before.sample(self.endpoint)
        colds = [record.measured[self.endpoint].cold_starts for record in after.records]
        shares: list[float | None] = [cold / user if user else None for cold, user in zip(colds, users, strict=True)]
        share = intervals.fraction(shares, self.scenario.confidence)
        return Fix(
            f"{self.endpoint}-pings",
            f"pings: {self._pings}",
            ours.estimate(find("monthly_cost")),
            ours.less(now, find("monthly_cost")),
            share,
            now.less(ours, find("cold_starts")).times(1 / self.days),
            Estimate(None, None, None, self.scenario.confidence, len(users), "latencies of users and pings are mixed"),
            Verdict.NO_DATA,
            _is_below(share, self.wanted),
            "a ping is served and billed like a request of a user, its own cold starts count among those of users, and "
            "latencies, which would be mixed, are left out",
        )


def _is_below(estimate: Estimate, limit: float) -> bool:
    return estimate.is_none_seen or (estimate.high is not None and estimate.high < limit)


def words_of(endpoint: RealTime | Serverless, now: RealTime | Serverless) -> str:
    """What is different about an endpoint."""
    if isinstance(endpoint, RealTime):
        return f"{endpoint.initial_instance_count} × {endpoint.instance_type}"
    assert isinstance(now, Serverless)
    if endpoint.provisioned_concurrency > now.provisioned_concurrency:
        return f"provisioned concurrency {endpoint.provisioned_concurrency}"
    for factor in LONGER:
        if endpoint.name.endswith(f"-idle-x{factor}"):
            return f"idle timeout × {factor}, if it could be had"
    return "as in the scenario"


def risk(scenario: Scenario, run: Runner, endpoint: str | None = None) -> Risk:
    """The risk of a serverless endpoint, and of everything that could be put in its place.

    Parameters
    ----------
    scenario : Scenario
    run : callable
        Gives the studies of scenarios.
    endpoint : str, optional
        Of the scenario; by default the first serverless one without provisioned concurrency.

    Raises
    ------
    InputError
        If there is no such endpoint, or it is not serverless.
    """
    asked = _asked(scenario, endpoint)
    others = [one for one in scenario.endpoints if isinstance(one, RealTime)]
    endpoints = [asked, *_provisioned(asked), *_longer(asked), *others]
    studies = [_changed(scenario, {"endpoints": [_facts(one) for one in endpoints], "baseline": asked.name})]
    timeout_s = None if asked.idle_timeout == "none" else asked.idle_timeout.constant()
    pings = ""
    if timeout_s is not None and asked.provisioned_concurrency == 0:
        interval = f"{max(1, int(PING_PART * timeout_s))}s"
        pings = f"one request every {interval}"
        traffic = scenario.resolved()["traffic"]
        for parts in ([traffic], [traffic, {"kind": "periodic", "interval": interval}]):
            facts = {"endpoints": [_facts(asked)], "baseline": asked.name}
            studies.append(_changed(scenario, {**facts, "traffic": {"kind": "superposition", "parts": parts}}))
    first, *pinged = run(studies)
    return Risk(first, asked.name, (pinged[0], pinged[1]) if pinged else None, pings)


def _asked(scenario: Scenario, name: str | None) -> Serverless:
    if scenario.assumed:
        raise InputError("risk takes certain values only; give one value for each uncertain one (--set)")
    if name is not None:
        endpoint = scenario.endpoint(name)
        if not isinstance(endpoint, Serverless):
            raise InputError(f"{name} is not serverless: it launches no instance, and no request of it is cold")
        return endpoint
    found = [one for one in scenario.endpoints if isinstance(one, Serverless)]
    bare = [one for one in found if not one.provisioned_concurrency]
    if not found:
        raise InputError("the scenario has no serverless endpoint, and no other has cold starts")
    return (bare or found)[0]


def _provisioned(endpoint: Serverless) -> list[Serverless]:
    most = COUNTS[-1] if endpoint.max_concurrency == "none" else endpoint.max_concurrency
    counts = [count for count in COUNTS if endpoint.provisioned_concurrency < count <= most]
    return [
        endpoint.model_copy(update={"name": f"{endpoint.name}-pc{count}", "provisioned_concurrency": count})
        for count in counts
    ]


def _longer(endpoint: Serverless) -> list[Serverless]:
    if endpoint.idle_timeout == "none":
        return []
    return [
        endpoint.model_copy(
            update={"name": f"{endpoint.name}-idle-x{factor}", "idle_timeout": endpoint.idle_timeout.scaled(factor)}
        )
        for factor in LONGER
    ]


def _facts(endpoint: Any) -> dict[str, Any]:
    facts: dict[str, Any] = endpoint.model_dump(mode="json", exclude_none=True)
    return facts


def _changed(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    facts = {key: value for key, value in scenario.resolved().items() if key not in {"stress", "plan", "precision"}}
    facts |= {"replications": scenario.replications, **changes}
    return Scenario.model_validate(facts, context={"folder": scenario.folder})
