"""The answer about a fleet in words: the best mix, what it saves, and what a reader must know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.measures import intervals
from simulator.measures.objectives import Verdict
from simulator.questions.fleet.fleet import MIX
from simulator.report.numbers import significant
from simulator.report.reading import in_words

if TYPE_CHECKING:
    from simulator.questions.fleet.fleet import Fleet


def headline(found: Fleet) -> list[str]:
    """The answer in words."""
    served = [(one.name, len(found.served(one.name))) for one in found.ways]
    parts = ", ".join(f"{count:,} on {name}" for name, count in served if count)
    if not parts:
        return [f"No model fits anywhere: {models_in_words(len(found.nowhere))}, and no bill.", *_interrupted(found)]
    lines = [f"{parts}: {in_words(found.total(MIX), 'USD')} a month for {models_in_words(len(found.mix))}."]
    for one in found.ways:
        if found.served(one.name) and len(found.served(one.name)) == len(found.mix):
            continue
        lines.append(
            f"All on {one.name}: {in_words(found.total(one.name), 'USD')} a month{_not_met(found, one.name)}; the mix "
            f"{_saves(found, one.name)}."
        )
    lines += _shared(found)
    even = _break_even(found)
    if even:
        lines.append(even)
    lines += _boundary(found)
    if found.undecided:
        lines.append(f"Undecided for {models_in_words(len(found.undecided))}: another way may be the better one.")
    if found.missed:
        count = len(found.missed)
        verb = "meets" if count == 1 else "meet"
        lines.append(
            f"{models_in_words(count)} {verb} the objectives nowhere, and {_are(count)} priced at the cheapest way."
        )
    if found.nowhere:
        count = len(found.nowhere)
        lines.append(
            f"{models_in_words(count)} {'fits' if count == 1 else 'fit'} nowhere and {_are(count)} in no bill."
        )
    return lines + _interrupted(found)


def _interrupted(found: Fleet) -> list[str]:
    """What of a run is missing."""
    if found.is_complete:
        return []
    return [
        f"Interrupted: {len(found.records)} of {found.scenario.replications} replications were finished; all "
        "numbers are of those."
    ]


def _shared(found: Fleet) -> list[str]:
    """What multi-model endpoints save."""
    lines = []
    for one in found.shared:
        bill = in_words(intervals.mean(found.bills_of(one.way), found.scenario.confidence), "USD")
        text = f"{one.way} costs {bill} a month whatever it serves"
        if not one.models:
            lines.append(f"{text}; no model is served there as well as alone.")
            continue
        shared = f"{text}; {models_in_words(len(one.models))} can share it"
        if one.is_needed:
            lines.append(f"{shared}, of which some fit nowhere else.")
            continue
        is_dearer = one.saves.value is not None and one.saves.value < 0
        saves = f"{in_words(one.saves.times(-1.0 if is_dearer else 1.0), 'USD')} {'less' if is_dearer else 'more'}"
        text = f"{shared} as well served as alone, where they cost {saves}"
        if one is not found.chosen_shared:
            text += "; the mix does without it"
        lines.append(text + ("." if one.is_decided else "; which is the cheaper is undecided."))
    return lines


def models_in_words(count: int) -> str:
    """So many models."""
    return f"{count:,} model{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _not_met(found: Fleet, way: str) -> str:
    """How many models would miss an objective if all were served in one way."""
    count = sum(way in one.ways and one.ways[way].verdict is Verdict.NOT_MET for one in found.answers)
    return f", where {models_in_words(count)} {'misses' if count == 1 else 'miss'} an objective" if count else ""


def _saves(found: Fleet, way: str) -> str:
    saved, whole = found.saving(way), found.total(way).value
    if saved.value is not None and saved.value < 0:
        return f"costs {in_words(saved.times(-1.0), 'USD')} more"
    share = f" ({100 * saved.value / whole:.0f} %)" if saved.value and whole else ""
    return f"saves {in_words(saved, 'USD')}{share}"


def _break_even(found: Fleet) -> str:
    known = sorted(one.break_even_busy for one in found.answers if one.break_even_busy is not None)
    rates = sorted(one.break_even for one in found.answers if one.break_even is not None)
    if not known:
        return ""
    middle = known[len(known) // 2]
    low, high = known[len(known) // 20], known[-1 - len(known) // 20]
    spread = "" if high - low < 0.01 * middle else f" ({low:.2g} to {high:.2g} for the middle 90 % of models)"
    return (
        f"Break-even, every request warm: {middle:.2g} busy places on average{spread}; of the middle model that is "
        f"{rate_in_words(rates[len(rates) // 2])}."
    )


def _boundary(found: Fleet) -> list[str]:
    """The busiest model that is served on demand, and the least busy one on instances."""
    on_demand = [one for one in found.answers if one.choice in found.places]
    others = {*found.places, *found.shared_ways, None}
    on_instances = [one for one in found.answers if one.choice not in others]
    if not on_demand or not on_instances:
        return []
    return [
        f"The busiest model on demand has {rate_in_words(on_demand[0].rate)}, the least busy one on instances "
        f"{rate_in_words(on_instances[-1].rate)}."
    ]


def rate_in_words(per_second: float) -> str:
    """A rate of requests, per second, minute, hour or day as suits it [1/s]."""
    for factor, unit in ((1.0, "a second"), (60.0, "a minute"), (3600.0, "an hour"), (86400.0, "a day")):
        number = per_second * factor
        if number >= 1 or unit == "a day":
            return f"{significant(number)} request{'' if number == 1 else 's'} {unit}"
    raise AssertionError


def notes_on(found: Fleet) -> list[str]:
    """What a reader of the numbers must know; one sentence each."""
    block = found.scenario.fleet
    assert block is not None
    notes = [
        "Each model is a scenario of its own, with streams by its name: another model beside it changes nothing.",
        f"Verdicts are of single models at {100 * found.scenario.confidence:g}%: of {len(found.mix):,} some are wrong "
        "by chance. The choice and its bill come from the same replications, which makes the bill of undecided models "
        "look a little too small.",
    ]
    if block.by is None and found.scenario.traffic.digest is not None:
        notes.append("Models share one recording by thinning it: their bursts come together.")
    if block.table is not None or block.service_time is not None:
        notes.append(
            "Service times of a model have its own mean and the shape of the scenario's; those of a recorded function "
            "say nothing of what a model would take on other hardware."
        )
    if any(found.scenario.objectives) and any(
        "requests of all replications together" in j.reason
        for one in found.answers
        for way in one.ways.values()
        for j in way.judgements
    ):
        notes.append(
            "Where a replication has too few requests of a model for a percentile, the share of all its requests that "
            "kept to the limit is held against the level."
        )
    if found.shared_ways:
        notes.append(
            f"On {', '.join(found.shared_ways)} a request is cold if its model is loaded for it. Each model is given "
            "the part of the bill that it has of the time in service. All models that fit were simulated there "
            "together: with fewer of them, as in the mix, latencies are shorter."
        )
    notes += found.scenario.traffic.notes()
    if found.scenario.precision is not None:
        notes.append("The precision that the scenario asks for is of one endpoint, and was left aside.")
    grid_ns = max((one.grid_ns for one in found.places.values()), default=1)
    if grid_ns > 1:
        notes.append(f"Places occupied together are known at instants {significant(grid_ns / 1e6)} ms apart.")
    return notes
