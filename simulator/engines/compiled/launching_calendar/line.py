"""The requests that wait, in the order in which they came: a list with links both ways, so that any of them may leave.

A row of `line` is a request that waits, or is free; rows are reused, and those that are free are linked too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.launching_calendar.kernels import rule
from simulator.engines.compiled.launching_calendar.state import AT_LIMIT, LINE_FREE, LINE_HEAD, LINE_TAIL
from simulator.engines.tables import NONE

Ints = NDArray[np.int64]
_NONE = int(NONE)

#: Columns: number of the request, `NONE` in a free row; which attempt, and when it was made [ns]; whether an instance
#: was launched for it; whether it joined at the limit; who came just before and just after it.
NUMBER, ATTEMPT, ATTEMPT_NS, IS_COLD, IS_AT_LIMIT, BEFORE, BEHIND = range(7)


def empty_line(rows: int) -> Ints:
    """Nobody, with so many free rows, of which row 0 is the first."""
    line = np.full((rows, 7), _NONE, np.int64)
    line[:, BEHIND] = np.arange(1, rows + 1)
    line[-1, BEHIND] = _NONE
    return line


def longer_line(line: Ints, sizes: Ints) -> Ints:
    """The same in an array twice as long; there must be no free row."""
    more = empty_line(len(line))
    more[:-1, BEHIND] += len(line)
    sizes[LINE_FREE] = len(line)
    return np.concatenate([line, more])


@rule
def join_line(
    line: Ints, sizes: Ints, number: int, attempt: int, attempt_ns: int, is_cold: bool, is_at_limit: bool
) -> int:
    """Row of a request that joins the line at its end; there must be a free one."""
    row = sizes[LINE_FREE]
    last = sizes[LINE_TAIL]
    sizes[LINE_FREE] = line[row, BEHIND]
    line[row, NUMBER] = number
    line[row, ATTEMPT] = attempt
    line[row, ATTEMPT_NS] = attempt_ns
    line[row, IS_COLD] = is_cold
    line[row, IS_AT_LIMIT] = is_at_limit
    line[row, BEFORE] = last
    line[row, BEHIND] = _NONE
    if last == _NONE:
        sizes[LINE_HEAD] = row
    else:
        line[last, BEHIND] = row
    sizes[LINE_TAIL] = row
    sizes[AT_LIMIT] += is_at_limit
    return int(row)


@rule
def leave_line(line: Ints, sizes: Ints, row: int) -> None:
    """The request of a row leaves the line."""
    before, behind = line[row, BEFORE], line[row, BEHIND]
    if before == _NONE:
        sizes[LINE_HEAD] = behind
    else:
        line[before, BEHIND] = behind
    if behind == _NONE:
        sizes[LINE_TAIL] = before
    else:
        line[behind, BEFORE] = before
    sizes[AT_LIMIT] -= line[row, IS_AT_LIMIT]
    line[row, NUMBER] = _NONE
    line[row, BEHIND] = sizes[LINE_FREE]
    sizes[LINE_FREE] = row
