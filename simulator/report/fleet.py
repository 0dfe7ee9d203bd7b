"""Many models as text, Markdown, JSON and CSV: which belong where, and what the best mix costs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from simulator.measures import intervals
from simulator.measures.objectives import Verdict
from simulator.questions.fleet.fleet import MIX, MOST_ENDPOINTS
from simulator.questions.stress.stressing import time_in_words
from simulator.report.figures.style import short
from simulator.report.fleet_answer import headline, models_in_words, notes_on, rate_in_words
from simulator.report.fleet_table import facts, table
from simulator.report.machine import markdown
from simulator.report.numbers import significant, with_interval
from simulator.report.reading import in_words
from simulator.report.sections import Section, Sentences, Table
from simulator.report.text import written

if TYPE_CHECKING:
    from simulator.questions.fleet.account import Places
    from simulator.questions.fleet.answer import Answer
    from simulator.questions.fleet.fleet import Fleet

#: Models that the text lists: the busiest, and of each kind of doubtful ones; the CSV and JSON have all.
SHOWN: Final = 10
SHOWN_DOUBTFUL: Final = 5
#: Longest name of a model in text.
_LONGEST: Final = 24
#: Classes of traffic: greatest rate [1/s], and words. Those of Shahrad et al., "Serverless in the Wild", ATC 2020.
CLASSES: Final = (
    (1 / 3600, "at most 1 an hour"),
    (1 / 60, "at most 1 a minute"),
    (1.0, "at most 1 a second"),
    (float("inf"), "more"),
)


def as_text(found: Fleet) -> str:
    """The whole report, of single models the head."""
    return written(sections(found))


def as_markdown(found: Fleet) -> str:
    """The same as Markdown."""
    return markdown(f"The models of {found.scenario.name}", sections(found))


def as_json(found: Fleet) -> str:
    """The same for programs, every model and every estimate with its interval."""
    return json.dumps(facts(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(found: Fleet) -> str:
    """One line a model and way (`table`)."""
    return table(found).to_csv(index=False, lineterminator="\n")


def sections(found: Fleet) -> Iterator[Section]:
    """All parts, the answer first."""
    yield Sentences("Best mix", tuple(headline(found)), is_code=True)
    yield _setting(found)
    warnings = _warnings(found)
    if warnings:
        yield Sentences("Limits of the account", tuple(warnings))
    yield _bills(found)
    yield _classes(found)
    yield _busiest(found)
    if found.undecided:
        yield Sentences("Undecided", tuple(_undecided(found)))
    if found.missed:
        yield Sentences("Meet the objectives nowhere", tuple(_missed(found)))
    if found.nowhere:
        yield Sentences("Fit nowhere", tuple(_nowhere(found)))
    assumed = {text for texts in found.scenario.assumptions().values() for text in texts}
    if assumed:
        yield Sentences("Assumed", tuple(_assumed(found)))
    yield Sentences("Notes", tuple(notes_on(found)))


def _name(one: Answer) -> str:
    return f"{short(one.name, _LONGEST)} ({rate_in_words(one.rate)})"


def _setting(found: Fleet) -> Section:
    scenario = found.scenario
    count = len(found.records)
    lines = [
        f"{scenario.traffic.describe()}; {models_in_words(len(found.models))}, {count} "
        f"replication{'' if count == 1 else 's'} of {time_in_words(scenario.horizon)}",
        f"seed {scenario.seed}; prices {scenario.price_sheet.id}; a month is {scenario.month / 3600:g} h; intervals at "
        f"{100 * scenario.confidence:g}%; all ways under the same requests",
        f"objectives of each model: {', '.join(scenario.objectives) or 'none'}",
    ]
    if scenario.description:
        lines.insert(0, scenario.description)
    return Sentences(f"Scenario {scenario.name}", tuple(lines))


def _warnings(found: Fleet) -> list[str]:
    """Quotas of the account that the fleet comes near to or exceeds."""
    lines = []
    for name, one in found.places.items():
        what = "The best mix on demand" if name == MIX else f"All models on {name}"
        limit = "no limit of the account is known" if one.limit is None else f"the account's limit is {one.limit:,}"
        lines.append(
            f"{what}: {with_interval(one.peak)} places occupied at most at once, {with_interval(one.mean)} on "
            f"average; {limit}.{_over(found, name, one)}"
        )
    for endpoint in found.ways:
        count = found.too_many(endpoint.name)
        if count is not None:
            lines.append(
                f"The mix needs {count:,} serverless endpoints on {endpoint.name}; an account may have "
                f"{MOST_ENDPOINTS} in a Region unless AWS raises that. Beyond it models have to share endpoints."
            )
    return lines


def _over(found: Fleet, name: str, one: Places) -> str:
    if not one.binds:
        return ""
    text = (
        f" That is exceeded {in_words(one.over_time, '1')} of the time, and {in_words(one.over, '1')} of the requests "
        "begin above it. "
    )
    under = found.under_limits.get(name)
    if under is None:
        return text + "What the account would throttle is not simulated: results are too good there."
    missed = f"{models_in_words(under.missed)} {'misses' if under.missed == 1 else 'miss'}"
    return text + (
        f"Simulated together under the limit, {in_words(under.throttled, '1')} of all requests are throttled (without "
        f"it {_share(under.alone)}), and {missed} an objective only because of it; the bill is then "
        f"{in_words(under.monthly_cost, 'USD')} a month. All else in this report is without the limit."
    )


def _bills(found: Fleet) -> Section:
    rows = []
    for way in (*(one.name for one in found.ways), MIX):
        saved = "" if way == MIX else in_words(found.saving(way), "USD", difference=True)
        count = len(found.mix) if way == MIX else found.fitting(way)
        met = sum(_verdict(one, way) is Verdict.MET for one in found.answers)
        cold = _share(found.cold_share(way))
        rows.append((way, f"{count:,}", f"{met:,}", in_words(found.total(way), "USD"), saved, cold))
    remark = "Intervals are of sums over models in each replication."
    if any(found.fitting(one.name) < len(found.mix) for one in found.ways):
        remark += " A model that does not fit on a way is there as in the mix."
    columns = ("served by", "models", "meet objectives", "a month", "mix saves", "cold")
    return Table("All models together", columns, tuple(rows), remark)


def _verdict(one: Answer, way: str) -> Verdict | None:
    """On all objectives of a model on a way, or in the mix; None where it does not fit."""
    name = one.choice if way == MIX else way
    return one.ways[name].verdict if name is not None and name in one.ways else None


def _share(estimate: intervals.Estimate) -> str:
    return "none seen" if estimate.is_none_seen or estimate.value == 0 else in_words(estimate, "1")


def _classes(found: Fleet) -> Section:
    names = [one.name for one in found.ways]
    total = sum(one.rate for one in found.answers) or 1.0
    rows, least = [], -1.0
    for most, words in CLASSES:
        own = [one for one in found.answers if least < one.rate <= most and one.choice is not None]
        least = most
        if not own:
            continue
        cold, completed = _cold(found, own)
        rows.append(
            (
                words,
                f"{len(own):,}",
                f"{significant(100 * sum(one.rate for one in own) / total)} %",
                *(f"{sum(one.choice == name for one in own):,}" for name in names),
                *(_sum(found, own, name) for name in names),
                _sum(found, own, MIX),
                _share(intervals.ratio(cold, completed, found.scenario.confidence).within(0.0, 1.0)),
            )
        )
    columns = (
        *("requests of a model", "models", "of all requests"),
        *(f"on {name}" for name in names),
        *(f"all on {name}" for name in names),
        *("mix", "cold in the mix"),
    )
    return Table("By traffic of a model", columns, tuple(rows), "Dollars are of a month, of all models of a line.")


def _cold(found: Fleet, own: Sequence[Answer]) -> tuple[list[float], list[float]]:
    """Cold and completed requests of some models in each replication of the mix."""
    cold, completed = [0.0] * len(found.records), [0.0] * len(found.records)
    for one in own:
        assert one.choice is not None
        for place, measured in enumerate(found.samples[one.name, one.choice].measured):
            cold[place] += measured.cold_starts
            completed[place] += measured.completed
    return cold, completed


def _sum(found: Fleet, own: Sequence[Answer], way: str) -> str:
    total = [0.0] * len(found.records)
    for one in own:
        chosen = one.choice if way == MIX or way not in one.ways else way
        assert chosen is not None
        total = [a + b for a, b in zip(total, found.costs[one.name, chosen].tolist(), strict=True)]
    return in_words(intervals.mean(total, found.scenario.confidence), "USD")


def _busiest(found: Fleet) -> Section:
    names = [one.name for one in found.ways]
    rows = tuple(
        (
            short(one.name, _LONGEST),
            significant(one.rate * 3600),
            *(_cost(one, name) for name in names),
            *(_share(one.ways[name].cold) if name in one.ways else "–" for name in names if _has_cold(found, name)),
            one.choice or "nowhere",
        )
        for one in found.answers[:SHOWN]
    )
    columns = (
        *("model", "requests/h"),
        *(f"{name}, a month" for name in names),
        *(f"cold on {name}" for name in names if _has_cold(found, name)),
        "belongs on",
    )
    rest = len(found.answers) - len(rows)
    remark = f"The other {rest:,} are in fleet.csv and fleet.json." if rest else ""
    return Table("The busiest models" if rest else "Models", columns, rows, remark)


def _has_cold(found: Fleet, way: str) -> bool:
    """Whether a request can be cold there: an instance is launched for it, or its model loaded."""
    return way in found.places or way in found.shared_ways


def _cost(one: Answer, way: str) -> str:
    if way not in one.ways:
        return "does not fit"
    found = one.ways[way]
    text = in_words(found.cost, "USD")
    return text if found.verdict is Verdict.MET else f"{text}, {found.verdict.value}"


def _undecided(found: Fleet) -> list[str]:
    lines = []
    for one in found.undecided[:SHOWN_DOUBTFUL]:
        assert one.choice is not None
        open_: dict[str, list[str]] = {}
        for way in one.ways.values():
            for judgement in way.judgements:
                if judgement.verdict in {Verdict.UNDECIDED, Verdict.NO_DATA}:
                    open_.setdefault(judgement.objective.text, []).append(way.name)
        why = [f"whether {text} is met on {', '.join(names)}" for text, names in open_.items()]
        why += [
            f"whether {way.name} is dearer ({in_words(way.more, 'USD', difference=True)} a month)"
            for way in one.ways.values()
            if way.name != one.choice and way.verdict is Verdict.MET and not (way.more.low or 0.0) > 0
        ]
        lines.append(f"{_name(one)}, now {one.choice}: open is {', and '.join(why)}.")
    return [*lines, *_rest(len(found.undecided))]


def _rest(count: int) -> list[str]:
    return [f"and {count - SHOWN_DOUBTFUL:,} more."] if count > SHOWN_DOUBTFUL else []


def _missed(found: Fleet) -> list[str]:
    lines = []
    for one in found.missed[:SHOWN_DOUBTFUL]:
        missed: dict[str, list[str]] = {}
        for way in one.ways.values():
            for judgement in way.judgements:
                if judgement.verdict is Verdict.NOT_MET:
                    missed.setdefault(judgement.objective.text, []).append(way.name)
        why = [f"{text} on {', '.join(names)}" for text, names in missed.items()]
        lines.append(f"{_name(one)}: not met are {'; '.join(why)}; priced on {one.choice}.")
    return [*lines, *_rest(len(found.missed))]


def _nowhere(found: Fleet) -> list[str]:
    lines = [
        f"{_name(one)}: {'; '.join(dict.fromkeys(one.model.unfit.values()))}." for one in found.nowhere[:SHOWN_DOUBTFUL]
    ]
    return [*lines, *_rest(len(found.nowhere))]


def _assumed(found: Fleet) -> list[str]:
    by_text: dict[str, list[str]] = {}
    for name, texts in found.scenario.assumptions().items():
        for text in texts:
            by_text.setdefault(text, []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in by_text.items()]
