"""Every wrong distribution and every wrong file gets one message with place, value and what is allowed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.distributions import Distribution, DurationDistribution, SizeDistribution

DURATIONS: TypeAdapter[Distribution] = TypeAdapter(DurationDistribution)
SIZES: TypeAdapter[Distribution] = TypeAdapter(SizeDistribution)


def refusal(value: Any, folder: Path | None = None) -> tuple[str, str]:
    """Path and message of the only error."""
    with pytest.raises(ValidationError) as caught:
        DURATIONS.validate_python(value, context={"folder": folder})
    (error,) = caught.value.errors()
    return ".".join(str(part) for part in error["loc"]), error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (250, "constant.value", "250 has no unit; write 250ms or 250s"),
        ({"kind": "exponential", "mean": "0s"}, "exponential.mean", "0 is not allowed, must be more than 0"),
        (
            {"kind": "uniform", "low": "2s", "high": "1s"},
            "uniform",
            "low is 2 and high is 1; low must be less than high",
        ),
        (
            {"kind": "lognormal", "mean": "1s"},
            "lognormal",
            "lognormal takes mean and cv, or p50 and p99; given: mean",
        ),
        (
            {"kind": "weibull", "mean": "1s", "cv": 1, "p50": "1s"},
            "weibull",
            "weibull takes mean and cv, or p50 and p99; given: cv, mean, p50",
        ),
        (
            {"kind": "lognormal", "p50": "2s", "p99": "2s"},
            "lognormal",
            "p50 is 2 and p99 is 2; p99 must be more than p50, at most 10,000 times it",
        ),
        ({"kind": "gamma", "mean": "1s", "cv": 0}, "gamma.cv", "Input should be greater than or equal to 0.001"),
        ({"kind": "gamma", "mean": "1s", "cv": float("nan")}, "gamma.cv", "Input should be a finite number"),
        ({"kind": "gamma", "mean": "1s", "cv": True}, "gamma.cv", "Input should be a valid number"),
        ({"kind": "gamma", "mean": "1s", "cv": 1, "sd": 3}, "gamma.sd", "Extra inputs are not permitted"),
        (
            {"kind": "mixture", "parts": [{"weight": "30%", "of": "1s"}, {"weight": "60%", "of": "2s"}]},
            "mixture",
            "the weights of the parts add up to 90%, must be 100%",
        ),
        (
            {"kind": "empirical"},
            "empirical",
            "empirical takes a file (with column and unit) or a list of values, one of the two",
        ),
        (
            {"kind": "empirical", "values": ["1s"], "unit": "ms"},
            "empirical",
            "column and unit go with a file; a list of values carries its units",
        ),
        (
            {"kind": "empirical", "file": "a.csv", "column": "x"},
            "empirical",
            "empirical from a file needs column (its header) and unit (one of s, ms, us, ns)",
        ),
    ],
)
def test_wrong_fields(value: Any, path: str, message: str) -> None:
    """Each wrong distribution names its field, its value and what is allowed."""
    assert (path, message) == refusal(value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "f.csv: is empty; must be a CSV file with a header line"),
        ("ms\n", "f.csv: no row below the header; at least one is needed"),
        ("latency_ms\n1\n", "f.csv: no column 'ms'; columns: latency_ms"),
        ("mss,b\n1,2\n", "f.csv: no column 'ms'; did you mean 'mss'? Columns: mss, b"),
        ("ms,ms\n1,2\n", "f.csv: 2 columns are called 'ms'; the name must be unique"),
        ("ms,b\n1,2\n3\n", "f.csv, line 3: 1 cells, the header has 2"),
        ("ms\n1\nfast\n", "f.csv, line 3, column 'ms': 'fast' is not a number; must be a duration in ms, 0 or more"),
        (
            "b,ms\n1,\n",
            "f.csv, line 2, column 'ms': an empty cell is not a number; must be a duration in ms, 0 or more",
        ),
        ("ms\n1\n\n-2\n", "f.csv, line 4, column 'ms': -2 cannot be used; must be a duration in ms, 0 or more"),
        ("ms\n1\nnan\n", "f.csv, line 3, column 'ms': nan cannot be used; must be a duration in ms, 0 or more"),
        ("ms\ninf\n", "f.csv, line 2, column 'ms': inf cannot be used; must be a duration in ms, 0 or more"),
        ("ms\n1\x00\n", "f.csv: has a zero byte; must be a CSV file"),
        (
            "ms\n181234.5\n",
            "f.csv, column 'ms': the median is 181.234s with unit ms, more than 60s; is the unit right? "
            "If so, write allow_large: true",
        ),
    ],
)
def test_wrong_files(content: str, message: str, tmp_path: Path) -> None:
    """Each wrong file gives one message with its name, the line, the value and what is allowed."""
    (tmp_path / "f.csv").write_text(content, encoding="utf-8")
    value = {"kind": "empirical", "file": "f.csv", "column": "ms", "unit": "ms"}
    assert ("empirical", message) == refusal(value, tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text are told apart."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"ms\n\xff\xfe")
    written = {"kind": "empirical", "column": "ms", "unit": "ms"}
    assert (
        f"none.csv: no such file (looked for {tmp_path}/none.csv)"
        == refusal({**written, "file": "none.csv"}, tmp_path)[1]
    )
    assert "folder: cannot be read (Is a directory)" == refusal({**written, "file": "folder"}, tmp_path)[1]
    assert "binary: not UTF-8 text (byte 3); must be a CSV file" == refusal({**written, "file": "binary"}, tmp_path)[1]


def test_a_file_in_each_unit(tmp_path: Path) -> None:
    """The same durations in s, ms, us and ns are the same distribution; the digest is that of the bytes."""
    numbers = {"s": "0.25,1.5", "ms": "250,1500", "us": "250000,1500000", "ns": "250000000,1500000000"}
    for unit, both in numbers.items():
        content = "\ufefft\n" + both.replace(",", "\n") + "\n"
        (tmp_path / f"{unit}.csv").write_text(content, encoding="utf-8")
        known = DURATIONS.validate_python(
            {"kind": "empirical", "file": f"{unit}.csv", "column": "t", "unit": unit}, context={"folder": tmp_path}
        )
        np.testing.assert_array_equal([0.25, 1.5], known.values_measured)  # type: ignore[attr-defined]
        assert hashlib.sha256(content.encode()).hexdigest() == known.digest


def test_large_values_can_be_allowed(tmp_path: Path) -> None:
    """A slow batch model is taken with allow_large: true, unchanged."""
    (tmp_path / "f.csv").write_text("ms\n181234.5\n", encoding="utf-8")
    value = {"kind": "empirical", "file": "f.csv", "column": "ms", "unit": "ms", "allow_large": True}
    assert 181.2345 == DURATIONS.validate_python(value, context={"folder": tmp_path}).mean()


def test_sizes_from_a_file(tmp_path: Path) -> None:
    """1.5 kB are 1,500 bytes."""
    (tmp_path / "f.csv").write_text("kB\n1.5\n2\n", encoding="utf-8")
    value = {"kind": "empirical", "file": "f.csv", "column": "kB", "unit": "kB"}
    assert 1750.0 == SIZES.validate_python(value, context={"folder": tmp_path}).mean()
