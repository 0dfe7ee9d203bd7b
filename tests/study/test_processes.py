"""Worker processes that die, whenever and however often, and that end with their parent."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from simulator.errors import SimulatorError
from simulator.study import processes
from simulator.study.run import Progress, run
from tests.study.clusters import ROOT, until
from tests.study.scenarios import BASE, scenario

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX"),
    pytest.mark.thorough,
]
#: 240,000 requests on each of two endpoints in each of 12 replications.
LONG: dict[str, Any] = {
    **BASE,
    "name": "long",
    "replications": 12,
    "traffic": {"kind": "poisson", "mean_rate": "200/s"},
}
#: Requests of hours.
ENDLESS: dict[str, Any] = {**BASE, "horizon": "365d", "traffic": {"kind": "poisson", "mean_rate": "10000/s"}}


@pytest.fixture(scope="module")
def long_digest() -> str:
    """Of the long study, made in this process."""
    return run(scenario(**LONG)).results_digest()


@pytest.mark.parametrize("victims", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_study_outlives_its_workers(long_digest: str, victims: int) -> None:
    """One of two, and both, killed after the first replications: results are the same, and nobody is left."""
    killed: list[int] = []

    def kill(state: Progress) -> None:
        if state.finished and not killed:
            for process in multiprocessing.active_children()[:victims]:
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                killed.append(state.finished)

    study = run(scenario(**LONG), jobs=2, progress=kill)
    assert victims == len(killed)
    assert killed[0] < 12
    assert long_digest == study.results_digest()
    assert [] == multiprocessing.active_children()


@pytest.mark.slow
def test_a_study_outlives_workers_that_have_just_begun(long_digest: str) -> None:
    """Killed while they start."""
    killed: list[int] = []

    def kill(state: Progress) -> None:
        if not killed:
            assert 0 == state.finished
            for process in multiprocessing.active_children():
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

    study = run(scenario(**LONG), jobs=2, progress=kill)
    assert killed
    assert long_digest == study.results_digest()


SABOTAGE = """
import os, pathlib, signal
from multiprocessing.connection import Connection
from simulator.study import processes

in_worker = processes._in_worker

def is_first():
    try:
        os.close(os.open(pathlib.Path(__file__).with_name("mark"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def half(connection, content, write=None):
    os.write(connection.fileno(), content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

def while_it_sends(*work):
    if is_first():
        Connection._send = half
    return in_worker(*work)

def while_it_counts(*work):
    if is_first():
        processes._simulated.get_lock().acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    return in_worker(*work)

def always(*work):
    os.close(os.open(pathlib.Path(__file__).with_name("mark"), os.O_CREAT))
    os._exit(1)
"""


@pytest.fixture
def sabotaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes workers die in one of these ways; gives back the file that the first of them makes."""
    folder = tmp_path / "sabotage"
    folder.mkdir()
    (folder / "sabotage.py").write_text(SABOTAGE)
    # Worker processes look for modules where this one does.
    monkeypatch.syspath_prepend(folder)
    sabotage = importlib.import_module("sabotage")

    def begin(how: str) -> Path:
        monkeypatch.setattr(processes, "_in_worker", getattr(sabotage, how))
        return folder / "mark"

    yield begin
    del sys.modules["sabotage"]


@pytest.mark.parametrize("how", ["while_it_sends", "while_it_counts"])
def test_a_worker_that_dies_at_the_worst_moment(sabotaged: Callable[[str], Path], long_digest: str, how: str) -> None:
    """With half of a result sent, and with the lock held that all workers share: no hang, same results."""
    mark = sabotaged(how)
    study = run(scenario(**LONG), jobs=2)
    assert mark.exists()
    assert long_digest == study.results_digest()
    assert [] == multiprocessing.active_children()


def test_workers_that_die_again_and_again_are_reported(
    sabotaged: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One message, not a hang, and nothing is lost that was there."""
    run(scenario(), progress=_stop_after(2), results=tmp_path)
    mark = sabotaged("always")
    with pytest.raises(SimulatorError, match="ended unexpectedly 3 times in a row, perhaps for want of memory"):
        run(scenario(), jobs=2, results=tmp_path)
    assert mark.exists()
    monkeypatch.undo()
    calls: list[Progress] = []
    assert run(scenario()) == run(scenario(), results=tmp_path, progress=calls.append)
    assert 2 == calls[0].finished


def _stop_after(count: int) -> Callable[[Progress], None]:
    def stop(state: Progress) -> None:
        if state.finished == count:
            raise KeyboardInterrupt

    return stop


def test_an_interrupted_pool_leaves_no_process_behind() -> None:
    """Interrupted on two processes: finished replications are kept, and the workers are gone."""

    def stop(state: Progress) -> None:
        if state.finished:
            raise KeyboardInterrupt

    study = run(scenario(), 12, jobs=2, progress=stop)
    assert 1 <= len(study.records) < 12
    assert [] == multiprocessing.active_children()


def test_long_replications_are_left_unfinished() -> None:
    """Interrupted before the end of replications that would take hours: workers stop in the middle of them."""
    seen: list[Progress] = []

    def stop(state: Progress) -> None:
        seen.append(state)
        if state.requests:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(scenario(**ENDLESS), 2, jobs=2, progress=stop)
    assert (0, 2) == (seen[-1].finished, seen[-1].replications)
    assert 0 < seen[-1].requests < seen[-1].expected
    assert [] == multiprocessing.active_children()


@pytest.mark.parametrize("begun", [False, True], ids=["starting", "at work"])
def test_workers_end_with_their_parent(tmp_path: Path, begun: bool) -> None:
    """Parent killed while its workers start, or while they are at work for hours: none is left, no traceback."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import json, multiprocessing, sys

            def tell(state):
                if state.requests or sys.argv[2] == "False":
                    print(*(process.pid for process in multiprocessing.active_children()), flush=True)

            if __name__ == "__main__":
                import simulator

                simulator.run(simulator.load_scenario(json.loads(sys.argv[1])), 2, jobs=2, progress=tell)
            """
        )
    )
    with subprocess.Popen(
        [sys.executable, str(script), json.dumps(ENDLESS), str(begun)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert 2 == len(workers)
        parent.kill()
        parent.wait()
        until(lambda: not any(worker.is_running() for worker in workers), "the end of orphaned workers")
        assert parent.stderr is not None
        said = parent.stderr.read()
        # Python itself tells, after a while, that it cleared away what the parent could not.
        assert [] == [
            line for line in said.splitlines() if "resource_tracker" not in line and "warnings.warn" not in line
        ]
