"""Closed forms of servers that serve several requests at once: batches, and workers that share a core.

Rates in 1/s, times in s, as in `closed_forms`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special


class Batches(NamedTuple):
    """Mean waiting time of a request, mean size of a batch, mean number that a batch leaves behind at its end."""

    waiting: float
    size: float
    left_behind: float


def batches(lam: float, service: Callable[[int], float], most: int, least: int = 1, cut: int = 250) -> Batches:
    """One server that takes min(queue, most) as soon as `least` wait.

    Poisson arrivals; a batch of k takes ``service(k)``, constant. The chain of those left behind at the ends of
    batches, cut at `cut`: from i < least the server waits until least are there, else it takes at once. The queue
    integrated over a cycle, over its mean length, is lam times the mean waiting time (Little).
    """
    taken = np.minimum(np.maximum(np.arange(cut), least), most)
    lengths = np.array([service(int(k)) for k in taken])
    rest = np.maximum(np.arange(cut) - most, 0)
    come = {k: special.pdtr(np.arange(cut), lam * service(k)) for k in set(taken.tolist())}
    move = np.zeros((cut, cut))
    for i in range(cut):
        chances = np.diff(come[int(taken[i])], prepend=0.0)
        move[i, rest[i] :] = chances[: cut - rest[i]]
        move[i, -1] += 1 - move[i].sum()
    balance = move.T - np.eye(cut)
    balance[0] = 1.0  # one equation is redundant; the shares sum to 1 instead
    shares = np.linalg.solve(balance, np.eye(cut)[0])
    short = np.maximum(least - np.arange(cut), 0)  # arrivals for which the server waits
    before = np.array([sum(range(i, least)) for i in range(least)] + [0] * (cut - least)) / lam
    area = shares @ (before + rest * lengths + lam * lengths**2 / 2)
    cycle = shares @ (short / lam + lengths)
    return Batches(float(area / cycle / lam), float(shares @ taken), float(shares @ np.arange(cut)))


def constant_batches_left_behind(load: float, most: int) -> float:
    """Mean number that a batch of M/D[1,b]/1 leaves behind, from the roots of its characteristic equation.

    ``load`` = lam D < b. In the unit circle z^b = exp(-load (1 - z)) has b - 1 roots besides 1, and the mean is
    Σ 1/(1 - root) + b/(2 (b - load)) - (b - load)/2 (N. T. J. Bailey, "On queueing processes with bulk service",
    J. R. Stat. Soc. B 16, 1954). Each root is a fixed point of z = w exp(-load (1 - z)/b), w^b = 1.
    """
    total = 0.0 + 0.0j
    for n in range(1, most):
        unit, root = np.exp(2j * np.pi * n / most), 0.0 + 0.0j
        for _ in range(2000):
            root = unit * np.exp(-load * (1 - root) / most)
        total += 1 / (1 - root)
    return float(total.real) + most / (2 * (most - load)) - (most - load) / 2


@dataclass(frozen=True)
class TwoWorkersOneCore:
    """M/M/2 without a queue whose second worker is half as fast, because a core is shared, until it has finished.

    Who starts beside nobody serves at `mu`, who starts beside another at mu/2, each to its end. States: nobody, one
    fast, one slow, one of each, two slow.
    """

    lam: float
    mu: float

    @property
    def _shares(self) -> NDArray[np.float64]:
        nobody, fast, slow, mixed, both = range(5)
        lam, mu = self.lam, self.mu
        flows = [
            *((nobody, fast, lam), (fast, mixed, lam), (slow, both, lam)),
            *((fast, nobody, mu), (slow, nobody, mu / 2), (mixed, slow, mu), (mixed, fast, mu / 2), (both, slow, mu)),
        ]
        balance = np.zeros((5, 5))
        for start, to, rate in flows:
            balance[to, start] += rate
            balance[start, start] -= rate
        balance[0] = 1.0
        return np.asarray(np.linalg.solve(balance, np.eye(5)[0]))

    def loss(self) -> float:
        """Share of requests that find both workers occupied."""
        return float(self._shares[3:].sum())

    def latency(self) -> float:
        """Mean of those that are taken: 1/mu beside nobody, 2/mu beside one."""
        alone, beside = self._shares[0], self._shares[1] + self._shares[2]
        return float((alone + 2 * beside) / self.mu / (alone + beside))
