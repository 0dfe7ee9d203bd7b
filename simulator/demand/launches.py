"""Launch times of instances that no request launches, found by the number of the launch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.distributions import DurationDistribution
from simulator.endpoints import BatchTransform, autoscaling_of
from simulator.engines.tables import LaunchTimes
from simulator.scenario.model import Scenario
from simulator.streams import Streams


def launch_times(scenario: Scenario, endpoint: str, replication: int = 0) -> LaunchTimes | None:
    """Launch times of the instances that scaling or jobs launch at one endpoint in one replication; None if none do.

    They are found by the number of the launch alone: endpoints that differ launch theirs on the same draws.

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed.
    endpoint : str
        Name of one of its endpoints.
    replication : int
        Number of the replication, from 0.

    Raises
    ------
    InputError
        If the scenario has no endpoint of that name.
    """
    scenario = scenario.realised(replication)
    chosen = scenario.endpoint(endpoint)
    if isinstance(chosen, BatchTransform):
        return _Launches(chosen.launch_time, Streams(scenario.seed, replication))
    follows = autoscaling_of(chosen)
    if follows is None:
        return None
    return _Launches(follows.time_to_serve, Streams(scenario.seed, replication))


class _Launches:
    """Launch times, drawn as far as they were asked for.

    Parameters
    ----------
    distribution : duration distribution
    streams : Streams
        Of the replication.
    """

    def __init__(self, distribution: DurationDistribution, streams: Streams) -> None:
        self._sampler = distribution.sampler(streams, "launch")
        self._drawn_ns = np.empty(0, np.int64)

    def __call__(self, n: int) -> NDArray[np.int64]:
        """Those of the first n launches, in order, 1 ns or more [ns]."""
        if n > len(self._drawn_ns):
            more = max(n - len(self._drawn_ns), len(self._drawn_ns), 16)
            self._drawn_ns = np.concatenate([self._drawn_ns, self._sampler.draw_ns(more, 1)])
        return self._drawn_ns[:n]
