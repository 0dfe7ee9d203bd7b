"""How far a run is: a bar on a terminal, a line now and then elsewhere, nothing if nobody wants to know."""

from __future__ import annotations

import io
import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.cli.progress import LOG_EVERY_S, Pace, _log, many, progress
from simulator.study.run import Progress, run
from tests.study.scenarios import BASE, scenario

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
#: 240,000 requests on each of two endpoints in each replication.
LONG = {**BASE, "traffic": {"kind": "poisson", "mean_rate": "200/s"}}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1, "1"),
        (999_499, "999,499"),
        (999_500, "1.0 million"),
        (9_840_000, "9.8 million"),
        (9_960_000, "10 million"),
        (310_956_702, "311 million"),
        (1_200_000_000, "1.2 billion"),
        (480_000_000_000, "480 billion"),
        (2_000_000_000_000, "2.0 trillion"),
    ],
)
def test_large_numbers_are_readable(number: int, text: str) -> None:
    """Two or three digits and a word from a million on."""
    assert text == many(number)


@pytest.mark.parametrize(
    ("state", "elapsed_s", "words", "short"),
    [
        (Progress(0, 4, 0, 1e6), 5, "0 requests", "0 requests"),
        (Progress(0, 4, 1, 1e6), 0, "1 request", "1 request"),
        (
            Progress(2, 4, 1_200_000_000, 3_000_000_000.0),
            122,
            "1.2 billion requests, 9.8 million/s, 3 min left",
            "9.8 million requests/s, 3 min left",
        ),
        (
            Progress(20, 400, 12_000, 240_000.0, is_most=True),
            30,
            "12,000 requests, 400/s, at most 10 min left",
            "400 requests/s, at most 10 min left",
        ),
        # Of a study that goes on, only what is still to come is timed.
        (Progress(3, 4, 500, 1000.0, before=3000), 1, "500 requests, 500/s, 1 s left", "500 requests/s, 1 s left"),
        (Progress(3, 4, 1100, 1000.0), 1, "1,100 requests, 1,100/s, 0 s left", "1,100 requests/s, 0 s left"),
        (Progress(1, 4, 1000, 1e8), 1, "1,000 requests, 1,000/s, 27.8 h left", "1,000 requests/s, 27.8 h left"),
    ],
)
def test_pace_in_words(state: Progress, elapsed_s: float, words: str, short: str) -> None:
    """Requests, requests a second since the beginning, and time left at that pace."""
    now = 100.0
    pace = Pace(clock=lambda: now)
    now += elapsed_s
    assert (words, short) == (pace.words(state), pace.words(state, short=True))


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """At most one each half minute, and none for the end."""
    now = 0.0
    report = _log(clock=lambda: now)
    for now, done in ((1.0, 1), (LOG_EVERY_S, 2), (LOG_EVERY_S + 1, 3), (3 * LOG_EVERY_S, 4)):  # noqa: B007
        report(Progress(done, 4, done * 6000, 24000.0))
    assert "2 of 4 replications, 12,000 requests, 400/s, 30 s left\n" == capsys.readouterr().err


def test_a_log_says_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a precision decides how many replications there will be."""
    now = 0.0
    report = _log(clock=lambda: now)
    now = LOG_EVERY_S
    report(Progress(20, 400, 12_000, 228_000.0, is_most=True))
    assert "20 of at most 400 replications, 12,000 requests, 400/s, at most 9 min left\n" == capsys.readouterr().err


def test_quiet_wants_no_report() -> None:
    """None is told to the run, which then tells nobody."""
    with progress(quiet=True) as report:
        assert report is None


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def shown(text: str) -> list[str]:
    """Lines that a terminal showed one after another, without what moves the cursor."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return [line for line in re.split(r"[\r\n]+", plain) if line.strip()]


@pytest.mark.parametrize(
    ("state", "part", "words"),
    [
        (Progress(0, 10, 0, 1000.0), 0.0, "0/10 replications, 0 requests"),
        (Progress(2, 10, 250, 1000.0), 0.25, "2/10 replications, "),
        (Progress(10, 10, 1100, 1000.0), 1.0, "10/10 replications, "),
        # Nine of ten were there, and half of the last is done.
        (Progress(9, 10, 50, 100.0, before=900), 0.95, "9/10 replications, "),
        (Progress(9, 10, 0, 100.0, before=900), 0.9, "9/10 replications, 0 requests"),
    ],
)
def test_the_bar_shows_the_part_of_the_whole_study(
    monkeypatch: pytest.MonkeyPatch, state: Progress, part: float, words: str
) -> None:
    """Also of one that goes on from earlier replications; in one line of 80 columns, and gone at the end."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    with progress(quiet=False) as report:
        assert report is not None
        report(state)
    *_, last = shown(terminal.getvalue())
    assert len(last) <= 80
    assert words in last
    room = 80 - len(last[last.index(f"{state.finished}/") :].rstrip()) - 1
    drawn = last.count("━") + 0.5 * (last.count("╸") + last.count("╺"))
    assert part * room == pytest.approx(drawn, abs=1.0)
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("columns", [80, *(pytest.param(columns, marks=pytest.mark.slow) for columns in (40, 120))])
def test_a_terminal_shows_one_line(tmp_path: Path, columns: int) -> None:
    """A real run at a real terminal: never more than its width, the cursor back and the bar gone before the result."""
    import fcntl
    import pty
    import struct
    import termios

    (tmp_path / "scenario.json").write_text(json.dumps({**LONG, "replications": 20}))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "run", "scenario.json", "--results", "results"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        printed = process.stdout.fileno()
        seen, streams = {ours: b"", printed: b""}, {ours, printed}
        while streams:
            for stream in select.select(list(streams), [], [])[0]:
                try:
                    part = os.read(stream, 65536)
                except OSError:  # how Linux says that the other end is closed
                    part = b""
                seen[stream] += part
                if not part:
                    streams.discard(stream)
        os.close(ours)
    assert process.wait() in {0, 3}
    text = seen[ours].decode()
    *frames, last = shown(text)
    assert max(len(frame) for frame in frames) <= columns
    assert re.search(r"starting|\d+/20 replications", frames[0])
    assert re.search(r"\d+/20 replications, ", frames[-1])
    assert last.startswith("results in ")
    # Shown again, and the line of the bar cleared.
    assert text.rstrip().rindex("\x1b[?25h") < text.rindex("\x1b[2K") < text.index("results in ")
    assert "\x1b" not in seen[printed].decode()


def test_without_a_terminal_nothing_but_lines(tmp_path: Path) -> None:
    """A short run says where its results are, a quiet one nothing."""
    (tmp_path / "scenario.json").write_text(json.dumps(BASE))
    said = []
    for more in ([], ["-q"]):
        done = subprocess.run(
            [sys.executable, "-m", "simulator", "run", "scenario.json", "--results", f"results{len(said)}", *more],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        said.append(done.stderr)
    assert re.fullmatch(r"results in results0\S+\n", said[0])
    assert "" == said[1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_requests_of_unfinished_replications_count(jobs: int) -> None:
    """One replication that takes hours, here and on two processes: requests grow before it has finished."""
    seen: list[int] = []

    def stop(state: Progress) -> None:
        assert (0, 1) == (state.finished, state.replications)
        assert state.requests < state.expected
        seen.append(state.requests)
        if len(set(seen)) > 3:
            raise KeyboardInterrupt

    traffic = {"kind": "poisson", "mean_rate": "10000/s"}
    with pytest.raises(KeyboardInterrupt):
        run(scenario(horizon="365d", traffic=traffic), 1, jobs=jobs, progress=stop)
    assert seen == sorted(seen)
