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


def attempted(
    pool: Pool,
    demand: Demand,
    run: Run,
    from_ns: int,
    until_ns: int,
    overhead_ns: int = 0,
    limits_ns: tuple[int, ...] = (),
    levels: tuple[Level, ...] = LEVELS,
) -> dict[str, Any]:
    """The same of pools whose requests may be tried again, without batches; `waiting_ns` counts from first arrivals."""
    settings = (from_ns, until_ns, overhead_ns, limits_ns, levels)
    found = measured(pool, demand, run, *settings)
    rows, tries, instances = run.requests, run.tries, run.instances
    arrivals = demand.arrival_ns.tolist()
    last_at = list(arrivals)
    for number, after in zip(tries.number.tolist(), tries.next_ns.tolist(), strict=True):
        last_at[number] = after
    by_scaling = set(run.standing_numbers.tolist())
    changes = list(zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True))

    def spills(place: int, at: int) -> bool:
        capacity = [pool.standing, *(after for change, after in changes if change <= at)][-1]
        return pool.launches and place >= pool.standing and place not in by_scaling and capacity > 0

    made = [(number, last_at[number], rows, number, True) for number in range(len(rows))]
    made += [(int(tries.number[k]), int(tries.at_ns[k]), tries, k, False) for k in range(len(tries))]
    in_service: list[Interval] = []
    gone: list[Interval] = []
    of_instance: dict[int, list[Interval]] = {}
    penalty = failed = earlier = turned_away = spilt = 0
    waited, latencies = [], []
    for number, at, of, k, is_last in made:
        start, response, release, place = (
            int(column[k]) for column in (of.start_ns, of.response_ns, of.release_ns, of.instance)
        )
        counts = arrivals[number] >= from_ns
        if not is_last:
            earlier += counts
            turned_away += counts and of.outcome[k] == Outcome.THROTTLED
        if place != NONE:
            spilt += counts and is_last and spills(place, at)
            failed += counts and start == NONE
        if start != NONE:
            in_service.append(clip((start, release), from_ns, until_ns))
            of_instance.setdefault(place, []).append(in_service[-1])
            if of.outcome[k] == Outcome.TIMED_OUT:
                gone.append(clip((max(start, response), release), from_ns, until_ns))
            if is_last and counts and of.outcome[k] == Outcome.COMPLETED:
                waited.append(start - arrivals[number])
                latencies.append(response - arrivals[number])
                penalty += (start - at) * bool(of.is_cold[k])
    lives = list(
        zip(instances.launch_ns.tolist(), instances.ready_ns.tolist(), instances.gone_ns.tolist(), strict=True)
    )
    there = length([clip((launch, end), from_ns, until_ns) for launch, _, end in lives])
    ready = length([clip((at, end), from_ns, until_ns) for _, at, end in lives if at != NONE])
    from_start = pool.standing + (1 if pool.starts_warm and len(rows) else 0)
    inside = [launch for launch, _, _ in lives[from_start:] if from_ns <= launch < until_ns]
    own = [life for number, life in enumerate(lives) if number not in by_scaling]
    starts = [clip((launch, end if at == NONE else at), from_ns, until_ns) for launch, at, end in own]
    starting_for_nobody = found["starting_ns"] - length(starts) if pool.launches else found["starting_ns"]
    capacity, outs, ins = pool.standing, 0, 0
    for at, after in changes:
        outs += from_ns <= at < until_ns and after > capacity
        ins += from_ns <= at < until_ns and after < capacity
        capacity = after
    return {
        **found,
        "spillover": spilt,
        "failed_launches": failed,
        "waiting_ns": sum(waited),
        "latency_ns": sum(latencies) + overhead_ns * len(latencies),
        "penalty_ns": penalty,
        "in_service_ns": length(in_service),
        "client_gone_ns": length(gone),
        "busy_ns": sum(union(intervals) for intervals in of_instance.values()),
        "places_ns": pool.places * (there - starting_for_nobody if pool.launches else ready),
        "concurrency_max": most([*in_service, *starts] if pool.launches else in_service),
        "client_gone_max": most(gone),
        "tries": earlier,
        "throttled_tries": turned_away,
        "retried": len({n for n in tries.number.tolist() if arrivals[n] >= from_ns}),
        "scales": pool.scaling is not None,
        "starting_for_requests_ns": length(starts) if pool.launches and pool.scaling else 0,
        "launched": len(inside) if pool.launches or pool.scaling else None,
        "scale_outs": outs if pool.scaling else None,
        "scale_ins": ins if pool.scaling else None,
    }
