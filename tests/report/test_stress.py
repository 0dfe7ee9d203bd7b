"""What is said of a scenario under stress, from outcomes known beforehand, and how it is drawn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from simulator.measures.objectives import Verdict, parse_objective
from simulator.questions.stress.breaking import Break, Outcome
from simulator.questions.stress.of_endpoints import ColdAtPeak, ShorterIdling
from simulator.questions.stress.of_traffic import Growth, UpstreamOutage
from simulator.questions.stress.stressed import Cell
from simulator.questions.stress.stressing import Stress
from simulator.report.figures import style
from simulator.report.figures.stress import LOOKS, Field, Line, Panel, stress_map, under_stress
from simulator.report.survival import cell_words, survival, undecided_lines
from tests.report.hand_made import REAL_TIME, SERVERLESS, made

P95, LOST = parse_objective("p95 < 500ms"), parse_objective("throttled_fraction < 1%")
GROWTH = Growth((1.0, 2.0, 4.0))
OUTAGE = UpstreamOutage((0.0, 300.0, 900.0))
COLD = ColdAtPeak((0.0, 1.0))


def cell(stress: Stress, *breaks: Break, outcome: Outcome | None = None) -> Cell:
    """An endpoint under a stress, its outcome that of the first break."""
    return Cell("m5", stress, breaks[0].outcome if outcome is None else outcome, breaks)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (cell(GROWTH, Break(P95, Outcome.HOLDS, low=4.0)), "holds to 4×"),
        (cell(COLD, Break(P95, Outcome.HOLDS, low=1.0)), "holds"),
        (cell(GROWTH, Break(P95, Outcome.BREAKS, 2.8712, 2.5937, 3.0844)), "p95 at 2.87× (2.59–3.08×)"),
        (
            cell(ShorterIdling((1.0, 0.1)), Break(P95, Outcome.BREAKS, 0.316, 0.354, 0.297)),
            "p95 at 0.316× (0.297–0.354×)",
        ),
        (cell(OUTAGE, Break(LOST, Outcome.BREAKS, 575.0, 544.0, 600.0)), "throttled at 9.58 min (9.07–10 min)"),
        (cell(OUTAGE, Break(LOST, Outcome.BREAKS, 110.0, 90.0, 150.0)), "throttled at 110 s (90 s–2.5 min)"),
        (cell(GROWTH, Break(P95, Outcome.BREAKS, 1.0, None, 2.0)), "p95 at 2× or before"),
        (cell(COLD, Break(P95, Outcome.BREAKS, 0.5, 0.0, 1.0)), "p95"),
        (cell(GROWTH, Break(LOST, Outcome.BROKEN_ALREADY, 1.0, None, 1.0)), "throttled broken already"),
        (cell(GROWTH, Break(P95, Outcome.UNDECIDED, low=2.0, undecided=((4.0, 80),))), "p95 undecided at 4×"),
        (cell(COLD, Break(P95, Outcome.UNDECIDED, undecided=((1.0, None),))), "p95 undecided"),
        (cell(GROWTH, Break(P95, Outcome.NO_DATA)), "p95 no data"),
        (cell(GROWTH, Break(P95, Outcome.UNFINISHED, low=2.0)), "not finished"),
        (cell(GROWTH, outcome=Outcome.SPARED), "does not apply"),
    ],
)
def test_words_of_a_cell(found: Cell, words: str) -> None:
    """Objective, break point and interval, each in its unit; low before high."""
    assert words == cell_words(found)


def test_the_objective_that_breaks_at_the_mildest_severity_is_named() -> None:
    """Whatever their order in the scenario; also where mild is a greater factor."""
    one, other = Break(P95, Outcome.BREAKS, 3.0, 2.9, 3.1), Break(LOST, Outcome.BREAKS, 2.0, 1.9, 2.1)
    assert other is cell(GROWTH, one, other).first
    mild, hard = Break(P95, Outcome.BREAKS, 0.5, 0.6, 0.4), Break(LOST, Outcome.BREAKS, 0.2, 0.3, 0.1)
    assert mild is cell(ShorterIdling((1.0, 0.1)), hard, mild).first


def result(
    verdicts: tuple[Verdict, Verdict], cells: tuple[Cell, ...] = (), **changed: dict[str, list[float | None]]
) -> Any:
    """What survival is told of: verdicts on the serverless and the real-time endpoint made by hand."""
    study = made(**changed)
    plan = SimpleNamespace(scenario=study.scenario, endpoints=(SERVERLESS, REAL_TIME), left_out=())
    both = dict(zip((SERVERLESS, REAL_TIME), verdicts, strict=True))
    return SimpleNamespace(plain=study, plan=plan, verdicts=both, cells=cells)


MET, NOT_MET, UNDECIDED = Verdict.MET, Verdict.NOT_MET, Verdict.UNDECIDED
BROKEN = Cell(SERVERLESS, GROWTH, Outcome.BREAKS, (Break(P95, Outcome.BREAKS, 2.0, 1.9, 2.1),))
ALIKE: dict[str, list[float | None]] = {SERVERLESS: [140.0, 180.0, 150.0, 175.0]}


@pytest.mark.parametrize(
    ("verdicts", "changed", "survivors", "decided", "first"),
    [
        ((NOT_MET, NOT_MET), {}, (), False, "No endpoint survives all stresses."),
        (
            (NOT_MET, UNDECIDED),
            {},
            (),
            False,
            f"No endpoint is shown to survive all stresses; undecided: {REAL_TIME}.",
        ),
        (
            (NOT_MET, MET),
            {},
            (REAL_TIME,),
            True,
            f"Only {REAL_TIME} survives all stresses: $167.9 a month without stress.",
        ),
        ((MET, MET), {}, (SERVERLESS, REAL_TIME), True, f"{SERVERLESS} and {REAL_TIME} survive all stresses."),
        ((MET, MET), {"monthly_cost": ALIKE}, (SERVERLESS, REAL_TIME), False, "survive all stresses."),
    ],
)
def test_who_survives(
    verdicts: tuple[Verdict, Verdict], changed: Any, survivors: tuple[str, ...], decided: bool, first: str
) -> None:
    """The cheapest first; decided only if it is known to cost less than the others."""
    found = survival(result(verdicts, (BROKEN,), **changed))
    assert (survivors, decided) == (found.survivors, found.is_decided)
    assert (survivors[0] if survivors else None) == found.cheapest
    assert found.sentences[0].endswith(first)


def test_by_how_much_the_cheapest_survivor_is_cheaper() -> None:
    """Paired over replications; or the difference that leaves it undecided."""
    clear = survival(result((MET, MET))).sentences[1]
    assert f"The cheapest of them is {SERVERLESS} at $106 ±2 a month" in clear
    assert f"less than {REAL_TIME} (paired over replications)" in clear
    close = survival(result((MET, MET), monthly_cost=ALIKE)).sentences[1]
    assert close.startswith("Which of them is cheapest is undecided: ")
    assert close.endswith(f"{REAL_TIME} less {SERVERLESS}: +$10 ±30 a month, paired over replications.")


def test_whether_the_answer_without_stress_survives() -> None:
    """The cheapest that meets all objectives: it does, it may, or by what it does not."""
    begins = f"Without stress the cheapest endpoint that meets all objectives is {SERVERLESS}, at $106 ±2 a month"
    for verdicts, ends in (
        ((MET, MET), "it survives them."),
        ((UNDECIDED, MET), "whether it survives them is undecided."),
        ((NOT_MET, MET), "it does not survive more traffic."),
    ):
        last = survival(result(verdicts, (BROKEN,))).sentences[-1]
        assert last.startswith(begins)
        assert last.endswith(ends)


def test_undecided_cells_name_the_replications_that_would_decide_them() -> None:
    """Each severity with its own number, if there is one."""
    one = Break(P95, Outcome.UNDECIDED, low=1.0, undecided=((2.0, 1200), (4.0, None)))
    assert ["m5, more traffic: p95 < 500ms at 2× (about 1,200 replications would decide), 4×"] == undecided_lines(
        SimpleNamespace(cells=(cell(GROWTH, one),))  # type: ignore[arg-type]
    )


def test_the_map_says_every_outcome_in_words() -> None:
    """A field an endpoint and stress, with its words; every outcome has a look of its own."""
    fields = {"m5": [Field(outcome.value, cell_text) for outcome, cell_text in zip(Outcome, "abcdefg", strict=True)]}
    figure = stress_map(fields, ["growth"] * len(Outcome), "a finding")
    assert list("abcdefg") == [text.get_text() for text in figure.axes[0].texts]
    assert {outcome.value for outcome in Outcome} == set(LOOKS)
    assert len(LOOKS) == len({look[:2] for look in LOOKS.values()})
    assert [".png", ".svg"] == [f".{suffix}" for suffix, _ in style.files(figure)]


def test_a_panel_shows_its_limit() -> None:
    """A line at the limit, bands, a mark at the break point; beyond four times the limit nothing is shown."""
    line = Line((0.0, 1.0, 2.0), (100.0, 400.0, 90000.0), (90.0, 390.0, None), (110.0, 410.0, None), breaks_at=1.01)
    panel = Panel("p95 < 500ms", "p95 [ms]", 500.0, {"m5": line})
    figure = under_stress("a finding", [panel, panel], ["other", "m5"], "factor", [(0.0, "1×"), (2.0, "4×")])
    axes = figure.axes[0]
    assert 2000.0 == axes.get_ylim()[1]
    levels = [one.get_ydata() for one in axes.lines]
    assert any(list(level) == [500.0, 500.0] for level in levels)
    assert any(list(level) == [500.0] for level in levels)
    assert "p95 < 500ms" in [text.get_text() for text in axes.texts]
    assert style.look(1).colour == axes.lines[0].get_color()
