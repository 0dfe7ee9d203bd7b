"""Which models of a fleet belong where, what the best mix costs, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.endpoints import Endpoint, MultiModel, OnDemand, Serverless
from simulator.errors import InputError
from simulator.measures import intervals
from simulator.measures.bill import Bill, bill
from simulator.measures.catalogue import MEASURES
from simulator.measures.intervals import Estimate
from simulator.measures.objectives import Judgement, Verdict, overall
from simulator.questions.fleet.account import Places, UnderLimit, places_of, under_limit
from simulator.questions.fleet.answer import Answer, Way
from simulator.questions.fleet.even import break_even
from simulator.questions.fleet.judged import judged
from simulator.questions.fleet.mixing import Shared, best, is_decided, shared
from simulator.questions.fleet.replication import account_limit, measured_of, measured_of_all
from simulator.questions.fleet.running import is_alike
from simulator.scenario.fleet_models import FleetModel, models_of
from simulator.scenario.model import Scenario
from simulator.study.estimates import Sample
from simulator.study.replicate import Record, objectives_of

#: Serverless endpoints of an account in a Region, SageMaker's developer guide (serverless endpoints, quotas).
MOST_ENDPOINTS: Final = 50
#: Name of the best mix among the ways.
MIX: Final = "best mix"
_COST: Final = "monthly_cost"


class Fleet:
    """What was found of a fleet.

    Parameters
    ----------
    scenario : Scenario
        With its fleet, seed and replications.
    records : sequence of Record
        One a replication (`replication.fleet_record`).
    of_mix : sequence of Record
        Of the best mix alone, where the account's limit may bind; else empty.
    is_cut : bool
        Whether somebody interrupted what was to follow the replications.
    """

    def __init__(
        self, scenario: Scenario, records: Sequence[Record], of_mix: Sequence[Record] = (), *, is_cut: bool = False
    ) -> None:
        self.scenario, self.records, self.of_mix = scenario, tuple(records), tuple(of_mix)
        self._is_cut = is_cut

    @property
    def is_complete(self) -> bool:
        """Whether all replications finished, and what was to follow them."""
        return len(self.records) == self.scenario.replications and not self._is_cut

    @cached_property
    def models(self) -> tuple[FleetModel, ...]:
        """In the order of the scenario; what is uncertain as in the first replication."""
        return models_of(self.scenario)

    @cached_property
    def _models_by_record(self) -> list[dict[str, FleetModel]]:
        if is_alike(self.scenario):
            return [{one.name: one for one in self.models}] * len(self.records)
        return [{one.name: one for one in models_of(self.scenario, record.number)} for record in self.records]

    def sample(self, model: str, way: str) -> Sample:
        """The replications of one model on one way: those of an ordinary study of it."""
        measured = tuple(measured_of(record, model, way) for record in self.records)
        if way in self.shared_bills:
            whole = self.shared_bills[way]
            shares = (self._share(record, model, way) for record in self.records)
            bills = tuple(one.part(share) for one, share in zip(whole, shares, strict=True))
        else:
            bills = tuple(
                bill(one.endpoint(way), found.usage, one.price_sheet, month_s=one.month)
                for found, by_name in zip(measured, self._models_by_record, strict=True)
                for one in (by_name[model].scenario,)
            )
        return Sample(measured, bills, self.scenario.confidence)

    @cached_property
    def shared_ways(self) -> tuple[str, ...]:
        """Multi-model endpoints on which some model fits."""
        return tuple(
            one.name
            for one in self.scenario.endpoints
            if isinstance(one, MultiModel) and all(measured_of_all(record, one.name) for record in self.records)
        )

    @cached_property
    def shared_bills(self) -> dict[str, tuple[Bill, ...]]:
        """Multi-model endpoint → its bill in each replication, whatever it serves."""
        found: dict[str, tuple[Bill, ...]] = {}
        for way in self.shared_ways:
            bills = []
            for record, by_name in zip(self.records, self._models_by_record, strict=True):
                one = next(iter(by_name.values())).scenario
                whole = measured_of_all(record, way)
                assert whole is not None
                bills.append(bill(one.endpoint(way), whole.usage, one.price_sheet, month_s=one.month))
            found[way] = tuple(bills)
        return found

    def bills_of(self, way: str) -> list[float]:
        """Bill of a month of a multi-model endpoint in each replication [USD]."""
        return [one.monthly_cost_usd for one in self.shared_bills[way]]

    def _share(self, record: Record, model: str, way: str) -> Fraction:
        """Part of a multi-model endpoint's bill that a model is given: its part of the time in service."""
        whole = measured_of_all(record, way)
        assert whole is not None
        if whole.in_service_ns:
            return Fraction(measured_of(record, model, way).in_service_ns, whole.in_service_ns)
        return Fraction(1, sum(way in one.ways for one in self.models))

    @cached_property
    def samples(self) -> dict[tuple[str, str], Sample]:
        """(Model, way) → its replications."""
        # What is uncertain may make a model fit in one replication and not in another.
        fits = [
            set.intersection(*(set(found[one.name].ways) for found in self._models_by_record)) for one in self.models
        ]
        return {
            (one.name, way): self.sample(one.name, way)
            for one, known in zip(self.models, fits, strict=True)
            for way in one.ways
            if way in known
        }

    @cached_property
    def costs(self) -> dict[tuple[str, str], NDArray[np.float64]]:
        """(Model, way) → cost of a month in each replication, shape (replications,) [USD]."""
        return {key: np.array(one.column(_COST), np.float64) for key, one in self.samples.items()}

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """By traffic, the busiest model first; of equal ones in the order of the scenario."""
        found = [self._answer(model) for model in self.models]
        return tuple(sorted(found, key=lambda one: -one.rate))

    @cached_property
    def _judgements(self) -> dict[tuple[str, str], list[Judgement]]:
        objectives = objectives_of(self.scenario)
        return {key: [judged(one, objective) for objective in objectives] for key, one in self.samples.items()}

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], Verdict]:
        return {key: overall(one) for key, one in self._judgements.items()}

    @cached_property
    def _own(self) -> dict[str, str | None]:
        """Model → its best way of its own."""
        found: dict[str, str | None] = {}
        for model in self.models:
            ways = [way for way in model.ways if way not in self.shared_ways and (model.name, way) in self.samples]
            verdicts = {way: self._verdicts[model.name, way] for way in ways}
            found[model.name] = best(verdicts, {way: float(self.costs[model.name, way].mean()) for way in ways})
        return found

    @cached_property
    def shared(self) -> tuple[Shared, ...]:
        """The multi-model endpoints, judged, that which saves most first."""
        found = [
            shared(
                way,
                np.array(self.bills_of(way)),
                self._own,
                self._verdicts,
                self.costs,
                self.scenario.confidence,
            )
            for way in self.shared_bills
        ]
        return tuple(sorted(found, key=lambda one: -one.gain))

    @property
    def chosen_shared(self) -> Shared | None:
        """The multi-model endpoint of the mix: that which saves most, if it saves; None if none does."""
        return self.shared[0] if self.shared and self.shared[0].models and self.shared[0].gain > 0 else None

    def _answer(self, model: FleetModel) -> Answer:
        samples = {way: self.samples[model.name, way] for way in model.ways if (model.name, way) in self.samples}
        choice = self._own[model.name]
        if self.chosen_shared is not None and model.name in self.chosen_shared.models:
            choice = self.chosen_shared.way
        if choice is None:
            rate = model.requests / self.scenario.horizon
            return Answer(model, rate, {}, None, Verdict.NOT_MET, True, None, None)
        ways = {
            way: Way(
                way,
                sample.estimate(MEASURES[_COST]),
                sample.less(samples[choice], MEASURES[_COST]),
                sample.estimate(MEASURES["cold_start_fraction"]),
                self._verdicts[model.name, way],
                tuple(self._judgements[model.name, way]),
            )
            for way, sample in samples.items()
        }
        measured = samples[choice].measured
        rate = sum(one.requests for one in measured) / sum(one.span_ns for one in measured) * 1e9
        even, busy = break_even(model)
        is_sure = is_decided(ways, choice, self.shared)
        return Answer(model, rate, ways, choice, ways[choice].verdict, is_sure, even, busy)

    @cached_property
    def mix(self) -> dict[str, str]:
        """Model → its way in the best mix; models that fit nowhere are left out."""
        return {one.name: one.choice for one in self.answers if one.choice is not None}

    @property
    def ways(self) -> tuple[Endpoint, ...]:
        """The endpoints of the scenario."""
        return tuple(self.scenario.endpoints)

    def _total(self, way: str) -> NDArray[np.float64]:
        """Bill of the fleet in each replication; what does not fit on a way is served as in the mix [USD]."""
        total = np.zeros(len(self.records))
        # What models share is billed once, whichever of them are on it.
        whole = way if way in self.shared_ways else ""
        if way == MIX and self.chosen_shared is not None:
            whole = self.chosen_shared.way
        if whole:
            total += self.bills_of(whole)
        for name, choice in self.mix.items():
            chosen = choice if way == MIX or (name, way) not in self.costs else way
            if chosen != whole:
                total += self.costs[name, chosen]
        return total

    @cached_property
    def totals(self) -> dict[str, NDArray[np.float64]]:
        """Each way, and the mix → bill of a month in each replication, shape (replications,) [USD].

        A multi-model endpoint costs the same however few of its models the mix leaves on it.
        """
        return {way: self._total(way) for way in (*(one.name for one in self.ways), MIX)}

    def total(self, way: str) -> Estimate:
        """Bill of a month of the whole fleet on one way, or of the mix: from sums over models in each replication."""
        return intervals.mean(self.totals[way].tolist(), self.scenario.confidence)

    def saving(self, way: str) -> Estimate:
        """What the mix saves against all models on one way, paired over replications [USD]."""
        return intervals.difference(self.totals[way].tolist(), self.totals[MIX].tolist(), self.scenario.confidence)

    def served(self, way: str) -> list[Answer]:
        """Models that the mix serves on a way, the busiest first."""
        return [one for one in self.answers if one.choice == way]

    @property
    def nowhere(self) -> list[Answer]:
        """Models that fit nowhere."""
        return [one for one in self.answers if one.choice is None]

    @property
    def undecided(self) -> list[Answer]:
        """Models for which another way may be the better choice."""
        return [one for one in self.answers if not one.is_decided]

    @property
    def missed(self) -> list[Answer]:
        """Models that miss an objective on every way, for sure."""
        return [one for one in self.answers if one.choice is not None and one.verdict is Verdict.NOT_MET]

    def fitting(self, way: str) -> int:
        """Models that fit on a way."""
        return sum(way in one.ways for one in self.answers)

    def cold_share(self, way: str) -> Estimate:
        """Cold requests of the completed ones, all models on one way, or in the mix."""
        cold, completed = np.zeros(len(self.records)), np.zeros(len(self.records))
        for name, choice in self.mix.items():
            chosen = choice if way == MIX or (name, way) not in self.costs else way
            for place, one in enumerate(self.samples[name, chosen].measured):
                cold[place] += one.cold_starts
                completed[place] += one.completed
        return intervals.ratio(cold.tolist(), completed.tolist(), self.scenario.confidence).within(0.0, 1.0)

    @cached_property
    def places(self) -> dict[str, Places]:
        """On-demand way, and the mix where that was looked at → places occupied together."""
        found = {
            one.name: places_of(self.scenario, [record.traffic["joint"][one.name] for record in self.records], one)
            for one in self.ways
            if isinstance(one, OnDemand)
        }
        if self.of_mix and any(isinstance(self.scenario.endpoint(way), OnDemand) for way in self.mix.values()):
            limited = min(
                (one for one in self.ways if account_limit(self.scenario, one)),
                key=lambda one: account_limit(self.scenario, one) or math.inf,
            )
            found[MIX] = places_of(self.scenario, [record.traffic["joint"][""] for record in self.of_mix], limited)
        return found

    @cached_property
    def under_limits(self) -> dict[str, UnderLimit]:
        """On-demand way, or the mix, whose limit was reached and could be simulated → what it does there."""
        found = {}
        for name, places in self.places.items():
            records = self.of_mix if name == MIX else self.records
            ways = {
                model.name: way
                for model in self.models
                if (way := self.mix.get(model.name, "") if name == MIX else name) in model.ways
                and isinstance(self.scenario.endpoint(way), OnDemand)
            }
            scenarios = [{one: by_name[one].scenario for one in ways} for by_name in self._models_by_record]
            one = under_limit(self.scenario, records, scenarios[: len(records)], ways) if places.binds else None
            if one is not None:
                found[name] = one
        return found

    @property
    def may_bind(self) -> bool:
        """Whether the limit of the account is exceeded with all models on some way."""
        return any(one.binds for name, one in self.places.items() if name != MIX)

    def too_many(self, way: str) -> int | None:
        """Serverless endpoints of the mix on a way, if they are more than an account may have in a Region."""
        endpoint = self.scenario.endpoint(way)
        if not isinstance(endpoint, Serverless) or endpoint.platform != "sagemaker":
            return None
        count = len(self.served(way))
        return count if count > MOST_ENDPOINTS else None


def fleet(scenario: Scenario, run: Callable[..., tuple[Record, ...]]) -> Fleet:
    """The answer for a scenario with a fleet.

    Parameters
    ----------
    scenario : Scenario
        With seed and replications as asked for.
    run : callable
        Gives records of a scenario, and with ``only`` those of the best mix alone (`running.run_fleet`).

    Raises
    ------
    InputError
        If the scenario has no fleet.
    """
    if scenario.fleet is None:
        models_of(scenario)
    if scenario.precision is not None:
        scenario = scenario.with_replications(scenario.replications)
    found = Fleet(scenario, run(scenario))
    if not found.records:
        raise InputError("no replication was finished")
    if not (found.is_complete and found.may_bind):
        return found
    try:
        of_mix = run(scenario, only=found.mix)
    except KeyboardInterrupt:
        of_mix = ()
    return Fleet(scenario, found.records, of_mix, is_cut=len(of_mix) < len(found.records))
