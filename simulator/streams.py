"""(seed, replication, purpose) → random generator: the only place where generators are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

#: One stream per purpose. The numbers are frozen: append, never change, or every stored result changes.
PURPOSES: Final[dict[str, int]] = {
    "arrivals": 0,
    "modulation": 1,
    "placement": 2,
    "resampling": 3,
    "service": 4,
    "startup": 5,
    "idle_timeout": 6,
    "lifetime": 7,
    "routing": 8,
    "payload_in": 9,
    "payload_out": 10,
    "assumptions": 11,
    "bootstrap": 12,
    "bursts": 13,
    "day": 14,
    "patience": 15,
    "retry": 16,
    "launch": 17,
    "popularity": 18,
    "tokens_in": 19,
    "tokens_out": 20,
    "think": 21,
    "first_requests": 22,
}


@dataclass(frozen=True)
class Streams:
    """The random streams of one replication.

    A stream is found by its purpose, so what one purpose draws never shifts another [1]_. The child
    numbers part a purpose further, where one distribution needs several independent draws.

    Parameters
    ----------
    seed : int
        Root seed of the study, 0 or more.
    replication : int
        Number of the replication, from 0.
    part : tuple of int
        Where traffic is made of parts: which part of which part these streams are for; empty for the whole. Its
        numbers stand before the children's in the spawn key, so that the streams of every part are its own.

    References
    ----------
    .. [1] NumPy, "Parallel random number generation", SeedSequence and spawn keys.
    """

    seed: int
    replication: int
    part: tuple[int, ...] = ()

    def sequence(self, purpose: str, *children: int) -> np.random.SeedSequence:
        """Seed sequence of one purpose.

        Raises
        ------
        KeyError
            If the purpose is not one of `PURPOSES`.
        """
        key = (self.replication, PURPOSES[purpose], *self.part, *children)
        return np.random.SeedSequence(self.seed, spawn_key=key)

    def generator(self, purpose: str, *children: int) -> np.random.Generator:
        """Fresh generator of one purpose; two calls give two generators at the same beginning."""
        return np.random.Generator(np.random.PCG64DXSM(self.sequence(purpose, *children)))

    def of_part(self, number: int) -> Streams:
        """The streams of one part, by its number from 0."""
        return Streams(self.seed, self.replication, (*self.part, number))
