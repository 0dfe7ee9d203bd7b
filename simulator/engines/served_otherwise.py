"""What serves requests but for plain queues and launches: a quota, shared models, jobs (model.md 4.6, 4.7, 7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator.units import FOREVER, NS_PER_SECOND

#: A quota is given for so long. [ns]
MINUTE_NS: Final = 60 * NS_PER_SECOND
#: Most that a quota of tokens may be, so that tokens · `MINUTE_NS` is an int64.
_MOST_TOKENS: Final = 10**8


@dataclass(frozen=True)
class Quota:
    """What a managed API lets through in a minute, requests and tokens (model.md 4.6).

    Parameters
    ----------
    requests_per_minute, tokens_per_minute : int
        Capacity of a bucket, and what flows into it evenly in a minute. 1 to 10⁸; `FOREVER` for no limit.
    max_tokens : int
        Output tokens that are reserved for a request while it is served, above 0.
    burndown : int
        Tokens of the quota that one output token takes. 1 or more.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    requests_per_minute: int
    tokens_per_minute: int
    max_tokens: int
    burndown: int = 1

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}, must be 1 to {_MOST_TOKENS} or for ever"
            for name, value in (
                ("requests_per_minute", self.requests_per_minute),
                ("tokens_per_minute", self.tokens_per_minute),
            )
            if value != FOREVER and not 1 <= value <= _MOST_TOKENS
        ]
        if not 1 <= self.max_tokens <= _MOST_TOKENS or not 1 <= self.burndown <= 1000:
            problems.append(f"max_tokens is {self.max_tokens} and burndown {self.burndown}, must be 1 or more")
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Models:
    """Models that share the instances of a pool, each loaded where it is used (model.md 7.1).

    Parameters
    ----------
    sizes_bytes : tuple of int
        Of each model, in memory and on disk. 1 or more. [B]
    load_ns, download_ns : tuple of int
        Of each model: from the instance's disk into memory, and from remote storage to the disk. 0 or more. [ns]
    memory_bytes, disk_bytes : int
        What one instance has for models; `FOREVER` for no limit of the disk, which is never below the memory. [B]
    copies_from : int
        Outstanding requests on an instance from which a model is loaded on another one besides; `FOREVER` for never.
        1 or more.

    Raises
    ------
    ValueError
        If a field is out of range, or lengths differ.
    """

    sizes_bytes: tuple[int, ...]
    load_ns: tuple[int, ...]
    download_ns: tuple[int, ...]
    memory_bytes: int
    disk_bytes: int = FOREVER
    copies_from: int = FOREVER

    def __post_init__(self) -> None:
        problems = []
        if not self.sizes_bytes or not len(self.sizes_bytes) == len(self.load_ns) == len(self.download_ns):
            problems.append("sizes_bytes, load_ns and download_ns must have one entry for each model, 1 or more")
        if min(self.sizes_bytes, default=1) < 1 or min(*self.load_ns, *self.download_ns, 0) < 0:
            problems.append("sizes must be 1 or more, times 0 or more")
        if not 1 <= self.memory_bytes <= self.disk_bytes or self.copies_from < 1:
            problems.append("memory_bytes must be 1 to disk_bytes, copies_from 1 or more")
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Jobs:
    """Jobs that serve together what has come since the one before (model.md 4.7).

    Parameters
    ----------
    first_ns, interval_ns : int
        When the first begins, 0 or more, and from one to the next, 1 or more. [ns]
    instances : int
        That each job launches. 1 or more.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    first_ns: int
    interval_ns: int
    instances: int

    def __post_init__(self) -> None:
        if self.first_ns < 0 or self.interval_ns < 1 or self.instances < 1:
            raise ValueError(f"{self}: first_ns must be 0 or more, interval_ns and instances 1 or more")
