"""Objectives of single models, also of those with too few requests in a replication for a percentile."""

from __future__ import annotations

from dataclasses import replace

from simulator.measures import intervals
from simulator.measures.catalogue import Kind
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Objective, Verdict
from simulator.measures.percentiles import Level
from simulator.study.estimates import Sample


def judged(sample: Sample, objective: Objective) -> Judgement:
    """Whether a model keeps to an objective on one way.

    As a study judges it (`Sample.judgement`), but where that has no data: a model without any request misses nothing;
    one that completed none keeps to no limit on latency; and where replications have too few requests for a
    percentile, the share of the requests of all of them that kept to the limit is held against its level. Assumption:
    that is what an objective on a percentile means for a model that is rarely used.
    """
    usual = sample.judgement(objective)
    if usual.verdict is not Verdict.NO_DATA:
        return usual
    if not any(one.requests for one in sample.measured):
        return replace(usual, verdict=Verdict.MET, reason="no request in any replication")
    completed = [float(one.completed) for one in sample.measured]
    if not any(completed):
        is_latency = objective.measure.kind is Kind.DURATION and objective.comparison in {"<", "<="}
        return replace(usual, verdict=Verdict.NOT_MET if is_latency else usual.verdict, reason="no request completed")
    if objective.share is None or objective.threshold_ns is None:
        return usual
    below = [float(one.count_below(objective.threshold_ns)) for one in sample.measured]
    return _by_share(sample, objective, intervals.ratio(below, completed, sample.confidence).within(0.0, 1.0))


def _by_share(sample: Sample, objective: Objective, within: Estimate) -> Judgement:
    """From the share of requests within the limit."""
    assert objective.share is not None
    level = Level(objective.share)
    value = within.value or 0.0
    how = f"{100 * value:.4g} % of the requests of all replications together are within the limit"
    verdict = Verdict.UNDECIDED
    if within.low is not None and within.high is not None:
        wants = objective.comparison in {"<", "<="}
        share = float(objective.share)
        if within.low >= share:
            verdict = Verdict.MET if wants else Verdict.NOT_MET
        elif within.high < share:
            verdict = Verdict.NOT_MET if wants else Verdict.MET
    misses = Estimate(None, None, None, sample.confidence, within.n, "too few requests in a replication")
    return Judgement(objective, verdict, sample.pooled(level), misses, reason=how)
