"""The figure of one replication over time: what is drawn where capacity changes and clients try again."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from simulator.report.figures.timeline import Timeline, around, timeline

STATES = ["busy", "starting", "idle"]
COUNTS = np.array([4, 9, 5])
PLAIN = Timeline(
    starts_at=datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC),
    lengths_s=np.full(3, 60.0),
    arrivals=COUNTS,
    busy=np.array([0.5, 1.0, 0.5]),
    starting=np.zeros(3),
    idle=np.array([0.5, 0.0, 0.5]),
    throttled=np.array([0, 3, 0]),
)
SCALED = replace(
    PLAIN, capacity=np.array([1.0, 2.0, 2.0]), waiting=np.array([0.0, 7.0, 0.0]), throttled_attempts=np.array([0, 6, 0])
)


@pytest.mark.parametrize(
    ("series", "panels", "instances", "troubles"),
    [
        (PLAIN, 3, STATES, ["throttled: 3"]),
        (SCALED, 4, [*STATES, "capacity"], ["throttled: 3", "throttled attempts: 6"]),
        (
            replace(SCALED, throttled_attempts=PLAIN.throttled),
            4,
            [*STATES, "capacity"],
            ["throttled: 3"],
        ),
    ],
    ids=["plain", "scaled", "nobody-tries-again"],
)
def test_panels(series: Timeline, panels: int, instances: list[str], troubles: list[str]) -> None:
    """Waiting requests have a panel, capacity is a line among the instances, attempts stand beside requests if more."""
    axes = timeline("e", series).axes
    assert panels == len(axes)
    assert instances == axes[1].get_legend_handles_labels()[1]
    assert troubles == axes[-1].get_legend_handles_labels()[1]
    assert axes[-1].get_ylabel() == f"{'attempts' if len(troubles) > 1 else 'requests'} in a minute"
    assert ("waiting requests" in [one.get_ylabel() for one in axes]) == (panels == 4)


def test_nothing_to_draw() -> None:
    """A run without a period says so in every panel."""
    nothing = np.empty(0)
    empty = replace(SCALED, **dict.fromkeys(("lengths_s", "arrivals", "busy", "starting", "idle"), nothing))
    assert 4 == len(timeline("e", empty).axes)


def test_a_part_of_a_timeline() -> None:
    """Minutes 20 to 60 with a quarter of 40 on both sides; minute 20 alone with ten periods on both."""
    long = replace(
        PLAIN,
        lengths_s=np.full(100, 60.0),
        arrivals=np.arange(100),
        **{name: np.zeros(100) for name in STATES},
        throttled=np.arange(100),
    )
    part = around(long, 1200.0, 3600.0)
    assert (10, 69) == (part.arrivals[0], part.arrivals[-1])
    assert datetime.datetime(2026, 11, 2, 0, 10, tzinfo=datetime.UTC) == part.starts_at
    assert part.waiting is None
    short = around(long, 1200.0, 1260.0)
    assert (10, 30) == (short.arrivals[0], short.arrivals[-1])
