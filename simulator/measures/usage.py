"""What an endpoint used in one replication, as far as somebody charges for it: whole numbers that add up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

#: Mark of fields that are written down only if they are not 0: records of kinds of endpoint that had nothing to say in
#: them stay what they were before there were such fields.
IF_ANY: Final[dict[str, Any]] = {"written": "if any"}


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
        Requests that arrived; attempts of them that got a place and were served, also if timed out; requests that
        completed.
    on_demand_ns, standing_ns : int
        Billed time of the attempts served on launched and on standing instances, each rounded up to the platform's
        granularity; 0 where instances are billed, not requests. [ns]
    instance_ns : int
        Time of instances that is billed because they are there, summed over instances: of a pool that launches on
        demand the standing ones, of a container service all, of a pool that scales each from launch until gone, one
        minute at least. [ns]
    data_in_bytes, data_out_bytes : int
        Request bytes of every attempt served; response bytes of every request completed. [B]
    active_ns : int
        Of a container service: time of instances with a request in service, and starting if that is billed. [ns]
    idle_standing_ns, idle_on_demand_ns : int
        Of a container service: the rest of the time of standing instances, and of launched ones once they are ready.
        [ns]
    standing_there_ns : int
        Of a container service: the part of `instance_ns` that standing instances make. [ns]
    tokens_in, tokens_out : int
        Of a managed API: tokens of every attempt served, and of its response.
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
    active_ns: int = field(default=0, metadata=IF_ANY)
    idle_standing_ns: int = field(default=0, metadata=IF_ANY)
    idle_on_demand_ns: int = field(default=0, metadata=IF_ANY)
    standing_there_ns: int = field(default=0, metadata=IF_ANY)
    tokens_in: int = field(default=0, metadata=IF_ANY)
    tokens_out: int = field(default=0, metadata=IF_ANY)

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)))
