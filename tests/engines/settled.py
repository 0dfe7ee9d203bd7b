"""The tables of a whole run, as if an engine had settled them block by block."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from simulator.engines.tables import Demand, Instances, Run, Settled
from simulator.units import FOREVER


def settled_of(demand: Demand, run: Run, cuts: Sequence[int] = ()) -> list[Settled]:
    """The requests between each two cuts; all instances come with the last."""
    edges = [0, *sorted(cuts), len(demand)]
    nothing = np.empty(0, np.int64)
    none = Instances(nothing, nothing, nothing)
    parts = [
        Settled(demand.rows(start, stop), run.requests.rows(start, stop), nothing, none, nothing, 0)
        for start, stop in itertools.pairwise(edges)
    ]
    numbers = np.arange(len(run.instances))
    rest = Settled(demand.rows(0, 0), run.requests.rows(0, 0), run.instances.launch_ns, run.instances, numbers, FOREVER)
    return [*parts, rest]
