"""Recorded traffic: replay of the times at which requests arrived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr, ValidationInfo, model_validator

from simulator.distributions.columns import Column, CsvFile, folder_of, read_csv
from simulator.distributions.tokens import Pairs, read_pairs
from simulator.streams import Streams
from simulator.traffic.clock import Clock
from simulator.traffic.days import DayDraw, whole_days
from simulator.traffic.points import BLOCK
from simulator.traffic.replay import Draws, Replay
from simulator.traffic.stamps import Stamps, TimeUnit, ZoneName, doubtful_unit, stamps_of
from simulator.units import NS_PER_SECOND, Seconds, duration_text, to_ns


@dataclass(frozen=True, eq=False)
class Recording:
    """Times of arrival in order, since the start of the recording, and tokens of each request if they were recorded.

    Equal if read from the same content alike.
    """

    arrival_ns: NDArray[np.int64]
    start_ns: int
    dated: bool
    digest: str
    tokens: Pairs | None = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Recording)
            and (self.digest, self.start_ns, self.dated) == (other.digest, other.start_ns, other.dated)
            and np.array_equal(self.arrival_ns, other.arrival_ns)
            and self.tokens == other.tokens
        )

    def __hash__(self) -> int:
        return hash((self.digest, self.start_ns))


class Recorded(Replay):
    """Replay of recorded arrivals, exact to the nanosecond; ties stay ties, in the order of the file.

    Scaled by less than 1, each recorded request is kept or left out at random. Scaled by more, it comes at its time,
    and its copies at independent uniform times before the next one is due: other users do not call at the same
    instant.

    Parameters
    ----------
    file, column : str
        CSV file with a header, and the header of the column of times: numbers, or ISO 8601 dates.
    time_unit : str
        For numbers: s, ms, us or ns.
    timezone : str
        For dates without a zone: where their clock stood. Its midnights part the days of `resample` (default UTC).
    origin : str or number
        When the recording started, written like the times; default: at its first arrival. Time 0 of the run.
    length : duration
        How long it went on from there, more than the last arrival; default: up to its last arrival (and, between
        repetitions, one mean gap more). [s]
    sort : bool
        True puts times in order. Otherwise a time before the one above it is refused.
    tokens_in, tokens_out : str
        Headers of the columns of the tokens of each request and of its response, both or none: a request has those of
        its row, a copy those of the request it is a copy of.
    speed, scale, repeat, resample
        As in `Replay`.
    """

    kind: Literal["recorded"] = "recorded"
    file: str
    column: str
    time_unit: TimeUnit | None = None
    timezone: ZoneName | None = None
    origin: str | int | float | None = None
    length: Seconds | None = None
    sort: bool = False
    tokens_in: str | None = None
    tokens_out: str | None = None

    _recording: Recording = PrivateAttr()

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Recorded:
        if hasattr(self, "_recording"):
            return self  # given as it is, for another scenario: it has been read
        content = read_csv(self.file, folder_of(info))
        (column,) = content.columns(self.column)
        stamps = stamps_of(column.texts, self.time_unit, self.timezone, column.problem)
        in_order = self._in_order(stamps, column)
        start_ns = self._start(in_order, stamps.dated, column)
        tokens = self._tokens(content, stamps)
        self._recording = Recording(in_order - start_ns, start_ns, stamps.dated, content.digest, tokens)
        last_ns = int(self._recording.arrival_ns[-1])
        if self.length is not None and to_ns(self.length) <= last_ns:
            raise ValueError(
                f"length is {duration_text(self.length)}, must be more than the time of the last arrival, "
                f"{last_ns / NS_PER_SECOND:.9g} s after the start"
            )
        self.check_options()
        return self

    def parts_by(self, column: str, folder: Path) -> dict[str, Recorded]:
        """The recorded times parted by what stands beside them; all parts begin and end with the whole.

        Parameters
        ----------
        column : str
            Whose cells name the parts.
        folder : Path
            Of the scenario.

        Raises
        ------
        ValueError
            If a cell is empty.
        """
        content = read_csv(self.file, folder)
        if content.digest != self.digest:
            raise ValueError(f"{self.file} was changed after it was read")
        times, names = content.columns(self.column, column)
        stamps = stamps_of(times.texts, self.time_unit, self.timezone, times.problem)
        order = np.argsort(stamps.ns, kind="stable")
        rows: dict[str, list[int]] = {}
        for i in order.tolist():
            if not names.texts[i]:
                raise names.problem(i, "is empty; each row must say to what it belongs")
            rows.setdefault(names.texts[i], []).append(i)
        whole = self._recording
        parts: dict[str, Recorded] = {}
        for name, own in rows.items():
            # A part lasts as long as the whole, also where its last arrival is earlier.
            part = self.model_copy(update={"length": self.cycle_ns / NS_PER_SECOND})
            part._recording = Recording(stamps.ns[own] - whole.start_ns, whole.start_ns, whole.dated, whole.digest)
            if whole.tokens is not None:
                own_tokens = read_pairs(content, str(self.tokens_in), str(self.tokens_out)).rows(own)
                part._recording = replace(part._recording, tokens=own_tokens)
            parts[name] = part
        return parts

    def _tokens(self, content: CsvFile, stamps: Stamps) -> Pairs | None:
        """Tokens in the order of the times, None where no column is named."""
        if self.tokens_in is None and self.tokens_out is None:
            return None
        if self.tokens_in is None or self.tokens_out is None:
            given, missing = ("tokens_in", "tokens_out") if self.tokens_out is None else ("tokens_out", "tokens_in")
            raise ValueError(f"{given} is given and {missing} is not; give the headers of both columns, or of none")
        pairs = read_pairs(content, self.tokens_in, self.tokens_out)
        return pairs.rows(np.argsort(stamps.ns, kind="stable")) if self.sort else pairs

    def _in_order(self, stamps: Stamps, column: Column) -> NDArray[np.int64]:
        if self.sort:
            return np.sort(stamps.ns, kind="stable")
        back = np.flatnonzero(np.diff(stamps.ns) < 0)
        if len(back):
            i = int(back[0]) + 1
            raise column.problem(
                i,
                f"{column.texts[i]} is earlier than {column.texts[i - 1]} above it; sort the file or write sort: true",
            )
        return stamps.ns

    def _start(self, in_order: NDArray[np.int64], dated: bool, column: Column) -> int:
        first_ns = int(in_order[0])
        if self.origin is None:
            if self.time_unit is not None:
                first = min(column.texts, key=float) if self.sort else column.texts[0]
                likely = doubtful_unit(first, int(in_order[-1]) - first_ns, self.time_unit)
                if likely is not None:
                    raise ValueError(
                        f"{self.file}, column {self.column!r}: {first} is a date of this century in {likely}, not in "
                        f"{self.time_unit}; is time_unit right? If so, write origin: 0"
                    )
            return first_ns
        start = stamps_of(
            [str(self.origin)], self.time_unit, self.timezone, lambda _, what: ValueError(f"origin: {what}")
        )
        if start.dated != dated:
            raise ValueError(f"origin: {self.origin} is not written like the times of {self.file} ({column.texts[0]})")
        if first_ns < start.ns[0]:
            # The first row that is too early, not the earliest.
            stamps = stamps_of(column.texts, self.time_unit, self.timezone, column.problem)
            i = int(np.flatnonzero(stamps.ns < start.ns[0])[0])
            raise column.problem(i, f"{column.texts[i]} is before the origin, {self.origin}")
        return int(start.ns[0])

    @property
    def arrival_ns(self) -> NDArray[np.int64]:
        """All recorded arrivals, since the start of the recording [ns]."""
        return self._recording.arrival_ns

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self._recording.digest

    @property
    def length_ns(self) -> int:
        """As given, or up to the last arrival [ns]."""
        return to_ns(self.length) if self.length is not None else int(self.arrival_ns[-1])

    @property
    def cycle_ns(self) -> int:
        """Length as given, or up to the last arrival and one mean gap [ns]."""
        n = len(self.arrival_ns)
        if self.length is not None or n < 2:
            return self.length_ns
        return self.length_ns + round(self.length_ns / (n - 1))

    def day_draw(self) -> DayDraw:
        """The whole days of the recording."""
        recording = self._recording
        return DayDraw(whole_days(recording.start_ns, self.length_ns, recording.dated, self.timezone), recording.dated)

    def counted(self, until_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Arrivals before instants of the recording."""
        before = np.searchsorted(self.arrival_ns, np.ceil(until_ns).astype(np.int64))
        counts = before.astype(np.float64)
        if self.scale is None:
            return counts
        if self.scale < 1.0:
            return counts * self.scale
        # Of the last arrival's copies as many as its share of the gap that is over.
        last = np.maximum(before - 1, 0)
        gaps = np.maximum(self._next_ns(last) - self.arrival_ns[last], 1)
        over = np.clip((until_ns - self.arrival_ns[last]) / gaps, 0.0, 1.0)
        return counts + (self.scale - 1.0) * np.where(before > 0, last + over, 0.0)

    def _next_ns(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """When the arrival after each of these is due; after the last one, when the recording or its cycle ends."""
        end_ns = self.cycle_ns if self.repeat else self.length_ns
        inside = np.minimum(numbers + 1, len(self.arrival_ns) - 1)
        return np.where(numbers + 1 < len(self.arrival_ns), self.arrival_ns[inside], end_ns)

    def played(self, from_ns: int, until_ns: int, start_ns: int, draws: Draws) -> Iterator[NDArray[np.int64]]:
        """The recorded arrivals of a stretch; nothing is drawn unless they are scaled."""
        pieces = self._stretch(from_ns, until_ns) if self.scale is None else self._copied(from_ns, until_ns, draws)
        for piece in pieces:
            yield self._in_the_run(piece, from_ns, start_ns)

    def _in_the_run(self, recorded_ns: NDArray[np.int64], from_ns: int, start_ns: int) -> NDArray[np.int64]:
        """Instants of the run, of instants of a stretch of the recording that begins at `start_ns` in the run [ns]."""
        since_ns = recorded_ns - from_ns
        if self.speed != 1.0:
            since_ns = np.rint(since_ns / self.speed).astype(np.int64)
        return since_ns + start_ns

    def _stretch(self, from_ns: int, until_ns: int) -> Iterator[NDArray[np.int64]]:
        first, beyond = (int(i) for i in np.searchsorted(self.arrival_ns, (from_ns, until_ns)))
        for i in range(first, beyond, BLOCK):
            yield self.arrival_ns[i : min(i + BLOCK, beyond)]

    def _copied(self, from_ns: int, until_ns: int, draws: Draws) -> Iterator[NDArray[np.int64]]:
        """Each arrival of a stretch as often as `scale` says; copies of the one before it may come in it too."""
        assert self.scale is not None
        first, beyond = (int(i) for i in np.searchsorted(self.arrival_ns, (from_ns, until_ns)))
        step = max(1, int(BLOCK / max(1.0, self.scale)))
        for i in range(max(first - 1, 0), beyond, step):
            piece, _, _ = self._copies(np.arange(i, min(i + step, beyond)), draws)
            piece.sort()
            yield piece[np.searchsorted(piece, from_ns) : np.searchsorted(piece, until_ns)]

    def _copies(
        self, numbers: NDArray[np.int64], draws: Draws
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Arrivals with these numbers as often as `scale` says: first themselves, where they come, then their copies.

        Returns
        -------
        ndarray of int64, shape (m,)
            When they come. [ns]
        ndarray of int64, shape (n,)
            How often each comes in all, 0 or more.
        ndarray of int64, shape (n,)
            How many of these are copies.
        """
        due_ns = self.arrival_ns[numbers]
        times = draws.whole(np.full(len(numbers), self.scale))
        copies = np.maximum(times - 1, 0)
        gaps_ns = np.repeat(self._next_ns(numbers) - due_ns, copies)
        later_ns = np.floor(draws.places.random(len(gaps_ns)) * gaps_ns).astype(np.int64)
        return np.concatenate([due_ns[times > 0], np.repeat(due_ns, copies) + later_ns]), times, copies

    @property
    def tokens(self) -> Pairs | None:
        """Tokens of every recorded request, in order of time; None where no column is named."""
        return self._recording.tokens

    def numbers(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Which recorded request each arrival of `pieces` is, or is a copy of, from 0; drawn anew, so the same."""
        draws = Draws(streams.generator("placement"), streams.generator("placement", 0))
        for start_ns, from_ns, until_ns in self._stretches(streams, clock):
            if start_ns >= horizon_ns:
                return
            for piece_ns, numbers in self._numbered(from_ns, until_ns, draws):
                arrival_ns = self._in_the_run(piece_ns, from_ns, start_ns)
                first, beyond = np.searchsorted(arrival_ns, (0, horizon_ns))
                yield numbers[first:beyond]
                if beyond < len(numbers):
                    return

    def _numbered(
        self, from_ns: int, until_ns: int, draws: Draws
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Arrivals of a stretch of the recording before they are put into the run, and their numbers."""
        first, beyond = (int(i) for i in np.searchsorted(self.arrival_ns, (from_ns, until_ns)))
        if self.scale is None:
            for i in range(first, beyond, BLOCK):
                numbers = np.arange(i, min(i + BLOCK, beyond))
                yield self.arrival_ns[numbers], numbers
            return
        step = max(1, int(BLOCK / max(1.0, self.scale)))
        for i in range(max(first - 1, 0), beyond, step):
            own = np.arange(i, min(i + step, beyond))
            piece, times, copies = self._copies(own, draws)
            numbers = np.concatenate([own[times > 0], np.repeat(own, copies)])
            order = np.argsort(piece, kind="stable")
            piece, numbers = piece[order], numbers[order]
            inside = slice(*np.searchsorted(piece, (from_ns, until_ns)))
            yield piece[inside], numbers[inside]

    def describe(self) -> str:
        """File, size and scaling."""
        return (
            f"recorded arrivals of {self.file}: {len(self.arrival_ns):,} in "
            f"{duration_text(round(self.length_ns / NS_PER_SECOND, 3))}{self.scaling_in_words()}"
        )

    def notes(self) -> list[str]:
        """What intervals do not cover."""
        if self.resample is not None:
            return self.resampling_notes()
        if self.scale is not None:
            return [
                f"The recording of {self.file} is the same in every replication, only what `scale` adds or leaves out "
                "is drawn anew: intervals do not cover the traffic of another day."
            ]
        return [
            f"The arrivals of {self.file} are the same in every replication: intervals cover chance in service and "
            "startup times and in routing, not the traffic of another day."
        ]
