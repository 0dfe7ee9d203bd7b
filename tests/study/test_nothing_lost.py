"""Whatever ends a run, what was finished is kept, and the same command makes the same study of it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from simulator.study.journal import RECORDS, count_records, read_records
from simulator.study.results import Study
from simulator.study.run import Progress, run
from simulator.study.store import load_study
from tests.study.clusters import ROOT, until
from tests.study.commanding import Counted, arguments, check_counts, file, kept, study_folder
from tests.study.scenarios import BASE, scenario

pytestmark = pytest.mark.thorough

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX")
#: What has to be the same whether or not a study was interrupted.
SAME = (RECORDS, "summary.json", "replications.csv", "bill.csv", "timeline.csv", "report.html", "manifest.json")


class Command:
    """``endpointsim run`` as a process of its own, first of its group; what it says goes to files.

    Parameters
    ----------
    folder : Path
        With the scenario.
    options : str
        More of them.
    """

    def __init__(self, folder: Path, *options: str, before: Callable[[], None] | None = None) -> None:
        self._said = {name: folder / name for name in ("stdout", "stderr")}
        with self._said["stdout"].open("wb") as out, self._said["stderr"].open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simulator", *arguments(folder, *options)],
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
                preexec_fn=before,
            )

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self, name: str) -> str:
        """What went to standard output or error."""
        return self._said[name].read_text()

    def until_kept(self, folder: Path, count: int) -> None:
        """Wait until so many replications are on disk."""
        until(lambda: kept(folder) >= count or self.process.poll() is not None, f"replication {count}")

    def kill(self) -> bool:
        """Kill the parent alone, and see that its workers end; false if it had ended before."""
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.kill()
        until(lambda: not any(child.is_running() for child in children), "the end of orphaned workers")
        return self.process.wait() == -signal.SIGKILL


def check_whole(folder: Path, whole: Path) -> None:
    """The study in a folder is byte for byte the one that was never interrupted, and nothing else is there."""
    found = study_folder(folder)
    for name in SAME:
        assert (whole / name).read_bytes() == (found / name).read_bytes(), name
    assert {path.name for path in whole.iterdir()} == {path.name for path in found.iterdir()}


def test_finished_replications_can_be_read_while_the_run_goes_on(tmp_path: Path, small: Study) -> None:
    """By anybody, each as soon as it has finished."""
    seen = []

    def look(state: Progress) -> None:
        (folder,) = tmp_path.glob("*/*")
        study = load_study(folder)
        assert small.records[: state.finished] == study.records
        assert study.complete is (state.finished == 6)
        seen.append(state.finished)

    run(scenario(), results=tmp_path, progress=look)
    assert {0, 1, 2, 3, 4, 5, 6} == set(seen)


@posix
@pytest.mark.parametrize(
    "options",
    [
        ("-j", "1", "--resume"),
        ("-j", "2"),
        *(pytest.param(("-j", jobs, *more), marks=pytest.mark.slow) for jobs, *more in ("1", ("2", "--resume"))),
    ],
    ids=" ".join,
)
def test_an_interrupt_loses_nothing(tmp_path: Path, whole: Path, counted: Counted, options: tuple[str, ...]) -> None:
    """Control-C to the whole group: a partial report, 130, how to go on; the same command makes the same files."""
    file(tmp_path)
    with Command(tmp_path, *options[:2]) as command:
        command.until_kept(tmp_path, 2)
        os.killpg(command.process.pid, signal.SIGINT)
        assert 130 == command.process.wait()
        finished = kept(tmp_path)
        assert 2 <= finished < 12
        assert f"Interrupted: {finished} of 12 replications were finished" in " ".join(command.said("stdout").split())
        *_, saved, how = command.said("stderr").splitlines()
        assert f"results in {study_folder(tmp_path)}" == saved
        assert f"interrupted: {finished} of 12 replications are finished; the same command goes on from there" == how
        assert "Traceback" not in command.said("stderr")
    study = load_study(study_folder(tmp_path))
    assert (finished, False) == (len(study.records), study.complete)
    result, calls = counted(*options)
    assert result.exit_code in {0, 3}, result.stderr
    assert f"{finished} of 12 replications are in {study_folder(tmp_path)} already" in result.stderr
    check_counts(calls, study, load_study(study_folder(tmp_path)))
    check_whole(tmp_path, whole)


@posix
def test_an_interrupt_before_anything_has_finished(tmp_path: Path) -> None:
    """Nothing to report: 130, one line."""
    file(tmp_path, horizon="30d")
    with Command(tmp_path, "-q") as command:
        until(lambda: any(tmp_path.glob("results/*/*/manifest.json")), "the beginning")
        time.sleep(random.Random(1).uniform(0, 1))
        os.killpg(command.process.pid, signal.SIGINT)
        assert 130 == command.process.wait()
        assert ("", "interrupted before a replication was finished\n") == (
            command.said("stdout"),
            command.said("stderr"),
        )


def killed_again_and_again(folder: Path, jobs: int, seed: int, kills: int) -> None:
    """Kill a run so many times, at moments drawn at random; a study that ends in between is begun anew.

    Every second time the moment is drawn from the start of the process on, otherwise from when it has kept
    something.
    """
    file(folder)
    draw = random.Random(seed)
    numbers: set[int] = set()
    done = 0
    for place in range(4 * kills):
        with Command(folder, "-j", str(jobs), "-q") as command:
            if place % 2:
                time.sleep(draw.uniform(0.0, 2.0))
            else:
                command.until_kept(folder, len(numbers) + 1)
                time.sleep(draw.uniform(0.0, 0.4))
            done += command.kill()
        for path in folder.glob(f"results/*/*/{RECORDS}"):
            found = read_records(path)
            assert "" == found.damage
            # Nothing that was there is gone, or was simulated and kept again.
            assert numbers <= set(found.records)
            assert len(found.records) == count_records(path)[0]
            numbers = set(found.records)
        if done == kills:
            break
        if len(numbers) == 12:
            shutil.rmtree(folder / "results")
            numbers = set()
    assert kills == done


@posix
@pytest.mark.parametrize(
    ("jobs", "seed", "kills"),
    [
        (1, 1, 2),
        (2, 2, 2),
        *(pytest.param(jobs, seed, 6, marks=pytest.mark.slow) for jobs in (1, 2) for seed in (3, 4, 5)),
    ],
)
def test_a_kill_loses_nothing(tmp_path: Path, whole: Path, counted: Counted, jobs: int, seed: int, kills: int) -> None:
    """At any moment, again and again: what was on disk is not simulated again, the files are the same in the end."""
    killed_again_and_again(tmp_path, jobs, seed, kills)
    # The last one may have died before it had made anything.
    begun = list(tmp_path.glob("results/*/*/manifest.json"))
    before = [load_study(path.parent) for path in begun]
    result, calls = counted("-j", str(jobs), *(["--resume"] if begun else []))
    assert result.exit_code in {0, 3}, result.stderr
    for study in before:
        check_counts(calls, study, load_study(study_folder(tmp_path)))
    check_whole(tmp_path, whole)


@posix
def test_a_kill_in_the_middle_of_a_write_loses_nothing(tmp_path: Path, small: Study) -> None:
    """After a few bytes of the third line, and after nearly all: two replications are there, the rest is made."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import json, os, signal, sys
            from pathlib import Path
            import simulator
            from simulator.study.journal import Journal, line_of

            def append(journal, record):
                if len(journal.records) == 2:
                    os.write(journal._file.fileno(), line_of(record)[:cut])
                    os.kill(os.getpid(), signal.SIGKILL)
                real(journal, record)

            real, Journal.append = Journal.append, append
            scenario = simulator.load_scenario(json.loads(sys.argv[1]))
            for cut in json.loads(sys.argv[2]):
                child = os.fork()
                if child == 0:
                    simulator.run(scenario, results=Path(sys.argv[3]) / str(cut))
                    os._exit(1)
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """
        )
    )
    cuts = [0, 1, 8, 9, 100, 1000, -100, -2, -1]
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(BASE), json.dumps(cuts), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert [str(-signal.SIGKILL)] * len(cuts) == done.stdout.split()
    for cut in cuts:
        calls: list[Progress] = []
        study = run(scenario(), results=tmp_path / str(cut), resume="always", progress=calls.append)
        assert 2 == calls[0].finished
        assert small.results_digest() == study.results_digest()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many pages, or changes its size; skipped where that is not allowed."""
    place = tmp_path / "disk"
    page = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
    mounted = False

    def mount(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)

    def sized(pages: int) -> Path:
        nonlocal mounted
        size = f"size={pages * page}"
        if mounted:
            done = mount("-o", f"remount,{size}")
        else:
            place.mkdir()
            done = mount("-t", "tmpfs", "-o", size, "tmpfs")
        if done.returncode:
            pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")
        mounted = True
        return place

    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("file systems can be mounted by root on Linux only")
    yield sized
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


def pages(path: Path) -> int:
    """Pages that a file takes."""
    return -(-path.stat().st_size // os.sysconf("SC_PAGE_SIZE"))


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_full_disk_loses_nothing(
    tmp_path: Path, disk: Callable[[int], Path], whole: Path, counted: Counted, jobs: str
) -> None:
    """One message, exit code 2, nothing half-written; with room the same command makes the same files."""
    lines = pages(whole / RECORDS)
    # Room for the folders, the manifest and its successor, and some five lines of twelve.
    place = disk(4 + 2 * pages(whole / "manifest.json") + lines * 5 // 12)
    (tmp_path / "results").symlink_to(place)
    file(tmp_path)
    result, _ = counted("-j", jobs)
    finished = kept(tmp_path)
    assert 1 <= finished < 12
    folder = study_folder(tmp_path)
    assert (2, "") == (result.exit_code, result.stdout)
    assert (
        f"Error: {folder / RECORDS}: cannot be written: No space left on device; {finished} finished "
        f"replication{'s are' if finished > 1 else ' is'} kept: run it again once there is room\n"
    ) == result.stderr
    assert {RECORDS, "manifest.json"} == {path.name for path in folder.iterdir()}
    before = load_study(folder)
    assert folder.joinpath(RECORDS).read_bytes().endswith(b"\n")
    still_full, _ = counted("-j", jobs)
    assert 2 == still_full.exit_code
    assert before.records == load_study(folder).records[:finished]
    before = load_study(folder)
    disk(10_000)
    result, calls = counted("-j", jobs)
    assert result.exit_code in {0, 3}, result.stderr
    check_counts(calls, before, load_study(folder))
    check_whole(tmp_path, whole)


@pytest.mark.parametrize("room", [3, *(pytest.param(room, marks=pytest.mark.slow) for room in (0, 9))])
def test_a_disk_that_is_full_at_the_end_leaves_old_files_whole(
    tmp_path: Path, disk: Callable[[int], Path], counted: Counted, small: Study, room: int
) -> None:
    """Files of the run before are as they were, none is half-written, and one message says which could not be."""
    place = disk(10_000)
    (tmp_path / "results").symlink_to(place)
    file(tmp_path, **BASE)
    counted()
    folder = study_folder(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    disk(10_000 - os.statvfs(place).f_bfree + room)
    result, calls = counted()
    assert (2, []) == (result.exit_code, calls)
    *_, message = result.stderr.splitlines()
    assert message.startswith(f"Error: {folder}{os.sep}")
    assert message.endswith(
        "cannot be written: No space left on device; 6 finished replications are kept: run it again once there is room"
    )
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    # What the study is was written anew at the beginning; that all of it is there stands in it again at the end.
    assert {**before, "manifest.json": b""} == {**after, "manifest.json": b""}
    assert small == load_study(folder)
    disk(10_000)
    _, calls = counted()
    assert [] == calls
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


@posix
def test_a_limit_on_the_size_of_files_loses_nothing(tmp_path: Path, whole: Path, counted: Counted) -> None:
    """As a full disk, where there is no root to make one: the message says why, and the rest is made without limit."""
    import resource

    most = (whole / RECORDS).stat().st_size // 2
    file(tmp_path)
    with Command(tmp_path, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))) as command:
        assert 2 == command.process.wait()
        finished = kept(tmp_path)
        folder = study_folder(tmp_path)
        assert 1 <= finished < 12
        assert "" == command.said("stdout")
        assert (
            f"Error: {folder / RECORDS}: cannot be written: File too large; {finished} finished replications are "
            "kept: run it again once there is room\n"
        ) == command.said("stderr")
    before = load_study(folder)
    result, calls = counted("--resume")
    assert result.exit_code in {0, 3}
    check_counts(calls, before, load_study(folder))
    check_whole(tmp_path, whole)


@posix
def test_two_runs_at_once(tmp_path: Path, whole: Path, counted: Counted) -> None:
    """The second is refused whatever it asks for, and the first goes on undisturbed."""
    file(tmp_path)
    with Command(tmp_path) as command:
        command.until_kept(tmp_path, 1)
        for options in ((), ("--resume",), ("--fresh",)):
            result, _ = counted(*options)
            assert (2, "") == (result.exit_code, result.stdout)
            message = (
                f"Error: {study_folder(tmp_path)}: another run of the same study is at work there; wait for it to end"
            )
            assert message == result.stderr.splitlines()[-1]
        assert command.process.poll() is None
        assert command.process.wait() in {0, 3}
    check_whole(tmp_path, whole)
