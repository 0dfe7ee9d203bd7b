"""What memory does to service times: nothing, CPU in proportion to it, or what was measured."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from simulator.errors import InputError
from simulator.scenario.plan import MeasuredByMemory
from simulator.units import parse_memory

#: Memory that comes with one virtual processor on AWS Lambda ("at 1,769 MB, a function has the equivalent of one
#: vCPU", developer guide, configuration-memory). SageMaker publishes no number. [MB]
MB_PER_PROCESSOR: Final = 1769


@dataclass(frozen=True)
class ServiceByMemory:
    """A law of service times.

    Parameters
    ----------
    rule : {"unchanged", "proportional", "measured"}
    means : dict of int to float
        Memory size [MB] → mean service time there [s]; only of what was measured.
    """

    rule: Literal["unchanged", "proportional", "measured"]
    means: Mapping[int, float]

    def knows(self, memory_size: int) -> bool:
        """Whether it says what happens at a size [MB]."""
        return self.rule != "measured" or memory_size in self.means

    def factor(self, memory_size: int, given_at: int, mean_s: float) -> float:
        """What the service time given at one size is multiplied by at another.

        Parameters
        ----------
        memory_size, given_at : int
            The other size, and that at which the service time was given. [MB]
        mean_s : float
            Mean of the service time that was given. [s]

        Raises
        ------
        InputError
            If nothing was measured at the size.
        """
        if self.rule == "unchanged":
            return 1.0
        if self.rule == "proportional":
            return min(given_at, MB_PER_PROCESSOR) / min(memory_size, MB_PER_PROCESSOR)
        if memory_size not in self.means:
            known = ", ".join(f"{size}MB" for size in sorted(self.means))
            raise InputError(f"plan.service_time_by_memory: nothing is given for {memory_size}MB; there are: {known}")
        return self.means[memory_size] / mean_s

    def assumption(self) -> str:
        """What it takes for granted, one sentence."""
        if self.rule == "unchanged":
            return "service times are the same at every memory size; give service_time_by_memory if they are not"
        if self.rule == "proportional":
            return (
                f"service times shrink in proportion to memory up to {MB_PER_PROCESSOR:,} MB, one vCPU on AWS Lambda, "
                "and no further; SageMaker publishes no such number, and one request is taken to use one core at most"
            )
        return (
            "mean service times at each memory size are those measured; their shape is that of the service time given"
        )


def law_of(given: str | MeasuredByMemory | Mapping[str, float], folder: Path) -> ServiceByMemory:
    """The law that a scenario asks for.

    Parameters
    ----------
    given : "unchanged", "proportional", MeasuredByMemory, or mapping of str to float
        A mapping: memory size as text → mean service time [s].
    folder : Path
        Where a file is looked for.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    if isinstance(given, MeasuredByMemory):
        return ServiceByMemory("measured", _measured(folder / given.file, given.where))
    if isinstance(given, str):
        return ServiceByMemory("unchanged" if given == "unchanged" else "proportional", {})
    return ServiceByMemory("measured", {parse_memory(size): seconds for size, seconds in given.items()})


def _measured(path: Path, where: Mapping[str, str]) -> dict[int, float]:
    """Mean duration at each memory size of a file, over the rows that count [s]."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = {"memory_mb", "duration_ms", *where} - set(rows.fieldnames or ())
            if missing:
                raise InputError(f"{path}: has no column {', '.join(sorted(missing))}")
            found: dict[int, list[float]] = {}
            for line, row in enumerate(rows, start=2):
                if any(row[column] != value for column, value in where.items()):
                    continue
                try:
                    size, duration = int(row["memory_mb"]), float(row["duration_ms"])
                except (TypeError, ValueError):
                    size, duration = 0, 0.0
                if size < 1 or not 0 < duration < float("inf"):
                    raise InputError(f"{path}:{line}: memory_mb and duration_ms must be numbers above 0")
                found.setdefault(size, []).append(duration)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text") from error
    if not found:
        raise InputError(f"{path}: no row counts")
    return {size: sum(durations) / len(durations) / 1e3 for size, durations in sorted(found.items())}
