"""Columns of demand: each is made once a block, however many endpoints ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.distributions import (
    Distribution,
    DurationDistribution,
    Sampler,
    SizeDistribution,
    TokenDistribution,
)
from simulator.streams import Streams
from simulator.units import FOREVER, to_ns


class Column:
    """One column of the current block, made once, however many endpoints ask for it.

    Parameters
    ----------
    make : callable
        n → the column's next n values, or its only one.
    """

    def __init__(self, make: Callable[[int], NDArray[Any]]) -> None:
        self._make = make
        self._block = -1
        self._values: NDArray[Any] = np.empty(0)

    def of(self, block: int, n: int) -> NDArray[Any]:
        """The column of a block of n requests; blocks are asked for in order."""
        if block != self._block:
            self._block, self._values = block, self._make(n)
        return self._values


class Made(Column):
    """A column that follows row by row from others.

    Parameters
    ----------
    make : callable
        Columns of a block → the column.
    *of : Column
    """

    def __init__(self, make: Callable[..., NDArray[Any]], *of: Column) -> None:
        self._from, self._of = make, of

    def of(self, block: int, n: int) -> NDArray[Any]:
        """The column of a block of n requests."""
        return self._from(*(column.of(block, n) for column in self._of))


def constant(value: float) -> Column:
    """A column that is one value."""
    values = np.array([value])
    return Column(lambda _: values)


class Columns:
    """The columns of a replication, one for each purpose and distribution.

    Parameters
    ----------
    streams : Streams
        Of the replication.
    """

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._columns: dict[tuple[str, str], Column] = {}

    def time_ns(self, purpose: str, distribution: DurationDistribution | Literal["none"], least_ns: int) -> Column:
        """Column of a duration, `FOREVER` for "none" [ns]."""
        if isinstance(distribution, str):
            return constant(FOREVER)
        return self._drawn(
            purpose,
            distribution,
            lambda value: max(to_ns(value), least_ns),
            lambda sampler: lambda n: sampler.draw_ns(n, least_ns),
        )

    def whole(self, purpose: str, distribution: SizeDistribution | TokenDistribution) -> Column:
        """Column of whole numbers: a size, to the nearest byte [B], or tokens."""
        return self._drawn(purpose, distribution, round, lambda sampler: sampler.draw_bytes)

    def routing(self) -> Column:
        """Uniform draws in [0, 1)."""
        return self.only("routing", lambda: Column(self.streams.generator("routing").random))

    def retry_key(self) -> Column:
        """The key of the draws of jitter, one for all requests of all endpoints."""

        def make() -> Column:
            key = self.streams.generator("retry").integers(0, 2**64, size=1, dtype=np.uint64)
            return Column(lambda _: key)

        return self.only("retry", make)

    def only(self, purpose: str, make: Callable[[], Column], variant: str = "") -> Column:
        """The one column of a purpose and a variant of it, made when it is first asked for."""
        key = (purpose, variant)
        if key not in self._columns:
            self._columns[key] = make()
        return self._columns[key]

    def _drawn(
        self,
        purpose: str,
        distribution: Distribution,
        whole: Callable[[float], int],
        made_by: Callable[[Sampler], Callable[[int], NDArray[np.int64]]],
    ) -> Column:
        value = distribution.constant()
        if value is not None:
            return constant(whole(value))
        return self.only(
            purpose,
            lambda: Column(made_by(distribution.sampler(self.streams, purpose))),
            distribution.model_dump_json(),
        )
