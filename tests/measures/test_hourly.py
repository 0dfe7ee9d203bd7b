"""Billed time by the hour, against plain sums over instances."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from simulator.engines.tables import Demand, Instances, Requests, Settled
from simulator.measures.hourly import HOUR_NS, HourlyTally
from simulator.units import FOREVER

MINUTE_NS = HOUR_NS // 60


def settled(launched: list[int], gone: list[tuple[int, int]]) -> Settled:
    """Instances launched, and (launch, end) of those gone."""
    ends = np.array(gone, np.int64).reshape(-1, 2)
    table = Instances(ends[:, 0], ends[:, 0], ends[:, 1])
    nobody = Demand.from_arrays(np.empty(0, np.int64), 1)
    numbers = np.arange(len(gone))
    return Settled(nobody, Requests.empty(0), np.array(launched, np.int64), table, numbers, FOREVER)


def test_by_hand() -> None:
    """One instance all along, one from 0:30 to 2:15, in a run of 2.5 hours: 1.5, 2 and 0.75 instance-hours."""
    tally = HourlyTally(0, 5 * HOUR_NS // 2)
    tally.add(settled([0, HOUR_NS // 2], []))
    tally.add(settled([], [(HOUR_NS // 2, 9 * HOUR_NS // 4)]))
    assert (3 * HOUR_NS // 2, 2 * HOUR_NS, 3 * HOUR_NS // 4) == tally.finish()


def test_a_minute_at_least_within_the_run() -> None:
    """Ten seconds are billed as a minute, and no more than what is left of the run."""
    tally = HourlyTally(0, HOUR_NS, least_ns=MINUTE_NS)
    late = HOUR_NS - MINUTE_NS // 2
    tally.add(settled([0, late], [(0, MINUTE_NS // 6), (late, late + 1)]))
    assert (MINUTE_NS + MINUTE_NS // 2,) == tally.finish()


@pytest.mark.parametrize("seed", range(20))
def test_against_plain_sums(seed: int) -> None:
    """Random instances, some never gone, added in pieces, in a measured part that begins late."""
    dice = np.random.default_rng(seed)
    from_ns = int(dice.integers(0, HOUR_NS))
    until_ns = from_ns + int(dice.integers(1, 6 * HOUR_NS))
    launch = np.sort(dice.integers(0, 8 * HOUR_NS, 40))
    gone = np.where(dice.random(40) < 0.3, FOREVER, launch + dice.integers(0, 3 * HOUR_NS, 40))
    tally = HourlyTally(from_ns, until_ns, least_ns=MINUTE_NS)
    for part in np.array_split(np.arange(40), 4):
        tally.add(settled(launch[part].tolist(), []))
    tally.add(settled([], list(zip(launch.tolist(), gone.tolist(), strict=True))))
    bounds = [*range(from_ns, until_ns, HOUR_NS), until_ns]
    ends = [FOREVER if g == FOREVER else max(int(g), int(a) + MINUTE_NS) for a, g in zip(launch, gone, strict=True)]
    expected = tuple(
        sum(max(0, min(end, high) - max(int(begin), low)) for begin, end in zip(launch, ends, strict=True))
        for low, high in pairwise(bounds)
    )
    assert expected == tally.finish()
