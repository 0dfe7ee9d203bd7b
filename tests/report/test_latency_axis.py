"""Ticks of axes of latencies are round in the unit that their words name."""

from __future__ import annotations

import pytest

from simulator.report.figures import style
from simulator.report.figures.plan import cost_against
from simulator.report.numbers import plain


@pytest.mark.parametrize(
    ("low_ms", "high_ms", "words"),
    [
        (80.0, 7e3, ["100 ms", "200 ms", "500 ms", "1 s", "2 s", "5 s"]),
        (0.15, 2.5, ["200 µs", "500 µs", "1 ms", "2 ms"]),
        (9e3, 59e3, ["10 s", "20 s", "50 s"]),
        (15e3, 18e6, ["20 s", "1 min", "2 min", "5 min", "10 min", "20 min", "1 h", "2 h", "5 h"]),
        (3e3, 20e6, ["10 s", "1 min", "10 min", "1 h"]),
    ],
)
def test_latencies_of_any_size_have_round_ticks(low_ms: float, high_ms: float, words: list[str]) -> None:
    """From microseconds to hours; fewer over more than three decades, and none too close to a minute."""
    places, said = style.latency_ticks(low_ms, high_ms)
    assert words == said
    assert all(low_ms <= place <= high_ms for place in places)


def test_a_plan_has_round_hours() -> None:
    """Jobs of an hour and of three and a half: ticks every half hour or hour, and not every 2,000 s."""
    points = [
        ("slow", "the plan", plain(147.0), plain(3.49 * 3.6e6)),
        ("fast", "dearer", plain(167.0), plain(0.73 * 3.6e6)),
    ]
    figure = cost_against(points, "p99", "ms", 4 * 3.6e6)
    words = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {"1 h", "2 h", "3 h"} < set(words)
    assert all(float(word.split()[0]) in {0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5} for word in words)
