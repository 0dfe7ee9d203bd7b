"""What a closed population has in place of arrivals: first sendings, and rows without end that it takes in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.traffic import Closed

#: Rows of the first block of a closed population; each later one has twice as many, up to a block.
_FIRST_ROWS: Final = 1_024


def first_sends(scenario: Scenario, replication: int = 0) -> NDArray[np.int64] | None:
    """When each client of a closed population sends its first request, the same to every endpoint; None of others [ns].

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed.
    replication : int
        Number of the replication, from 0.
    """
    traffic = scenario.realised(replication).traffic
    return traffic.first_sends_ns(Streams(scenario.seed, replication)) if isinstance(traffic, Closed) else None


def without_times(most: int) -> Iterator[NDArray[np.int64]]:
    """Rows that have no arrival yet, without end; small blocks at first, as nobody knows how many are wanted.

    Parameters
    ----------
    most : int
        Rows of a block at most.
    """
    size = min(_FIRST_ROWS, most)
    while True:
        yield np.zeros(size, np.int64)
        size = min(2 * size, most)
