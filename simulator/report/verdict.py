"""The answer: which endpoint meets the objectives, and which of those is cheapest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.measures import intervals
from simulator.measures.objectives import WORST_FIRST, Judgement, Verdict, overall
from simulator.report.numbers import significant
from simulator.report.reading import Reading, in_words, limit_in_words, money, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.measures.intervals import Estimate


@dataclass(frozen=True)
class Answer:
    """Who meets the objectives, and who is cheapest.

    Parameters
    ----------
    verdicts : dict of str to Verdict
        Endpoint → verdict on all its objectives together.
    cheapest : str or None
        Of the endpoints that meet all objectives, the one of least mean cost; None if there is none or no cost is
        known.
    is_decided : bool
        Whether the cheapest one is known to be cheaper than all others that meet the objectives.
    sentences : tuple of str
        The answer in words.
    """

    verdicts: dict[str, Verdict]
    cheapest: str | None
    is_decided: bool
    sentences: tuple[str, ...]

    def meets(self, endpoint: str | None = None) -> Verdict:
        """Verdict on one endpoint, or the best verdict of all."""
        if endpoint is not None:
            return self.verdicts[endpoint]
        return max(self.verdicts.values(), key=WORST_FIRST.index)


def answer(reading: Reading) -> Answer:
    """The answer that a study gives to its scenario."""
    judgements = reading.study.judgements()
    verdicts = {name: _verdict_on(reading, name, judgements.get(name, [])) for name in reading.endpoints}
    meeting = _by_cost(reading, [name for name, verdict in verdicts.items() if verdict is Verdict.MET])
    if not meeting:
        return Answer(verdicts, None, False, (_nobody(verdicts),))
    first, rivals = meeting[0], meeting[1:]
    # One comparison with each rival: the answer as a whole holds with the confidence of the scenario (Bonferroni).
    level = 1 - (1 - reading.scenario.confidence) / max(len(rivals), 1)
    leads = {rival: cost_difference(reading, rival, first, level) for rival in rivals}
    close = [rival for rival, lead in leads.items() if not (lead.low is not None and lead.low > 0)]
    sentences = _close(reading, first, close, leads) if close else _cheapest(reading, first, rivals, verdicts)
    return Answer(verdicts, first, not close, (*sentences, *_open(reading, first, verdicts)))


def _verdict_on(reading: Reading, name: str, judgements: Sequence[Judgement]) -> Verdict:
    """Verdict on all objectives; an endpoint that completed no request meets no limit on latency."""
    verdict = overall(judgements)
    requests, completed = (reading.estimate(name, measure).value for measure in ("requests", "completed"))
    return Verdict.NOT_MET if verdict is Verdict.NO_DATA and requests and completed == 0 else verdict


def _nobody(verdicts: Mapping[str, Verdict]) -> str:
    undecided = [name for name, verdict in verdicts.items() if verdict is Verdict.UNDECIDED]
    unknown = [name for name, verdict in verdicts.items() if verdict is Verdict.NO_DATA]
    if not undecided and not unknown:
        return "No endpoint meets all objectives."
    text = "No endpoint is shown to meet all objectives"
    if unknown:
        text += f"; no data for an objective: {', '.join(unknown)}"
    if undecided:
        text += f"; undecided: {', '.join(undecided)}. More replications may decide (-n)"
    return f"{text}."


def _what(reading: Reading) -> str:
    return "endpoint that meets all objectives" if reading.scenario.objectives else "endpoint (no objectives given)"


def _cheapest(reading: Reading, first: str, rivals: Sequence[str], verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """The cheapest one, and how far it is ahead of the next: of those that meet the objectives if there are more."""
    cost = in_words(reading.estimate(first, "monthly_cost"), "USD")
    sentence = f"Cheapest {_what(reading)}: {first} at {cost} a month."
    others = rivals or _by_cost(reading, [name for name in reading.endpoints if name != first])
    return (sentence, _against(reading, first, others[0], verdicts[others[0]])) if others else (sentence,)


def _close(reading: Reading, first: str, close: Sequence[str], leads: Mapping[str, Estimate]) -> tuple[str, ...]:
    """Those among which the cheapest one cannot be told."""
    costs = [f"{name} at {in_words(reading.estimate(name, 'monthly_cost'), 'USD')} a month" for name in (first, *close)]
    if all(lead.value == 0 and not lead.half_width and lead.n > 1 for lead in (leads[name] for name in close)):
        return (f"Cheapest {_what(reading)}: {' and '.join(costs)}, exactly alike.",)
    sentences = [f"Which {_what(reading)} is cheapest is undecided: {'; '.join(costs)}."]
    for name in close:
        lead = leads[name]
        if lead.low is None:
            sentences.append(f"{name} less {first}: {in_words(lead, 'USD', difference=True)} a month, {lead.method}.")
        else:
            sentences.append(
                f"{name} less {first}: {in_words(lead, 'USD', difference=True)} a month, paired over replications; the "
                f"{100 * lead.level:.3g}% interval holds 0."
            )
    return tuple(sentences)


def _open(reading: Reading, first: str, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Who could be cheaper still."""
    names = [
        name
        for name in reading.endpoints
        if verdicts[name] in (Verdict.UNDECIDED, Verdict.NO_DATA) and reading.cost(name) < reading.cost(first)
    ]
    return (f"Cheaper, but undecided on an objective: {', '.join(names)}.",) if names else ()


def _against(reading: Reading, first: str, second: str, verdict: Verdict) -> str:
    difference = cost_difference(reading, second, first)
    aside = {
        Verdict.MET: "",
        Verdict.UNDECIDED: ", whose objectives are undecided",
        Verdict.NO_DATA: ", which has no data for an objective",
        Verdict.NOT_MET: ", which does not meet them",
    }[verdict]
    if difference.value is None:
        return f"Its cost cannot be compared with that of {second}: no data."
    if difference.value == 0 and not difference.half_width:
        return f"It costs exactly as much as {second}{aside}."
    word, size = ("less", difference) if difference.value > 0 else ("more", difference.times(-1.0))
    if difference.low is None or difference.high is None:
        return f"It costs ${money(size)} a month {word} than {second}{aside}; one replication: no interval."
    if difference.low <= 0 <= difference.high:
        return (
            f"Whether it costs less than {second}{aside} is undecided: the paired difference is "
            f"{in_words(difference, 'USD', difference=True)} a month."
        )
    # A negative factor turns the ends of the interval round.
    if word == "more":
        size = replace(size, low=-difference.high, high=-difference.low)
    part = abs(difference.value) / reading.cost(second)
    percent = f" ({significant(100 * part, 2)} %)" if 0 < part < math.inf else ""
    return f"It costs ${money(size)}{percent} a month {word} than {second}{aside} (paired over replications)."


def cost_difference(reading: Reading, first: str, second: str, level: float | None = None) -> Estimate:
    """Monthly cost of one endpoint less that of another, paired over replications [USD]."""
    wide = reading.replications.pivot(index="replication", columns="endpoint", values="monthly_cost_usd")
    ours, theirs = ([number(value) for value in wide[name]] for name in (first, second))
    return intervals.difference(ours, theirs, level=reading.scenario.confidence if level is None else level)


def _by_cost(reading: Reading, names: Sequence[str]) -> list[str]:
    return sorted((name for name in names if reading.cost(name) < math.inf), key=reading.cost)


def judgement_line(judgement: Judgement) -> str:
    """One objective of one endpoint in words: verdict, limit and what was found, and why if it is not decided."""
    objective, unit = judgement.objective, judgement.objective.measure.unit
    found = in_words(judgement.estimate, unit)
    limit = f"{objective.comparison} {limit_in_words(objective.limit, unit)}"
    text = f"{judgement.verdict.value:<9}  {objective.measure.name} {limit}: {found}"
    if judgement.verdict is Verdict.UNDECIDED:
        needed = judgement.replications_to_decide
        text += f" ({judgement.reason}" + (f"; about {needed:,} replications would decide)" if needed else ")")
    elif judgement.verdict is Verdict.NO_DATA and judgement.reason not in ("", found):
        text += f" ({judgement.reason})"
    elif judgement.estimate.is_none_seen:
        text += f" ({judgement.estimate.method})"
    elif judgement.misses.value:
        share = f"{100 * judgement.misses.value:.3g} %"
        text += f" (missed in {share} of {judgement.misses.n} replications)"
    return text


def headline(name: str, verdict: Verdict, objectives: int) -> str:
    """One endpoint in one line."""
    if not objectives:
        return f"{name}: no objectives"
    words = {
        Verdict.MET: "meets all objectives",
        Verdict.NOT_MET: "does not meet all objectives",
        Verdict.UNDECIDED: "undecided",
        Verdict.NO_DATA: "no data for an objective",
    }
    return f"{name}: {words[verdict]}"
