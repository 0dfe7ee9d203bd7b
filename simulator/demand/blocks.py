"""The demand of one replication in blocks: the same arrivals for all endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.demand.closed import without_times
from simulator.demand.columns import Columns
from simulator.demand.endpoint import Draws
from simulator.engines.tables import Demand
from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.traffic import Closed

#: Requests of a block: small enough for a processor's cache, large enough that a block's fixed cost is lost in it.
BLOCK: Final = 65_536


def replication_blocks(
    scenario: Scenario, replication: int, block: int = BLOCK, endpoints: Sequence[str] = ()
) -> Iterator[dict[str, Demand]]:
    """Demand of every endpoint, block by block in order of arrival; no block at all if there is no request.

    All endpoints of a block have the same arrivals, and the same column wherever their distributions are equal;
    where they differ, the columns come from the same stream (common random numbers). A column that does not vary
    is one value, and what no endpoint needs is not drawn. The values do not depend on `block`.

    Of a closed population there is no end of blocks, and arrivals are 0: the engine says how many rows it wants, and
    each endpoint wants its own number of the same rows.

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed; what is uncertain in it is drawn first.
    replication : int
        Number of the replication, from 0.
    block : int
        Most requests in one block, 1 or more.
    endpoints : sequence of str
        Names of those whose demand is wanted; empty: all. What is left out changes nothing in the others.

    Yields
    ------
    dict of str to Demand
        Endpoint name → its demand.
    """
    if block < 1:
        raise ValueError(f"block is {block}, must be 1 or more")
    scenario = scenario.realised(replication)
    columns = Columns(Streams(scenario.seed, replication))
    wanted = [endpoint for endpoint in scenario.endpoints if not endpoints or endpoint.name in endpoints]
    draws = {endpoint.name: Draws(scenario, endpoint, columns) for endpoint in wanted}
    if isinstance(scenario.traffic, Closed):
        arrivals = without_times(block)
    else:
        arrivals = recut(scenario.traffic.blocks(columns.streams, scenario.clock, scenario.horizon), block)
    for number, arrival_ns in enumerate(arrivals):
        yield {name: one.of(number, arrival_ns) for name, one in draws.items()}


def recut(blocks: Iterable[NDArray[np.int64]], size: int) -> Iterator[NDArray[np.int64]]:
    """The same values in the same order, in blocks of `size` and a last one of what remains."""
    held: list[NDArray[np.int64]] = []
    count = 0
    for arrivals in blocks:
        rest = arrivals
        while count + len(rest) >= size:
            cut = rest[: size - count]
            yield np.concatenate([*held, cut]) if held else cut
            rest = rest[size - count :]
            held, count = [], 0
        if len(rest):
            held.append(rest)
            count += len(rest)
    if count:
        yield np.concatenate(held)
