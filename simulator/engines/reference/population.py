"""A closed population: each client sends its next request a think time after its last ended (model.md 4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from simulator.engines.clients import Population
from simulator.engines.ledger import Attempt, Request
from simulator.engines.reference.endpoint import Endpoint
from simulator.engines.reference.moments import Life, Moment, Rank, later
from simulator.engines.tables import Outcome
from simulator.units import FOREVER


class Clients:
    """The clients of an endpoint, one SimPy process each; they send the rows that are offered, one after another.

    Parameters
    ----------
    endpoint : Endpoint
        Nothing has happened on it yet.
    population : Population
        Rules.
    first_sends_ns : ndarray of int64, shape (clients,)
        [ns]
    """

    def __init__(self, endpoint: Endpoint[Any], population: Population, first_sends_ns: NDArray[np.int64]) -> None:
        self._endpoint = endpoint
        self._population = population
        self._rows: Iterator[Request] = iter(())
        self._has_begun = self._is_over = False
        self._offered: simpy.Event | None = None  # what a client waits for that found no row
        self._answers: dict[int, simpy.Event] = {}  # by request, for the client that sent it
        self._active = 0
        for number, at_ns in enumerate(first_sends_ns.tolist()):
            if at_ns < population.until_ns:
                self._active += 1
                endpoint.env.process(self._life(number, at_ns))
        endpoint.ended = self._has_ended

    @property
    def wants_rows(self) -> bool:
        """Whether a client stands without a row, or, before the first row, will send one."""
        return not self._is_over and (self._offered is not None or (not self._has_begun and self._active > 0))

    def offer(self, rows: Iterator[Request]) -> None:
        """Let clients send these, and all else happen, until one stands without a row or none will send any more."""
        first = next(rows, None)
        if first is None or self._active == 0:
            return
        if not self._has_begun:
            self._has_begun = True
            self._endpoint.begin(first)
        self._rows = chain((first,), rows)
        if self._offered is not None:
            self._offered.succeed()
            self._offered = None
        env = self._endpoint.env
        # Where a request waits for ever, nothing happens any more although its client may still send.
        while self._active > 0 and self._offered is None and env.peek() < FOREVER:
            env.step()

    def close(self) -> None:
        """No client sends any more."""
        self._is_over = True

    def _life(self, number: int, at_ns: int) -> Life:
        """The life of a client: it sends, waits for the end of its request, thinks."""
        while at_ns < self._population.until_ns:
            yield Moment(self._endpoint.env, at_ns, Rank.ARRIVAL, number)
            request = next(self._rows, None)
            if request is None and not self._is_over:
                self._offered = self._endpoint.env.event()
                yield self._offered
                request = next(self._rows, None)
            if request is None:
                return
            answer = self._answers[request.number] = self._endpoint.env.event()
            self._endpoint.ledger.send(request.number, at_ns)
            sent = request._replace(arrival_ns=at_ns)
            self._endpoint.env.process(self._endpoint.life(Attempt(sent, at_ns)))
            at_ns = later((yield answer), max(1, request.think_ns))
        self._active -= 1

    def _has_ended(self, attempt: Attempt, ended_ns: int) -> None:
        """Its client knows when a request ends, perhaps in advance, and that no attempt follows."""
        if attempt.outcome == Outcome.COMPLETED:
            ended_ns = later(ended_ns, self._population.overhead_ns)
        self._answers.pop(attempt.request.number).succeed(ended_ns)
