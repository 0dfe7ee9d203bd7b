"""Results beside rules of thumb that can be worked out by hand, and warnings where a number misleads."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from simulator.measures.catalogue import MEASURES
from simulator.measures.percentiles import LEVELS
from simulator.questions.breakeven import erlang_b
from simulator.report import jobs, tokens
from simulator.report.closed import clients_by_hand
from simulator.report.numbers import latency, plain, significant
from simulator.report.reaction import scaled
from simulator.report.reading import Reading, in_words, money
from simulator.study.replicate import objectives_of
from simulator.traffic import Closed

if TYPE_CHECKING:
    from simulator.endpoints import RealTime, Serverless

#: A percentile is warned about if the share of slow requests could be this many times 1 - p, or its inverse.
_NEAR: Final = 1.5
#: A percentile is warned about if it is this many times as large in one replication as in another.
_TORN: Final = 3.0
#: Share of requests not completed above which latencies alone would mislead, and objectives that limit it.
_MUCH_LOST: Final = 0.001
_LIMITS_LOSS: Final = ("throttled_fraction", "timed_out_fraction", "expired_fraction", "failed_fraction")
#: Shares below it are not worth their digits.
_SMALLEST: Final = 1e-5


def rules_of_thumb(reading: Reading) -> list[str]:
    """One sentence a rule: hours or seconds times price, offered load, Erlang B, idle instances gone, Little's law.

    None where something is uncertain: what was simulated is then the mean over many scenarios, none of which they fit.
    None where clients try again or lose patience, and of endpoints that scale or queue: short formulas are wrong there.
    Of a closed population Little's law for its clients.
    """
    if isinstance(reading.scenario.traffic, Closed):
        return clients_by_hand(reading)
    if reading.scenario.assumed or reading.scenario.clients is not None:
        return []
    sentences = []
    for endpoint in reading.scenario.endpoints:
        if endpoint.kind not in {"real_time", "serverless"} or not reading.scenario.pool(endpoint).is_plain:
            continue
        if endpoint.kind == "real_time":
            sentences += _real_time(reading, endpoint)
        elif endpoint.kind == "serverless":
            sentences += _serverless(reading, endpoint)
    return sentences


def mean_rate(reading: Reading) -> float:
    """Expected requests of a replication over its length [1/s]."""
    scenario = reading.scenario
    return float(scenario.traffic.expected_count(0.0, scenario.horizon, scenario.clock)) / float(scenario.horizon)


def _real_time(reading: Reading, endpoint: RealTime) -> list[str]:
    scenario = reading.scenario
    price = scenario.price_sheet.price(endpoint.price_items()[0])
    hours, count = scenario.month / 3600, endpoint.initial_instance_count
    cost = float(price.value) * hours * count
    plural = "s" if count != 1 else ""
    sentence = (
        f"{endpoint.name}: {count} instance{plural} × {hours:g} h × ${price.value}/h = ${money(plain(cost))} a month"
    )
    load = mean_rate(reading) * scenario.service_time(endpoint).mean()
    workers = count * endpoint.workers_per_instance
    sentences = [f"{sentence}; offered load {significant(load)} erlangs on {workers} worker{'s' * (workers != 1)}."]
    return sentences + _little(reading, endpoint)


def _serverless(reading: Reading, endpoint: Serverless) -> list[str]:
    scenario = reading.scenario
    rate = mean_rate(reading)
    service_s = scenario.service_time(endpoint).mean()
    load = rate * service_s
    sentence = f"{endpoint.name}: offered load {significant(load)} erlangs"
    if endpoint.max_concurrency != "none":
        sentence += f" on at most {endpoint.max_concurrency} places"
        if scenario.traffic.kind == "poisson":
            share = erlang_b(load, endpoint.max_concurrency)
            blocked = in_words(plain(share), "1") if share >= _SMALLEST else f"less than {100 * _SMALLEST:g} %"
            simulated = reading.text(endpoint.name, "throttled_fraction")
            sentence += f"; Erlang B throttles {blocked} if starts take no time, simulated {simulated}"
    sentences = [f"{sentence}."]
    if not endpoint.provisioned_concurrency:
        price = scenario.price_sheet.price(endpoint.price_items()[0])
        cost = load * float(price.value) * scenario.month
        lines = [row for row in reading.bill_lines if row["endpoint"] == endpoint.name]
        simulated = "".join(f", simulated ${money(plain(row['monthly_usd']))}" for row in lines[:1])
        sentences.append(
            f"{endpoint.name}: {significant(rate)}/s × {latency(plain(1e3 * service_s))} × ${price.value:f}/s × "
            f"{scenario.month / 3600:g} h = ${money(plain(cost))} a month for duration{simulated}."
        )
    idle = None if endpoint.idle_timeout == "none" else endpoint.idle_timeout.constant()
    # With so low a load requests hardly ever overlap, and the gap between two arrivals is the time idle.
    if scenario.traffic.kind == "poisson" and idle is not None and load < 0.05 and not endpoint.provisioned_concurrency:
        cold = in_words(plain(math.exp(-rate * idle)), "1")
        simulated = reading.text(endpoint.name, "cold_start_fraction")
        sentences.append(f"{endpoint.name}: e^(−λT) = {cold} of requests find no warm instance, simulated {simulated}.")
    return sentences + _little(reading, endpoint)


def _little(reading: Reading, endpoint: Serverless | RealTime) -> list[str]:
    """Little's law, L = λW, for the places: waiting for a launch occupies one, waiting in a queue does not.

    Left out where requests time out: they occupy places, but have no latency.
    """
    name, scenario = endpoint.name, reading.scenario
    names = ("completed", "mean_latency", "mean_waiting_time", "concurrency_mean", "timed_out_fraction")
    completed, latency_ms, waiting_ms, simulated, timed_out = (reading.estimate(name, one).value for one in names)
    if not completed or latency_ms is None or waiting_ms is None or simulated is None or timed_out != 0:
        return []
    rate = completed / (scenario.horizon - scenario.initial_transient)
    in_place_ms = latency_ms - 1e3 * endpoint.overhead - (waiting_ms if endpoint.kind == "real_time" else 0.0)
    places = significant(rate * in_place_ms / 1e3)
    return [
        f"{name}: Little's law, L = λW: {significant(rate)}/s × {latency(plain(in_place_ms))} = {places} places "
        f"occupied, simulated {significant(simulated)}."
    ]


def warnings(reading: Reading) -> list[str]:
    """One sentence for each thing that would mislead a reader of the numbers alone."""
    return [*lost(reading), *gaps(reading), *torn(reading), *tokens.warnings(reading), *jobs.warnings(reading)]


def lost(reading: Reading) -> list[str]:
    """Endpoints that fail many requests while no objective limits that: their latencies are of the others alone."""
    if any(objective.measure.name in _LIMITS_LOSS for objective in objectives_of(reading.scenario)):
        return []
    return [
        f"{name}: {reading.text(name, 'failed_fraction')} of requests are not completed, and no objective limits that; "
        "latencies are of the completed ones alone."
        for name in reading.endpoints
        if (reading.estimate(name, "failed_fraction").value or 0.0) > _MUCH_LOST
    ]


def gaps(reading: Reading) -> list[str]:
    """Warnings where a percentile falls between warm and cold requests.

    Latency has a gap between the slowest warm and the fastest cold request. If about as many requests are cold as
    lie beyond a percentile, the percentile is on either side of the gap from one replication to the next, and its
    mean is a latency that no request has.
    """
    sentences = []
    for name in reading.endpoints:
        cold = reading.estimate(name, "cold_start_fraction")
        if not cold.value:
            continue
        low, high = (cold.value if end is None else end for end in (cold.low, cold.high))
        for level in LEVELS:
            if level.name not in ("p95", "p99", "p99.9"):
                continue
            beyond = float(1 - Fraction(level.name[1:]) / 100)
            if low / _NEAR <= beyond <= high * _NEAR:
                sentences.append(
                    f"{name}: {reading.text(name, 'cold_start_fraction')} of requests are cold, about as many as lie "
                    f"beyond {level.name}: it falls now among warm and now among cold requests, and its mean is a "
                    "latency that hardly any request has. Read the share of cold starts and the latency tail instead."
                )
    return sentences


def torn(reading: Reading) -> list[str]:
    """Warnings where a percentile of an endpoint that scales falls now before and now into a shortage of capacity.

    As with `gaps`, but between requests that found capacity and those that waited for it to come.
    """
    if reading.scenario.assumed:  # the values that were drawn make replications differ
        return []
    sentences = []
    for endpoint in scaled(reading.scenario):
        own = reading.replications[reading.replications["endpoint"] == endpoint.name]
        for level in ("p95", "p99", "p99.9"):
            values = own[MEASURES[level].column].astype(float).dropna()
            if len(values) > 1 and values.max() > _TORN * values.min():
                least, most = (latency(plain(float(end))) for end in (values.min(), values.max()))
                sentences.append(
                    f"{endpoint.name}: {level} is {least} in one replication and {most} in another: about as many "
                    "requests meet a shortage of capacity as lie beyond it, and its mean is a latency that hardly any "
                    "request has. Read the reaction and the latency tail instead."
                )
    return sentences
