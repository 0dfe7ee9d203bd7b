"""What an endpoint used in one replication, as far as somebody charges for it: whole numbers that add up."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Usage:
    """Billable quantities of one endpoint over the measured part of one replication.

    Sums of whole numbers, so that the bill of parts is the bill of the whole (model.md 3 and 4 say what is
    counted).

    Parameters
    ----------
    span_ns : int
        Length of the measured part. [ns]
    requests, served, completed : int
        Requests that arrived; that got a place and were served, also if timed out; that completed.
    on_demand_ns, standing_ns : int
        Billed time of the requests served on launched and on standing instances, each request rounded up to the
        platform's granularity. [ns]
    instance_ns : int
        Time that standing instances were there, summed over instances. [ns]
    data_in_bytes, data_out_bytes : int
        Request bytes of every request served; response bytes of every request completed. [B]
    """

    span_ns: int
    requests: int = 0
    served: int = 0
    completed: int = 0
    on_demand_ns: int = 0
    standing_ns: int = 0
    instance_ns: int = 0
    data_in_bytes: int = 0
    data_out_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)))
