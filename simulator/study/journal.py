"""Finished replications on disk: one line each, appended as they finish, read back exactly.

``records.jsonl`` holds a line for every finished replication: the CRC-32 of what follows, a space, and the record as
JSON with nothing but whole numbers, texts and the few figures of the traffic. A line that was not written to its end
(the program was killed, the disk was full) can only be the last one; it is dropped when the file is read, and cut off
before another is appended.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.measures.cold_starts import ColdStarts
from simulator.measures.histogram import Histogram
from simulator.measures.measured import Measured
from simulator.measures.percentiles import Level
from simulator.measures.timeline import Timeline
from simulator.measures.usage import IF_ANY, Usage
from simulator.study.folder import cannot_be_written
from simulator.study.interrupts import put_off
from simulator.study.replicate import Record

#: Name of the file in the folder of a study.
RECORDS: Final = "records.jsonl"
_NOT_WRITTEN: Final = "it is not what was written"


def line_of(record: Record) -> bytes:
    """The line of a record; equal records have equal lines."""
    text = json.dumps(_facts(record), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def record_of(line: bytes) -> Record:
    """The record of a line.

    Raises
    ------
    ValueError
        If the line is not whole, or is none of this file.
    """
    if not _is_whole(line):
        raise ValueError(_NOT_WRITTEN)
    try:
        return _record(json.loads(line[9:]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks something ({error})") from error


def lines_of(records: Iterable[Record]) -> bytes:
    """The whole file, in order of number."""
    return b"".join(map(line_of, sorted(records, key=lambda record: record.number)))


def digest_of(records: Iterable[Record]) -> str:
    """SHA-256 of records in order of number: equal only if they are equal to the last bit."""
    return hashlib.sha256(lines_of(records)).hexdigest()


class Journal:
    """The records of one study, in memory and on disk; whoever opens it sees to it that nobody else does.

    Parameters
    ----------
    path : Path
        Its file; made if it is not there.
    kept : Kept
        What of the file is to be gone on from; the rest is cut off.

    Raises
    ------
    StudyError
        If the file cannot be opened or written.
    """

    def __init__(self, path: Path, kept: Kept) -> None:
        self._path = path
        self.records, self._size = dict(kept.records), kept.size
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise cannot_be_written(path, error) from error
        try:
            # What is left of a line that was being written would spoil the next one.
            self._file.truncate(self._size)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.close()
            raise cannot_be_written(path, error) from error

    def append(self, record: Record) -> None:
        """Keep a record: when this returns it is on the disk.

        Raises
        ------
        StudyError
            If it cannot be written; what was kept before still is.
        """
        line = line_of(record)
        # A record on the disk and not in memory would be simulated again.
        with put_off():
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:])
                os.fsync(self._file.fileno())
            except OSError as error:
                with suppress(OSError):  # the reader drops what is left of the line
                    self._file.truncate(self._size)
                raise cannot_be_written(self._path, error, len(self.records)) from error
            self._size += len(line)
            self.records[record.number] = record

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class Kept:
    """What a file of records holds.

    Parameters
    ----------
    records : dict of int to Record
        By number, in the order of the lines.
    size : int
        Bytes that they take. What follows is a line that was not written to its end.
    damage : str
        Which line is not what was written, other than the last; empty if there is none. Records are then those
        before it.
    """

    records: dict[int, Record]
    size: int
    damage: str = ""


def read_records(path: Path) -> Kept:
    """Records of a file; one that is not there holds nothing.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    records: dict[int, Record] = {}
    size = 0
    try:
        for number, line in _whole_lines(path):
            try:
                record = record_of(line)
            except ValueError as error:
                raise ValueError(f"line {number} of {path.name}: {error}") from error
            records[record.number] = record
            size += len(line)
    except ValueError as error:
        return Kept(records, size, str(error))
    return Kept(records, size)


def count_records(path: Path) -> tuple[int, str]:
    """How many records a file holds before the first damage, and that damage, without reading what is in them.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    count = 0
    try:
        for count, _ in _whole_lines(path):  # noqa: B007
            pass
    except ValueError as error:
        return count, str(error)
    return count, ""


def _whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines as they were written, numbered from 1; one torn at the end is left out.

    Raises
    ------
    ValueError
        If another line is not what was written.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, 1):
            if _is_whole(line):
                yield number, line
            elif file.read(1):
                raise ValueError(f"line {number} of {path.name}: {_NOT_WRITTEN}")
            else:
                return


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n") and line[8:9] == b" " and line[:8] == b"%08x" % zlib.crc32(line[9:-1])


def _facts(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "traffic": record.traffic,
        "measured": {name: _measured_facts(one) for name, one in record.measured.items()},
        "timelines": {
            name: [one.period_ns, one.horizon_ns, *(series.tolist() for series in one.series() if series is not None)]
            for name, one in record.timelines.items()
        },
        "cold_starts": {
            name: [one.completed, one.cold, _histogram_facts(one.penalties)] for name, one in record.cold_starts.items()
        },
        "instance_hours": record.instance_hours,
    }


def _measured_facts(measured: Measured) -> dict[str, Any]:
    facts = _written(measured)
    facts["percentiles_ns"] = [[str(level.share), value] for level, value in measured.percentiles_ns]
    facts["usage"] = _written(measured.usage)
    facts["histogram"] = _histogram_facts(measured.histogram)
    return facts


def _written(of: Measured | Usage) -> dict[str, Any]:
    """Fields and values, without those that are written only if there is anything in them."""
    facts = {f.name: getattr(of, f.name) for f in fields(of)}
    return {f.name: facts[f.name] for f in fields(of) if f.metadata != IF_ANY or facts[f.name] != f.default}


def _histogram_facts(histogram: Histogram) -> list[list[int]]:
    """Stretches of neighbouring bins: number of the first, then the counts."""
    bins, counts = histogram.bins, histogram.counts
    cuts = np.flatnonzero(np.diff(bins) != 1) + 1
    stretches = zip(np.split(bins, cuts), np.split(counts, cuts), strict=True)
    return [[int(some[0]), *many.tolist()] for some, many in stretches if len(some)]


def _record(facts: dict[str, Any]) -> Record:
    measured = {
        name: Measured(
            **{
                **one,
                "throttled": tuple(one["throttled"]),
                "percentiles_ns": tuple((Level(Fraction(share)), value) for share, value in one["percentiles_ns"]),
                "below": tuple((limit, count) for limit, count in one["below"]),
                "histogram": _histogram(one["histogram"]),
                "usage": Usage(**one["usage"]),
            }
        )
        for name, one in facts["measured"].items()
    }
    timelines = {
        name: Timeline(period_ns, horizon_ns, *(np.array(one, np.int64) for one in series))
        for name, (period_ns, horizon_ns, *series) in facts["timelines"].items()
    }
    cold_starts = {
        name: ColdStarts(tuple(completed), tuple(cold), _histogram(penalties))
        for name, (completed, cold, penalties) in facts["cold_starts"].items()
    }
    instance_hours = {name: tuple(hours) for name, hours in facts["instance_hours"].items()}
    return Record(facts["number"], facts["traffic"], measured, timelines, cold_starts, instance_hours)


def _histogram(stretches: list[list[int]]) -> Histogram:
    nothing: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    bins = [np.arange(first, first + len(counts), dtype=np.int64) for first, *counts in stretches]
    return Histogram(
        np.concatenate(bins or nothing),
        np.concatenate([np.array(counts, np.int64) for _, *counts in stretches] or nothing),
    )
