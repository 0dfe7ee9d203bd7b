"""Several sequences of arrivals made one, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.points import gathered


def merged(sequences: Sequence[Iterable[NDArray[np.int64]]]) -> Iterator[NDArray[np.int64]]:
    """All arrivals of several sequences, in order; times that several of them have come as often as they have them.

    One block of each sequence is in memory, however long they are.

    Parameters
    ----------
    sequences : sequence of iterables of ndarray of int64
        Each in order, in pieces of any size, some perhaps empty. [ns]

    Yields
    ------
    ndarray of int64, shape (m,)
        [ns]
    """
    sources = [gathered(sequence) for sequence in sequences]
    held = [next(source, None) for source in sources]
    while True:
        lasts = [int(block[-1]) for block in held if block is not None]
        if not lasts:
            return
        # What comes later than the earliest end of a block has to wait for the blocks behind it.
        until_ns = min(lasts)
        pieces = []
        for number, block in enumerate(held):
            if block is not None:
                beyond = int(np.searchsorted(block, until_ns, side="right"))
                pieces.append(block[:beyond])
                held[number] = block[beyond:] if beyond < len(block) else next(sources[number], None)
        piece = np.concatenate(pieces)
        # Sorted runs, one after another: the stable sort merges them.
        piece.sort(kind="stable")
        yield piece
