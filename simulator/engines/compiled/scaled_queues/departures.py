"""Requests that instances hold, counted down as they depart: released, or off the queue at their limit."""

from __future__ import annotations

from simulator.engines.compiled.outstanding import change_held
from simulator.engines.compiled.releases import NEAR, are_full, bring_near
from simulator.engines.compiled.scaled_queues.kernels import kernel, rule
from simulator.engines.compiled.scaled_queues.state import FAR_ONES, NEAR_ONES, NOT_IN_SERVICE, SERVING, Rules, State


@rule
def lacks_room_for_one(state: State, far: int) -> bool:
    """Whether one more departure might not find room."""
    return bool(are_full(state.depart_ns, far))


@rule
def let_depart(state: State, near: int, far: int, before_ns: int) -> tuple[int, int]:
    """New `near` and `far`, after the departures before an instant, which are in order; draining ones are not held."""
    depart_ns, departs_from, positions = state.depart_ns, state.departs_from, state.positions
    while near + far > 0:
        if near == 0:
            near, far = bring_near(depart_ns, departs_from, far, state.no_order)
        if depart_ns[near - 1] >= before_ns:
            break
        near -= 1
        position = positions[departs_from[near]]
        if position != NOT_IN_SERVICE:
            change_held(state.held, state.least, state.sharing, position, -1)
    return near, far


@kernel
def forget_departures(rules: Rules, state: State, before_ns: int) -> None:
    """Take off all departures before an instant."""
    counts = state.counts
    if rules.by_outstanding:
        counts[NEAR_ONES], counts[FAR_ONES] = let_depart(state, counts[NEAR_ONES], counts[FAR_ONES], before_ns)
        return
    kept = NEAR
    for entry in range(NEAR, NEAR + counts[FAR_ONES]):
        if state.depart_ns[entry] >= before_ns:
            state.depart_ns[kept], state.departs_from[kept] = state.depart_ns[entry], state.departs_from[entry]
            kept += 1
    counts[FAR_ONES] = kept - NEAR


@rule
def requests_held(rules: Rules, state: State) -> int:
    """Requests that the instances in service hold, after all departures that count."""
    held = 0
    if rules.by_outstanding:
        for position in range(state.counts[SERVING]):
            held += state.held[position]
        return held
    for entry in range(NEAR, NEAR + state.counts[FAR_ONES]):
        held += state.positions[state.departs_from[entry]] != NOT_IN_SERVICE
    return held
