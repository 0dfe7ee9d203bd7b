"""What was found of a fleet for programs: every model, every way, every estimate with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from simulator.measures import intervals
from simulator.questions.fleet.fleet import MIX
from simulator.report.fleet_answer import headline, notes_on
from simulator.report.numbers import estimate_facts, plain

if TYPE_CHECKING:
    import pandas as pd

    from simulator.questions.fleet.account import UnderLimit
    from simulator.questions.fleet.fleet import Fleet

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1


def facts(found: Fleet) -> dict[str, Any]:
    """Everything that a report says, as JSON holds it."""
    scenario = found.scenario
    ways = [one.name for one in found.ways]
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": scenario.name,
        "seed": scenario.seed,
        "replications": len(found.records),
        "is_complete": found.is_complete,
        "confidence": scenario.confidence,
        "prices": scenario.price_sheet.id,
        "answer": headline(found),
        "totals": {
            way: {
                "models": len(found.mix) if way == MIX else found.fitting(way),
                "monthly_cost": estimate_facts(found.total(way), "USD"),
                "mix_saves": None if way == MIX else estimate_facts(found.saving(way), "USD"),
                "cold_start_fraction": estimate_facts(found.cold_share(way), "1"),
            }
            for way in (*ways, MIX)
        },
        "mix": {way: len(found.served(way)) for way in ways},
        "undecided": len(found.undecided),
        "missed": len(found.missed),
        "nowhere": len(found.nowhere),
        "account": {
            name: {
                "limit": one.limit,
                "peak": estimate_facts(one.peak, "places"),
                "highest_peak": one.highest,
                "mean": estimate_facts(one.mean, "places"),
                "over_limit_time": estimate_facts(one.over_time, "1"),
                "over_limit_requests": estimate_facts(one.over, "1"),
                "under_limit": None if name not in found.under_limits else _under_limit(found.under_limits[name]),
            }
            for name, one in found.places.items()
        },
        "multi_model": {
            one.way: {
                "models": len(one.models),
                "monthly_cost": estimate_facts(intervals.mean(found.bills_of(one.way), scenario.confidence), "USD"),
                "saves": estimate_facts(one.saves, "USD"),
                "is_chosen": one is found.chosen_shared,
                "is_decided": one.is_decided,
            }
            for one in found.shared
        },
        "models": [
            {
                "model": one.name,
                "requests_per_hour": one.rate * 3600,
                "choice": one.choice,
                "verdict": one.verdict.value,
                "is_decided": one.is_decided,
                "break_even_per_hour": None if one.break_even is None else one.break_even * 3600,
                "unfit": dict(one.model.unfit),
                "ways": {
                    way.name: {
                        "verdict": way.verdict.value,
                        "monthly_cost": estimate_facts(way.cost, "USD"),
                        "more_than_choice": estimate_facts(way.more, "USD"),
                        "cold_start_fraction": estimate_facts(way.cold, "1"),
                        "objectives": [
                            {
                                "objective": j.objective.text,
                                "verdict": j.verdict.value,
                                "estimate": estimate_facts(j.estimate, j.objective.measure.unit),
                                "reason": j.reason,
                            }
                            for j in way.judgements
                        ],
                    }
                    for way in one.ways.values()
                },
            }
            for one in found.answers
        ],
        "notes": notes_on(found),
    }


def _under_limit(one: UnderLimit) -> dict[str, Any]:
    return {
        "throttled_fraction": estimate_facts(one.throttled, "1"),
        "throttled_fraction_alone": estimate_facts(one.alone, "1"),
        "monthly_cost": estimate_facts(one.monthly_cost, "USD"),
        "models_missed": one.missed,
    }


def table(found: Fleet) -> pd.DataFrame:
    """One row a model and way, the busiest model first.

    Columns: ``model``, ``rank`` by traffic from 1, ``requests_per_hour``, ``way``, ``is_choice``, ``is_decided``,
    ``verdict``, ``monthly_cost_usd`` with ``_low`` and ``_high``, ``more_usd`` than the choice with ``_low`` and
    ``_high``, ``cold_start_fraction`` with ``_low`` and ``_high``, ``break_even_per_hour``, ``n``, and ``unfit``: why
    the way cannot serve the model.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for rank, one in enumerate(found.answers, 1):
        for endpoint in found.ways:
            way = one.ways.get(endpoint.name)
            row: dict[str, Any] = {
                "model": one.name,
                "rank": rank,
                "requests_per_hour": one.rate * 3600,
                "way": endpoint.name,
                "is_choice": one.choice == endpoint.name,
                "is_decided": one.is_decided,
                "verdict": None if way is None else way.verdict.value,
            }
            for name, estimate in (
                ("monthly_cost_usd", None if way is None else way.cost),
                ("more_usd", None if way is None else way.more),
                ("cold_start_fraction", None if way is None else way.cold),
            ):
                at = estimate if estimate is not None else plain(None)
                row |= {name: at.value, f"{name}_low": at.low, f"{name}_high": at.high}
            row["break_even_per_hour"] = None if one.break_even is None else one.break_even * 3600
            row["n"] = None if way is None else way.cost.n
            row["unfit"] = one.model.unfit.get(endpoint.name)
            rows.append(row)
    frame = pd.DataFrame(rows)
    kinds = {"rank": "Int64", "n": "Int64", "is_choice": "boolean", "is_decided": "boolean"}
    text = ("model", "way", "verdict", "unfit")
    return frame.astype({name: "string" if name in text else kinds.get(name, "Float64") for name in frame.columns})
