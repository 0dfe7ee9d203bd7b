"""What a study found, as reports read it: each estimate looked up once, in the words and units of the catalogue."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.intervals import NO_DATA, Estimate
from simulator.questions.month import months
from simulator.report.numbers import dollars, latency, plain, share, signed, significant, with_interval

if TYPE_CHECKING:
    import pandas as pd

    from simulator.questions.month import Months
    from simulator.study.results import Study

#: What stands in place of an estimate that nothing supports.
MISSING: Final = Estimate(None, None, None, 0.95, 0, NO_DATA)


def number(value: Any) -> float | None:
    """A cell of a frame as a float; None where it is empty."""
    return None if value is None or value != value else float(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame, each a dict of column to cell."""
    return [{str(column): cell for column, cell in row.items()} for row in frame.to_dict("records")]


class Reading:
    """A study with its frames looked up by endpoint and measure.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.scenario = study.scenario
        self.endpoints = [endpoint.name for endpoint in study.scenario.endpoints]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row an endpoint and measure."""
        summary: pd.DataFrame = self.study.summary()
        return summary

    @cached_property
    def _rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["endpoint"], row["measure"]): row for row in records(self.summary)}

    @cached_property
    def replications(self) -> pd.DataFrame:
        """One row a replication and endpoint."""
        replications: pd.DataFrame = self.study.replications
        return replications

    @cached_property
    def bill_lines(self) -> list[dict[str, Any]]:
        """One row an endpoint and line of the bill."""
        return records(self.study.bill_lines())

    @cached_property
    def months(self) -> Months | None:
        """What single months do; None where the replications cannot tell."""
        return months(self.study)

    @cached_property
    def finished(self) -> int:
        """Replications that there are."""
        return int(self.replications["replication"].nunique())

    def estimate(self, endpoint: str, measure: str) -> Estimate:
        """Estimate of a measure; `MISSING` where the study has none."""
        row = self._rows.get((endpoint, measure))
        return MISSING if row is None else estimate_of(row)

    def unit(self, endpoint: str, measure: str) -> str:
        """Unit of a measure in the summary."""
        row = self._rows.get((endpoint, measure))
        return "" if row is None else str(row["unit"])

    def cost(self, endpoint: str) -> float:
        """Monthly cost; infinite where it is not known, so that such an endpoint is never the cheapest [USD]."""
        value = self.estimate(endpoint, "monthly_cost").value
        return math.inf if value is None else value

    def text(self, endpoint: str, measure: str) -> str:
        """Estimate of a measure with its unit, as printed."""
        return in_words(self.estimate(endpoint, measure), self.unit(endpoint, measure))


def estimate_of(row: dict[str, Any]) -> Estimate:
    """Estimate in a row with the columns value, ci_low, ci_high, level and n, and method where there is one."""
    value, low, high = (number(row[column]) for column in ("value", "ci_low", "ci_high"))
    return Estimate(value, low, high, float(row["level"]), int(row["n"]), str(row.get("method", "")))


def in_words(estimate: Estimate, unit: str, *, difference: bool = False) -> str:
    """An estimate as people write its unit: latencies in ms or s, shares in per cent, dollars with their sign.

    Parameters
    ----------
    estimate : Estimate
        In `unit`.
    unit : str
        As in the catalogue: ``ms``, ``s``, ``1``, ``USD`` or a thing that is counted.
    difference : bool
        Whether the sign is shown also in front of what is positive; shares differ by percentage points.
    """
    if estimate.value is None:
        return NO_DATA
    if difference:
        return _difference(estimate, unit)
    match unit:
        case "ms":
            return latency(estimate)
        case "s":
            return latency(estimate.times(1e3))
        case "1":
            return share(estimate)
        case "USD":
            return f"${money(estimate)}"
        case _:
            return f"{with_interval(estimate)} {unit}".strip()


def money(estimate: Estimate) -> str:
    """Dollars at most to the cent, or to as many decimals as small amounts need."""
    small = estimate.value is not None and 0 < abs(estimate.value) < 1
    return dollars(estimate, 6 if small else 2)


def _difference(estimate: Estimate, unit: str) -> str:
    if estimate.value == 0 and not estimate.half_width:
        return "0"
    if unit == "1":
        return f"{signed(with_interval(estimate.times(100.0)))} points"
    if unit == "USD":
        text = signed(money(estimate))
        return f"{text[0]}${text[1:]}" if text[0] in "+−" else f"${text}"
    if unit == "s":
        return signed(latency(estimate.times(1e3)))
    return signed(latency(estimate)) if unit == "ms" else f"{signed(with_interval(estimate))} {unit}"


def line_in_words(line: str) -> str:
    """A line of a bill as people write it.

    >>> line_in_words("standing_vcpu")
    'standing vCPU'
    """
    return line.replace("_", " ").replace("vcpu", "vCPU")


def limit_in_words(limit: float, unit: str) -> str:
    """A limit of an objective with its unit."""
    if unit == "USD":
        return f"${significant(limit, 6)}"
    if unit == "1":
        return f"{significant(100 * limit)} %"
    return in_words(plain(limit), unit)
