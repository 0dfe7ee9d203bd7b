"""Jobs, one after another: each gives its requests to its own instances in order of number (model.md 4.7)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.compiled.jobs.kernels import kernel
from simulator.engines.compiled.moments import AT, WHO, add_moment, drop_first, rank_of
from simulator.engines.compiled.rows import Column, End, Table, answer, write_end
from simulator.engines.compiled.saturating import plus
from simulator.engines.tables import Reason
from simulator.units import FOREVER

Ints = NDArray[np.int64]
_NO_REASON = int(Reason.NONE)
_RELEASE, _READY = 10, 20


class Rules(NamedTuple):
    """What varies between pools with jobs; `instances` of each job, `stops` a service that passes the timeout."""

    instances: int
    places: int
    timeout_ns: int
    stops: bool


class Begun(NamedTuple):
    """Jobs that begin, k of them.

    Parameters
    ----------
    begin_ns : ndarray of int64, shape (k,)
        [ns]
    first_rows : ndarray of int64, shape (k + 1,)
        The first row of each job in the demand, and of the next one after them.
    launch_times_ns : ndarray of int64, shape (k · instances,)
        [ns]
    ready_ns : ndarray of int64, shape (k · instances,)
        To be filled. [ns]
    gone_ns : ndarray of int64, shape (k,)
        When all instances of a job are gone; to be filled. [ns]
    """

    begin_ns: Ints
    first_rows: Ints
    launch_times_ns: Ints
    ready_ns: Ints
    gone_ns: Ints


@kernel
def serve_jobs(
    rules: Rules, service_ns: Column, first_number: int, first_instance: int, begun: Begun, moments: Ints, table: Table
) -> bool:
    """Whether all requests of the jobs are served in the end; their rows are written.

    Parameters
    ----------
    rules : Rules
    service_ns : Column
    first_number, first_instance : int
        Numbers of the request in row 0 and of the first instance that is launched.
    begun : Begun
    moments : ndarray of int64, shape (capacity, 5)
        Room for all instances and all workers of a job that serve at once, see `compiled.moments`.
    table : Table
    """
    for job in range(len(begun.begin_ns)):
        size = 0
        gone_ns = 0
        for one in range(job * rules.instances, (job + 1) * rules.instances):
            ready_ns = plus(begun.begin_ns[job], begun.launch_times_ns[one])
            begun.ready_ns[one] = ready_ns
            gone_ns = max(gone_ns, ready_ns)
            instance = first_instance + one
            size = add_moment(moments, size, ready_ns, _READY, instance, 0, instance, 0)
        row, stop = begun.first_rows[job], begun.first_rows[job + 1]
        while row < stop:
            start_ns, instance = moments[0, AT], moments[0, WHO]
            if start_ns == FOREVER:
                return False
            workers = rules.places if rank_of(moments) == _READY else 1
            size = drop_first(moments, size)
            for taken in range(row, min(stop, row + min(workers, stop - row))):
                release_ns = plus(start_ns, service_ns.values[taken & service_ns.mask])
                limit_ns = plus(start_ns, rules.timeout_ns)
                outcome, response_ns = answer(release_ns, limit_ns)
                if rules.stops:
                    release_ns = response_ns
                end = End(outcome, _NO_REASON, start_ns, response_ns, release_ns, instance, False)
                write_end(table, taken, end)
                gone_ns = max(gone_ns, release_ns)
                size = add_moment(moments, size, release_ns, _RELEASE, first_number + taken, 0, instance, 0)
            row += min(workers, stop - row)
        begun.gone_ns[job] = gone_ns
    return True
