"""Who sends the requests of a closed population, and when each client sends its next one (model.md 4.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.launching_calendar.kernels import kernel
from simulator.engines.compiled.launching_calendar.state import MOMENTS
from simulator.engines.compiled.moments import add_moment, keep_moments, no_moments, ranks_of
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import NONE

Ints = NDArray[np.int64]
_NONE = int(NONE)
#: Rank of a sending (model.md 1), which is an arrival; its id is the client.
SENDING = 60


def first_sendings(first_sends_ns: Ints, until_ns: int, room: int) -> tuple[Ints, int]:
    """Moments of which the first are each client's first sending, and how many there are, with room for more.

    Parameters
    ----------
    first_sends_ns : ndarray of int64, shape (clients,)
        [ns]
    until_ns : int
        Nothing is sent then or later. [ns]
    room : int
        For so many moments beside them.
    """
    clients = np.flatnonzero(first_sends_ns < until_ns)
    moments = no_moments(len(clients) + room)
    size = 0
    for client in clients[np.argsort(first_sends_ns[clients], kind="stable")].tolist():
        size = add_moment(moments, size, int(first_sends_ns[client]), SENDING, client, 0, _NONE, _NONE)
    return moments, size


def drop_sendings(moments: Ints, sizes: Ints) -> None:
    """Nothing more is sent."""
    size = int(sizes[MOMENTS])
    sizes[MOMENTS] = keep_moments(moments, size, ranks_of(moments[:size]) != SENDING)


@kernel
def send_next(moments: Ints, sizes: Ints, client: int, ended_ns: int, think_ns: int, until_ns: int) -> None:
    """Enter the next sending of a client whose request has ended, if it is in time."""
    send_ns = plus(ended_ns, max(1, think_ns))
    if send_ns < until_ns:
        sizes[MOMENTS] = add_moment(moments, sizes[MOMENTS], send_ns, SENDING, client, 0, _NONE, _NONE)
