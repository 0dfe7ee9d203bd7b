"""A folder of small recordings, made anew by each test session, and the way to read traffic that uses it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from simulator.traffic import Arrivals, Clock, Traffic

UTC = datetime.UTC
#: 2026-11-02 is a Monday.
MONDAY = datetime.datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stamps.csv (numbers, ties), wide.csv (two series of 180 minutes), fortnight.csv (14 days by the minute)."""
    folder = tmp_path_factory.mktemp("recordings")
    generator = np.random.default_rng(7)
    stamps_ms = np.sort(generator.integers(0, 7_200_000, 900) // 3000 * 3000)
    (folder / "stamps.csv").write_text("id,t_ms\n" + "".join(f"a,{t}\n" for t in stamps_ms))
    minutes = [",".join(["name", *(str(m) for m in range(480, 660))])]
    minutes += [",".join([name, *map(str, generator.poisson(mean, 180))]) for name, mean in (("a", 3), ("b", 40))]
    (folder / "wide.csv").write_text("\n".join(minutes) + "\n")
    # Day d of the fortnight has d + 1 arrivals, all within the second hour.
    lines = ["start,count"]
    for d in range(14):
        for m in range(1440):
            count = (d + 1) if m == 60 else 0
            lines.append(f"{(MONDAY + datetime.timedelta(days=d, minutes=m)).isoformat()},{count}")
    (folder / "fortnight.csv").write_text("\n".join(lines) + "\n")
    dates = [
        (MONDAY + datetime.timedelta(days=d, hours=1, seconds=7 * i)).strftime("%Y-%m-%d %H:%M:%S")
        for d in range(14)
        for i in range(d + 1)
    ]
    (folder / "dates.csv").write_text("t\n" + "\n".join(dates) + "\n")
    return folder


@pytest.fixture(scope="session")
def made(folder: Path) -> Callable[[Any], Arrivals]:
    """Traffic from what a scenario file would hold."""
    adapter: TypeAdapter[Arrivals] = TypeAdapter(Traffic)
    return lambda value: adapter.validate_python(value, context={"folder": folder})


@pytest.fixture(scope="session")
def clock() -> Clock:
    """Time 0 is a Wednesday, 06:30 UTC."""
    return Clock(MONDAY + datetime.timedelta(days=2, hours=6, minutes=30))
