"""The replay of recorded Lambda latencies."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator.cli.validation import BEGIN, END, validation
from simulator.engines.pool import Routing
from simulator.questions.replay import Rule, predict, recordings, table

NOTES = Path(__file__).parent.parent.parent / "simulator" / "notes" / "validation.md"


def test_the_table_in_the_notes_is_that_of_the_command() -> None:
    """What the notes say was made by `endpointsim validation`."""
    text = NOTES.read_text(encoding="utf-8")
    assert table() == text.partition(BEGIN)[2].partition(END)[0]


def test_six_experiments_of_16861_requests_are_bundled() -> None:
    """As its source says: 255 of 16,861 requests were cold."""
    found = recordings()
    assert (6, 16_861, 255) == (
        len(found),
        sum(len(r.is_cold) for r in found),
        sum(int(r.is_cold.sum()) for r in found),
    )


@pytest.mark.parametrize(("number", "observed"), [(0, 59), (1, 43)])
def test_sparse_traffic_is_predicted_request_by_request(number: int, observed: int) -> None:
    """With minutes between requests one idle timeout explains the cold starts, whichever the routing."""
    recording = recordings()[number]
    assert observed == recording.is_cold.sum()
    for routing in (Routing.MOST_RECENTLY_IDLE, Routing.LEAST_RECENTLY_IDLE):
        prediction = predict(recording, Rule(routing, None))
        assert observed == prediction.right
        assert prediction.cold <= observed + 1


def test_least_recently_idle_without_lifetime_is_refuted() -> None:
    """At 6 requests a minute it predicts 4 cold starts, 56 were seen."""
    recording = recordings()[-1]
    assert (56, 4.0) == (recording.is_cold.sum(), predict(recording, Rule(Routing.LEAST_RECENTLY_IDLE, None)).cold)


def test_a_file_without_the_marker_lines_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written where the table has no place."""
    file = tmp_path / "notes.md"
    file.write_text("words\n", encoding="utf-8")
    done = CliRunner().invoke(validation, ["--write", str(file)])
    assert done.exception is not None
    assert "has no place for the table" in str(done.exception)
    assert file.read_text(encoding="utf-8") == "words\n"
