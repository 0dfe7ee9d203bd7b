"""A continuing sequence of draws of one distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.units import array_to_ns

#: Draws are made in pieces of this size: 64 kB stays in the processor's cache and below the size from which
#: the C library fetches fresh pages for every array. It has no influence on any value.
PIECE: Final = 8192


@dataclass(frozen=True)
class Sampler:
    """Draws of one distribution, each call going on where the last one stopped.

    Several short calls give the same values as one long call.

    Parameters
    ----------
    draw : callable
        n → the next n draws, ndarray of float64, shape (n,), in the unit of the distribution. [s or B]
    """

    draw: Callable[[int], NDArray[np.float64]]

    def draw_ns(self, n: int, least_ns: int = 0) -> NDArray[np.int64]:
        """The next n draws of a duration in whole nanoseconds.

        Parameters
        ----------
        n : int
            0 or more.
        least_ns : int
            1 for service times and lifetimes, 0 for startup and idle timeouts (model.md 1). [ns]

        Returns
        -------
        ndarray of int64, shape (n,)
            ``array_to_ns(draw(n), least_ns)``, made in pieces that stay in the cache. [ns]
        """
        whole = np.empty(n, np.int64)
        for start in range(0, n, PIECE):
            stop = min(start + PIECE, n)
            whole[start:stop] = array_to_ns(self.draw(stop - start), least_ns)
        return whole

    def draw_bytes(self, n: int) -> NDArray[np.int64]:
        """The next n draws of a size, to the nearest whole byte, half to even.

        Returns
        -------
        ndarray of int64, shape (n,)
            [B]
        """
        whole = np.empty(n, np.int64)
        for start in range(0, n, PIECE):
            stop = min(start + PIECE, n)
            np.rint(self.draw(stop - start), out=whole[start:stop], casting="unsafe")
        return whole
