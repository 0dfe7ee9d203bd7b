"""Objectives such as ``p99 < 800ms``: read from text, and judged from replications: met, not met or undecided."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from simulator.measures.catalogue import Kind, Measure, find
from simulator.units import parse_duration, parse_share, to_ns

if TYPE_CHECKING:
    from simulator.measures.intervals import Estimate

_SHAPE: Final = re.compile(r"\s*(?P<measure>[A-Za-z][\w.()]*)\s*(?P<comparison><=|>=|<|>)\s*(?P<limit>\S.*?)\s*")
#: More replications than this are not worth naming: the mean sits on the limit.
_MOST_REPLICATIONS: Final = 1_000_000


class Verdict(StrEnum):
    """Whether an objective is met."""

    MET = "met"
    NOT_MET = "not met"
    UNDECIDED = "undecided"
    NO_DATA = "no data"


#: Worst first: what an endpoint is called if its objectives differ.
WORST_FIRST: Final = (Verdict.NOT_MET, Verdict.NO_DATA, Verdict.UNDECIDED, Verdict.MET)


@dataclass(frozen=True)
class Objective:
    """A limit on a measure.

    Parameters
    ----------
    text : str
        As written.
    measure : Measure
        What is limited.
    comparison : str
        ``<``, ``<=``, ``>`` or ``>=``.
    limit : float
        In the unit of the measure: ms for latencies, s for instance time, shares from 0 to 1, USD.
    limit_ns : int or None
        The limit where it is a duration [ns].
    """

    text: str
    measure: Measure
    comparison: str
    limit: float
    limit_ns: int | None = None

    @property
    def share(self) -> Fraction | None:
        """Percentile level as a share, None if the measure is not a percentile."""
        match = re.fullmatch(r"p([\d.]+)", self.measure.name)
        return Fraction(match[1]) / 100 if match else None

    @property
    def threshold_ns(self) -> int | None:
        """Latencies below this keep to a percentile objective; None for other measures [ns].

        "p99 < L" holds in a replication if enough latencies are < L, "p99 <= L" if enough are < L + 1 ns: whole
        counts, exact also where percentiles come from a histogram.
        """
        if self.share is None or self.limit_ns is None:
            return None
        return self.limit_ns + (1 if self.comparison in {"<=", ">"} else 0)

    def holds(self, value: float) -> bool:
        """Whether a value of the measure keeps to the limit."""
        return {
            "<": value < self.limit,
            "<=": value <= self.limit,
            ">": value > self.limit,
            ">=": value >= self.limit,
        }[self.comparison]

    def holds_for_count(self, below: int, rank: int) -> bool:
        """Whether the percentile of one replication keeps to the limit.

        Parameters
        ----------
        below : int
            Latencies below `threshold_ns`.
        rank : int
            Rank of the percentile among the latencies, from 1.
        """
        within = below >= rank
        return within if self.comparison in {"<", "<="} else not within


def parse_objective(text: str) -> Objective:
    """Objective from ``p99 < 800ms``, ``cold_start_fraction < 1%``, ``monthly_cost <= 250USD``.

    Raises
    ------
    ValueError
        With what is wrong and how to write it: no comparison, unknown measure (the nearest is named), or a limit in
        the wrong unit.
    """
    match = _SHAPE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not an objective; write for example 'p99 < 800ms'")
    measure = find(match["measure"])
    try:
        limit = parse_limit(measure, match["limit"])
    except ValueError as error:
        raise ValueError(f"{text!r}: limit of {measure.name}: {error}") from None
    limit_ns = None
    if measure.kind is Kind.DURATION:
        limit_ns = to_ns(limit)
        limit = limit_ns / 1e6 if measure.unit == "ms" else limit
    return Objective(text.strip(), measure, match["comparison"], limit, limit_ns)


def parse_limit(measure: Measure, text: str) -> float:
    """An amount of a measure as people write it: a duration [s], a share, USD, or a plain number.

    Raises
    ------
    ValueError
        If it is written in another unit.
    """
    if measure.kind is Kind.DURATION:
        return parse_duration(text)
    if measure.kind is Kind.SHARE:
        return parse_share(text)
    if measure.kind is Kind.MONEY:
        amount = re.fullmatch(r"(\d+(?:\.\d+)?)\s*USD", text)
        if not amount:
            raise ValueError(f"{text!r} is not an amount; write for example 250USD")
        return float(amount[1])
    if not re.fullmatch(r"\d+(?:\.\d+)?", text):
        raise ValueError(f"{text!r} is not a number; write for example 100")
    return float(text)


@dataclass(frozen=True)
class Judgement:
    """An objective judged for one endpoint.

    Parameters
    ----------
    objective : Objective
        The limit.
    verdict : Verdict
        From the interval of the mean over replications.
    estimate : Estimate
        Of that mean.
    misses : Estimate
        Share of replications that miss it, with its Clopper-Pearson interval: the chance that one does.
    replications_to_decide : int or None
        About how many replications would decide it; None where it is decided, or cannot be said.
    reason : str
        In words, why it is undecided or without data; empty otherwise.
    """

    objective: Objective
    verdict: Verdict
    estimate: Estimate
    misses: Estimate
    replications_to_decide: int | None = None
    reason: str = ""


def overall(judgements: Sequence[Judgement]) -> Verdict:
    """Verdict on all objectives of an endpoint together: the worst of them; met if there are none."""
    given = {judgement.verdict for judgement in judgements}
    return next((verdict for verdict in WORST_FIRST if verdict in given), Verdict.MET)


def judge(objective: Objective, estimate: Estimate, held: Sequence[bool | None], misses_apply: str = "") -> Judgement:
    """Judgement from the estimate of the mean and from what each replication did.

    Met if the whole interval keeps to the limit, not met if all of it breaks it, else undecided. An interval of no
    length (every replication gave the same) decides, and so does a fraction that is 0 in two replications or more.

    Parameters
    ----------
    objective : Objective
        The limit.
    estimate : Estimate
        Of the mean over replications, in the unit of the measure.
    held : sequence of bool or None
        Whether each replication kept to the limit; None where it had no data.
    misses_apply : str
        Not empty: why the chance to miss it cannot be told from these replications.
    """
    from simulator.measures.intervals import Estimate, proportion

    known = [one for one in held if one is not None]
    misses = proportion(known.count(False), len(known), estimate.level)
    if misses_apply:
        misses = Estimate(None, None, None, estimate.level, len(known), misses_apply)
    if estimate.value is None:
        return Judgement(objective, Verdict.NO_DATA, estimate, misses, reason=estimate.method)
    low, high = estimate.low, estimate.high
    if estimate.is_none_seen:
        low = high = 0.0
    if low is None or high is None:
        return Judgement(objective, Verdict.UNDECIDED, estimate, misses, reason=estimate.method)
    ends = {objective.holds(low), objective.holds(high)}
    if ends == {True}:
        return Judgement(objective, Verdict.MET, estimate, misses)
    if ends == {False}:
        return Judgement(objective, Verdict.NOT_MET, estimate, misses)
    needed = replications_to_decide(estimate, objective.limit)
    reason = f"the {estimate.level:.0%} interval of the mean holds the limit"
    return Judgement(objective, Verdict.UNDECIDED, estimate, misses, needed, reason)


def replications_to_decide(estimate: Estimate, limit: float) -> int | None:
    """About how many replications bring the interval clear of the limit if mean and spread stay as they are.

    Returns
    -------
    int or None
        More than there are; None if the mean is on the limit, or it would take more than a million.
    """
    from simulator.measures.intervals import student_t

    half, value, n = estimate.half_width, estimate.value, estimate.n
    if half is None or value is None or value == limit:
        return None
    spread = half * math.sqrt(n) / student_t(estimate.level, n - 1)
    distance = abs(value - limit)
    needed = n + 1
    for _ in range(50):
        wanted = (student_t(estimate.level, needed - 1) * spread / distance) ** 2
        if not wanted < _MOST_REPLICATIONS:
            return None
        following = max(n + 1, math.ceil(wanted))
        if following == needed:
            break
        needed = following
    return needed
