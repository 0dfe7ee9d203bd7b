"""Columns of CSV files: what is read, and the one message for each thing that cannot be."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationInfo


def folder_of(info: ValidationInfo) -> Path:
    """The folder that relative paths of a scenario start from: the context's ``folder``, else the current one."""
    return Path((info.context or {}).get("folder") or ".")


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Parameters
    ----------
    file : str
        As the user wrote it, for messages.
    name : str
        Its header.
    texts : sequence of str
        Its cells, without surrounding blanks.
    lines : sequence of int
        The line of each cell in the file, the header being line 1.
    """

    file: str
    name: str
    texts: Sequence[str]
    lines: Sequence[int]

    def problem(self, i: int, what: str) -> ValueError:
        """The error that names the place of cell `i`."""
        return ValueError(f"{self.file}, line {self.lines[i]}, column {self.name!r}: {what}")

    def numbers(self, allowed: str) -> NDArray[np.float64]:
        """The cells as finite numbers, 0 or more.

        Parameters
        ----------
        allowed : str
            What the column may hold, for messages: ``a service time in ms, 0 or more``.

        Raises
        ------
        ValueError
            Naming the first cell that is empty, not a number, not finite or negative.
        """
        try:
            values = np.array(self.texts, dtype=np.float64)
        except ValueError:
            i = next(i for i, text in enumerate(self.texts) if not _is_number(text))
            shown = repr(self.texts[i]) if self.texts[i] else "an empty cell"
            raise self.problem(i, f"{shown} is not a number; must be {allowed}") from None
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if len(bad):
            raise self.problem(int(bad[0]), f"{self.texts[bad[0]]} cannot be used; must be {allowed}")
        return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class CsvFile:
    """A CSV file with a header line, read once.

    Parameters
    ----------
    name : str
        As the user wrote it.
    digest : str
        SHA-256 of its bytes, hexadecimal.
    header : list of str
        Names of the columns.
    text : str
        All of it.
    """

    name: str
    digest: str
    header: list[str]
    text: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row below the header; blank lines are passed over.

        Raises
        ------
        ValueError
            If a row has more or fewer cells than the header.
        """
        reader = csv.reader(io.StringIO(self.text), strict=True)
        next(reader)
        try:
            for row in reader:
                if not row:
                    continue
                if len(row) != len(self.header):
                    raise ValueError(
                        f"{self.name}, line {reader.line_num}: {len(row)} cells, the header has {len(self.header)}"
                    )
                yield reader.line_num, row
        except csv.Error as error:
            raise ValueError(f"{self.name}, line {reader.line_num}: {error}") from None

    def position(self, column: str) -> int:
        """Where a column stands.

        Raises
        ------
        ValueError
            If there is none or more than one of that name; names the nearest, or all.
        """
        count = self.header.count(column)
        if count == 1:
            return self.header.index(column)
        if count:
            raise ValueError(f"{self.name}: {count} columns are called {column!r}; the name must be unique")
        nearest = difflib.get_close_matches(column, self.header, 1)
        shown = ", ".join(self.header[:10]) + (f", … ({len(self.header)} in all)" if len(self.header) > 10 else "")
        hint = f"did you mean {nearest[0]!r}? Columns" if nearest else "columns"
        raise ValueError(f"{self.name}: no column {column!r}; {hint}: {shown}")

    def columns(self, *names: str) -> list[Column]:
        """Some columns of the file.

        Raises
        ------
        ValueError
            If a column is not there, a row is ragged, or there is no row at all.
        """
        positions = [self.position(name) for name in names]
        texts: list[list[str]] = [[] for _ in names]
        lines = array("q")
        for line, row in self.rows():
            lines.append(line)
            for cells, position in zip(texts, positions, strict=True):
                cells.append(row[position].strip())
        if not lines:
            raise ValueError(f"{self.name}: no row below the header; at least one is needed")
        return [Column(self.name, name, cells, lines) for name, cells in zip(names, texts, strict=True)]


def read_csv(name: str, folder: Path) -> CsvFile:
    """A CSV file (UTF-8, comma, one header line).

    Parameters
    ----------
    name : str
        Its path; a relative one starts from `folder`.
    folder : Path
        The folder of the scenario.

    Raises
    ------
    ValueError
        If it is not there, cannot be read, is not UTF-8 text, or is empty.
    """
    path = folder / name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{name}: no such file (looked for {path})") from None
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror})") from None
    try:
        # utf-8-sig: spreadsheets put a byte-order mark before the first header.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: not UTF-8 text (byte {error.start}); must be a CSV file") from None
    if "\0" in text:
        raise ValueError(f"{name}: has a zero byte; must be a CSV file")
    header = next(csv.reader(io.StringIO(text)), [])
    if not header:
        raise ValueError(f"{name}: is empty; must be a CSV file with a header line")
    return CsvFile(name, hashlib.sha256(content).hexdigest(), [cell.strip() for cell in header], text)
