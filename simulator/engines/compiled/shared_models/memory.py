"""Which models an instance has in memory and on disk, and which of them go to make room (model.md 7.1, step 3).

The models of an instance stand in a ring with links both ways, least recently used first; the entry behind the last
model is where it begins and ends. `order[instance, model]` holds who comes just before and just behind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.saturating import plus
from simulator.engines.compiled.shared_models.kernels import kernel, rule
from simulator.engines.compiled.shared_models.state import DISK_FREE, FREE, IDLE, Rules, State
from simulator.engines.tables import NONE

Ints = NDArray[np.int64]
_NONE = int(NONE)
_BEFORE, _BEHIND = range(2)


@rule
def leave_order(order: Ints, instance: int, model: int) -> None:
    """A model is there no more."""
    before, behind = order[instance, model, _BEFORE], order[instance, model, _BEHIND]
    order[instance, before, _BEHIND] = behind
    order[instance, behind, _BEFORE] = before


@rule
def join_order(order: Ints, instance: int, model: int) -> None:
    """A model is the most recently used."""
    ends = order.shape[1] - 1
    last = order[instance, ends, _BEFORE]
    order[instance, last, _BEHIND] = model
    order[instance, model, _BEFORE] = last
    order[instance, model, _BEHIND] = ends
    order[instance, ends, _BEFORE] = model


@rule
def use(state: State, instance: int, model: int) -> None:
    """An attempt was sent to a model that is in memory."""
    leave_order(state.memory_order, instance, model)
    join_order(state.memory_order, instance, model)
    leave_order(state.disk_order, instance, model)
    join_order(state.disk_order, instance, model)


@rule
def add_outstanding(rules: Rules, state: State, instance: int, model: int) -> None:
    """A model in memory has one outstanding request more."""
    if state.outstanding_of[model, instance] == 0:
        state.bytes_of[instance, IDLE] -= rules.sizes_bytes[model]
    state.outstanding_of[model, instance] += 1
    state.outstanding[instance] += 1


@rule
def drop_outstanding(rules: Rules, state: State, instance: int, model: int) -> None:
    """A model has one outstanding request fewer."""
    state.outstanding_of[model, instance] -= 1
    state.outstanding[instance] -= 1
    if state.outstanding_of[model, instance] == 0:
        state.bytes_of[instance, IDLE] += rules.sizes_bytes[model]


@kernel
def load(rules: Rules, state: State, instance: int, model: int, now_ns: int) -> None:
    """A model that has room takes its memory, and is on the disk; it has no outstanding request yet."""
    size = rules.sizes_bytes[model]
    room = state.bytes_of[instance]
    ends = len(rules.sizes_bytes)
    other = state.memory_order[instance, ends, _BEHIND]
    while room[FREE] < size:
        behind = state.memory_order[instance, other, _BEHIND]
        if state.outstanding_of[other, instance] == 0:
            leave_order(state.memory_order, instance, other)
            state.loaded_ns[other, instance] = _NONE
            room[FREE] += rules.sizes_bytes[other]
            room[IDLE] -= rules.sizes_bytes[other]
        other = behind
    room[FREE] -= size
    room[IDLE] += size
    join_order(state.memory_order, instance, model)
    state.loaded_ns[model, instance] = plus(now_ns, rules.load_ns[model])
    if state.is_on_disk[model, instance]:
        leave_order(state.disk_order, instance, model)
    else:
        state.loaded_ns[model, instance] = plus(plus(now_ns, rules.download_ns[model]), rules.load_ns[model])
        # The disk holds as much as the memory or more, so what is in memory never has to go.
        other = state.disk_order[instance, ends, _BEHIND]
        while room[DISK_FREE] < size:
            behind = state.disk_order[instance, other, _BEHIND]
            if state.loaded_ns[other, instance] == _NONE:
                leave_order(state.disk_order, instance, other)
                state.is_on_disk[other, instance] = 0
                room[DISK_FREE] += rules.sizes_bytes[other]
            other = behind
        room[DISK_FREE] -= size
        state.is_on_disk[model, instance] = 1
    join_order(state.disk_order, instance, model)
