"""Tokens of requests and of their responses, and the time that a response of so many takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.demand.columns import Column, Columns, Made
from simulator.distributions.tokens import MOST_TOKENS, Pairs
from simulator.scenario.model import Scenario
from simulator.units import FOREVER, to_ns


def token_columns(scenario: Scenario, columns: Columns) -> tuple[Column, Column]:
    """Tokens of requests and of their responses, however long these may become.

    Parameters
    ----------
    scenario : Scenario
        Realised; it says where tokens come from.
    columns : Columns
        Of the replication: all endpoints have the same tokens.
    """
    factor = scenario.model.tokens_scale
    own = _own_columns(scenario, columns)
    if factor is None:
        return own
    scaled = _times(factor)
    return Made(scaled, own[0]), Made(scaled, own[1])


def _times(factor: float) -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    """So many times the tokens, to the nearest whole number, half to even."""
    return lambda tokens: np.minimum(np.rint(tokens * factor), MOST_TOKENS).astype(np.int64)


def _own_columns(scenario: Scenario, columns: Columns) -> tuple[Column, Column]:
    """Tokens as they were given."""
    source = scenario.token_source()
    if source == "traffic":
        own = scenario.traffic.tokens
        assert own is not None
        numbers = columns.only("tokens", lambda: Column(_Held(_numbers(scenario, columns)).take))
        return Made(own.tokens_in.__getitem__, numbers), Made(own.tokens_out.__getitem__, numbers)
    if isinstance(source, Pairs):
        generator, count = columns.streams.generator("tokens_in"), len(source)
        rows = columns.only("tokens", lambda: Column(lambda n: (generator.random(n) * count).astype(np.int64)))
        return Made(source.tokens_in.__getitem__, rows), Made(source.tokens_out.__getitem__, rows)
    assert source is not None, "checked when the scenario was read"
    return columns.whole("tokens_in", source[0]), columns.whole("tokens_out", source[1])


def with_tokens(each_ns: int, first_ns: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Time to the first token and of all tokens; tokens times their time is less than `FOREVER` [ns].

    Parameters
    ----------
    each_ns : int
        Time of one token. [ns]
    first_ns : ndarray of int64, shape (n,) or (1,)
        Time to the first token. [ns]
    tokens : ndarray of int64, shape (n,) or (1,)
        Of the response.
    """
    rest_ns = tokens * each_ns
    return np.where(first_ns > FOREVER - rest_ns, FOREVER, first_ns + rest_ns)


def _numbers(scenario: Scenario, columns: Columns) -> Iterator[NDArray[np.int64]]:
    return scenario.traffic.numbers(columns.streams, scenario.clock, to_ns(scenario.horizon))


class _Held:
    """A sequence in pieces of any size, taken in pieces of other sizes.

    Parameters
    ----------
    pieces : iterator of ndarray of int64
    """

    def __init__(self, pieces: Iterator[NDArray[np.int64]]) -> None:
        self._pieces, self._rest = pieces, np.empty(0, np.int64)

    def take(self, n: int) -> NDArray[np.int64]:
        """The next n."""
        held, count = [self._rest], len(self._rest)
        while count < n:
            held.append(next(self._pieces))
            count += len(held[-1])
        together = np.concatenate(held)
        self._rest = together[n:]
        return together[:n]
