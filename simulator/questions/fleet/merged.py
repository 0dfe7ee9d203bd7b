"""The requests of all models of a fleet in order of time, for what serves or limits them together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.demand import replication_blocks
from simulator.engines.tables import Demand
from simulator.scenario.fleet_models import FleetModel
from simulator.units import to_ns

#: Requests of a window, over all models: enough for a window's fixed cost for each model to be lost in it.
_WINDOW: Final = 1 << 17
#: Windows of a replication at most: with few requests each costs as much as with many.
_MOST_WINDOWS: Final = 10_000


class _Feed:
    """The requests of one model at one endpoint, taken window by window."""

    def __init__(self, model: FleetModel, endpoint: str, replication: int) -> None:
        self._blocks = replication_blocks(model.scenario, replication, endpoints=(endpoint,))
        self._endpoint = endpoint
        self._held = Demand.from_arrays(np.empty(0, np.int64), 1)
        self._is_over = False

    def until(self, at_ns: int) -> Demand:
        """Those that arrive before an instant and were not taken before."""
        while not self._is_over and (len(self._held) == 0 or self._held.arrival_ns[-1] < at_ns):
            block = next(self._blocks, None)
            if block is None:
                self._is_over = True
            else:
                more = block[self._endpoint]
                self._held = Demand.joined([self._held, more]) if len(self._held) else more
        stop = int(np.searchsorted(self._held.arrival_ns, at_ns))
        taken, self._held = self._held.rows(0, stop), self._held.rows(stop, len(self._held))
        return taken


def windows(
    models: Sequence[FleetModel], endpoints: Sequence[str], replication: int
) -> Iterator[tuple[int, list[Demand]]]:
    """Instants, and the requests of each model that arrive before them and after the instant before.

    Parameters
    ----------
    models : sequence of FleetModel
        At least one.
    endpoints : sequence of str
        The endpoint that serves each of them.
    replication : int
        The requests are those that each model's own scenario draws in it.

    Yields
    ------
    int, list of Demand
        The end of a window, the last one past every request [ns]; in the order of the models.
    """
    feeds = [_Feed(model, name, replication) for model, name in zip(models, endpoints, strict=True)]
    horizon_ns = to_ns(models[0].scenario.horizon)
    expected = sum(model.requests for model in models)
    count = min(_MOST_WINDOWS, max(1, math.ceil(expected / _WINDOW)))
    for number in range(1, count + 1):
        until_ns = horizon_ns * number // count
        yield until_ns, [feed.until(until_ns) for feed in feeds]


def merged(demands: Sequence[Demand]) -> Demand:
    """The requests of several models as one demand in order of arrival, each with the number of its model.

    Those of one instant stand in the order of the models. The key of retries is that of the first model.
    """
    some = [(number, demand) for number, demand in enumerate(demands) if len(demand)]
    if not some:
        return Demand.from_arrays(np.empty(0, np.int64), 1)
    joined = Demand.joined([replace(demand, model=np.array([number])) for number, demand in some])
    model = np.repeat([number for number, _ in some], [len(demand) for _, demand in some])
    order = np.argsort(joined.arrival_ns, kind="stable")
    return taken(replace(joined, model=model), order)


def taken(demand: Demand, rows: NDArray[np.int64]) -> Demand:
    """Some requests of a demand, in the order of their rows."""
    n = len(demand)
    columns = {
        name: column[rows] if name == "arrival_ns" or (len(column) == n and name != "retry_key") else column
        for name, column in vars(demand).items()
    }
    return Demand(**columns)
