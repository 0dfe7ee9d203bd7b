"""What a calendar holds between two events, in arrays of whole numbers, and where each value stands in them.

A row of `attempts` is an attempt that waits or is in service; a row of `instances` an instance that lives, with the
queue before it. Row 0 of `instances` is no instance: it holds the central queue, also where there is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.moments import no_moments
from simulator.engines.compiled.outstanding import none_outstanding
from simulator.engines.tables import NONE
from simulator.units import FOREVER

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Columns of `attempts`. NEXT and PREVIOUS chain a queue; NEXT chains the rows that are free, too.
NUMBER, ATTEMPT, SERIAL, AT, LIMIT, NEXT, PREVIOUS, INSTANCE, STATUS, TRY = range(10)
#: What STATUS says; OCCUPYING is the one of its batch whose release frees the worker.
UNUSED, WAITING, IN_SERVICE, OCCUPYING = range(4)

#: Columns of `instances`. NUMBERED is its number; BUSY its workers in use, HELD those who wait or are in a worker.
NUMBERED, BUSY, HELD, HEAD, TAIL, LENGTH, POSITION, IS_FREE, LAUNCH, READY, GONE = range(11)
#: What POSITION says of an instance that is not in service.
DRAINING, STARTING = -1, -2

#: Columns of `ends` and `tries`; those from END_COLUMNS on differ.
OUTCOME, REASON, START, RESPONSE, RELEASE, SERVED_BY, END_COLUMNS = range(7)
#: Of `ends`: the attempts of a request that are still to be written, the one that ends it included.
OPEN = END_COLUMNS
#: Of `ends` in a closed population, until the end is written: whose request it is, NONE once that client thinks.
CLIENT = START
#: Of `tries`.
TRIED, TRY_ATTEMPT, TRY_AT, TRY_NEXT = range(END_COLUMNS, END_COLUMNS + 4)

#: Entries of `counts`: the next row to arrive, the number of row 0, attempts made, the first free row of `attempts`,
#: releases, moments and tries entered, instances in service, free ones in `free`, the instance that has just become
#: ready, the instant, requests held by instances in service and the central queue, samples taken, the next end of
#: a period.
NEXT_ROW, FIRST, SERIALS, UNUSED_ROW, RELEASES, MOMENTS, TRIES, SERVING = range(8)
FREE, JUST_READY, NOW, LOAD, SAMPLES, SAMPLE_AT, COUNTS = range(8, 15)


class State(NamedTuple):
    """The arrays of a calendar; kernels change them, and Python replaces those that are full.

    Parameters
    ----------
    counts : ndarray of int64, shape (COUNTS,)
    attempts : ndarray of int64, shape (a, 10)
    instances : ndarray of int64, shape (m, 11)
    release_ns, released : ndarray of int64, shape (a,)
        When attempts are released, and their rows: a heap, see `due`. [ns]
    moments : ndarray of int64, shape (k, 5)
        All other events, see `moments`.
    service : ndarray of int64, shape (m,)
        Rows of the instances in service, in order of number; the place in it is their position.
    free : ndarray of int64, shape (m,)
        Positions of the instances that have a free worker, a heap; only with a central queue.
    held, least, sharing : ndarray of int64
        See `outstanding`, by position; only for least outstanding requests.
    series : ndarray of int64, shape (policies, 4)
        The current period of each policy's metric, see `sampling`.
    shares : ndarray of float64, shape (policies,)
        Sums of 1/(instances in service) over the attempts of the period.
    samples, sampled_shares : ndarray of int64, shape (s, 3), and of float64, shape (s,)
        Periods that are over.
    ends : ndarray of int64, shape (n, 7)
        The requests that are held.
    tries : ndarray of int64, shape (t, 10)
        Attempts that others followed.
    """

    counts: Ints
    attempts: Ints
    instances: Ints
    release_ns: Ints
    released: Ints
    moments: Ints
    service: Ints
    free: Ints
    held: Ints
    least: Ints
    sharing: Ints
    series: Ints
    shares: Floats
    samples: Ints
    sampled_shares: Floats
    ends: Ints
    tries: Ints


def empty_state(room: int, policies: int) -> State:
    """A calendar without instances and requests."""
    counts = np.zeros(COUNTS, np.int64)
    counts[UNUSED_ROW] = counts[JUST_READY] = NONE
    counts[SAMPLE_AT] = FOREVER
    return with_more_attempts(
        State(
            counts=counts,
            attempts=np.zeros((0, 10), np.int64),
            instances=empty_instances(1),
            release_ns=np.zeros(0, np.int64),
            released=np.zeros(0, np.int64),
            moments=no_moments(room),
            service=np.zeros(1, np.int64),
            free=np.zeros(1, np.int64),
            **dict(zip(("held", "least", "sharing"), none_outstanding(1), strict=True)),
            series=np.zeros((policies, 4), np.int64),
            shares=np.zeros(policies, np.float64),
            samples=np.zeros((room, 3), np.int64),
            sampled_shares=np.zeros(room, np.float64),
            ends=np.zeros((0, END_COLUMNS + 1), np.int64),
            tries=np.zeros((room, END_COLUMNS + 4), np.int64),
        ),
        room,
    )


def empty_instances(rows: int) -> Ints:
    """Rows of instances that hold nothing."""
    instances = np.zeros((rows, 11), np.int64)
    instances[:, [HEAD, TAIL, GONE]] = NONE
    return instances


def with_more_attempts(state: State, rows: int) -> State:
    """The same with that many more rows for attempts, all of them free."""
    counts, before = state.counts, len(state.attempts)
    new = np.zeros((rows, 10), np.int64)
    new[:, NEXT] = np.arange(before + 1, before + rows + 1)
    new[-1, NEXT] = counts[UNUSED_ROW]
    counts[UNUSED_ROW] = before
    more = np.zeros(rows, np.int64)
    return state._replace(
        attempts=np.concatenate([state.attempts, new]),
        release_ns=np.concatenate([state.release_ns, more]),
        released=np.concatenate([state.released, more]),
    )
