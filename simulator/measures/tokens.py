"""Tokens that a managed API took in and gave out, and what of its quota they used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.served_otherwise import MINUTE_NS, Quota
from simulator.engines.tables import NONE, Outcome, Settled
from simulator.measures.attempts import attempts_of
from simulator.measures.instance_time import total
from simulator.units import FOREVER


class TokenUse(NamedTuple):
    """What the attempts of measured requests made of tokens, as far as they were served.

    Parameters
    ----------
    tokens_in, tokens_out : int
        Of requests, and of their responses.
    used, reserved : int
        Tokens of the quota: those taken in the end, and those reserved at first.
    most_in_minute : int
        Taken in the end by the attempts that were let through in one minute of the measured part, the greatest.
    quota : int
        Tokens a minute; 0 for no limit.
    cut_off : int
        Completed requests whose response reached `max_tokens`.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    used: int = 0
    reserved: int = 0
    most_in_minute: int = 0
    quota: int = 0
    cut_off: int = 0


class TokenTally:
    """Accumulates tokens of one endpoint, block by block.

    Parameters
    ----------
    quota : Quota
        Of the pool.
    from_ns, until_ns : int
        The measured part; minutes begin with it. [ns]
    """

    def __init__(self, quota: Quota, from_ns: int, until_ns: int) -> None:
        self._quota, self._from_ns, self._until_ns = quota, from_ns, until_ns
        self._by_minute = np.zeros(-(-(until_ns - from_ns) // MINUTE_NS), np.int64)
        limit = quota.tokens_per_minute
        self._found = TokenUse(quota=0 if limit == FOREVER else limit)
        self._settled = 0

    def add(self, settled: Settled, first: int) -> None:
        """Add what an engine has settled; requests before row `first` arrived before the measured part."""
        demand = settled.demand
        if not len(demand):
            return
        attempts = attempts_of(settled, self._settled)
        self._settled += len(demand)
        served = attempts.where((attempts.start_ns != NONE) & (attempts.row >= first))
        tokens_in, tokens_out = (demand.column(name)[served.row] for name in ("tokens_in", "tokens_out"))
        used = tokens_in + self._quota.burndown * tokens_out
        self._add_minutes(served.at_ns, used)
        completed = served.outcome == Outcome.COMPLETED
        self._found = TokenUse(
            tokens_in=self._found.tokens_in + total(tokens_in),
            tokens_out=self._found.tokens_out + total(tokens_out),
            used=self._found.used + total(used),
            reserved=self._found.reserved + total(tokens_in + self._quota.max_tokens),
            quota=self._found.quota,
            cut_off=self._found.cut_off + int((completed & (tokens_out >= self._quota.max_tokens)).sum()),
        )

    def _add_minutes(self, at_ns: NDArray[np.int64], used: NDArray[np.int64]) -> None:
        # Clients may try again after the end of the measured part.
        inside = at_ns < self._until_ns
        np.add.at(self._by_minute, (at_ns[inside] - self._from_ns) // MINUTE_NS, used[inside])

    def finish(self) -> TokenUse:
        """What was found, everything settled added."""
        return self._found._replace(most_in_minute=int(self._by_minute.max(initial=0)))
