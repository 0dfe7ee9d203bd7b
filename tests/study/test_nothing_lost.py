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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.scenario.loading import load_scenario
from simulator.study.journal import RECORDS, count_records, read_records
from simulator.study.manifest import RESULTS_VERSION
from simulator.study.results import Study
from simulator.study.run import Progress, run
from simulator.study.store import load_study
from tests.study.clusters import ROOT, until
from tests.study.scenarios import BASE, scenario

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX")
#: 1.2 million requests on each of two endpoints in each of 12 replications: about a quarter of a second each.
LONG: dict[str, Any] = {
    **BASE,
    "name": "long",
    "replications": 12,
    "traffic": {"kind": "poisson", "mean_rate": "1000/s"},
}
#: What has to be the same whether or not a study was interrupted.
SAME = (RECORDS, "summary.json", "replications.csv", "bill.csv", "timeline.csv", "report.html", "manifest.json")
Counted = Callable[..., tuple[Result, list[Progress]]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the long study, run by the command and never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    file(folder)
    assert CliRunner().invoke(main, arguments(folder)).exit_code in {0, 3}
    return study_folder(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The small study."""
    return run(scenario())


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Runs the command in this process; gives back what it said, and all that was told of its progress."""

    def invoked(*options: str) -> tuple[Result, list[Progress]]:
        calls: list[Progress] = []

        @contextmanager
        def listening(**_: object) -> Iterator[Callable[[Progress], None]]:
            yield calls.append

        monkeypatch.setattr("simulator.cli.progress.progress", listening)
        return CliRunner().invoke(main, arguments(tmp_path, *options)), calls

    return invoked


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the figures and the page, which take longer than all the rest of a small study."""
    monkeypatch.setattr("simulator.cli.answering._save", lambda study, results: study.save(results))


def file(folder: Path, **changes: Any) -> None:
    """Write the scenario that `arguments` names."""
    (folder / "scenario.json").write_text(json.dumps({**LONG, **changes}))


def arguments(folder: Path, *options: str) -> list[str]:
    """Of the command that runs the scenario in a folder."""
    return ["run", str(folder / "scenario.json"), "--results", str(folder / "results"), *options]


def study_folder(folder: Path) -> Path:
    """The only folder of a study."""
    (path,) = (folder / "results").glob("*/*")
    assert path.is_dir()
    return path


def kept(folder: Path) -> int:
    """Replications of the only study that are on disk."""
    return sum(count_records(path)[0] for path in (folder / "results").glob(f"*/*/{RECORDS}"))


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


def check_counts(calls: list[Progress], before: Study, after: Study) -> None:
    """No replication that was on disk was simulated again: the requests of the others were, to the last one."""
    there = {record.number for record in before.records}
    missing = [record for record in after.records if record.number not in there]
    if not missing:
        assert [] == calls
        return
    assert len(there) == calls[0].finished
    assert sum(len(record.measured) * record.requests for record in missing) == calls[-1].requests
    assert sum(len(record.measured) * record.requests for record in before.records) == calls[0].before


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


def partly(folder: Path, count: int = 4) -> Path:
    """Leave the first replications of the small study as an interrupted run does; gives back its folder."""
    file(folder, **BASE)

    def stop(state: Progress) -> None:
        if state.finished == count:
            raise KeyboardInterrupt

    study = run(scenario(), results=folder / "results", progress=stop)
    assert count == len(study.records)
    return study_folder(folder)


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest in a folder."""
    path = folder / "manifest.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def damaged(folder: Path) -> None:
    """Change a byte in the second line."""
    lines = (folder / RECORDS).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b":", b";", 1)
    (folder / RECORDS).write_bytes(b"".join(lines))


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "results version": (
        lambda folder: changed(folder, lambda facts: facts.update(results_version=1)),
        f"results of version 1, this program reads version {RESULTS_VERSION}; run it again",
    ),
    "program version": (
        lambda folder: changed(folder, lambda facts: facts["versions"].update(endpointsim="0.0.1")),
        "it was simulated with endpointsim 0.0.1, here is ",
    ),
    "program": (
        lambda folder: changed(folder, lambda facts: facts["versions"].update(program="0" * 16)),
        "the program has been changed since",
    ),
    "arithmetic": (
        lambda folder: changed(folder, lambda facts: facts["versions"].update(numpy="1.0")),
        "it was simulated with numpy 1.0, here is ",
    ),
    "engine": (
        lambda folder: changed(folder, lambda facts: facts.update(engine="reference")),
        "it was simulated by the reference engine, not by the compiled one",
    ),
    "scenario": (
        lambda folder: changed(folder, lambda facts: facts.update(scenario_digest="0" * 64)),
        "it is of another scenario",
    ),
    "manifest": (
        lambda folder: (folder / "manifest.json").write_text("{") and None,
        "manifest.json: is damaged",
    ),
    "line": (damaged, "line 2 of records.jsonl: it is not what was written"),
}


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("spoil", "why"), SPOILT.values(), ids=SPOILT)
def test_what_cannot_be_used_is_refused_or_replaced(
    tmp_path: Path, counted: Counted, small: Study, spoil: Callable[[Path], None], why: str
) -> None:
    """Refused with --resume, and left as it is; replaced otherwise, with a word; the result is the same."""
    folder = partly(tmp_path)
    spoil(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result, calls = counted("--resume")
    assert (2, "", []) == (result.exit_code, result.stdout, calls)
    assert result.stderr.startswith(f"Error: {folder}: cannot be resumed: ")
    assert why in result.stderr
    assert 1 == result.stderr.count("\n")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    result, calls = counted()
    assert 0 == calls[0].finished
    assert result.stderr.startswith(f"what is in {folder} cannot be used (")
    assert f"{why}" in result.stderr.splitlines()[0]
    assert result.stderr.splitlines()[0].endswith(") and is replaced")
    assert small.results_digest() == load_study(folder).results_digest()


@pytest.mark.usefixtures("without_figures")
def test_a_torn_line_is_dropped(tmp_path: Path, counted: Counted, small: Study) -> None:
    """The replication that was being written when the run ended is simulated, the others are not."""
    folder = partly(tmp_path)
    content = (folder / RECORDS).read_bytes()
    (folder / RECORDS).write_bytes(content[:-10])
    assert small.records[:3] == load_study(folder).records
    result, calls = counted("--resume")
    assert f"3 of 6 replications are in {folder} already; --fresh simulates them again" in result.stderr
    assert 3 == calls[0].finished
    assert small == load_study(folder)


@pytest.mark.usefixtures("without_figures")
def test_fresh_simulates_everything_again(tmp_path: Path, counted: Counted, small: Study) -> None:
    """Without a word about what was there."""
    folder = partly(tmp_path)
    result, calls = counted("--fresh")
    assert (0, 0) == (calls[0].finished, calls[0].before)
    assert 2 * sum(record.requests for record in small.records) == calls[-1].requests
    assert f"results in {folder}\n" == result.stderr
    assert small == load_study(folder)


def test_a_complete_study_is_not_simulated_again(tmp_path: Path, counted: Counted) -> None:
    """The same command a second time: same answer, same files, no request."""
    file(tmp_path, **BASE)
    first, _ = counted()
    folder = study_folder(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    second, calls = counted()
    assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout)
    assert [] == calls
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("without_figures")
def test_resume_needs_something_to_go_on_from(tmp_path: Path, counted: Counted) -> None:
    """Nothing there: exit code 2, the folder and other studies of that name are named, and nothing is made."""
    file(tmp_path, **BASE)
    result, _ = counted("--resume")
    assert (2, "") == (result.exit_code, result.stdout)
    assert f"Error: {tmp_path / 'results' / 'small'}" in result.stderr
    assert result.stderr.endswith(": cannot be resumed: it holds no study\n")
    assert not (tmp_path / "results").exists()
    folder = partly(tmp_path)
    result, _ = counted("--resume", "--seed", "7")
    assert 2 == result.exit_code
    assert "it holds no study; there are other studies of a scenario of that name: " + folder.name in result.stderr
    assert [folder] == list(folder.parent.iterdir())
    result, _ = counted("--resume", "--no-results")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "--resume and --no-results do not go together" in result.stderr


@pytest.mark.usefixtures("without_figures")
def test_another_data_file_is_another_study(tmp_path: Path, counted: Counted) -> None:
    """Changed in place: what was simulated with the one before is not used, and can no longer be read."""
    recorded = {"kind": "recorded", "file": "stamps.csv", "column": "t", "time_unit": "s"}
    (tmp_path / "stamps.csv").write_text("t\n" + "".join(f"{second}\n" for second in range(600)))
    file(tmp_path, **{**BASE, "traffic": recorded, "horizon": "9m"})
    result, _ = counted()
    assert result.exit_code in {0, 3}, result.stderr
    folder = study_folder(tmp_path)
    (tmp_path / "stamps.csv").write_text("t\n" + "".join(f"{second}\n" for second in range(599)))
    result, _ = counted("--resume")
    assert 2 == result.exit_code
    assert f"there are other studies of a scenario of that name: {folder.name}" in result.stderr
    result, calls = counted()
    assert 0 == calls[0].finished
    assert 2 == len(list(folder.parent.iterdir()))


@pytest.mark.usefixtures("without_figures")
def test_more_replications_are_another_study(tmp_path: Path, counted: Counted, small: Study) -> None:
    """Under another name, from the beginning; the first of them are the same, and the smaller study stays."""
    folder = partly(tmp_path, 4)
    _, calls = counted("-n", "8")
    assert (0, 8) == (calls[0].finished, calls[0].replications)
    (larger,) = [path for path in folder.parent.iterdir() if path != folder]
    assert small.records == load_study(larger).records[:6]
    assert 4 == len(load_study(folder).records)


@pytest.mark.parametrize("count", [23, *(pytest.param(count, marks=pytest.mark.slow) for count in (7, 20))])
def test_a_precision_is_reached_at_the_same_replication(tmp_path: Path, count: int) -> None:
    """Interrupted before the first look, at it, and after: the study stops where it would have, and is the same."""
    precision = {"measure": "requests", "absolute": 5, "max_replications": 200}
    base = {key: value for key, value in BASE.items() if key != "replications"}
    asked = load_scenario({**base, "horizon": "2m", "precision": precision})
    expected = run(asked)
    assert 23 < len(expected.records) < 200

    def stop(state: Progress) -> None:
        if state.finished == count:
            raise KeyboardInterrupt

    part = run(asked, results=tmp_path, progress=stop)
    assert (count, False) == (len(part.records), part.complete)
    calls: list[Progress] = []
    study = run(asked, results=tmp_path, progress=calls.append, jobs=2, resume="always")
    assert (count, True) == (calls[0].finished, calls[0].is_most)
    assert expected == study
