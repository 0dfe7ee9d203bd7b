"""What has to hold in every run, whatever its numbers: nobody is lost, and requests and instances tell the same."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.measures import added
from simulator.measures.instance_time import InstanceTime

#: In words → what is expected and what was found.
Claims = dict[str, tuple[int, int]]


class BrokenIdentityError(RuntimeError):
    """An identity that holds in every run does not: a fault in an engine or in the tally, never of the user."""


def plain_claims(counts: Sequence[int], sums: Sequence[int], time: InstanceTime, busy_ns: int) -> Claims:
    """Little's law between requests and instances of a plain pool, to the nanosecond.

    Parameters
    ----------
    counts, sums : sequence of int
        As `added` numbers them.
    time : InstanceTime
        What instances tell.
    busy_ns : int
        Time of instances with a request in service. [ns]
    """
    return {
        "a served request occupies its place for its service time": (0, counts[added.MISSERVED]),
        "an instance was launched for each cold request": (counts[added.COLD_ALL], time.launched),
        "launches fail on both sides": (counts[added.FAILED_ALL], time.failed),
        "Little's law: time of starting instances is time of cold requests": (
            sums[added.STARTUP],
            time.startup_ns,
        ),
        "instances are there while they start or serve": (0, max(0, busy_ns + time.starting_ns - time.there_ns)),
    }


def check(counts: Sequence[int], in_histogram: int, claims: Claims) -> None:
    """Nothing, if requests are conserved and all claims hold.

    Parameters
    ----------
    counts : sequence of int
        As `added` numbers them.
    in_histogram : int
        Latencies in the histogram.
    claims : Claims
        What else has to hold.

    Raises
    ------
    BrokenIdentityError
        At the first that does not hold.
    """
    ended = counts[added.COMPLETED] + counts[added.TIMED_OUT] + counts[added.EXPIRED]
    ended += sum(counts[added.THROTTLED :])
    of_all = {
        "every request ends in exactly one way": (counts[added.REQUESTS], ended),
        "every latency is in the histogram": (counts[added.COMPLETED], in_histogram),
    }
    for claim, (expected, found) in {**of_all, **claims}.items():
        if expected != found:
            raise BrokenIdentityError(f"{claim}: {expected} is not {found}")
