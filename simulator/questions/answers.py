"""The answer that a scenario gives by its means: which endpoint is the cheapest that keeps to all objectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.measures.catalogue import find
from simulator.study.replicate import objectives_of
from simulator.study.results import Study


@dataclass(frozen=True)
class ByMeans:
    """Costs and who keeps to the objectives, taken from means over replications without regard to their intervals.

    With few replications under the same traffic that is what can be followed along a value: an interval would call most
    of the way undecided.

    Parameters
    ----------
    costs : mapping of str to float
        Endpoint → mean monthly cost; only endpoints that have one. [USD]
    eligible : tuple of str
        Endpoints whose means keep to every objective, the cheapest first.
    """

    costs: Mapping[str, float]
    eligible: tuple[str, ...]

    @property
    def cheapest(self) -> str | None:
        """The cheapest eligible endpoint; None if none is eligible."""
        return self.eligible[0] if self.eligible else None

    def two_cheapest(self) -> tuple[str, ...]:
        """The two cheapest eligible endpoints, filled up with others by cost where fewer are eligible."""
        others = sorted((name for name in self.costs if name not in self.eligible), key=self.costs.__getitem__)
        return (*self.eligible, *others)[:2]


def by_means(study: Study) -> ByMeans:
    """The answer of one study."""
    objectives = objectives_of(study.scenario)
    costs: dict[str, float] = {}
    eligible = []
    for endpoint in study.scenario.endpoints:
        sample = study.sample(endpoint.name)
        cost = sample.estimate(find("monthly_cost")).value
        if cost is None:
            continue
        costs[endpoint.name] = cost
        means = [(one, sample.estimate(one.measure).value) for one in objectives]
        if all(mean is not None and one.holds(mean) for one, mean in means):
            eligible.append(endpoint.name)
    return ByMeans(costs, tuple(sorted(eligible, key=costs.__getitem__)))
