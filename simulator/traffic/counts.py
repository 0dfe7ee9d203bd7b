"""Counted traffic: replay of how many requests arrived in each minute."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, PrivateAttr, ValidationInfo, model_validator

from simulator.distributions.columns import Column, CsvFile, folder_of, read_csv
from simulator.traffic.days import DAY_NS, Day, DayDraw, whole_days
from simulator.traffic.points import BLOCK
from simulator.traffic.replay import Draws, Replay
from simulator.traffic.stamps import TimeUnit, ZoneName, stamps_of
from simulator.units import NS_PER_SECOND, Seconds, duration_text, to_ns

#: Most periods placed at a time.
_PERIODS: Final = 1440
#: Most in one period: the arrivals of a period are in memory together, and more is likelier a mistake.
_MOST: Final = 1e8

_PLACED: Final = {
    "uniform": "placed at independent uniform times within each",
    "even": "placed evenly within each",
    "start": "all placed at the start of each",
}


def _not_short(value: float) -> float:
    if not value >= 1e-3:
        raise ValueError(f"{duration_text(value)} is too short, must be at least 1ms")
    return value


@dataclass(frozen=True, eq=False)
class Series:
    """Counts of consecutive periods; equal if read from the same content alike.

    Parameters
    ----------
    counts : ndarray of int64, shape (periods,)
        From the first period on.
    start_ns : int
        Start of the first period, since 1970-01-01 UTC if dated. [ns]
    dated : bool
        The file gave dates.
    filled : int
        Periods that the file did not have and that were taken as 0.
    digest : str
        SHA-256 of the file.
    """

    counts: NDArray[np.int64]
    start_ns: int
    dated: bool
    filled: int
    digest: str

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Series)
            and (self.digest, self.start_ns, self.dated) == (other.digest, other.start_ns, other.dated)
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return hash((self.digest, self.start_ns))


class Counts(Replay):
    """Replay of counts by period: the counts are those of the file, where arrivals fall within a period is a rule.

    The file is wide (a row a series, a numbered column a period) if `row` is given, else long (a row a period).
    What happens within a period cannot be seen from counts. ``within: uniform`` is the mildest guess, ``start``
    the harshest; to try both is the way to see how much it matters.

    Parameters
    ----------
    file : str
        CSV file with a header.
    row : dict of str, or ``sum``
        Wide file: column → value that picks the one row, or the sum of all rows; columns called 1, 2, 3, … (from any
        number on, without a gap) hold the counts.
    start, count : str
        Long file: headers of the columns with the start of each period and with its count.
    time_unit, timezone, sort
        Long file: as for recorded times; `timezone` also parts the days of `resample`.
    gaps : ``refuse`` or ``zero``
        Long file: what a missing period means. CloudWatch writes no data point for a minute without requests, but a
        lost point looks the same, so ``zero`` is a choice (default refuse).
    period : duration
        Length of a period, default 1 minute, at least 1 ms. [s]
    within : ``uniform``, ``even`` or ``start``
        Arrivals of a period stand at independent uniform times in it (anew in each replication), at its
        ½/n, 3/2/n, …, or all at its start.
    speed, scale, repeat, resample
        As in `Replay`.
    """

    kind: Literal["counts"] = "counts"
    file: str
    row: dict[str, str] | Literal["sum"] | None = None
    start: str | None = None
    count: str | None = None
    period: Annotated[Seconds, AfterValidator(_not_short)] = 60.0
    time_unit: TimeUnit | None = None
    timezone: ZoneName | None = None
    sort: bool = False
    gaps: Literal["refuse", "zero"] = "refuse"
    within: Literal["uniform", "even", "start"] = "uniform"

    _series: Series = PrivateAttr()

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Counts:
        if hasattr(self, "_series"):
            return self  # given as it is, for another scenario: it has been read
        long = self.start is not None and self.count is not None
        if (self.row is None) != long or (self.row is not None and (self.start or self.count)):
            raise ValueError("counts takes row (a wide file), or start and count (a long file)")
        content = read_csv(self.file, folder_of(info))
        self._series = self._wide(content) if self.row is not None else self._long(content)
        self.check_options()
        return self

    def _wide(self, content: CsvFile) -> Series:
        if self.time_unit is not None or self.sort or self.gaps != "refuse":
            raise ValueError("time_unit, sort and gaps are for a long file (start and count), not for one with row")
        assert self.row is not None
        if self.row == "sum":
            return Series(_most_checked(self.file, self._rows_of(content)[1].sum(axis=0)), 0, False, 0, content.digest)
        numbered = _numbered(content)
        wanted = [(content.position(name), value) for name, value in self.row.items()]
        found = [(line, cells) for line, cells in content.rows() if all(cells[at].strip() == v for at, v in wanted)]
        shown = ", ".join(f"{name}: {value}" for name, value in self.row.items())
        if not found:
            at, value = wanted[0]
            near = difflib.get_close_matches(value, {cells[at].strip() for _, cells in content.rows()}, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{self.file}: no row has {shown}{hint}")
        if len(found) > 1:
            lines = ", ".join(str(line) for line, _ in found[:5])
            raise ValueError(f"{self.file}: {len(found)} rows have {shown} (lines {lines}); row must pick one")
        return Series(_row_counts(content, numbered, *found[0]), 0, False, 0, content.digest)

    def _rows_of(self, content: CsvFile) -> tuple[list[list[str]], NDArray[np.int64]]:
        """Cells and counts of every row of a wide file; counts of shape (rows, periods)."""
        numbered = _numbered(content)
        rows = list(content.rows())
        if not rows:
            raise ValueError(f"{self.file}: no row below the header; at least one is needed")
        counts = np.array([_row_counts(content, numbered, line, cells) for line, cells in rows], np.int64)
        return [cells for _, cells in rows], counts

    def parts_by(self, column: str, folder: Path) -> dict[str, Counts]:
        """Rows of a wide file, of which this is the sum, each as traffic of its own.

        Parameters
        ----------
        column : str
            Whose cells name the rows.
        folder : Path
            Of the scenario.

        Raises
        ------
        ValueError
            If this is not the sum of the rows, or if names are empty or come twice.
        """
        if self.row != "sum":
            raise ValueError("counts can be parted by row where they are the sum of the rows (row: sum)")
        content = read_csv(self.file, folder)
        if content.digest != self.digest:
            raise ValueError(f"{self.file} was changed after it was read")
        at = content.position(column)
        cells, counts = self._rows_of(content)
        parts: dict[str, Counts] = {}
        for row, series in zip(cells, counts, strict=True):
            name = row[at].strip()
            if not name or name in parts:
                what = "is empty in a row" if not name else f"has {name} twice"
                raise ValueError(f"{self.file}: column {column!r} {what}; each row must have a name of its own")
            part = self.model_copy(update={"row": {column: name}})
            part._series = Series(series, 0, False, 0, content.digest)
            parts[name] = part
        return parts

    def _long(self, content: CsvFile) -> Series:
        assert self.start is not None
        assert self.count is not None
        starts, numbers = content.columns(self.start, self.count)
        counts = _whole(numbers)
        stamps = stamps_of(starts.texts, self.time_unit, self.timezone, starts.problem)
        order = np.arange(len(counts))
        if self.sort:
            order = np.argsort(stamps.ns, kind="stable")
        times_ns = stamps.ns[order]
        steps_ns = np.diff(times_ns)
        period_ns = to_ns(self.period)
        bad = np.flatnonzero((steps_ns <= 0) | (steps_ns % period_ns != 0))
        if len(bad):
            i, above = int(order[bad[0] + 1]), starts.texts[int(order[bad[0]])]
            step_ns = int(steps_ns[bad[0]])
            if step_ns < 0:
                raise starts.problem(
                    i, f"{starts.texts[i]} is earlier than {above} above it; sort the file or write sort: true"
                )
            if step_ns == 0:
                raise starts.problem(i, f"{starts.texts[i]} comes twice; each period must have one count")
            raise starts.problem(
                i,
                f"{starts.texts[i]} is {duration_text(step_ns / NS_PER_SECOND)} after {above}, which is no multiple "
                f"of period ({duration_text(self.period)})",
            )
        places = (times_ns - times_ns[0]) // period_ns
        missing = int(places[-1]) + 1 - len(places)
        if missing and self.gaps == "refuse":
            i = int(order[int(np.flatnonzero(steps_ns != period_ns)[0]) + 1])
            raise starts.problem(
                i,
                f"{missing} periods of {duration_text(self.period)} are missing, the first before {starts.texts[i]}; "
                "write gaps: zero if nothing arrived in them",
            )
        series = np.zeros(int(places[-1]) + 1, np.int64)
        series[places] = counts[order]
        return Series(series, int(times_ns[0]), stamps.dated, missing, content.digest)

    @property
    def counts(self) -> NDArray[np.int64]:
        """The count of each period from the first on."""
        return self._series.counts

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self._series.digest

    @property
    def length_ns(self) -> int:
        """All periods [ns]."""
        return len(self.counts) * to_ns(self.period)

    @property
    def cycle_ns(self) -> int:
        """All periods [ns]."""
        return self.length_ns

    def most_scale(self) -> float:
        """So that the arrivals of one period stay below what a file may hold."""
        return min(super().most_scale(), _MOST / max(1, int(self.counts.max(initial=0))))

    def day_draw(self) -> DayDraw:
        """The whole days of the recording, each from the first period on that begins at midnight or after."""
        series, period_ns = self._series, to_ns(self.period)
        days = whole_days(series.start_ns, self.length_ns, series.dated, self.timezone)
        shifts = {-day.start_ns % period_ns for day in days}
        if self.resample is not None and (DAY_NS % period_ns or len(shifts) > 1):
            raise ValueError(
                f"resample: days needs periods that begin at the same times each day; with period "
                f"{duration_text(self.period)} they do not"
            )
        shift_ns = max(shifts, default=0)
        shifted = [Day(day.start_ns + shift_ns, day.is_weekend) for day in days]
        return DayDraw([day for day in shifted if day.start_ns + DAY_NS <= self.length_ns], series.dated, shift_ns)

    def counted(self, until_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected arrivals before instants of the recording, as if spread evenly within each period."""
        edges = np.arange(len(self.counts) + 1, dtype=np.float64) * to_ns(self.period)
        until = np.concatenate([[0.0], np.cumsum(self.counts, dtype=np.float64)])
        return np.asarray(np.interp(until_ns, edges, until) * (1.0 if self.scale is None else self.scale))

    def played(self, from_ns: int, until_ns: int, start_ns: int, draws: Draws) -> Iterator[NDArray[np.int64]]:
        """Arrivals of the periods of a stretch, placed period by period."""
        period_ns = to_ns(self.period)
        first, beyond = from_ns // period_ns, min(until_ns // period_ns, len(self.counts))
        number = first
        while number < beyond:
            # As many periods as make a block; at least one.
            totals = np.cumsum(self.counts[number : min(number + _PERIODS, beyond)]) * (self.scale or 1)
            taken = max(1, int(np.searchsorted(totals, BLOCK, side="right")))
            counts = self.counts[number : number + taken]
            if self.scale is not None:
                counts = draws.whole(counts.astype(np.float64) * self.scale)
            edges_ns = np.arange(number - first, number - first + taken + 1) * period_ns
            if self.speed != 1.0:
                edges_ns = np.rint(edges_ns / self.speed).astype(np.int64)
            edges_ns += start_ns
            yield self._placed(counts, edges_ns, draws.places)
            number += taken

    def _placed(
        self, counts: NDArray[np.int64], edges_ns: NDArray[np.int64], generator: np.random.Generator
    ) -> NDArray[np.int64]:
        total = int(counts.sum())
        arrival_ns = np.repeat(edges_ns[:-1], counts)
        if self.within == "start":
            return arrival_ns
        if self.within == "uniform":
            shares = generator.random(total)
        else:
            place = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
            shares = (place + 0.5) / np.repeat(counts, counts)
        shares *= np.repeat(np.diff(edges_ns), counts)
        # Rounded down, so that all stay in their period.
        arrival_ns += np.floor(shares, out=shares).astype(np.int64)
        arrival_ns.sort()
        return arrival_ns

    def describe(self) -> str:
        """File, size, placement and scaling."""
        rows = ", all rows" if self.row == "sum" else ""
        return (
            f"recorded counts of {self.file}{rows}: {int(self.counts.sum()):,} in {len(self.counts):,} periods of "
            f"{duration_text(self.period)}, {_PLACED[self.within]}{self.scaling_in_words()}"
        )

    def notes(self) -> list[str]:
        """What intervals do not cover, and what was assumed."""
        if self.resample is not None:
            notes = self.resampling_notes()
        else:
            placed = ", placed anew" if self.within == "uniform" else " at the same times"
            if self.scale is not None and self.scale != int(self.scale):
                placed = ", scaled and rounded to whole requests anew"
            notes = [
                f"The counts of {self.file} are the same in every replication{placed}: intervals do not cover the "
                "traffic of another day."
            ]
        notes.append(
            f"Where arrivals fall within a period of {duration_text(self.period)} cannot be seen from counts; assumed: "
            f"within: {self.within}."
        )
        if self._series.filled:
            notes.append(f"{self._series.filled} periods missing in {self.file} were taken as 0 (gaps: zero).")
        if not self.counts.any():
            notes.append("All counts are 0: no request arrives.")
        return notes


def _numbered(content: CsvFile) -> list[str]:
    """Headers of the columns that hold counts."""
    numbered = [name for name in content.header if name.isdecimal()]
    if not numbered:
        raise ValueError(f"{content.name}: no column is called by a number; the counts must be in columns 1, 2, 3, …")
    for name, expected in zip(numbered, range(int(numbered[0]), int(numbered[0]) + len(numbered)), strict=True):
        if int(name) != expected:
            raise ValueError(f"{content.name}: column {name!r} stands where {expected} should; must be without a gap")
    return numbered


def _row_counts(content: CsvFile, numbered: list[str], line: int, cells: list[str]) -> NDArray[np.int64]:
    """Counts of one row of a wide file."""
    texts = [cells[place].strip() for place, name in enumerate(content.header) if name.isdecimal()]
    try:
        return _whole(Column(content.name, "", texts, [line] * len(texts)))
    except ValueError:
        # Each by itself, so that the message names its column.
        return np.concatenate(
            [_whole(Column(content.name, name, [text], [line])) for name, text in zip(numbered, texts, strict=True)]
        )


def _most_checked(file: str, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of rows, refused where one is more than a period may hold."""
    if counts.max() > _MOST:
        raise ValueError(f"{file}: the rows sum up to {counts.max():,} in one period; must be at most 1e8")
    return counts


def _whole(column: Column) -> NDArray[np.int64]:
    """Counts: whole numbers, 0 or more; ``94.0`` is whole."""
    allowed = "a count, a whole number 0 or more"
    numbers = column.numbers(allowed)
    bad = np.flatnonzero((numbers != np.floor(numbers)) | (numbers > _MOST))
    if len(bad):
        raise column.problem(int(bad[0]), f"{column.texts[bad[0]]} cannot be used; must be {allowed}, at most 1e8")
    return numbers.astype(np.int64)
