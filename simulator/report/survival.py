"""Which endpoint survives all stresses, which of them is the cheapest, and whether the answer without stress does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.measures.objectives import Verdict
from simulator.questions.stress.breaking import Break, Outcome
from simulator.questions.stress.stressed import judged
from simulator.report.reading import Reading, in_words
from simulator.report.verdict import answer, cost_difference

if TYPE_CHECKING:
    from simulator.measures.intervals import Estimate
    from simulator.measures.objectives import Objective
    from simulator.questions.stress.stressed import Cell, Stressed
    from simulator.questions.stress.stressing import Stress


@dataclass(frozen=True)
class Survival:
    """The answer under stress.

    Parameters
    ----------
    survivors : tuple of str
        Endpoints that meet all objectives, with and without stress, the cheapest first.
    cheapest : str or None
        Of the survivors the one of least mean cost without stress; None if there is none.
    is_decided : bool
        Whether it is known to be cheaper than the other survivors.
    sentences : tuple of str
        In words.
    """

    survivors: tuple[str, ...]
    cheapest: str | None
    is_decided: bool
    sentences: tuple[str, ...]


def survival(result: Stressed) -> Survival:
    """The answer that stresses leave."""
    reading = Reading(result.plain)
    names = [name for name, verdict in result.verdicts.items() if verdict is Verdict.MET]
    survivors = sorted(names, key=reading.cost)
    before = _before(result, reading)
    if not survivors:
        return Survival((), None, False, (_nobody(result), *before))
    first, rivals = survivors[0], survivors[1:]
    cost = f"{in_words(reading.estimate(first, 'monthly_cost'), 'USD')} a month without stress"
    if not rivals:
        return Survival((first,), first, True, (f"Only {first} survives {_all(result)}: {cost}.", *before))
    # One comparison with each rival: together they hold with the confidence of the scenario (Bonferroni).
    level = 1 - (1 - result.plan.scenario.confidence) / len(rivals)
    leads = {rival: cost_difference(reading, rival, first, level) for rival in rivals}
    close = [rival for rival, lead in leads.items() if lead.low is None or lead.low <= 0]
    text = f"{_listed(survivors)} survive {_all(result)}."
    if close:
        apart = "; ".join(f"{rival} less {first}: {_apart(leads[rival])}" for rival in close)
        cheapest = (
            f"Which of them is cheapest is undecided: {first} at {cost}; {apart} a month, paired over replications."
        )
    else:
        more = in_words(leads[rivals[0]], "USD")
        cheapest = (
            f"The cheapest of them is {first} at {cost}, {more} less than {rivals[0]} (paired over replications)."
        )
    return Survival(tuple(survivors), first, not close, (text, cheapest, *before))


def _apart(lead: Estimate) -> str:
    return in_words(lead, "USD", difference=True)


def _nobody(result: Stressed) -> str:
    open_ = [name for name, verdict in result.verdicts.items() if verdict is not Verdict.NOT_MET]
    if not open_:
        return f"No endpoint survives {_all(result)}."
    return f"No endpoint is shown to survive {_all(result)}; undecided: {_listed(open_)}."


def _all(result: Stressed) -> str:
    return "all stresses that were tried" if result.plan.left_out else "all stresses"


def _before(result: Stressed, reading: Reading) -> tuple[str, ...]:
    """Whether what is cheapest without stress survives."""
    found = answer(reading)
    name = found.cheapest
    if name is None:
        return ("Without stress no endpoint is shown to meet all objectives.",)
    verdict = result.verdicts[name]
    cost = in_words(reading.estimate(name, "monthly_cost"), "USD")
    text = f"Without stress the cheapest endpoint that meets all objectives is {name}, at {cost} a month"
    if not found.is_decided:
        text += " (undecided against others)"
    if verdict is Verdict.MET:
        return (f"{text}; it survives them.",)
    if verdict is not Verdict.NOT_MET:
        return (f"{text}; whether it survives them is undecided.",)
    broken = [cell for cell in result.cells if cell.endpoint == name and _is_broken(cell.outcome)]
    return (f"{text}; it does not survive {_listed([cell.stress.title for cell in broken])}.",)


def headline(result: Stressed, endpoint: str) -> str:
    """One endpoint in one line: what it survives, and what not."""
    cells = [cell for cell in result.cells if cell.endpoint == endpoint]
    names = {outcome: [one.stress.name for one in cells if one.outcome is outcome] for outcome in Outcome}
    missed = [one.objective.text for one in judged(result.plain)[endpoint] if one.verdict is Verdict.NOT_MET]
    if missed:
        return f"{endpoint}: broken already without stress ({', '.join(missed)})"
    broken = names[Outcome.BROKEN_ALREADY] + names[Outcome.BREAKS]
    told = []
    if result.verdicts[endpoint] is Verdict.MET:
        told.append(f"survives {_all(result)}")
    elif broken:
        told.append(f"breaks under {', '.join(broken)}")
    for what, outcome in (
        ("undecided under", Outcome.UNDECIDED),
        ("no data under", Outcome.NO_DATA),
        ("not finished under", Outcome.UNFINISHED),
        ("untouched by", Outcome.SPARED),
    ):
        if names[outcome]:
            told.append(f"{what} {', '.join(names[outcome])}")
    if names[Outcome.HOLDS] and result.verdicts[endpoint] is not Verdict.MET:
        told.append(f"holds under {', '.join(names[Outcome.HOLDS])}")
    return f"{endpoint}: {'; '.join(told)}"


def _is_broken(outcome: Outcome) -> bool:
    return outcome in (Outcome.BREAKS, Outcome.BROKEN_ALREADY)


def cell_words(cell: Cell) -> str:
    """One endpoint under one stress: ``p95 at 2.87× (2.59–3.08×)``, ``holds up to 8×``."""
    stress, first = cell.stress, cell.first
    if first is None:
        return cell.outcome.value
    name = short_name(first.objective)
    hardest = stress.severities[-1]
    match cell.outcome:
        case Outcome.HOLDS:
            return "holds" if stress.is_switch else f"holds to {stress.text(hardest)}"
        case Outcome.BROKEN_ALREADY:
            return f"{name} broken already"
        case Outcome.BREAKS:
            return name if stress.is_switch else f"{name} at {point_words(stress, first)}"
        case Outcome.UNDECIDED if not stress.is_switch and first.undecided:
            return f"{name} undecided at {stress.text(first.undecided[0][0])}"
    return cell.outcome.value if cell.outcome is Outcome.UNFINISHED else f"{name} {cell.outcome.value}"


def point_words(stress: Stress, one: Break) -> str:
    """Break point and its interval: ``2.87× (2.59–3.08×)``."""
    assert one.at is not None, "it breaks"
    assert one.high is not None, "it breaks"
    if one.low is None:
        return f"{stress.text(one.high)} or before"
    ends = sorted((one.low, one.high))
    return f"{stress.text(one.at)} ({_range(*map(stress.text, ends))})"


def _range(low: str, high: str) -> str:
    """Two texts with what they end in alike said once."""
    for unit in ("×", " min", " s", " h"):
        if low.endswith(unit) and high.endswith(unit):
            return f"{low.removesuffix(unit)}–{high}"
    return f"{low}–{high}"


def short_name(objective: Objective) -> str:
    """An objective by what it limits, as short as columns are: ``p95``, ``throttled``."""
    return objective.measure.name.removesuffix("_fraction").replace("_", " ")


def undecided_lines(result: Stressed) -> list[str]:
    """One line for each endpoint, stress and objective that is undecided, with the replications that would decide."""
    lines = []
    for cell in result.cells:
        for one in cell.breaks:
            if one.outcome is Outcome.UNDECIDED:
                places = ", ".join(
                    f"{cell.stress.text(severity)}"
                    + (f" (about {needed:,} replications would decide)" if needed else "")
                    for severity, needed in one.undecided
                )
                lines.append(f"{cell.endpoint}, {cell.stress.title}: {one.objective.text} at {places}")
    return lines


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
