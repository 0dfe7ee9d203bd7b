"""The report as text of at most 100 columns, the answer first; nothing depends on colour."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from simulator.report.figures.style import short
from simulator.report.reading import Reading
from simulator.report.sections import Section, Sentences, Table, sections
from simulator.report.verdict import answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulator.study.results import Study

#: Columns of a line of text.
WIDTH: Final = 100
_GAP: Final = "  "
_FIRST_COLUMN: Final = 44


def report(study: Study, *, verbose: bool = False) -> str:
    """The whole report.

    Parameters
    ----------
    study : Study
    verbose : bool
        Also the lines of the bill.

    Returns
    -------
    str
        Lines of at most `WIDTH` columns, the last one ended.
    """
    reading = Reading(study)
    return written(sections(reading, answer(reading), verbose=verbose))


def written(parts: Iterable[Section]) -> str:
    """Parts of any report, an empty line between them."""
    return "\n".join("\n".join(block(part)) + "\n" for part in parts)


def block(section: Section) -> list[str]:
    """Lines of one part."""
    return list(_sentences(section) if isinstance(section, Sentences) else _table(section))


def _sentences(part: Sentences) -> Iterator[str]:
    yield part.title
    for line in part.lines:
        bare = line.lstrip(" ")
        indent = " " * (2 + len(line) - len(bare))
        # What goes on in a second line stands further in, so that each item is seen to begin.
        yield from textwrap.wrap(
            bare,
            WIDTH,
            initial_indent=indent if part.is_code else f"{indent}- ",
            subsequent_indent=f"{indent}  ",
            break_long_words=True,
            break_on_hyphens=False,
        )


def _table(table: Table) -> Iterator[str]:
    yield table.title
    if not table.rows:
        yield "  no data"
        return
    rows = [(short(row[0], _FIRST_COLUMN), *row[1:]) for row in table.rows]
    yield from grid(table.columns, rows)
    if table.remark:
        yield from textwrap.wrap(table.remark, WIDTH, initial_indent="  ", subsequent_indent="  ")


def grid(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """A table: the first column left, the others right; columns that do not fit go below, under their own head.

    Parameters
    ----------
    columns : tuple of str
    rows : list of tuple of str
        As long as `columns`.
    """
    widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    at = 1
    while at < len(columns):
        chosen = [0]
        room = WIDTH - len(_GAP) - widths[0]
        while at < len(columns) and (len(chosen) == 1 or widths[at] + len(_GAP) <= room):
            room -= widths[at] + len(_GAP)
            chosen.append(at)
            at += 1
        for row in [columns, *rows]:
            cells = [row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in chosen[1:])]
            yield (_GAP + _GAP.join(cells)).rstrip()
