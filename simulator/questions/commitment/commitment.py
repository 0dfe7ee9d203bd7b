"""Which commitment by the hour is best for what an endpoint uses, what it saves and what it risks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import BatchTransform, Endpoint, OnInstances
from simulator.errors import InputError
from simulator.measures import intervals
from simulator.measures.hourly import HOUR_NS
from simulator.measures.intervals import Estimate
from simulator.prices import items
from simulator.questions.commitment.coverage import AS_LISTED, Coverage
from simulator.questions.commitment.hourly import Plan, best_commitment
from simulator.questions.commitment.serverless import usage_of_hours
from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.study.replicate import check_engine
from simulator.study.results import Study
from simulator.units import to_ns

Floats = NDArray[np.float64]
#: Resamples of the replications, for the interval of the best commitment.
_RESAMPLES: Final = 400


@dataclass(frozen=True)
class Priced:
    """What one commitment comes to for one endpoint.

    Parameters
    ----------
    plan : Plan
    words : str
        Why it is in the table.
    cost, saving : Estimate
        A month of what is covered, and by how much that is less than on demand, paired over replications. [USD]
    unused, covered : Estimate
        Share of the commitment that is lost, and share of the usage that it covers; no value where there is none.
    worse : float
        Share of the replications in which it costs more than on demand.
    """

    plan: Plan
    words: str
    cost: Estimate
    saving: Estimate
    unused: Estimate
    covered: Estimate
    worse: float


class Commitments:
    """Commitments for one endpoint, from the hours of all replications.

    The best one is chosen on the replications on which it is judged; with few of them its saving is a little too
    good. Storage and data are not covered by any commitment and stand in no figure here.

    Parameters
    ----------
    study : Study
    endpoint : str
        One whose usage is covered.
    discount : float
        In (0, 1): of the on-demand price.
    further : sequence of float
        Commitments to be told of besides. [USD/h]
    coverage : Coverage
        What a plan covers.

    Raises
    ------
    InputError
        As `check` does.
    """

    def __init__(
        self,
        study: Study,
        endpoint: str,
        discount: float,
        further: Sequence[float] = (),
        coverage: Coverage = AS_LISTED,
    ) -> None:
        self.study, self.endpoint, self.discount = study, endpoint, discount
        self._further, self.coverage = tuple(further), coverage
        self._endpoint = check(study.scenario, endpoint, coverage)
        self.hours = hours_of(study.scenario)

    @cached_property
    def usage(self) -> Floats:
        """What is covered of each hour at on-demand prices, shape (replications, hours) [USD]."""
        rows = []
        scenario, engine = self.study.scenario, check_engine(self.study.engine)
        for record in self.study.records:
            if not isinstance(self._endpoint, OnInstances | BatchTransform):
                rows.append(usage_of_hours(scenario, self.endpoint, record.number, engine, self.hours))
                continue
            item = items.instance_item(self._endpoint.instance_type)
            price = float(scenario.realised(record.number).price_sheet.price(item).value)
            rows.append(np.array(record.instance_hours[self.endpoint][: self.hours], np.float64) * (price / HOUR_NS))
        return np.array(rows)

    @cached_property
    def _best(self) -> float:
        return best_commitment(self.usage, self.discount)

    @cached_property
    def best(self) -> Estimate:
        """The commitment with the least mean cost, its interval by resampling whole replications [USD/h]."""
        value, level, n = self._best, self.study.scenario.confidence, len(self.usage)
        if n < 2:
            return Estimate(value, None, None, level, n, "one replication: no interval")
        dice = Streams(self.study.scenario.seed, 0).generator("bootstrap", 1)
        found = [best_commitment(self.usage[dice.integers(0, n, n)], self.discount) for _ in range(_RESAMPLES)]
        low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
        return Estimate(value, float(low), float(high), level, n, f"bootstrap of replications, {_RESAMPLES} resamples")

    @cached_property
    def priced(self) -> list[Priced]:
        """Nothing, the best, all of the mean and the greatest usage, and what was asked for; by size, each once."""
        rate, usage = 1.0 - self.discount, self.usage
        options = [
            (0.0, "on demand"),
            (self._best, "best"),
            *((commitment, "as asked") for commitment in self._further),
            (rate * float(usage.mean()), "the mean usage"),
            (rate * float(usage.max()), "the greatest usage seen"),
        ]
        found: dict[float, str] = {}
        for commitment, words in options:
            # A mean of equal hours may differ from them in the last digit.
            if not any(math.isclose(commitment, other) for other in found):
                found[commitment] = words
        return [self._priced(Plan(commitment, self.discount), found[commitment]) for commitment in sorted(found)]

    def _priced(self, plan: Plan, words: str) -> Priced:
        level = self.study.scenario.confidence
        hours_of_month = self.study.scenario.month / 3600.0
        cost, on_demand = plan.cost(self.usage).mean(axis=1), self.usage.mean(axis=1)
        covered = np.minimum(self.usage, plan.covers).sum(axis=1)
        unused = (
            [float(one) / plan.commitment for one in plan.unused(self.usage).mean(axis=1)] if plan.commitment else []
        )
        return Priced(
            plan,
            words,
            cost=intervals.mean((cost * hours_of_month).tolist(), level).within(0.0),
            saving=intervals.mean(((on_demand - cost) * hours_of_month).tolist(), level),
            unused=intervals.mean(unused, level).within(0.0, 1.0),
            covered=intervals.ratio(covered.tolist(), self.usage.sum(axis=1).tolist(), level).within(0.0, 1.0),
            worse=float((cost > on_demand).mean()),
        )


def endpoints_of(scenario: Scenario, coverage: Coverage = AS_LISTED) -> list[str]:
    """Names of the endpoints that a commitment can be made for."""
    return [one.name for one in scenario.endpoints if coverage.covers(one)]


def check(scenario: Scenario, endpoint: str, coverage: Coverage = AS_LISTED) -> Endpoint:
    """The endpoint of that name, if a commitment can be made for it.

    Raises
    ------
    InputError
        If there is none, its usage is not covered, or a replication is shorter than an hour.
    """
    found = scenario.endpoint(endpoint)
    if not coverage.covers(found):
        raise InputError(f'endpoint "{endpoint}" is of kind {found.kind}: {coverage.why_not(found)}')
    if not hours_of(scenario):
        raise InputError("a replication is shorter than an hour, the time for which one commits: lengthen horizon")
    return found


def hours_of(scenario: Scenario) -> int:
    """Whole hours of the measured part of a replication; what is left of the last one is not looked at."""
    return (to_ns(scenario.horizon) - to_ns(scenario.initial_transient)) // HOUR_NS
