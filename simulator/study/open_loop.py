"""What is kept of the open loop beside a closed population: figures of both, written beside the study and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from simulator.errors import StudyError
from simulator.measures.histogram import Histogram
from simulator.measures.intervals import Estimate

#: Name of the file in the folder of a study.
OPEN_LOOP: Final = "open-loop.json"
#: Version of the file: goes up when a key changes its meaning or goes away.
_VERSION: Final = 1
#: What is told of an endpoint under either traffic, and the unit of each.
UNITS: Final = {
    "rate": "1/s",
    "p50": "ms",
    "p95": "ms",
    "p99": "ms",
    "throttled_fraction": "1",
    "in_system": "requests",
    "utilization": "1",
}
#: What of it is set in relation.
SHOWN: Final = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Beside:
    """One endpoint under a closed population, and under open traffic of the rate that the population sent.

    Parameters
    ----------
    endpoint : str
    rate_per_s : float
        Mean rate of the open traffic. [1/s]
    closed, opened : mapping of str to Estimate
        Under the closed population, and under open traffic: each of `UNITS`, in its unit.
    shown : mapping of str to Estimate
        Each of `SHOWN` under the closed population over the same under open traffic.
    latencies : Histogram
        Latencies of the completed requests under open traffic, all replications together.
    """

    endpoint: str
    rate_per_s: float
    closed: Mapping[str, Estimate]
    opened: Mapping[str, Estimate]
    shown: Mapping[str, Estimate]
    latencies: Histogram

    def facts(self) -> dict[str, Any]:
        """The figures as JSON holds them, latencies left out."""
        return {
            "endpoint": self.endpoint,
            "open_rate_per_s": self.rate_per_s,
            "closed": {name: _facts(one, UNITS[name]) for name, one in self.closed.items()},
            "open": {name: _facts(one, UNITS[name]) for name, one in self.opened.items()},
            "closed_over_open": {name: _facts(one, "1") for name, one in self.shown.items()},
        }


@dataclass(frozen=True)
class OpenLoop:
    """The open loop beside a study of a closed population.

    Parameters
    ----------
    beside : str
        Digest of the results of that study.
    endpoints : tuple of Beside
        In the order of the scenario.
    """

    beside: str
    endpoints: tuple[Beside, ...]

    def facts(self) -> list[dict[str, Any]]:
        """The figures as JSON holds them, one entry an endpoint."""
        return [one.facts() for one in self.endpoints]

    def content(self) -> bytes:
        """The whole file."""
        entries = [
            {**one.facts(), "bins": one.latencies.bins.tolist(), "counts": one.latencies.counts.tolist()}
            for one in self.endpoints
        ]
        facts = {"schema_version": _VERSION, "results_digest": self.beside, "endpoints": entries}
        return (json.dumps(facts, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_open_loop(path: Path, results_digest: str) -> OpenLoop | None:
    """The open loop in a file; None if there is no such file, or if it stands beside other results.

    A run that was killed leaves the file of the run before it, which may have had fewer replications.

    Parameters
    ----------
    path : Path
    results_digest : str
        Of the study that it must stand beside.

    Raises
    ------
    StudyError
        If the file cannot be read, or is not what was written.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        facts = json.loads(text)
        if facts["schema_version"] != _VERSION or facts["results_digest"] != results_digest:
            return None
        return OpenLoop(results_digest, tuple(_beside(one) for one in facts["endpoints"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path}: is damaged ({error})") from error


def _beside(facts: Mapping[str, Any]) -> Beside:
    return Beside(
        facts["endpoint"],
        facts["open_rate_per_s"],
        {name: _estimate(facts["closed"][name]) for name in UNITS},
        {name: _estimate(facts["open"][name]) for name in UNITS},
        {name: _estimate(facts["closed_over_open"][name]) for name in SHOWN},
        Histogram(np.array(facts["bins"], np.int64), np.array(facts["counts"], np.int64)),
    )


def _facts(estimate: Estimate, unit: str) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "ci": [estimate.low, estimate.high] if estimate.has_interval else None,
        "level": estimate.level,
        "n": estimate.n,
        "method": estimate.method,
        "unit": unit,
    }


def _estimate(facts: Mapping[str, Any]) -> Estimate:
    low, high = facts["ci"] or (None, None)
    return Estimate(facts["value"], low, high, facts["level"], facts["n"], facts["method"])
