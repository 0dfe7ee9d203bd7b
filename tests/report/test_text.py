"""The report in text: the answer first and right, every undecided thing called so, within 100 columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from simulator.measures.objectives import Verdict
from simulator.report import checks, machine, page, text
from simulator.report.reading import Reading
from simulator.report.verdict import answer, cost_difference

SERVERLESS, REAL_TIME = "serverless-4096mb-c20", "m5-xlarge-x1-w4"
Maker = Callable[..., Any]


def said(study: Any) -> str:
    """The sentences of the answer."""
    return " ".join(answer(Reading(study)).sentences)


def test_the_answer_stands_first(by_hand: Maker) -> None:
    """Verdict by endpoint and objective, then the cheapest that meets all."""
    lines = text.report(by_hand()).splitlines()
    assert "Verdict" == lines[0]
    assert f"  {SERVERLESS}: meets all objectives" == lines[1]
    assert "    met        p95 < 500 ms: 446.0 ±1.3 ms" == lines[2]
    assert f"  {REAL_TIME}: undecided" == lines[3]
    assert lines[4].startswith("    undecided  p95 < 500 ms: 499 ±12 ms (the 95% interval of the mean holds the limit")


def test_no_line_is_longer_than_100_columns(by_hand: Maker) -> None:
    """Also with everything in it, and with one endpoint alone."""
    for study in (by_hand(), by_hand(endpoints=(SERVERLESS,))):
        assert 100 >= max(len(line) for line in text.report(study, verbose=True).splitlines())


def test_a_table_too_wide_goes_on_below() -> None:
    """Each part has its head and its first column; nothing is lost."""
    columns = ("endpoint", *(f"column {at}" for at in range(8)))
    lines = list(text.grid(columns, [("a" * 30, *(f"{at:>18}" for at in range(8)))]))
    assert 100 >= max(map(len, lines))
    assert 3 == sum(line.strip().startswith("endpoint") for line in lines)
    assert all(name in "\n".join(lines) for name in columns)


def test_the_cheapest_that_meets_all_is_named_with_its_lead(by_hand: Maker) -> None:
    """Mean 105.5 USD against 167.9: 62.4 less, from the paired differences."""
    study = by_hand(["p95 < 600ms"])
    difference = cost_difference(Reading(study), REAL_TIME, SERVERLESS)
    assert pytest.approx(62.4) == difference.value
    assert f"{SERVERLESS} at $106 ±2 a month. It costs $62 ±2 (37 %) a month less than {REAL_TIME} (paired" in said(
        study
    )


def test_an_endpoint_that_is_cheaper_but_misses_is_not_recommended(by_hand: Maker) -> None:
    """The one that meets costs more, and that is said."""
    study = by_hand(["p99 < 1s"])
    assert REAL_TIME == answer(Reading(study)).cheapest
    assert f"It costs $62 ±2 (59 %) a month more than {SERVERLESS}, which does not meet them" in said(study)


def test_a_lead_within_the_interval_is_undecided(by_hand: Maker) -> None:
    """Costs that cross from one replication to the next decide nothing."""
    study = by_hand(["p95 < 600ms"], monthly_cost={REAL_TIME: [100.0, 110.0, 104.0, 110.0]})
    assert not answer(Reading(study)).is_decided
    assert "Which endpoint that meets all objectives is cheapest is undecided" in said(study)


def test_an_undecided_endpoint_that_is_cheaper_is_named(by_hand: Maker) -> None:
    """Else the reader would take the dearer one for the answer."""
    study = by_hand(monthly_cost={REAL_TIME: [50.0, 50.0, 50.0, 50.0]})
    assert SERVERLESS == answer(Reading(study)).cheapest
    assert f"Cheaper, but undecided on an objective: {REAL_TIME}." in said(study)


def test_nobody_meets_the_objectives(by_hand: Maker) -> None:
    """Said plainly, without a cheapest."""
    found = answer(Reading(by_hand(["p95 < 100ms"])))
    assert (None, ("No endpoint meets all objectives.",)) == (found.cheapest, found.sentences)
    assert Verdict.NOT_MET is found.meets()


def test_no_data_is_not_met_and_not_zero(by_hand: Maker) -> None:
    """An endpoint that completed nothing has no latency; its cell says so."""
    study = by_hand(["p95 < 500ms"], p95={SERVERLESS: [None] * 4})
    assert Verdict.NO_DATA is answer(Reading(study)).verdicts[SERVERLESS]
    row = next(line for line in text.report(study).splitlines() if line.startswith(f"  {SERVERLESS}  "))
    assert "no data" in row


def test_none_seen_is_not_none(by_hand: Maker) -> None:
    """Four replications without one bound the share of replications with any at 1 − 0.05^(1/4) = 53 %."""
    found = text.report(by_hand())
    assert "none seen" in found
    assert "None seen in 4: at most 53 % of replications have any." in " ".join(found.split())


def test_an_interrupted_study_says_so(by_hand: Maker) -> None:
    """In the verdict, where nobody overlooks it."""
    study = by_hand()
    study.complete, study.requested = False, 20
    assert "Interrupted: 4 of 20 replications were finished" in text.report(study).split("Scenario")[0]


def test_a_percentile_between_warm_and_cold_is_warned_about(by_hand: Maker) -> None:
    """About 1 % cold: p99 is in the gap, p95 is not; without cold starts there is no gap."""
    (warning,) = checks.gaps(Reading(by_hand()))
    assert "beyond p99:" in warning
    assert [] == checks.gaps(Reading(by_hand(cold_start_fraction={SERVERLESS: [0.0] * 4})))


@pytest.mark.parametrize(("share", "load", "places"), [(0.5, 1.0, 1), (0.2, 1.0, 2), (0.0, 0.0, 5)])
def test_erlang_b_by_hand(share: float, load: float, places: int) -> None:
    """B(1, 1) = 1/2 and B(2, 1) = (1/2)/(1 + 1 + 1/2) = 1/5."""
    assert pytest.approx(share) == checks.erlang_b(load, places)


def test_hours_times_price_is_worked_out(by_hand: Maker) -> None:
    """730 h at 0.23 USD are 167.9 USD, and 2/s times 250 ms are half an erlang."""
    rules = " ".join(checks.rules_of_thumb(Reading(by_hand())))
    assert "1 instance × 730 h × $0.23/h = $167.9 a month; offered load 0.5 erlangs on 4 workers." in rules


def estimates_in(facts: Any) -> list[dict[str, Any]]:
    """Every dict that carries an interval, however deep."""
    inner = facts.values() if isinstance(facts, dict) else facts if isinstance(facts, list) else []
    own = [facts] if isinstance(facts, dict) and "ci" in facts else []
    return own + [one for part in inner for one in estimates_in(part)]


def test_json_carries_every_estimate_whole(by_hand: Maker) -> None:
    """Value, interval, level, n, method and unit; no NaN; a version."""

    def no_constant(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    study = by_hand(p99={SERVERLESS: [None] * 4})
    facts = json.loads(machine.as_json(study), parse_constant=no_constant)
    assert machine.SCHEMA_VERSION == facts["schema_version"]
    found = estimates_in(facts)
    assert all({"value", "ci", "level", "n", "method", "unit"} <= set(one) for one in found)
    serverless = facts["endpoints"][0]
    assert (SERVERLESS, "met") == (serverless["name"], serverless["verdict"])
    assert (None, None) == (serverless["measures"]["p99"]["value"], serverless["measures"]["p99"]["ci"])
    assert 446.0 == serverless["measures"]["p95"]["value"]
    assert facts["traffic"][3]["dispersion"] is None


def test_markdown_tables_are_whole(by_hand: Maker) -> None:
    """Each row of a table has as many cells as its head; the answer is the first part."""
    found = machine.as_markdown(by_hand())
    assert "## Verdict" == found.splitlines()[2]
    for block in re.findall(r"(?:^\|.*\n)+", found, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert 1 == len(counts)


def test_csv_has_a_line_an_endpoint_and_measure(by_hand: Maker) -> None:
    """With a head."""
    lines = machine.as_csv(by_hand()).splitlines()
    assert lines[0].startswith("endpoint,measure,unit,value,ci_low,ci_high,level,n")
    assert 1 + 10 == len(lines)


class Page(HTMLParser):
    """Collects what a browser would fetch, the ids, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element refers to."""
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.fetched.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.words.append(data)


def test_the_page_needs_nothing_else(by_hand: Maker) -> None:
    """No reference to anything outside, ids that do not clash, all figures, the answer and scenario text escaped."""
    study = by_hand()
    study.scenario.description = "<script>alert(1)</script>"
    content = page.page(study)
    found = Page()
    found.feed(content)
    assert [] == found.fetched
    assert len(set(found.ids)) == len(found.ids)
    assert 5 == content.count("<figure")
    assert "<script>" not in content
    assert f"{SERVERLESS}: meets all objectives" in "".join(found.words)


def test_figures_are_the_same_files_each_time(by_hand: Maker) -> None:
    """Byte for byte, as PNG and SVG."""
    first, second = (dict(page.figure_files(by_hand(endpoints=(REAL_TIME,)))) for _ in range(2))
    assert first == second
    assert {"cost.png", "cost.svg", "latency-tail.svg", f"timeline-{REAL_TIME}.png"} < set(first)
