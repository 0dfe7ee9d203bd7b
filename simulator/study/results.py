"""What a study found: its replications, and everything that follows from them, as frames with units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.catalogue import Kind, Measure
from simulator.measures.histogram import Histogram
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement
from simulator.prices import Status
from simulator.scenario.model import Scenario
from simulator.study.estimates import Sample, level_of, measures_of, sample_of
from simulator.study.journal import digest_of
from simulator.study.manifest import study_digest
from simulator.study.open_loop import OpenLoop
from simulator.study.precision import PrecisionState, found, reported
from simulator.study.replicate import Record, levels_of, objectives_of

if TYPE_CHECKING:
    import pandas as pd

#: Fewer replications than this make intervals rough (statistics: 20 for anything published).
_FEW_REPLICATIONS: Final = 20


@dataclass(frozen=True)
class Study:
    """Replications of one scenario.

    Frames have nullable columns: what has no value is NA, never NaN.

    Parameters
    ----------
    scenario : Scenario
        What was simulated; its seed and replications are those of the study.
    engine : str
        Which engine simulated it; the results do not depend on it.
    records : tuple of Record
        Of the replications that finished, in order of number.
    open_loop : OpenLoop or None
        Beside a closed population, if it was asked for (`questions.open_loop`).
    """

    scenario: Scenario
    engine: str
    records: tuple[Record, ...]
    open_loop: OpenLoop | None = None

    @property
    def seed(self) -> int:
        """Root seed."""
        return self.scenario.seed

    @property
    def requested(self) -> int:
        """Replications that were asked for."""
        return self.scenario.replications

    @property
    def complete(self) -> bool:
        """Whether all replications finished, or as many as the precision needs that the scenario asks for."""
        precision = self.precision
        return len(self.records) == self.requested or (precision is not None and precision.met)

    @cached_property
    def precision(self) -> PrecisionState | None:
        """What the precision rule says to the replications; None if the scenario asks for no precision."""
        return found(self.scenario, self.records)

    def digest(self) -> str:
        """Name of the results: a digest of scenario, data files, prices, seed and version of results."""
        return study_digest(self.scenario)

    def results_digest(self) -> str:
        """SHA-256 of the records: equal only if every number of every replication is, to the last bit."""
        return digest_of(self.records)

    @cached_property
    def _samples(self) -> dict[str, Sample]:
        samples = {
            endpoint.name: sample_of(self.scenario, endpoint.name, self.records) for endpoint in self.scenario.endpoints
        }
        state = self.precision
        if state is not None and state.met:
            claim = {state.precision.measure: reported(state)}
            decisive = samples[state.endpoint]
            samples[state.endpoint] = (
                replace(decisive, claimed_differences=claim)
                if state.precision.difference
                else replace(decisive, claims=claim)
            )
        return samples

    def sample(self, endpoint: str) -> Sample:
        """The replications of one endpoint, from which every estimate is made."""
        return self._samples[endpoint]

    @cached_property
    def _measures(self) -> list[Measure]:
        return measures_of(levels_of(self.scenario))

    @cached_property
    def replications(self) -> pd.DataFrame:
        """One row a replication and endpoint: every measure, and cost lines as ``cost_<line>_usd``."""
        lines = list(dict.fromkeys(line.name for s in self._samples.values() for b in s.bills for line in b.lines))
        rows = []
        for place, record in enumerate(self.records):
            for name, sample in self._samples.items():
                costs: dict[str, float] = {}
                for line in sample.bills[place].lines:
                    costs[line.name] = costs.get(line.name, 0.0) + line.usd
                rows.append(
                    {
                        "replication": record.number,
                        "endpoint": name,
                        **{one.column: sample.values[place].get(one.name) for one in self._measures},
                        **{f"cost_{line}_usd": costs.get(line) for line in lines},
                        "percentiles_are_exact": sample.measured[place].exact,
                    }
                )
        whole = {one.column for one in self._measures if one.kind is Kind.COUNT or one.column.endswith("_max")}
        return _frame(
            rows,
            {
                "replication": "Int64",
                "endpoint": "string",
                **{one.column: "Int64" if one.column in whole else "Float64" for one in self._measures},
                **{f"cost_{line}_usd": "Float64" for line in lines},
                "percentiles_are_exact": "boolean",
            },
        )

    def summary(self) -> pd.DataFrame:
        """One row an endpoint and measure: unit, value, ci_low, ci_high, level, n, method."""
        return _estimates(
            ("endpoint", "measure", "unit"),
            (
                ((name, one.name, one.unit), sample.estimate(one))
                for name, sample in self._samples.items()
                for one in self._measures
            ),
        )

    def pooled(self) -> pd.DataFrame:
        """Percentiles of the requests of all replications together, one row an endpoint and level, in ms."""
        frame = _estimates(
            ("endpoint", "percentile"),
            (
                ((name, level.name), sample.pooled(level))
                for name, sample in self._samples.items()
                for level in levels_of(self.scenario)
            ),
        )
        return frame.rename(columns={"value": "value_ms"})

    def differences(self) -> pd.DataFrame:
        """Every measure less that of the baseline, paired over replications, one row an endpoint and measure.

        Column ``decided`` says whether the interval leaves out 0 (or has no length), ``verdict`` in words: higher,
        lower, equal, undecided, no data.
        """
        baseline = self.scenario.baseline
        frame = _estimates(
            ("endpoint", "baseline", "measure", "unit"),
            (
                ((name, baseline, one.name, one.unit), sample.less(self._samples[baseline], one))
                for name, sample in self._samples.items()
                for one in self._measures
                if name != baseline
            ),
            verdict=_direction,
        )
        frame["decided"] = frame["verdict"].isin(["higher", "lower", "equal"]).astype("boolean")
        return frame

    def judgements(self) -> dict[str, list[Judgement]]:
        """Endpoint → a judgement of each objective, in the order of the scenario."""
        objectives = objectives_of(self.scenario)
        return {name: [sample.judgement(one) for one in objectives] for name, sample in self._samples.items()}

    def objectives(self) -> pd.DataFrame:
        """Judgements as a frame, one row an endpoint and objective; ``misses`` is the share of replications."""
        rows = [
            {
                "endpoint": name,
                "objective": one.objective.text,
                "measure": one.objective.measure.name,
                "limit": one.objective.limit,
                "unit": one.objective.measure.unit,
                "verdict": one.verdict.value,
                "value": one.estimate.value,
                "ci_low": one.estimate.low,
                "ci_high": one.estimate.high,
                "level": one.estimate.level,
                "n": one.estimate.n,
                "misses": one.misses.value,
                "misses_low": one.misses.low,
                "misses_high": one.misses.high,
                "replications_to_decide": one.replications_to_decide,
                "reason": one.reason,
            }
            for name, judgements in self.judgements().items()
            for one in judgements
        ]
        text = dict.fromkeys(("endpoint", "objective", "measure", "unit", "verdict", "reason"), "string")
        whole = dict.fromkeys(("n", "replications_to_decide"), "Int64")
        number = ("limit", "value", "ci_low", "ci_high", "level", "misses", "misses_low", "misses_high")
        return _frame(rows, {**text, **whole, **dict.fromkeys(number, "Float64")})

    def bill_lines(self) -> pd.DataFrame:
        """Mean bill: one row an endpoint and line, with its unit price, where the price is from and how sure it is."""
        rows = []
        for name, sample in self._samples.items():
            # What is uncertain may change lines and prices from one replication to the next.
            found = [{(line.name, line.price.item): line for line in one.lines} for one in sample.bills]
            for key in dict.fromkeys(key for lines in found for key in lines):
                own = [
                    (lines[key], bill.months) for lines, bill in zip(found, sample.bills, strict=True) if key in lines
                ]
                line, prices = own[0][0], sorted({line.price.value for line, _ in own})
                rows.append(
                    {
                        "endpoint": name,
                        "line": line.name,
                        "item": line.price.item,
                        "is_fixed": line.is_fixed,
                        "quantity": sum(float(line.quantity) for line, _ in own) / len(found),
                        "unit": line.price.unit,
                        "unit_price": " to ".join(f"{price:f}" for price in dict.fromkeys((prices[0], prices[-1]))),
                        "cost_usd": sum(line.usd for line, _ in own) / len(found),
                        "monthly_usd": sum(float(line.exact_usd * months) for line, months in own) / len(found),
                        "price_status": str(line.price.status),
                        "price_source": line.price.source,
                    }
                )
        text = ("endpoint", "line", "item", "unit", "unit_price", "price_status", "price_source")
        numbers = dict.fromkeys(("quantity", "cost_usd", "monthly_usd"), "Float64")
        return _frame(rows, {**dict.fromkeys(text, "string"), "is_fixed": "boolean", **numbers})

    def price_remarks(self) -> list[str]:
        """One sentence for each item in use whose price is not confirmed, or was reckoned by tiers of a month."""
        sheet = self.scenario.price_sheet
        used = {line.price.item: line.price for s in self._samples.values() for b in s.bills for line in b.lines}
        if self.scenario.assumed:
            used |= {price.item: price for price in sheet.prices if price.item in used}
        tiers = [line.tier_remark() for s in self._samples.values() for b in s.bills for line in b.lines]
        doubtful = [price.remark() for price in used.values() if price.status is not Status.CONFIRMED]
        return [*doubtful, *(remark for remark in dict.fromkeys(tiers) if remark)]

    def assumptions_drawn(self) -> pd.DataFrame:
        """What each replication drew for what is uncertain: a row a replication, a column an assumption.

        Numbers are in 1/s, s, bytes or USD, as the name of their column ends; shares from 0 to 1; what is no number is
        text as in the scenario file.
        """
        assumed = self.scenario.assumed
        rows = []
        for record in self.records:
            drawn = self.scenario.drawn(record.number)
            values = {
                one.column: one.words(drawn[one.name]) if one.scale is None else one.number(drawn[one.name])
                for one in assumed
            }
            rows.append({"replication": record.number, **values})
        kinds = {one.column: "string" if one.scale is None else "Float64" for one in assumed}
        return _frame(rows, {"replication": "Int64", **kinds})

    def traffic(self) -> pd.DataFrame:
        """Figures of the traffic that was drawn, one row a replication."""
        rows = [{"replication": record.number, **record.traffic} for record in self.records]
        kinds = {"replication": "Int64", "requests": "Int64"}
        numbers = ("mean_rate_per_s", "peak_to_mean", "dispersion")
        return _frame(rows, {**kinds, **dict.fromkeys(numbers, "Float64")})

    def timeline(self, endpoint: str) -> pd.DataFrame:
        """Series of replication 0 by period (`measures.timeline.Timeline.frame`); no row if it did not finish."""
        import pandas as pd

        from simulator.measures.timeline import COLUMNS

        for record in self.records:
            if endpoint in record.timelines:
                return record.timelines[endpoint].frame()
        return pd.DataFrame({column: [] for column in COLUMNS})

    def histogram(self, endpoint: str) -> Histogram:
        """Latencies of the completed requests of all replications together."""
        return self._samples[endpoint].histogram

    def assumptions(self) -> dict[str, list[str]]:
        """Endpoint → what is assumed where nothing is published."""
        return self.scenario.assumptions()

    def notes(self) -> list[str]:
        """What a reader of the numbers must know; one sentence each."""
        notes = list(self.scenario.notes())
        finished = len(self.records)
        if not self.complete:
            notes.append(f"interrupted: {finished} of {self.requested} replications finished; the results are theirs")
        if finished < _FEW_REPLICATIONS:
            plural = "s" if finished != 1 else ""
            notes.append(f"{finished} replication{plural}: intervals are rough below {_FEW_REPLICATIONS}")
        inexact = [name for name, sample in self._samples.items() if not all(one.exact for one in sample.measured)]
        if inexact:
            notes.append(f"percentiles of {', '.join(inexact)} come from histograms and are within 0.4 %")
        absent = [one.name for one in self._measures if level_of(one) and self._is_absent(one)]
        if absent:
            notes.append(f"{', '.join(absent)}: too few completed requests in a replication")
        if not all(sample.is_a_month for sample in self._samples.values()):
            notes.append(
                "monthly costs are the mean of the measured part multiplied up to a month; their interval is that of "
                "the mean, not the range of a single month's bill"
            )
        return notes

    def _is_absent(self, measure: Measure) -> bool:
        return any(None in sample.column(measure.name) for sample in self._samples.values())

    def save(self, folder: str | Path = "results", also: Mapping[str, bytes] | None = None) -> Path:
        """Files of the study below a folder, and others beside them; gives back ``<folder>/<scenario>/<digest>``."""
        from simulator.study.store import save_study

        return save_study(self, Path(folder), also)


def _direction(estimate: Estimate) -> str:
    if estimate.value is None:
        return "no data"
    if estimate.low is None or estimate.high is None:
        return "undecided"
    if estimate.low == estimate.high == 0:
        return "equal"
    if estimate.low > 0:
        return "higher"
    return "lower" if estimate.high < 0 else "undecided"


def _estimates(
    keys: tuple[str, ...],
    rows: Iterable[tuple[tuple[str, ...], Estimate]],
    **words: Any,
) -> pd.DataFrame:
    """Frame of estimates: keys, value, interval, level, n, method, and words made from each estimate."""
    records = [
        {
            **dict(zip(keys, key, strict=True)),
            "value": one.value,
            "ci_low": one.low,
            "ci_high": one.high,
            "level": one.level,
            "n": one.n,
            "method": one.method,
            **{name: word(one) for name, word in words.items()},
        }
        for key, one in rows
    ]
    numbers = dict.fromkeys(("value", "ci_low", "ci_high", "level"), "Float64")
    text = dict.fromkeys(("method", *words), "string")
    return _frame(records, {**dict.fromkeys(keys, "string"), **numbers, "n": "Int64", **text})


def _frame(rows: list[dict[str, Any]], kinds: dict[str, str]) -> pd.DataFrame:
    """Frame of the columns of `kinds`, in that order and of those nullable types."""
    import pandas as pd

    columns: dict[str, Any] = {
        column: pd.array([row.get(column) for row in rows], dtype=kind)  # type: ignore[call-overload]
        for column, kind in kinds.items()
    }
    return pd.DataFrame(columns)
