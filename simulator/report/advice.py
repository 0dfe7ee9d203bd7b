"""Advice in words: one sentence for each piece, with the numbers that it rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from simulator.measures.intervals import none_of
from simulator.questions.advice.advice import advise
from simulator.report.numbers import estimate_facts, significant, with_interval
from simulator.report.reading import in_words

if TYPE_CHECKING:
    from simulator.questions.advice.findings import Advice
    from simulator.study.results import Study


def sentences(study: Study) -> list[str]:
    """All that the study advises, a sentence each."""
    return [sentence(advice) for advice in advise(study)]


def facts(study: Study) -> list[dict[str, Any]]:
    """The same as JSON carries it: rule, endpoint, the one it is compared with, the sentence, and its figures."""
    return [
        {
            "rule": advice.rule,
            "endpoint": advice.endpoint,
            "other": advice.other or None,
            "sentence": sentence(advice),
            "figures": {name: estimate_facts(figure.estimate, figure.unit) for name, figure in advice.figures.items()},
        }
        for advice in advise(study)
    ]


def sentence(advice: Advice) -> str:
    """One piece of advice in words."""
    return f"{advice.endpoint}: {_WORDS[advice.rule](advice)}"


def _said(advice: Advice, name: str) -> str:
    """A figure as people write it."""
    figure = advice.figures[name]
    if figure.unit == "1/s":
        return f"{with_interval(figure.estimate)}/s"
    if figure.unit == "1" and figure.estimate.is_none_seen:
        return "none seen"
    return in_words(figure.estimate, figure.unit)


def _count(advice: Advice, name: str) -> str:
    value = advice.figures[name].estimate.value
    return significant(0.0 if value is None else value)


def _overloaded(advice: Advice) -> str:
    more, workers = _count(advice, "instances_more"), _count(advice, "workers")
    whose = "1 worker is" if workers == "1" else f"{workers} workers are"
    return (
        f"in {advice.other} its {whose} offered {_said(advice, 'offered_load')}, so "
        f"that its queue grows; at least {more} more instance{'s' if more != '1' else ''} would be needed to keep up."
    )


def _underused(advice: Advice) -> str:
    aside = f", which is not shown to meet {' and '.join(advice.missed)}," if advice.missed else ""
    return (
        f"its workers are in use {_said(advice, 'utilization')} of the time. Below "
        f"{_said(advice, 'break_even_utilization')} {advice.other}{aside} is cheaper: here by "
        f"{_said(advice, 'saving')} a month."
    )


def _idle(advice: Advice) -> str:
    return (
        f"its instances have nothing to do {_said(advice, 'idle_share')} of the time, and "
        f"{_said(advice, 'empty_hours_share')} of the hours of replication 0 bring no request; they cost "
        f"{_said(advice, 'monthly_cost')} a month all the same."
    )


def _outgrown(advice: Advice) -> str:
    text = f"it costs {_said(advice, 'extra')} a month more than {advice.other}"
    if "rate" not in advice.figures:
        return f"{text}."
    return (
        f"{text}. Traffic has outgrown it: {_said(advice, 'rate')}, and both would cost the same at "
        f"{_said(advice, 'break_even_rate')}."
    )


def _erases(advice: Advice) -> str:
    return (
        f"provisioned concurrency, {_said(advice, 'allocation')} of its {_said(advice, 'monthly_cost')} a month, makes "
        f"it dearer than {advice.other} at {_said(advice, 'other_cost')}; on demand alone the same requests would cost "
        f"about {_said(advice, 'on_demand_alone')}."
    )


def _needless(advice: Advice) -> str:
    return (
        f"provisioned concurrency costs {_said(advice, 'extra')} a month more than {advice.other}, which meets all "
        f"objectives without it (cold requests there: {_said(advice, 'cold_start_fraction_without')}, here: "
        f"{_said(advice, 'cold_start_fraction')})."
    )


def _oversized(advice: Advice) -> str:
    chance = advice.figures["chance_of_more"].estimate
    most = significant(100 * none_of(chance.n, chance.level), 2)
    return (
        f"of {_count(advice, 'provisioned')} provisioned instances never more than {_count(advice, 'most_needed')} "
        f"were busy at once; the others cost {_said(advice, 'saving')} a month. (None of {chance.n} replications "
        f"needed more: at most {most} % of them would.)"
    )


def _idle_provisioned(advice: Advice) -> str:
    return (
        f"provisioned concurrency is in use {_said(advice, 'used_share')} of the time. It pays for itself above "
        f"{_said(advice, 'break_even_share')}; below that it is the price of fewer cold starts."
    )


def _large_memory(advice: Advice) -> str:
    return (
        f"it costs {_said(advice, 'extra')} a month more than {advice.other}, which meets all objectives with "
        f"{_count(advice, 'smaller_memory_size')} MB in place of {_count(advice, 'memory_size')} MB, with the service "
        "times given."
    )


def _low_limit(advice: Advice) -> str:
    share = _said(advice, "throttled_fraction")
    return f"its limit of {_count(advice, 'limit')} at once throttles {share} of requests."


def _high_limit(advice: Advice) -> str:
    return (
        f"never more than {_count(advice, 'most_needed')} of the {_count(advice, 'limit')} places that its limit "
        "allows were taken; a lower limit would bound what a surge can cost, and leave more of the account's limit to "
        "others."
    )


_WORDS: Final[dict[str, Callable[[Advice], str]]] = {
    "overloaded_instances": _overloaded,
    "underused_instances": _underused,
    "idle_instances": _idle,
    "outgrown_serverless": _outgrown,
    "provisioned_erases_saving": _erases,
    "needless_provisioned": _needless,
    "oversized_provisioned": _oversized,
    "idle_provisioned": _idle_provisioned,
    "large_memory": _large_memory,
    "low_limit": _low_limit,
    "high_limit": _high_limit,
}
