"""A continuing sequence of draws of one distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Draws are made in pieces of this size: 64 kB stays in the processor's cache. It has no influence on any value.
PIECE: Final = 8192


@dataclass(frozen=True)
class Sampler:
    """Draws of one distribution, each call going on where the last one stopped.

    Several short calls give the same values as one long call.

    Parameters
    ----------
    fill : callable
        Fills an ndarray of float64, shape (n,), with the next n draws, in the unit of the distribution. [s or B]
    """

    fill: Callable[[NDArray[np.float64]], None]

    def draw(self, n: int) -> NDArray[np.float64]:
        """The next n draws, 0 or more [s or B]."""
        values = np.empty(n)
        self.fill(values)
        return values

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
        from simulator.distributions.rounding import round_to_ns

        values = np.empty(n)
        for start in range(0, n, PIECE):
            piece = values[start : start + PIECE]
            self.fill(piece)
            round_to_ns(piece, least_ns)
        return values.view(np.int64)

    def draw_bytes(self, n: int) -> NDArray[np.int64]:
        """The next n draws of a size, to the nearest whole byte, half to even.

        Returns
        -------
        ndarray of int64, shape (n,)
            [B]
        """
        whole, values = np.empty(n, np.int64), np.empty(min(n, PIECE))
        for start in range(0, n, PIECE):
            piece = values[: n - start]
            self.fill(piece)
            np.rint(piece, out=whole[start : start + PIECE], casting="unsafe")
        return whole
