"""A study made by hand, so that what reports say can be checked against numbers known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from simulator.distributions import DurationDistribution
from simulator.endpoints import RealTime, Serverless
from simulator.measures import intervals
from simulator.measures.catalogue import MEASURES
from simulator.measures.histogram import Histogram
from simulator.measures.objectives import Judgement, judge, parse_objective
from simulator.prices import load_sheet
from simulator.study.precision import PrecisionState
from simulator.traffic.clock import Clock
from simulator.traffic.poisson import Poisson

SERVERLESS, REAL_TIME = "serverless-4096mb-c20", "m5-xlarge-x1-w4"
#: Replications by measure: two endpoints, four replications each.
VALUES: dict[str, dict[str, list[float | None]]] = {
    SERVERLESS: {
        "monthly_cost": [104.0, 106.0, 105.0, 107.0],
        "p95": [445.0, 447.0, 446.0, 446.0],
        "p99": [4400.0, 4500.0, 4480.0, 4460.0],
        "cold_start_fraction": [0.009, 0.011, 0.012, 0.010],
        "throttled_fraction": [0.0, 0.0, 0.0, 0.0],
    },
    REAL_TIME: {
        "monthly_cost": [167.9, 167.9, 167.9, 167.9],
        "p95": [495.0, 505.0, 490.0, 506.0],
        "p99": [620.0, 640.0, 633.0, 610.0],
        "cold_start_fraction": [0.0, 0.0, 0.0, 0.0],
        "throttled_fraction": [0.0, 0.0, 0.001, 0.0],
    },
}


class HandMade:
    """A study with the interface of `simulator.study.results.Study`, from `VALUES`."""

    engine = "compiled"
    seed = 20261125

    def __init__(self, values: dict[str, dict[str, list[float | None]]], objectives: list[str]) -> None:
        self.values = values
        self.requested = 4
        self.complete = True
        self.records: tuple[Any, ...] = ()
        self.precision: PrecisionState | None = None
        self._objectives = [parse_objective(text) for text in objectives]
        service = DurationTime.validate({"kind": "lognormal", "mean": "250ms", "cv": 0.1})
        endpoints = [
            Serverless.model_validate({"name": SERVERLESS, "memory_size": "4096MB", "max_concurrency": 20}),
            RealTime.model_validate({"name": REAL_TIME, "instance_type": "ml.m5.xlarge", "workers_per_instance": 4}),
        ]
        self.scenario: Any = SimpleNamespace(
            clients=None,
            pool=lambda endpoint: endpoint.pool(),
            name="by-hand",
            description="",
            endpoints=[endpoint for endpoint in endpoints if endpoint.name in values],
            objectives=objectives,
            baseline=REAL_TIME,
            confidence=0.95,
            precision=None,
            horizon=21600.0,
            month=2628000.0,
            starts_at=datetime(2026, 11, 23, tzinfo=UTC),
            clock=Clock(starts_at=datetime(2026, 11, 23, tzinfo=UTC)),
            traffic=Poisson.model_validate({"kind": "poisson", "mean_rate": "2/s"}),
            price_sheet=load_sheet("aws/us-east-1/2026-11"),
            assumed=(),
            realised=lambda replication: self.scenario,
            service_time=lambda endpoint: service,
        )

    @property
    def replications(self) -> pd.DataFrame:
        """One row a replication and endpoint."""
        rows = [
            {"replication": number, "endpoint": name}
            | {MEASURES[measure].column: series[number] for measure, series in measures.items()}
            for name, measures in self.values.items()
            for number in range(4)
        ]
        return pd.DataFrame(rows)

    def estimate(self, endpoint: str, measure: str) -> intervals.Estimate:
        """Mean of the series."""
        series = self.values[endpoint][measure]
        return (intervals.fraction if measure.endswith("fraction") else intervals.mean)(series)

    def summary(self) -> pd.DataFrame:
        """Long table of estimates."""
        return pd.DataFrame(
            [
                {"endpoint": name, "measure": measure, "unit": MEASURES[measure].unit}
                | _columns(self.estimate(name, measure))
                for name in self.values
                for measure in self.values[name]
            ]
        )

    def judgements(self) -> dict[str, list[Judgement]]:
        """Objectives by endpoint."""
        return {
            name: [
                judge(
                    objective,
                    self.estimate(name, objective.measure.name),
                    [None if v is None else objective.holds(v) for v in self.values[name][objective.measure.name]],
                )
                for objective in self._objectives
            ]
            for name in self.values
        }

    def differences(self) -> pd.DataFrame:
        """Against the real-time endpoint."""
        rows = []
        for name in self.values:
            for measure in ("monthly_cost", "p95", "cold_start_fraction"):
                if name == REAL_TIME or REAL_TIME not in self.values:
                    continue
                found = intervals.difference(self.values[name][measure], self.values[REAL_TIME][measure])
                decided = found.low is not None and found.high is not None and not found.low <= 0 <= found.high
                rows.append(
                    {"endpoint": name, "baseline": REAL_TIME, "measure": measure, "unit": MEASURES[measure].unit}
                    | _columns(found)
                    | {"decided": decided}
                )
        return pd.DataFrame(rows, columns=[*rows[0]] if rows else ["endpoint", "measure"])

    def pooled(self) -> pd.DataFrame:
        """The same for all."""
        rows = []
        for name in self.values:
            for level in ("p50", "p95", "p99", "p99.9"):
                row = _columns(intervals.Estimate(300.0, 299.0, 301.0, 0.95, 4, "all requests, exceedances inverted"))
                rows.append({"endpoint": name, "percentile": level, "value_ms": row.pop("value")} | row)
        return pd.DataFrame(rows)

    def traffic(self) -> pd.DataFrame:
        """Four replications."""
        return pd.DataFrame(
            {
                "replication": range(4),
                "requests": [43000, 43200, 43100, 43300],
                "mean_rate_per_s": [1.99, 2.0, 1.995, 2.005],
                "peak_to_mean": [1.31, 1.28, 1.3, 1.29],
                "dispersion": [0.99, 1.02, 1.0, None],
            }
        )

    def bill_lines(self) -> pd.DataFrame:
        """One line each."""
        lines = {
            SERVERLESS: ("duration", 105.5, False, "serverless/4096MB", "0.00008", "s"),
            REAL_TIME: ("instance_hours", 167.9, True, "instance/ml.m5.xlarge", "0.23", "h"),
        }
        columns = ["line", "monthly_usd", "is_fixed", "item", "unit_price", "unit"]
        return pd.DataFrame(
            [
                {"endpoint": name, **dict(zip(columns, lines[name], strict=True)), "price_status": "confirmed"}
                for name in self.values
            ]
        )

    def histogram(self, endpoint: str) -> Histogram:
        """20,000 lognormal latencies."""
        rng = np.random.default_rng(1)
        return Histogram.of(np.rint(rng.lognormal(np.log(3e8), 0.2, 20000)).astype(np.int64))

    def timeline(self, endpoint: str) -> pd.DataFrame:
        """Six even hours."""
        count = 360
        zero = np.zeros(count, np.int64)
        return pd.DataFrame(
            {
                "start_s": np.arange(count) * 60.0,
                "seconds": 60.0,
                "arrivals": 120,
                "throttled": zero,
                "timed_out": zero,
                "cold_starts": zero,
                "instances_starting": 0.1,
                "instances_busy": 0.5,
                "instances_idle": 2.0,
                "concurrency": 0.6,
            }
        )

    def price_remarks(self) -> list[str]:
        """One."""
        return ["serverless/4096MB is derived: twice the price of 2048MB"]

    def notes(self) -> list[str]:
        """One."""
        return ["two replications are few"]

    def assumptions(self) -> dict[str, list[str]]:
        """Those of the endpoints."""
        return {endpoint.name: endpoint.assumptions() for endpoint in self.scenario.endpoints}

    def digest(self) -> str:
        """Of the right length."""
        return "0" * 64

    def save(self, folder: Path, also: Mapping[str, bytes]) -> Path:
        """Makes the folder, a manifest, and what belongs beside it."""
        target = folder / self.scenario.name / "00000000"
        target.mkdir(parents=True)
        for name, content in {"manifest.json": b"{}", **also}.items():
            (target / name).write_bytes(content)
        return target


class DurationTime:
    """Reads a duration distribution as a scenario does."""

    @staticmethod
    def validate(value: Any) -> Any:
        """The distribution."""
        from pydantic import TypeAdapter

        return TypeAdapter(DurationDistribution).validate_python(value)


def _columns(found: intervals.Estimate) -> dict[str, Any]:
    return {
        "value": found.value,
        "ci_low": found.low,
        "ci_high": found.high,
        "level": found.level,
        "n": found.n,
        "method": found.method,
    }


def made(
    objectives: list[str] | None = None,
    endpoints: tuple[str, ...] = (SERVERLESS, REAL_TIME),
    **changed: dict[str, list[float | None]],
) -> HandMade:
    """A study with other values of a measure by endpoint, objectives or endpoints."""
    values = {name: dict(VALUES[name]) for name in endpoints}
    for measure, by_endpoint in changed.items():
        for name, series in by_endpoint.items():
            values[name][measure] = series
    return HandMade(values, ["p95 < 500ms"] if objectives is None else objectives)
