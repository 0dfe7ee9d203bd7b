"""What a single month does: the spread of its bill, and the chance that it misses an objective.

A day multiplied up gives the mean of a month, never its spread. A month's spread comes from replications a month long,
or from months composed of independent days (`Scenario.composed_month`): 30 of the simulated days, drawn with
replacement. Every objective that such a month can miss compares sums over its days (a fraction is below its limit if
the sum of ``numerator - limit x denominator`` is below 0, p99 if the requests slower than the limit are at most 1 % of
all), so that months are composed of whole numbers and costs of days, and no percentile is averaged.

The days themselves are a sample. How far another sample of as many days would move the answer is told by a bootstrap
over days [1]_: days are drawn anew, months composed of those, and the middle of what comes out is the interval.
Where no composed month misses (or all do) that interval has no length; its other end is then what days of a kind
that was never seen could do: if n independent days show none, the share of such days is below 1 - (1 - level)^(1/n),
and a month of d days has none of them with a chance of (1 - level)^(d/n) at least.

References
----------
.. [1] B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), 13: percentile intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.measures.measured import Measured
from simulator.measures.objectives import Objective
from simulator.streams import Streams
from simulator.study.estimates import MONTHLY, Sample
from simulator.study.results import Study

#: Months that are composed of the days for each answer, and for each drawing anew of the days.
MONTHS: Final = 10_000
_MONTHS_OF_A_DRAW: Final = 400
#: How often the days are drawn anew.
DRAWS: Final = 300
#: Quantiles of the month's bill that are told.
SHARES: Final = (0.05, 0.5, 0.95)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chance:
    """How likely a month is to miss an objective.

    Parameters
    ----------
    endpoint : str
    objective : Objective
    chance : Estimate
        No value where it is undecided or cannot be told, and `method` says why.
    """

    endpoint: str
    objective: Objective
    chance: Estimate


@dataclass(frozen=True)
class Months:
    """What single months do.

    Parameters
    ----------
    days : int or None
        Days of a composed month; None where each replication was a month.
    replications : int
        Days, or months, that were simulated.
    bills : dict of str to (Estimate, tuple of Estimate)
        Endpoint → mean bill of a month [USD], and its quantiles at `SHARES`.
    chances : tuple of Chance
    """

    days: int | None
    replications: int
    bills: dict[str, tuple[Estimate, tuple[Estimate, ...]]]
    chances: tuple[Chance, ...]


def months(study: Study) -> Months | None:
    """What single months do, from days or from replications a month long; None where there are neither.

    Nothing is composed where something is uncertain: each day would have assumptions of its own.
    """
    if len(study.records) < 2:
        return None
    names = [endpoint.name for endpoint in study.scenario.endpoints]
    composed = study.scenario.composed_month
    if composed is not None and study.scenario.assumed:
        return None
    if composed is not None:
        return _composed(study, names, composed.days)
    if not all(study.sample(name).is_a_month for name in names):
        return None
    bills = {name: _bill_of_replications(study.sample(name)) for name in names}
    chances = tuple(
        Chance(name, one.objective, one.misses) for name, judged in study.judgements().items() for one in judged
    )
    return Months(None, len(study.records), bills, chances)


def _bill_of_replications(sample: Sample) -> tuple[Estimate, tuple[Estimate, ...]]:
    costs = np.array(sample.column("monthly_cost"), np.float64)
    return sample.estimate(find("monthly_cost")), tuple(quantile(costs, one, sample.confidence) for one in SHARES)


def quantile(values: Floats, share: float, level: float) -> Estimate:
    """Quantile of independent values with the interval between two of them.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        1 or more.
    share : float
        From 0 to 1.
    level : float
        Of the interval, which holds it for every distribution. None where n is too small for one.

    References
    ----------
    .. [1] H. A. David and H. N. Nagaraja, "Order Statistics", 3rd ed. (2003), 7.1.
    """
    from scipy.special import bdtr

    n, ordered = len(values), np.sort(values)
    value = float(np.quantile(ordered, share, method="inverted_cdf"))
    tail, below = (1 - level) / 2, bdtr(np.arange(n), n, share)
    # Of the order statistics X(i), P(X(i) > quantile) is P(fewer than i values lie below it).
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1 - tail)) + 1
    if low < 1 or high > n:
        return Estimate(value, None, None, level, n, f"{n} months are too few for an interval")
    return Estimate(value, float(ordered[low - 1]), float(ordered[high - 1]), level, n, "order statistics of months")


def _composed(study: Study, names: list[str], days: int) -> Months:
    level, count = study.scenario.confidence, len(study.records)
    bills: dict[str, tuple[Estimate, tuple[Estimate, ...]]] = {}
    found = list(_asked(study, names))
    scores = [score for _, _, score in found if score is not None]
    costs = [np.array(study.sample(name).column("monthly_cost"), np.float64) / days for name in names]
    is_enough = count >= days
    few = f"undecided: {count} days were simulated, fewer than the {days} of a month"
    if is_enough:
        whole, draws = _sums(np.array([*costs, *scores]), days, study.seed)
    for position, name in enumerate(names):
        mean = study.sample(name).estimate(find("monthly_cost"))
        spread = tuple(
            _spread(whole[position], draws[position], one, level, count)
            if is_enough
            else Estimate(None, None, None, level, count, few)
            for one in SHARES
        )
        bills[name] = (mean, spread)
    chances, position = [], len(names)
    for name, objective, score in found:
        if score is None:
            chance = Estimate(None, None, None, level, count, "is not a sum over days")
        elif not is_enough:
            chance = Estimate(None, None, None, level, count, few)
        else:
            chance = _chance(objective, whole[position], draws[position], days, level, count)
        position += score is not None
        chances.append(Chance(name, objective, chance))
    return Months(days, count, bills, tuple(chances))


def _asked(study: Study, names: list[str]) -> Iterator[tuple[str, Objective, Floats | None]]:
    for name in names:
        sample = study.sample(name)
        for judged in study.judgements()[name]:
            yield name, judged.objective, day_scores(sample, judged.objective)


def day_scores(sample: Sample, objective: Objective) -> Floats | None:
    """A number a day whose sum over the days of a month is above 0 where the month's measure is above the limit.

    None for measures that are no sum, or no quotient of sums, over days.
    """
    name, limit = objective.measure.name, objective.limit
    if name in MONTHLY:
        return np.array(sample.column(name), np.float64) - limit
    if objective.share is not None and objective.threshold_ns is not None:
        share, threshold_ns = objective.share, objective.threshold_ns
        return np.array(
            [
                share.numerator * one.completed - share.denominator * one.count_below(threshold_ns)
                for one in sample.measured
            ],
            np.float64,
        )
    parts = [_quotient(one, name) for one in sample.measured]
    if name == "cost_per_1000":
        parts = [(1e3 * bill.cost_usd, one.completed) for bill, one in zip(sample.bills, sample.measured, strict=True)]
    known = [one for one in parts if one is not None]
    if len(known) < len(parts):
        return None
    return np.array([over - limit * under for over, under in known], np.float64)


def _quotient(one: Measured, name: str) -> tuple[float, float] | None:
    """Numerator and denominator of a measure."""
    lost = one.throttled_in_all + one.timed_out + one.expired
    return {
        "cold_start_fraction": (one.cold_starts, one.completed),
        "throttled_fraction": (one.throttled_in_all, one.requests),
        "timed_out_fraction": (one.timed_out, one.requests),
        "expired_fraction": (one.expired, one.requests),
        "failed_fraction": (lost, one.requests),
        "utilization": (one.in_service_ns + one.starting_ns, one.places_ns),
        "mean_latency": (one.latency_ns / 1e6, one.completed),
        "mean_waiting_time": (one.waiting_ns / 1e6, one.completed),
        "cold_start_penalty": (one.penalty_ns / 1e6, one.cold_starts),
    }.get(name)


def _sums(scores: Floats, days: int, seed: int) -> tuple[Floats, Floats]:
    """Sums of the scores over composed months.

    Parameters
    ----------
    scores : ndarray of float64, shape (k, n)
        k scores of n days.
    days : int
        Of a month.
    seed : int
        Of the study.

    Returns
    -------
    tuple of ndarray of float64, shapes (k, MONTHS) and (k, DRAWS, months of a draw)
        Of the days as they are, and of days drawn anew.
    """
    count = scores.shape[1]
    generator = Streams(seed, 0).generator("bootstrap", 1)
    whole = np.zeros((len(scores), MONTHS))
    for _ in range(days):
        whole += scores[:, generator.integers(count, size=MONTHS)]
    draws = np.zeros((len(scores), DRAWS, _MONTHS_OF_A_DRAW))
    for draw in range(DRAWS):
        again = scores[:, generator.integers(count, size=count)]
        for _ in range(days):
            draws[:, draw] += again[:, generator.integers(count, size=_MONTHS_OF_A_DRAW)]
    return whole, draws


def _spread(whole: Floats, draws: Floats, share: float, level: float, count: int) -> Estimate:
    low, high = np.quantile(np.quantile(draws, share, axis=1), ((1 - level) / 2, (1 + level) / 2))
    value = float(np.quantile(whole, share))
    method = "months composed of days, bootstrap over days"
    return Estimate(value, min(float(low), value), max(float(high), value), level, count, method)


def _chance(objective: Objective, whole: Floats, draws: Floats, days: int, level: float, count: int) -> Estimate:
    value = float(_missed(objective, whole).mean())
    ends = np.quantile(_missed(objective, draws).mean(axis=1), ((1 - level) / 2, (1 + level) / 2))
    low, high = min(float(ends[0]), value), max(float(ends[1]), value)
    unseen = -np.expm1(days / count * np.log1p(-level))
    method = "months composed of days, bootstrap over days"
    if value == 0:
        high, method = max(high, float(unseen)), f"{method}; no composed month missed it"
    if value == 1:
        low, method = min(low, 1 - float(unseen)), f"{method}; every composed month missed it"
    return Estimate(value, low, high, level, count, method)


def _missed(objective: Objective, sums: Floats) -> NDArray[np.bool_]:
    """Which months miss the objective, by the sums of their scores."""
    if objective.share is not None:
        return sums > 0 if objective.comparison in {"<", "<="} else sums <= 0
    missed: dict[str, NDArray[np.bool_]] = {"<": sums >= 0, "<=": sums > 0, ">": sums <= 0, ">=": sums < 0}
    return missed[objective.comparison]
