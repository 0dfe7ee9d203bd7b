"""How the benchmarks time things and print them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

REPEATS = 5


def best_of(contenders: Mapping[str, Callable[[], int]], repeats: int = REPEATS) -> dict[str, tuple[int, float]]:
    """What each contender processed, and the best of its times over repeats that take turns [s].

    Taking turns lets a slow minute of the machine fall on all of them. Each runs once before, untimed, to compile
    and to fill caches.
    """
    counts = {name: run() for name, run in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            begin = perf_counter()
            assert run() == counts[name], f"{name} did not process the same number of requests again"
            times[name].append(perf_counter() - begin)
    return {name: (counts[name], min(times[name])) for name in contenders}


class Table:
    """Rows of a comparison: what, how fast we are, against whom, how fast it is, the ratio and its bar."""

    def __init__(self) -> None:
        self._rows = [("workload", "requests/s", "against", "requests/s", "ratio", "bar")]

    def faster(self, workload: str, ours: float, rival: str, theirs: float, least: float | None) -> None:
        """A row of speeds [1/s]; the ratio should be `least` or more."""
        ratio = ours / theirs
        bar = "none" if least is None else f"≥ {least:,g}, {'reached' if ratio >= least else 'MISSED'}"
        self._rows.append((workload, f"{ours:,.0f}", rival, f"{theirs:,.0f}", f"{ratio:,.2f}", bar))

    def longer(self, workload: str, ours: float, rival: str, theirs: float, most: float | None) -> None:
        """A row of speeds [1/s]; the ratio of times should be `most` or less."""
        ratio = theirs / ours
        bar = "none" if most is None else f"≤ {most:,g}, {'reached' if ratio <= most else 'MISSED'}"
        self._rows.append((workload, f"{ours:,.0f}", rival, f"{theirs:,.0f}", f"{ratio:,.2f} times as long", bar))

    def note(self, workload: str, rival: str, why: str) -> None:
        """A comparison that could not be made."""
        self._rows.append((workload, "", rival, "", "", why))

    def value(self, what: str, value: str, bar: str) -> None:
        """A figure of its own."""
        self._rows.append((what, "", "", "", value, bar))

    def __str__(self) -> str:
        lines = [f"| {' | '.join(row)} |" for row in self._rows]
        return "\n".join([lines[0], "|---|--:|---|--:|--:|---|", *lines[1:]])
