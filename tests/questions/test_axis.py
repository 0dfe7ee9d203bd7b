"""Values along which a scenario is varied: lists, ranges, units, steps, and what is refused."""

from __future__ import annotations

import pytest

from simulator.errors import InputError
from simulator.questions.axis import Axis, read_axes, read_axis


@pytest.mark.parametrize(
    ("path", "values", "texts", "numbers", "unit", "is_log"),
    [
        ("traffic.mean_rate", "1/s,2/s,4/s", ("1/s", "2/s", "4/s"), (1, 2, 4), "/s", False),
        ("traffic.mean_rate", "1/s,60/min", ("1/s", "60/min"), (1, 1), "/s", False),
        ("traffic.mean_rate", "1/s,4/s,16/s", ("1/s", "4/s", "16/s"), (1, 4, 16), "/s", True),
        ("traffic.mean_rate", "1/s..3/s:3", ("1/s", "2/s", "3/s"), (1, 2, 3), "/s", False),
        ("traffic.mean_rate", "1/s..64/s:4:log", ("1/s", "4/s", "16/s", "64/s"), (1, 4, 16, 64), "/s", True),
        ("endpoints[0].max_concurrency", "1..4", ("1", "2", "3", "4"), (1, 2, 3, 4), "", False),
        ("endpoints[0].memory_size", "1024MB..3072MB", ("1024MB", "2048MB", "3072MB"), (1024, 2048, 3072), "MB", False),
        ("endpoints[0].idle_routing", "random,newest_created", ("random", "newest_created"), None, "", False),
        ("endpoints[0].idle_timeout", "1m,none", ("1m", "none"), None, "", False),
    ],
)
def test_lists_and_ranges(
    path: str, values: str, texts: tuple[str, ...], numbers: tuple[float, ...] | None, unit: str, is_log: bool
) -> None:
    """Bounds are included; whole numbers stay whole, memory sizes multiples of 1,024 MB; words are no numbers."""
    assert Axis(path, texts, numbers, unit, is_log) == Axis(**{**read_axis(path, values).__dict__, "step": None})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("1/s,,2/s", "has an empty value"),
        ("1/s,1/s", "1/s stands twice"),
        ("2/s..1/s", "the second bound must be more than the first"),
        ("1/s..2/s:1", '"1" is not a number of values, must be 2 to 1000'),
        ("1/s..2/s:5:cubic", 'spacing "cubic" is not known; write log or linear'),
        ("0/s..2/s:5:log", "must begin above 0; write :linear"),
        ("1/s..2m", "are units of different things"),
        ("1/s..fast", "a range has two numbers with their unit"),
    ],
)
def test_what_cannot_be_read_is_refused(values: str, message: str) -> None:
    """The message names the path, the value and what is allowed."""
    with pytest.raises(InputError) as caught:
        read_axis("traffic.mean_rate", values)
    assert str(caught.value).startswith("traffic.mean_rate")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ((), "nothing to vary"),
        (("traffic.mean_rate",), "varies nothing; write path=values"),
        (("horizon=1h", "horizon=2h"), "horizon is varied twice; give all its values at once"),
    ],
)
def test_axes_that_do_not_go_together_are_refused(vary: tuple[str, ...], message: str) -> None:
    """None, without values, or one twice."""
    with pytest.raises(InputError, match=r".") as caught:
        read_axes(vary)
    assert message in str(caught.value)
