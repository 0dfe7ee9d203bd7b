"""The report on a plan: text, Markdown, JSON and CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from simulator.questions.plan.bounds import SAME_FOR_LESS
from simulator.questions.plan.plan import TIGHTER, over
from simulator.questions.plan.racing import Standing, State
from simulator.questions.plan.robust import SCENARIO
from simulator.questions.stress.breaking import Outcome
from simulator.report import text as plain_text
from simulator.report.machine import markdown
from simulator.report.numbers import estimate_facts, significant
from simulator.report.reading import in_words, limit_in_words
from simulator.report.sections import Section, Sentences, Table

if TYPE_CHECKING:
    import pandas as pd

    from simulator.measures.objectives import Judgement, Objective
    from simulator.questions.plan.plan import Planned, Tightened
    from simulator.questions.plan.robust import Robust
    from simulator.questions.stress.stressed import Cell

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1
LEFT_OUT: Final = "left out"


def as_text(found: Planned, robust: Robust | None = None, *, verbose: bool = False) -> str:
    """The report in lines of at most 100 columns."""
    return plain_text.written(sections(found, robust, verbose=verbose))


def as_markdown(found: Planned, robust: Robust | None = None, *, verbose: bool = False) -> str:
    """The same as Markdown."""
    return markdown(f"A plan for {found.choice.base.name}", sections(found, robust, verbose=verbose))


def as_csv(found: Planned) -> str:
    """One line a candidate."""
    return table(found).to_csv(index=False, lineterminator="\n")


def as_json(found: Planned, robust: Robust | None = None) -> str:
    """Everything that the report says."""
    return json.dumps(facts(found, robust), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sections(found: Planned, robust: Robust | None = None, *, verbose: bool = False) -> Iterator[Section]:
    """All parts in the order in which they are read, the answer first.

    Parameters
    ----------
    found : Planned
    robust : Robust or None
        What stresses left, if it was asked.
    verbose : bool
        Also every candidate that was left out, with its own reason.
    """
    yield Sentences("Plan", (*answer(found), *(_under_stress(found, robust) if robust else ())), is_code=True)
    yield Sentences("Asked", tuple(_asked(found)))
    if found.samples:
        yield _raced(found)
    reasons = _left_out(found, verbose=verbose)
    if reasons:
        lines = [
            f"{', '.join(names) if verbose or len(names) <= 4 else f'{names[0]} and {len(names) - 1} more'}: {reason}"
            for reason, names in reasons.items()
        ]
        yield Sentences("Left out without simulating", tuple(lines))
    yield Sentences("Assumed", tuple(_assumed(found)))


def answer(found: Planned) -> Iterator[str]:
    """The plan in words: what it costs, what it gives, and what else there is."""
    if found.race.is_interrupted:
        names = [one.name for one in found.race.runners.values() if one.state is State.NOT_TRIED]
        left = f", {len(names)} candidates were not tried" if names else ""
        yield f"Interrupted: what follows is what was known by then, the race was not over{left}."
    elif found.is_interrupted:
        yield "Interrupted before it was known what a tighter objective would cost."
    if found.plan is None:
        yield (
            "No candidate is shown to meet all objectives."
            if not found.is_decided
            else ("No candidate meets all objectives.")
        )
    else:
        cost, n = in_words(found.cost(found.plan), "USD"), found.race.runners[found.plan].replications
        what = "meets all objectives" if found.objectives else "there is (no objectives given)"
        known = "is known by then to meet all objectives" if found.race.is_interrupted else what
        yield f"The cheapest candidate that {known}: {found.plan} at {cost} a month ({n} replications)."
        yield from (f"  {_judged(found, one)}" for one in found.judgements(found.plan))
    yield from _others(found)
    yield from _near_miss(found)
    if found.tightened is not None:
        yield _price(found, found.tightened)


def _others(found: Planned) -> Iterator[str]:
    runners = found.race.runners.values()
    undecided = [one.name for one in runners if one.state is State.UNDECIDED]
    if undecided and found.race.is_interrupted:
        yield f"Not decided: {', '.join(undecided)}."
    elif undecided:
        yield f"Undecided after {found.rules.most} replications: {', '.join(undecided)}; more may decide (-n)."
    if found.plan is None:
        return
    ties = [one.name for one in runners if one.state is State.TIE]
    if ties:
        costs = ", ".join(f"{name} at {in_words(found.cost(name), 'USD')}" for name in ties)
        saving = f"{100 * found.rules.smallest_saving:.3g} %"
        yield f"As cheap, no difference of {saving} was found: {costs}."
    name = found.next_best
    if name is not None and name not in (*ties, *undecided):
        more = in_words(found.less(name, found.plan), "USD", difference=True)
        known = found.race.runners[name].standing is Standing.QUALIFIES
        aside = "" if known else "; whether it meets the objectives did not have to be found out"
        yield f"Next best: {name}, {more} a month (paired over replications{aside})."


def _near_miss(found: Planned) -> Iterator[str]:
    name = found.near_miss
    if name is None:
        return
    cost = in_words(found.cost(name), "USD")
    which = "Nearest miss" if found.plan is None else "Cheaper, and just misses"
    yield f"{which}: {name} at {cost} a month."
    missed = found.race.runners[name].missed
    for number, one in enumerate(found.judgements(name)):
        if number == missed or over(one.objective, one.estimate.value) > 0:
            yield f"  {_judged(found, one)}{_by(one)}"


def _by(judgement: Judgement) -> str:
    """By how much a mean is beyond its limit."""
    beyond = over(judgement.objective, judgement.estimate.value)
    return f", {significant(100 * beyond, 2)} % beyond the limit" if 0 < beyond < math.inf else ""


def _judged(found: Planned, judgement: Judgement) -> str:
    """One objective: what was found, and how many replications missed it."""
    objective, unit = judgement.objective, judgement.objective.measure.unit
    text = f"{_limit(objective)}: {in_words(judgement.estimate, unit)}"
    misses = judgement.misses
    if misses.value is None or found.choice.block.judged_by == "mean":
        return text
    high = f", at most {100 * misses.high:.2g} %" if misses.high is not None and not misses.value else ""
    return f"{text}; missed in {round(misses.value * misses.n)} of {misses.n} replications{high}"


def _limit(objective: Objective) -> str:
    unit = objective.measure.unit
    return f"{objective.measure.name} {objective.comparison} {limit_in_words(objective.limit, unit)}"


def _price(found: Planned, one: Tightened) -> str:
    """What one objective costs."""
    start = f"With {_limit(one.tighter)} ({100 * TIGHTER:.0f} % tighter)"
    if one.race.plan is None:
        return f"{start} no candidate {'qualifies' if one.race.is_decided else 'is shown to qualify'}."
    if one.race.plan == found.plan:
        return f"{start} the plan stays the same."
    more = in_words(one.more, "USD", difference=True) if one.more is not None else "no data"
    return f"{start} the plan is {one.race.plan}, {more} a month."


def _under_stress(found: Planned, robust: Robust) -> Iterator[str]:
    """The robust choice."""
    survivors, set_of = robust.survivors, "the scenario" if robust.set_of == SCENARIO else robust.set_of
    if survivors:
        first = survivors[0]
        same = ", which is the plan" if first == found.plan else ""
        yield (
            f"The cheapest whose objectives hold under all stresses of {set_of}: {first} at "
            f"{in_words(robust.costs[first], 'USD')} a month without stress{same} (means of {robust.replications} "
            "replications)."
        )
    else:
        first = robust.nearest or ""
        yield f"No candidate is shown to meet all objectives under the stresses of {set_of}."
        if first and first != found.plan:
            yield f"Nearest to it: {first} at {in_words(robust.costs[first], 'USD')} a month without stress."
            yield from (f"  {_cell(one)}" for one in robust.broken.get(first, ()))
    if found.plan is not None and robust.broken.get(found.plan):
        yield f"Under stress the plan, {found.plan}, does not hold:"
        yield from (f"  {_cell(one)}" for one in robust.broken[found.plan])


def _cell(cell: Cell) -> str:
    """What a stress does to a candidate, at the severities of the set."""
    first, stress = cell.first, cell.stress
    if first is None or cell.outcome not in {Outcome.BREAKS, Outcome.BROKEN_ALREADY}:
        return f"{stress.title}: {cell.outcome.value}"
    if cell.outcome is Outcome.BROKEN_ALREADY or first.high is None:
        return f"{stress.title}: {_limit(first.objective)} breaks without it, by the mean"
    if stress.is_switch:
        where = ""
    elif first.low is None:
        where = f" at {stress.text(first.high)} or before"
    else:
        where = f" between {stress.text(first.low)} and {stress.text(first.high)}"
    return f"{stress.title}: {_limit(first.objective)} breaks{where}"


def _asked(found: Planned) -> Iterator[str]:
    block, rules = found.choice.block, found.rules
    texts = ", ".join(one.text for one in found.objectives) or "none"
    yield f"objectives: {texts}"
    if block.judged_by == "mean":
        yield "an objective is met if the mean over replications keeps to it"
    else:
        yield f"an objective is met if at most {100 * block.misses_at_most:.3g} % of the replications miss it"
        yield "of monthly costs only the mean is judged, unless a replication is a month long"
    seed = (found.scenario or found.choice.base).seed
    yield (
        f"confidence {100 * rules.confidence:.4g} % of the whole answer, smallest saving worth finding "
        f"{100 * rules.smallest_saving:.3g} %, at most {rules.most} replications, seed {seed}"
    )
    candidates = found.choice.candidates
    yield f"{len(candidates)} candidates, {len(found.samples)} simulated, {found.requests:,} requests in all"


def _raced(found: Planned) -> Table:
    columns = ("candidate", "", "a month", *(one.measure.name for one in found.objectives), "replications")
    rows = []
    order = {name: place for place, name in enumerate(found.samples)}
    for name in sorted(found.samples, key=lambda one: (found.cost(one).value or math.inf, order[one])):
        cells = [in_words(one.estimate, one.objective.measure.unit) for one in found.judgements(name)]
        count = str(found.race.runners[name].replications)
        rows.append((name, state_of(found, name), in_words(found.cost(name), "USD"), *cells, count))
    remark = (
        "Means over the replications that were needed, with intervals of each alone; a candidate that is dearer than "
        "the plan, or misses an objective, is simulated no further."
    )
    return Table("Candidates that were simulated", columns, tuple(rows), remark)


def state_of(found: Planned, name: str) -> str:
    """What became of a candidate in words, the missed objective named by its measure."""
    runner = found.race.runners.get(name)
    if runner is None or runner.state is None:
        return LEFT_OUT
    if runner.state is State.MISSES and runner.missed is not None:
        return f"misses {found.objectives[runner.missed].measure.name}"
    return runner.state.value


def _left_out(found: Planned, *, verbose: bool) -> dict[str, list[str]]:
    """Reason → candidates that were not simulated; in short without which other one it is."""
    reasons: dict[str, list[str]] = {}
    for one in found.choice.candidates:
        reason = _reason(found, one.name)
        if reason.endswith(SAME_FOR_LESS) and not verbose:
            reason = f"another candidate {SAME_FOR_LESS}"
        if reason:
            reasons.setdefault(reason, []).append(one.name)
    return reasons


def _reason(found: Planned, name: str) -> str:
    """Why a candidate was not simulated; empty if it was."""
    pruned = found.candidate(name).pruned
    runner = found.race.runners.get(name)
    if pruned or runner is None or runner.state is not State.NOT_NEEDED:
        return pruned
    return f"its fixed cost alone is more than {runner.by} costs at the most"


def _assumed(found: Planned) -> Iterator[str]:
    choice = found.choice
    sizes = {one.values.get("memory_size") for one in choice.candidates} - {None}
    if len(sizes) > 1:
        yield choice.law.assumption()
        yield "startup times are the same at every memory size"
    types = {one.values.get("instance_type") for one in choice.candidates} - {None}
    if len(types) > 1:
        yield "service times are the same on every instance type, unless an endpoint gives its own"
    if choice.by_default:
        yield (
            f"candidates of {', '.join(choice.by_default)} are those of the default rules: memory sizes from what the "
            "model needs (or the smallest size in the scenario) upwards, provisioned concurrency around the mean "
            "concurrency, instance counts from the least that carries the mean load, those of jobs from 1 on"
        )
    yield "what else an endpoint has stays as the scenario says; `endpointsim run` lists what it assumes"


def table(found: Planned) -> pd.DataFrame:
    """One row a candidate: state, reason, replications, cost, and each objective with its interval and misses."""
    import pandas as pd

    rows = []
    given = (field for one in found.choice.candidates for field in one.values)
    fields = tuple(dict.fromkeys((*_FIELDS, *given)))
    for one in found.choice.candidates:
        runner = found.race.runners.get(one.name)
        row: dict[str, Any] = {
            "candidate": one.name,
            "endpoint": one.origin,
            **{field: None if field not in one.values else str(one.values[field]) for field in fields},
            "state": LEFT_OUT if runner is None or runner.state is None else runner.state.value,
            "reason": _reason(found, one.name) or None,
            "against": (runner.by or None) if runner is not None else None,
            "replications": len(found.samples[one.name].bills) if one.name in found.samples else 0,
        }
        cost = found.cost(one.name) if one.name in found.samples else None
        row |= _columns("monthly_cost_usd", cost)
        judged = found.judgements(one.name) if one.name in found.samples else [None] * len(found.objectives)
        for objective, judgement in zip(found.objectives, judged, strict=True):
            row |= _columns(objective.text, None if judgement is None else judgement.estimate)
            row[f"{objective.text}: missed"] = None if judgement is None else judgement.misses.value
        rows.append(row)
    return pd.DataFrame(rows)


_FIELDS: Final = (
    *("memory_size", "max_concurrency", "provisioned_concurrency"),
    *("instance_type", "initial_instance_count", "workers_per_instance"),
)


def _columns(name: str, estimate: Any) -> dict[str, float | None]:
    parts = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return {f"{name}{end}": part for end, part in zip(("", " low", " high"), parts, strict=True)}


def facts(found: Planned, robust: Robust | None = None) -> dict[str, Any]:
    """Everything that the report says, as JSON holds it."""
    base, block = found.choice.base, found.choice.block
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": base.name,
        "digest": found.digest,
        "seed": (found.scenario or base).seed,
        "prices": base.price_sheet.id,
        "confidence": found.rules.confidence,
        "smallest_saving": found.rules.smallest_saving,
        "judged_by": block.judged_by,
        "misses_at_most": block.misses_at_most if block.judged_by == "replications" else None,
        "max_replications": found.rules.most,
        "objectives": [one.text for one in found.objectives],
        "plan": found.plan,
        "is_decided": found.is_decided,
        "is_interrupted": found.is_interrupted,
        "next_best": found.next_best if found.plan is not None else None,
        "near_miss": found.near_miss,
        "answer": [line.strip() for line in answer(found)],
        "price_of_objective": _price_facts(found.tightened),
        "robust": None
        if robust is None
        else {
            "set_of": robust.set_of,
            "plan": next(iter(robust.survivors), None),
            "broken": {
                name: [
                    {
                        "stress": cell.stress.name,
                        "outcome": cell.outcome.value,
                        "objective": None if cell.first is None else cell.first.objective.text,
                        "met_to": None if cell.first is None else cell.first.low,
                        "not_met_from": None if cell.first is None else cell.first.high,
                    }
                    for cell in cells
                ]
                for name, cells in robust.broken.items()
            },
            "verdicts": {name: verdict.value for name, verdict in robust.verdicts.items()},
        },
        "candidates": [_candidate_facts(found, one.name) for one in found.choice.candidates],
        "assumed": list(_assumed(found)),
    }


def _price_facts(one: Tightened | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "objective": one.objective.text,
        "tighter": one.tighter.text,
        "plan": one.race.plan,
        "is_decided": one.race.is_decided,
        "more": None if one.more is None else estimate_facts(one.more, "USD"),
    }


def _candidate_facts(found: Planned, name: str) -> dict[str, Any]:
    one, runner = found.candidate(name), found.race.runners.get(name)
    is_seen = name in found.samples
    return {
        "name": name,
        "endpoint": one.origin,
        "values": one.values,
        "state": LEFT_OUT if runner is None or runner.state is None else runner.state.value,
        "reason": _reason(found, name) or None,
        "against": (runner.by or None) if runner is not None else None,
        "replications": len(found.samples[name].bills) if is_seen else 0,
        "monthly_cost": estimate_facts(found.cost(name), "USD") if is_seen else None,
        "objectives": [
            {
                "objective": judged.objective.text,
                "estimate": estimate_facts(judged.estimate, judged.objective.measure.unit),
                "misses": estimate_facts(judged.misses, "1"),
            }
            for judged in (found.judgements(name) if is_seen else ())
        ],
    }
