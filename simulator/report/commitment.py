"""Commitments as text, Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from simulator.questions.commitment.hourly import break_even_share
from simulator.report import text as plain_text
from simulator.report.machine import markdown
from simulator.report.numbers import estimate_facts, significant
from simulator.report.reading import in_words
from simulator.report.sections import Section, Sentences, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.questions.commitment.commitment import Commitments, Priced

#: Goes up when a key changes its meaning or goes away.
SCHEMA_VERSION: Final = 1


def as_text(answers: Sequence[Commitments]) -> str:
    """The report in lines of at most 100 columns."""
    return plain_text.written(sections(answers))


def as_markdown(answers: Sequence[Commitments]) -> str:
    """The same as Markdown."""
    return markdown(f"{answers[0].study.scenario.name}: commitment", sections(answers))


def as_json(answers: Sequence[Commitments]) -> str:
    """Everything that the report says."""
    study = answers[0].study
    facts = {
        "schema_version": SCHEMA_VERSION,
        "scenario": study.scenario.name,
        "seed": study.scenario.seed,
        "replications": len(study.records),
        "complete": study.complete,
        "discount": answers[0].discount,
        "covers": {"serverless": answers[0].coverage.serverless, "asynchronous": answers[0].coverage.asynchronous},
        "endpoints": {
            one.endpoint: {
                "best": estimate_facts(one.best, "USD/h"),
                "commitments": [_facts(priced) for priced in one.priced],
            }
            for one in answers
        },
    }
    return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(answers: Sequence[Commitments]) -> str:
    """The long table: endpoint, commitment, figure."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["endpoint", "commitment_usd_per_h", "figure", "unit", "value", "ci_low", "ci_high"])
    for one in answers:
        for priced in one.priced:
            for name, (estimate, unit) in _figures(priced).items():
                row = [estimate.value, estimate.low, estimate.high]
                table.writerow([one.endpoint, priced.plan.commitment, name, unit, *row])
    return out.getvalue()


def sections(answers: Sequence[Commitments]) -> Iterator[Section]:
    """The answer first, then a table for each endpoint, then the rule."""
    study, discount = answers[0].study, answers[0].discount
    yield Sentences("Verdict", tuple(line for one in answers for line in _verdict(one)), is_code=True)
    for one in answers:
        rows = tuple(
            (
                f"${significant(priced.plan.commitment)}/h, {priced.words}",
                in_words(priced.cost, "USD"),
                in_words(priced.saving, "USD", difference=(priced.saving.value or 0.0) < 0),
                "-" if priced.covered.value is None else in_words(priced.covered, "1"),
                "-" if priced.unused.value is None else in_words(priced.unused, "1"),
                f"{significant(100 * priced.worse)} %",
            )
            for priced in one.priced
        )
        columns = ("commitment", "a month", "saved", "usage covered", "of it lost", "costs more in")
        hours = f"{one.hours} hour{'s' * (one.hours != 1)}"
        remark = f"Without storage and data; {hours} in each of {len(study.records)} replications; paired."
        yield Table(one.endpoint, columns, rows, remark)
    yield Sentences(
        "How it is reckoned",
        (
            "In each hour usage is covered at plan prices up to the commitment; what is not used of it is lost, what "
            "is beyond it is paid on demand.",
            f"At {significant(100 * discount)} % off, committing to one more instance pays if it runs in more than "
            f"{significant(100 * break_even_share(discount))} % of the hours.",
            "The discount is the one given: no list of the rates of plans by instance type was found.",
            "The term is a year or three; these replications say nothing of how the traffic will change within it.",
            *answers[0].coverage.remarks(),
        ),
    )


def _verdict(one: Commitments) -> list[str]:
    best = next(priced for priced in one.priced if priced.plan.commitment == one.best.value)
    if not best.plan.commitment:
        return [f"{one.endpoint}: commit to nothing; no hourly commitment costs less than on demand."]
    return [
        f"{one.endpoint}: commit to {in_words(one.best, 'USD')} an hour.",
        f"  It saves {in_words(best.saving, 'USD')} a month, and covers {in_words(best.covered, '1')} of the "
        f"usage; {in_words(best.unused, '1')} of the commitment is lost.",
        f"  It costs more than on demand in {significant(100 * best.worse)} % of {len(one.study.records)} "
        "replications.",
    ]


def _figures(priced: Priced) -> dict[str, tuple[Any, str]]:
    return {
        "monthly_cost": (priced.cost, "USD"),
        "monthly_saving": (priced.saving, "USD"),
        "usage_covered": (priced.covered, "1"),
        "commitment_lost": (priced.unused, "1"),
    }


def _facts(priced: Priced) -> dict[str, Any]:
    return {
        "commitment_usd_per_h": priced.plan.commitment,
        "words": priced.words,
        **{name: estimate_facts(estimate, unit) for name, (estimate, unit) in _figures(priced).items()},
        "costs_more_share": priced.worse,
    }
