"""Golden traces of scaling on both engines: every change of capacity, when instances are ready and gone."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines.scaling_by_hand import GOLDEN, Golden, Later
from tests.engines.traces import rows, run_of

each_engine = pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])


@each_engine
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.words.partition(".")[0][:60])
def test_changes_of_capacity(golden: Golden, engine: ModuleType) -> None:
    """Every change, and every instance, as worked out beside the case."""
    run = run_of(engine, golden.later.pool, golden.later.demand, golden.later.launches)
    assert golden.changes == rows(run.changes)
    if golden.instances is not None:
        expected = [(launch, ready, FOREVER if gone is None else gone) for launch, ready, gone in golden.instances]
        assert expected == rows(run.instances)


@each_engine
def test_instance_seconds_of_the_golden_trace(engine: ModuleType) -> None:
    """2400 s of the one that stays, 9 × (2100 - 480) s of the others: 16,980 instance-seconds."""
    later: Later = GOLDEN[0].later
    run = engine.simulate(later.pool, later.demand, later.launch_times)
    ends = np.minimum(run.instances.gone_ns, 2400 * NS_PER_SECOND)
    assert (2400 + 9 * 1620) * NS_PER_SECOND == int((ends - run.instances.launch_ns).sum())
