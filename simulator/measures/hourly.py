"""Billed time of instances in each hour of a run: what a commitment by the hour is held against."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.engines.tables import Settled
from simulator.measures.billed_time import LEAST_BILLED_NS
from simulator.units import FOREVER, NS_PER_SECOND

HOUR_NS: Final = 3600 * NS_PER_SECOND


class HourlyTally:
    """Accumulates the time for which instances are billed, by hours of the measured part.

    An instance is billed from its launch until it is gone, `least_ns` at least, within the measured part.

    Parameters
    ----------
    from_ns, until_ns : int
        The measured part; its hours begin at `from_ns`, the last one may be cut short. [ns]
    least_ns : int
        Least time that an instance is billed for. [ns]
    """

    def __init__(self, from_ns: int, until_ns: int, least_ns: int = LEAST_BILLED_NS) -> None:
        self._from_ns, self._until_ns, self._least_ns = from_ns, until_ns, least_ns
        hours = -(-(until_ns - from_ns) // HOUR_NS)
        self._bounds_ns = np.minimum(from_ns + HOUR_NS * np.arange(hours + 1, dtype=np.int64), until_ns)
        #: Time in the hour in which an instance begins; by how many instances more each hour is filled than the last.
        self._parts_ns = np.zeros(hours, np.int64)
        self._more = np.zeros(hours + 1, np.int64)

    def add(self, settled: Settled) -> None:
        """Add the instances that were launched and those that are gone."""
        self._begin(settled.launched_ns, 1)
        ends = settled.gone.gone_ns < FOREVER
        launch_ns, gone_ns = settled.gone.launch_ns[ends], settled.gone.gone_ns[ends]
        self._begin(np.maximum(gone_ns, launch_ns + self._least_ns), -1)

    def _begin(self, at_ns: NDArray[np.int64], sign: int) -> None:
        """One instance more (or less) from each of these instants on."""
        if not len(at_ns):
            return
        at_ns = np.clip(at_ns, self._from_ns, self._until_ns)
        hour = np.minimum((at_ns - self._from_ns) // HOUR_NS, len(self._parts_ns) - 1)
        np.add.at(self._parts_ns, hour, sign * (self._bounds_ns[hour + 1] - at_ns))
        np.add.at(self._more, hour + 1, sign)

    def finish(self) -> tuple[int, ...]:
        """Billed instance-time in each hour, all instances added [ns]."""
        filled = np.cumsum(self._more)[:-1] * np.diff(self._bounds_ns)
        return tuple((self._parts_ns + filled).tolist())
