"""What would change the risk of a cold start, and at what price."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.measures import intervals
from simulator.measures.catalogue import find
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Verdict, overall
from simulator.questions.risk.ready import below_limit
from simulator.study.estimates import Sample
from simulator.study.results import Study

_MIXED = (
    "a ping is served and billed like a request of a user, its own cold starts count among those of users, and "
    "latencies, which would be mixed, are left out"
)


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


@dataclass(frozen=True)
class Offer:
    """What a fix is, before it is known what it does.

    Parameters
    ----------
    name, words : str
        Name in results, and what it is.
    study : Study
        With the fix.
    endpoint : str
        Its endpoint in that study.
    is_offered : bool
        Whether the platform lets it be chosen.
    note : str
        What a reader must know of it.
    """

    name: str
    words: str
    study: Study
    endpoint: str
    is_offered: bool = True
    note: str = ""


def fix_of(offer: Offer, now: Sample, wanted: float, days: float) -> Fix:
    """What an offer does, paired with the endpoint as it is.

    Parameters
    ----------
    offer : Offer
    now : Sample
        The endpoint as it is, under the same requests.
    wanted : float
        Share of cold requests that is enough.
    days : float
        Length of the measured part of a replication. [d]
    """
    ours = offer.study.sample(offer.endpoint)
    cold = ours.estimate(find("cold_start_fraction"))
    return Fix(
        offer.name,
        offer.words,
        ours.estimate(find("monthly_cost")),
        ours.less(now, find("monthly_cost")),
        cold,
        now.less(ours, find("cold_starts")).times(1 / days),
        ours.estimate(find("p99")),
        overall(offer.study.judgements()[offer.endpoint]),
        below_limit(cold, wanted)[0] is Verdict.MET,
        is_offered=offer.is_offered,
    )


def ping_fix(offer: Offer, before: Study, wanted: float, days: float) -> Fix:
    """What pings do. They are requests too: their cold starts are counted as though users had met them, the most."""
    level = before.scenario.confidence
    ours, now = offer.study.sample(offer.endpoint), before.sample(offer.endpoint)
    users = [one.completed for one in now.measured]
    colds = [one.cold_starts for one in ours.measured]
    shares: list[float | None] = [cold / user if user else None for cold, user in zip(colds, users, strict=True)]
    share = intervals.fraction(shares, level)
    return Fix(
        offer.name,
        offer.words,
        ours.estimate(find("monthly_cost")),
        ours.less(now, find("monthly_cost")),
        share,
        now.less(ours, find("cold_starts")).times(1 / days),
        Estimate(None, None, None, level, len(users), "latencies of users and pings are mixed"),
        Verdict.NO_DATA,
        below_limit(share, wanted)[0] is Verdict.MET,
        offer.note + _MIXED,
    )
