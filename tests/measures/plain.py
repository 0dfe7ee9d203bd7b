"""Everything a tally gives, reckoned request by request in Python's whole numbers; nothing here is fast."""

from __future__ import annotations

from typing import Any

from simulator.engines.pool import Pool
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.measures.percentiles import LEVELS, Level, rank

Interval = tuple[int, int]


def clip(interval: Interval, from_ns: int, until_ns: int) -> Interval:
    """The part of an interval inside the measured part; begin and end equal where there is none."""
    begin, end = max(interval[0], from_ns), min(interval[1], until_ns)
    return (begin, end) if begin < end else (0, 0)


def length(intervals: list[Interval]) -> int:
    """Total length."""
    return sum(end - begin for begin, end in intervals)


def union(intervals: list[Interval]) -> int:
    """Length of the union."""
    covered, upto = 0, -1
    for begin, end in sorted(intervals):
        covered += max(0, end - max(begin, upto))
        upto = max(upto, end)
    return covered


def most(intervals: list[Interval]) -> int:
    """Most of them at one instant: it is reached where one begins."""
    return max((sum(b <= begin < e for b, e in intervals) for begin, end in intervals if begin < end), default=0)


def measured(
    pool: Pool,
    demand: Demand,
    run: Run,
    from_ns: int,
    until_ns: int,
    overhead_ns: int = 0,
    limits_ns: tuple[int, ...] = (),
    levels: tuple[Level, ...] = LEVELS,
) -> dict[str, Any]:
    """Fields of `Measured`, but the histogram, the switch `exact` and what is billed."""
    rows, instances = run.requests, run.instances
    counts = dict.fromkeys(
        ("requests", "completed", "timed_out", "expired", "cold_starts", "failed_launches", "spillover"), 0
    )
    throttled = [0] * len(Reason)
    latencies, waiting, penalties = [], [], []
    occupied: list[Interval] = []
    in_service: list[Interval] = []
    gone: list[Interval] = []
    of_instance: dict[int, list[Interval]] = {}
    for i, arrival in enumerate(demand.arrival_ns.tolist()):
        start, response, release = (int(c[i]) for c in (rows.start_ns, rows.response_ns, rows.release_ns))
        place, cold, outcome = int(rows.instance[i]), bool(rows.is_cold[i]), rows.outcome[i]
        if place != NONE:
            occupied.append(clip((arrival if cold else start, release), from_ns, until_ns))
        if start != NONE:
            in_service.append(clip((start, release), from_ns, until_ns))
            of_instance.setdefault(place, []).append(in_service[-1])
            if outcome == Outcome.TIMED_OUT:
                gone.append(clip((max(start, response), release), from_ns, until_ns))
        if arrival < from_ns:
            continue
        counts["requests"] += 1
        counts["spillover"] += place >= pool.standing > 0
        counts["failed_launches"] += cold and start == NONE
        if outcome == Outcome.COMPLETED:
            counts["completed"] += 1
            counts["cold_starts"] += cold
            latencies.append(response - arrival + overhead_ns)
            waiting.append(response - arrival - int(demand.column("service_ns")[i]))
            penalties += [waiting[-1]] * cold
        elif outcome == Outcome.THROTTLED:
            throttled[rows.reason[i]] += 1
        else:
            counts["timed_out" if outcome == Outcome.TIMED_OUT else "expired"] += 1
    there, starting = [], []
    for launch, ready, end in zip(instances.launch_ns, instances.ready_ns, instances.gone_ns, strict=True):
        there.append(clip((int(launch), int(end)), from_ns, until_ns))
        starting.append(clip((int(launch), int(end if ready == NONE else ready)), from_ns, until_ns))
    ordered = sorted(latencies)
    given = [level for level in sorted(levels) if ordered and level.enough(len(ordered))]
    places_ns = pool.standing * pool.places * (until_ns - from_ns) if not pool.launches else length(there)
    return {
        **counts,
        "span_ns": until_ns - from_ns,
        "throttled": tuple(throttled),
        "latency_ns": sum(latencies),
        "waiting_ns": sum(waiting),
        "penalty_ns": sum(penalties),
        "least_ns": min(latencies, default=None),
        "greatest_ns": max(latencies, default=None),
        "percentiles_ns": tuple((level, ordered[rank(level.share, len(ordered)) - 1]) for level in given),
        "below": tuple((limit, sum(latency < limit for latency in latencies)) for limit in sorted(limits_ns)),
        "in_service_ns": length(in_service),
        "starting_ns": length(starting),
        "client_gone_ns": length(gone),
        "places_ns": places_ns,
        "busy_ns": sum(union(intervals) for intervals in of_instance.values()),
        "there_ns": length(there),
        "concurrency_max": most(occupied),
        "client_gone_max": most(gone),
        "instances_max": most(there),
    }
