"""What a crossover found: which endpoint is the cheapest eligible in which range, where that changes, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from simulator.endpoints import Serverless
from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.questions.breakeven import PREDICTED, is_rounding_guessed, mean_rate, monthly_by_hand, months_until
from simulator.questions.crossover.crossing import crossing
from simulator.questions.crossover.line import Change, Line, Spot
from simulator.questions.crossover.standing import Reason
from simulator.questions.crossover.stretches import Stretch, changes_of, stretches_of
from simulator.scenario.model import Scenario

if TYPE_CHECKING:
    import pandas as pd

#: Requests lost are a reason why a closed form lies elsewhere from this part of the distance on.
_WORTH_TELLING: Final = 0.05


@dataclass(frozen=True)
class Flip:
    """A change of the answer, with what is told of it.

    Parameters
    ----------
    change : Change
    rate : Estimate
        Requests a second there. [1/s]
    requests : Estimate
        Requests a month there.
    utilization : dict of str to float
        Endpoint → its utilization there.
    predicted : float or None
        Where costs would cross by closed form, nearest to where they do; None for changes of eligibility, and where
        there is none within the range. [unit of the axis]
    why_apart : tuple of str
        What the closed form leaves out, if it lies outside the interval.
    months : Estimate or None
        From now until the traffic has grown to there; its value is None if it never does. None: nothing is said of
        growth.
    """

    change: Change
    rate: Estimate
    requests: Estimate
    utilization: dict[str, float]
    predicted: float | None
    why_apart: tuple[str, ...]
    months: Estimate | None


@dataclass(frozen=True)
class Crossover:
    """The answer along an axis.

    Parameters
    ----------
    line : Line
        Every point that was simulated.
    base : Scenario or None
        The scenario as it is at present.
    growth : float or None
        Of the traffic in a month, as a share.
    is_rate : bool
        Whether the axis is a rate of the traffic.
    digest : str
        Name of the results.
    """

    line: Line
    base: Scenario | None
    growth: float | None
    is_rate: bool
    digest: str

    @property
    def scenario(self) -> Scenario:
        """That of the first point: name, endpoints and objectives are those of all."""
        return self.line.spots[0].point.study.scenario

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Names in the order of the scenario."""
        return self.line.spots[0].point.endpoints

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Where the answer changes, in order; turns to and fro that cannot be told apart are one."""
        return changes_of(self.line)

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """The whole axis, in order: who wins from where to where, and where that is not known."""
        return stretches_of(self.line, self.changes)

    @property
    def is_anyone_eligible(self) -> bool:
        """Whether an endpoint is known to meet all objectives at some point."""
        return any(stretch.winner is not None for stretch in self.stretches)

    @property
    def is_decided(self) -> bool:
        """Whether every change has an interval that ends, and it is known everywhere who meets the objectives."""
        return all(change.is_decided for change in self.changes) and not any(one.unsure for one in self.stretches)

    @cached_property
    def _rates(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Places, and the mean rate of the traffic there [1/s]."""
        spots = self.line.spots
        return tuple(spot.place for spot in spots), tuple(mean_rate(spot.point.study.scenario) for spot in spots)

    @property
    def first_rate(self) -> float:
        """Least mean rate of the traffic that was looked at [1/s]."""
        return min(self._rates[1])

    @property
    def last_rate(self) -> float:
        """Greatest mean rate of the traffic that was looked at [1/s]."""
        return max(self._rates[1])

    def rate_at(self, place: float) -> float:
        """Mean rate of the traffic at a place of the axis [1/s]."""
        return _between(*self._rates, place)

    @cached_property
    def flips(self) -> tuple[Flip, ...]:
        """The changes, with what is told of each."""
        return tuple(self._flip(change) for change in self.changes)

    def _flip(self, change: Change) -> Flip:
        level, n = self.scenario.confidence, len(change.right.point.study.records)
        value, low, high = (None if end is None else self.rate_at(end) for end in (change.at, change.low, change.high))
        rate = Estimate(value, low, high, level, n, "at the change")
        predicted = self._predicted(change)
        return Flip(
            change,
            rate,
            rate.times(self.scenario.month),
            {name: value for name in self.endpoints if (value := self._utilization(name, change.at)) is not None},
            predicted,
            self._why_apart(change, predicted),
            self._months(rate),
        )

    def _utilization(self, name: str, place: float) -> float | None:
        measure = find("utilization")
        known = [(spot.place, spot.point.estimate(name, measure).value) for spot in self.line.spots]
        there = [(where, value) for where, value in known if value is not None]
        return _between([where for where, _ in there], [value for _, value in there], place) if there else None

    def _predicted(self, change: Change) -> float | None:
        """The crossing of the closed forms that is nearest to where the answer changes."""
        before, after = change.before, change.after
        is_cost = change.cause.reason is Reason.COST and self.line.measure.name in PREDICTED
        if not is_cost or before is None or after is None:
            return None
        lines = []
        for spot in self.line.spots:
            scenario = spot.point.study.scenario
            ours, theirs = (monthly_by_hand(scenario, scenario.endpoint(name)) for name in (before, after))
            if ours is None or theirs is None:
                return None
            lines.append((spot.place, Estimate(ours - theirs, None, None, 0.95, 1, "closed form")))
        found: list[float] = []
        since = lines[0][0]
        while (one := crossing(lines, since)) is not None:
            found.append(one.right if self.line.is_whole else one.at)
            since = one.right
        return min(found, key=lambda place: abs(place - change.at), default=None)

    def _why_apart(self, change: Change, predicted: float | None) -> tuple[str, ...]:
        if predicted is None or change.holds(predicted):
            return ()
        scenario, point = change.right.point.study.scenario, change.right.point
        gap = abs(predicted / change.at - 1.0) if change.at else 1.0
        reasons: list[str] = []
        spilling: list[str] = []
        for name in (change.before, change.after):
            endpoint = None if name is None else scenario.endpoint(name)
            if not isinstance(endpoint, Serverless):
                continue
            if endpoint.billed_time == "service_and_startup":
                cold = point.estimate(endpoint.name, find("cold_start_fraction")).value
                share = f", {100 * cold:.2g} % of its requests" if cold else ""
                reasons.append(f"cold starts of {name} are billed{share}")
            if endpoint.provisioned_concurrency:
                spilling.append(endpoint.name)
            lost = point.estimate(endpoint.name, find("failed_fraction")).value
            if lost and lost >= _WORTH_TELLING * gap:
                reasons.append(f"{name} does not complete {100 * lost:.2g} % of the requests")
            if is_rounding_guessed(scenario, endpoint):
                reasons.append(f"half a granule is added to billed times of {name}, and service varies by less")
        if spilling:
            law = "is taken from Erlang's loss formula at the mean rate"
            varying = "" if scenario.traffic.kind == "poisson" else ", and the traffic varies"
            reasons.append(f"what spills over the provisioned concurrency of {' and '.join(spilling)} {law}{varying}")
        chance = f"{100 * (1 - scenario.confidence):.2g} % of intervals miss by chance"
        return tuple(reasons) or (f"nothing in the scenario is known to part them, but {chance}",)

    def _months(self, rate: Estimate) -> Estimate | None:
        if self.growth is None or self.base is None:
            return None
        present, growth = mean_rate(self.base), self.growth

        def until(reached: float | None) -> float | None:
            return None if not reached or not present else months_until(present, reached, growth)

        value, first, second = until(rate.value), until(rate.low), until(rate.high)
        if growth < 0:
            first, second = second, first
        # Where one end of the interval lies behind and the other ahead, it may be now.
        if value is None and second is not None:
            value = 0.0
        if value is not None and second is not None and first is None and (rate.low if growth > 0 else rate.high):
            first = 0.0
        return replace(rate, value=value, low=first, high=second)

    def points(self) -> pd.DataFrame:
        """One row a point and endpoint: what is compared, verdict, closed form, and whether it is the answer."""
        import pandas as pd

        rows = [row for spot in self.line.spots for row in self._rows(spot)]
        return pd.DataFrame(rows).convert_dtypes()

    def _rows(self, spot: Spot) -> list[dict[str, Any]]:
        scenario = spot.point.study.scenario
        rows = []
        for name in self.endpoints:
            estimate = spot.point.estimate(name, self.line.measure)
            by_hand = monthly_by_hand(scenario, scenario.endpoint(name))
            rows.append(
                {
                    self.column: spot.place,
                    "requests_per_month": mean_rate(scenario) * scenario.month,
                    "endpoint": name,
                    "measure": self.line.measure.name,
                    "unit": self.line.measure.unit,
                    "value": estimate.value,
                    "ci_low": estimate.low,
                    "ci_high": estimate.high,
                    "level": estimate.level,
                    "n": estimate.n,
                    "verdict": spot.point.verdict(name).value,
                    "missed": "; ".join(spot.point.missed(name)) or None,
                    "utilization": spot.point.estimate(name, find("utilization")).value,
                    "monthly_cost_by_hand_usd": by_hand,
                    "is_cheapest_eligible": spot.standing.winner == name,
                }
            )
        return rows

    @property
    def column(self) -> str:
        """Name of the column that holds the values of the axis."""
        axis = self.line.axis
        return f"{axis.path} [{axis.unit}]" if axis.unit else axis.path

    def table(self) -> pd.DataFrame:
        """One row a change."""
        import pandas as pd

        rows = [self._flip_row(flip) for flip in self.flips]
        columns = [*(rows[0] if rows else self._flip_columns())]
        return pd.DataFrame(rows, columns=columns).convert_dtypes()

    def _flip_columns(self) -> list[str]:
        return ["before", "after", "reason", "endpoint", "objective", self.column, "ci_low", "ci_high", "is_decided"]

    def _flip_row(self, flip: Flip) -> dict[str, Any]:
        change = flip.change
        row = {
            "before": change.before,
            "after": change.after,
            "reason": change.cause.reason.value,
            "endpoint": change.cause.endpoint,
            "objective": change.cause.objective or None,
            self.column: change.at,
            "ci_low": change.low,
            "ci_high": change.high,
            "is_decided": change.is_decided,
            "level": self.scenario.confidence,
            "n": flip.rate.n,
            "requests_per_month": flip.requests.value,
            "closed_form": flip.predicted,
        }
        if flip.months is not None:
            row |= {"months": flip.months.value, "months_low": flip.months.low, "months_high": flip.months.high}
        return row | {f"utilization {name}": flip.utilization.get(name) for name in self.endpoints}


def _between(places: Sequence[float], values: Sequence[float], place: float) -> float:
    """Value at a place, on straight lines between neighbours."""
    for (left, before), (right, after) in pairwise(zip(places, values, strict=True)):
        if left <= place <= right:
            return before + (after - before) * (place - left) / (right - left)
    return values[0] if place < places[0] else values[-1]
