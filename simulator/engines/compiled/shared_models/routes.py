"""Which instance an attempt is sent to (model.md 7.1, step 1)."""

from __future__ import annotations

from simulator.engines.compiled.shared_models.kernels import rule
from simulator.engines.compiled.shared_models.state import FREE, IDLE, Rules, State
from simulator.engines.tables import NONE
from simulator.units import FOREVER

_NONE = int(NONE)


@rule
def instance_for(rules: Rules, state: State, model: int) -> int:
    """The instance that an attempt for a model is sent to, `NONE` if the model is nowhere and has room nowhere."""
    holder, fewest = _NONE, FOREVER
    for instance in range(rules.instances):
        if state.loaded_ns[model, instance] != _NONE and state.outstanding[instance] < fewest:
            holder, fewest = instance, state.outstanding[instance]
    if holder != _NONE and fewest < rules.copies_from:
        return holder
    # A copy goes where the model is not: those that hold it are not looked at again.
    first, first_unloads, first_outstanding, first_free = _NONE, True, FOREVER, _NONE
    size = rules.sizes_bytes[model]
    for instance in range(rules.instances):
        free, outstanding = state.bytes_of[instance, FREE], state.outstanding[instance]
        if state.loaded_ns[model, instance] != _NONE or free + state.bytes_of[instance, IDLE] < size:
            continue
        unloads = free < size
        if unloads != first_unloads:
            is_first = first_unloads
        elif outstanding != first_outstanding:
            is_first = outstanding < first_outstanding
        else:
            is_first = free > first_free
        if is_first:
            first, first_unloads, first_outstanding, first_free = instance, unloads, outstanding, free
    if holder != _NONE and first_outstanding >= fewest:
        return holder
    return first
