"""What a report says of a closed population: Little's law, beside the clients that were seen to wait."""

from __future__ import annotations

from typing import Final

from simulator.report.numbers import latency, plain, significant
from simulator.report.reading import Reading
from simulator.traffic import Closed

#: Share of requests that may be lost without Little's law, reckoned from the completed ones, missing by more.
_FEW_LOST: Final = 0.01


def clients_by_hand(reading: Reading) -> list[str]:
    """A sentence an endpoint: L = λW for the clients that wait, and the interactive response time law, N = λ(W + Z).

    λ is the rate of requests, W their mean time at the endpoint and Z the mean think time [1]_. W is the mean latency
    as far as requests are completed: where more than one in a hundred is lost only those that wait are told.

    References
    ----------
    .. [1] J. D. C. Little, "A proof for the queuing formula L = λW", Operations Research 9 (1961); E. D. Lazowska and
       others, "Quantitative System Performance" (1984), chapter 3.
    """
    traffic = reading.scenario.traffic
    if not isinstance(traffic, Closed) or reading.scenario.assumed:
        return []
    sentences = []
    for name in reading.endpoints:
        measured = reading.study.sample(name).measured
        span_ns = sum(one.span_ns for one in measured)
        requests, completed = (sum(getattr(one, of) for one in measured) for of in ("requests", "completed"))
        waiting = sum(one.clients_waiting_ns for one in measured) / span_ns
        if not requests or completed < (1.0 - _FEW_LOST) * requests:
            sentences.append(
                f"{name}: {significant(waiting)} of {traffic.clients:,} clients wait at once, time average; so many "
                "requests are not completed that latencies say nothing of it."
            )
            continue
        rate = requests / (span_ns / 1e9)
        time_s = sum(one.latency_ns for one in measured) / completed / 1e9
        think_s = traffic.think_time.mean()
        sentences.append(
            f"{name}: Little's law, L = λW: {significant(rate)}/s × {latency(plain(1e3 * time_s))} = "
            f"{significant(rate * time_s)} clients wait, simulated {significant(waiting)}; with a mean think time of "
            f"{latency(plain(1e3 * think_s))} λ(W + Z) = {significant(rate * (time_s + think_s))} of "
            f"{traffic.clients:,} clients."
        )
    return sentences
