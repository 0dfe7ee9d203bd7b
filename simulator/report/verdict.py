"""The answer: which endpoint meets the objectives, and which of those is cheapest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from simulator.measures import intervals
from simulator.measures.objectives import Judgement, Verdict
from simulator.report.reading import Reading, in_words, limit_in_words, money, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.measures.intervals import Estimate

#: Worst first: what an endpoint is called if its objectives differ.
_WORST_FIRST: Final = (Verdict.NOT_MET, Verdict.NO_DATA, Verdict.UNDECIDED, Verdict.MET)


def overall(judgements: Sequence[Judgement]) -> Verdict:
    """Verdict on all objectives of an endpoint together: the worst of them; met if there are none."""
    given = {judgement.verdict for judgement in judgements}
    return next((verdict for verdict in _WORST_FIRST if verdict in given), Verdict.MET)


@dataclass(frozen=True)
class Answer:
    """Who meets the objectives, and who is cheapest.

    Parameters
    ----------
    verdicts : dict of str to Verdict
        Endpoint → verdict on all its objectives together.
    cheapest : str or None
        Of the endpoints that meet all objectives; None if there is none or no cost is known.
    sentences : tuple of str
        The answer in words.
    """

    verdicts: dict[str, Verdict]
    cheapest: str | None
    sentences: tuple[str, ...]

    def meets(self, endpoint: str | None = None) -> Verdict:
        """Verdict on one endpoint, or the best verdict of all."""
        if endpoint is not None:
            return self.verdicts[endpoint]
        return max(self.verdicts.values(), key=_WORST_FIRST.index)


def answer(reading: Reading) -> Answer:
    """The answer that a study gives to its scenario."""
    judgements = reading.study.judgements()
    verdicts = {name: overall(judgements.get(name, [])) for name in reading.endpoints}
    meeting = _by_cost(reading, [name for name, verdict in verdicts.items() if verdict is Verdict.MET])
    sentences: list[str] = []
    objectives = bool(reading.scenario.objectives)
    if not meeting:
        sentences.append(_nobody(verdicts))
    else:
        first = meeting[0]
        cost = in_words(reading.estimate(first, "monthly_cost"), "USD")
        what = "Cheapest endpoint that meets all objectives" if objectives else "No objectives given; cheapest endpoint"
        sentences.append(f"{what}: {first} at {cost} a month.")
        sentences += _lead(reading, meeting, verdicts)
    return Answer(verdicts, meeting[0] if meeting else None, tuple(sentences))


def _nobody(verdicts: Mapping[str, Verdict]) -> str:
    undecided = [name for name, verdict in verdicts.items() if verdict is Verdict.UNDECIDED]
    if not undecided:
        return "No endpoint meets all objectives."
    names = ", ".join(undecided)
    return f"No endpoint is shown to meet all objectives; undecided: {names}. More replications may decide (-n)."


def _lead(reading: Reading, meeting: Sequence[str], verdicts: Mapping[str, Verdict]) -> list[str]:
    """How far the cheapest is ahead of the next, and who could be cheaper still."""
    first = meeting[0]
    others = meeting[1:] or _by_cost(reading, [name for name in reading.endpoints if name != first])
    sentences = []
    if others:
        sentences.append(_against(reading, first, others[0], verdicts[others[0]]))
    open_cheaper = [
        name
        for name in reading.endpoints
        if verdicts[name] is Verdict.UNDECIDED and reading.cost(name) < reading.cost(first)
    ]
    if open_cheaper:
        sentences.append(f"Cheaper, but undecided on an objective: {', '.join(open_cheaper)}.")
    return sentences


def _against(reading: Reading, first: str, second: str, verdict: Verdict) -> str:
    difference = cost_difference(reading, second, first)
    aside = "" if verdict is Verdict.MET else ", which does not meet them"
    if verdict is Verdict.UNDECIDED:
        aside = ", whose objectives are undecided"
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
    return f"It costs ${money(size)} a month {word} than {second}{aside} (paired over replications)."


def cost_difference(reading: Reading, first: str, second: str) -> Estimate:
    """Monthly cost of one endpoint less that of another, paired over replications [USD]."""
    wide = reading.replications.pivot(index="replication", columns="endpoint", values="monthly_cost_usd")
    ours, theirs = ([number(value) for value in wide[name]] for name in (first, second))
    return intervals.difference(ours, theirs, level=reading.scenario.confidence)


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
