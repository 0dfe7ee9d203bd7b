"""What single months do, in words: the spread of the bill, and the chance that an objective is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from simulator.questions.month import SHARES
from simulator.report.numbers import estimate_facts, share, significant
from simulator.report.reading import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.measures.intervals import Estimate
    from simulator.questions.month import Chance, Months

COLUMNS: Final = ("endpoint", "mean", *(f"{100 * one:g} % of months below" for one in SHARES))


def title(months: Months) -> str:
    """Title of the table."""
    return "Bill of a single month" if months.days is None else f"Bill of a single month of {months.days} days"


def rows(months: Months) -> tuple[tuple[str, ...], ...]:
    """A row an endpoint: mean and quantiles of the bill."""
    return tuple(
        (name, in_words(mean, "USD"), *(_cell(one) for one in spread)) for name, (mean, spread) in months.bills.items()
    )


def _cell(estimate: Estimate) -> str:
    return in_words(estimate, "USD") if estimate.value is not None else "undecided"


def remark(months: Months) -> str:
    """How the months came about."""
    if months.days is None:
        return f"{months.replications} months were simulated."
    text = (
        f"Months are composed of {months.replications} simulated days, drawn with replacement; each begins as the "
        "replications do. Intervals: another sample of as many days."
    )
    few = f" Undecided: {months.replications} days are fewer than a month has."
    return text + (few if months.replications < months.days else "")


def lines(months: Months) -> Iterator[str]:
    """A sentence for each endpoint and objective."""
    for one in months.chances:
        yield f"{one.endpoint}, {one.objective.text}: {_chance(one)}"


def _chance(one: Chance) -> str:
    """The chance with its interval; a bound where no month, or every one, missed it."""
    found = one.chance
    if found.value is None or found.low is None or found.high is None:
        return found.method
    if found.value == 0:
        return f"none seen, at most {significant(100 * found.high, 2)} % of months"
    if found.value == 1:
        return f"every one seen, at least {significant(100 * found.low, 2)} % of months"
    return f"{share(found)} of months"


def facts(months: Months) -> dict[str, Any]:
    """The same as JSON carries it."""
    return {
        "days": months.days,
        "replications": months.replications,
        "bills": [
            {
                "endpoint": name,
                "mean": estimate_facts(mean, "USD"),
                "quantiles": [
                    {"share": at, **estimate_facts(one, "USD")} for at, one in zip(SHARES, spread, strict=True)
                ],
            }
            for name, (mean, spread) in months.bills.items()
        ],
        "chances": [
            {"endpoint": one.endpoint, "objective": one.objective.text, **estimate_facts(one.chance, "1")}
            for one in months.chances
        ],
    }
