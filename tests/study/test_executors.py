"""Where a study runs makes no difference to its results; a place that cannot be used is told in one message."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.errors import InputError, SimulatorError
from simulator.study import cluster as clusters
from simulator.study import manifest
from simulator.study.executors import worker_count
from simulator.study.replicate import Task, replicate
from simulator.study.results import Study
from simulator.study.run import Progress, run
from tests.study.clusters import ROOT, Cluster, until
from tests.study.scenarios import BASE, scenario

pytestmark = pytest.mark.thorough

pytest.importorskip("distributed")
#: Long enough that a worker can be killed meanwhile: 12 replications of 480,000 requests on each endpoint.
LONG = {**BASE, "name": "long", "replications": 12, "traffic": {"kind": "poisson", "mean_rate": "400/s"}}


class Backwards(Executor):
    """Runs tasks last first, through pickle as a cluster does."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], bytes]] = []

    def submit(self, function: Any, /, *given: Any, **named: Any) -> Future[Any]:
        """Keep the task; run all when the sixth has come."""
        future: Future[Any] = Future()
        self._waiting.append((future, pickle.dumps((function, given, named))))
        if len(self._waiting) == 6:
            for waiting, packed in reversed(self._waiting):
                work, args, kwargs = pickle.loads(packed)
                waiting.set_result(pickle.loads(pickle.dumps(work(*args, **kwargs))))
        return future


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.add_workers(2)
        yield cluster


@pytest.fixture(scope="module")
def expected() -> Study:
    """The study of six replications, made in this process."""
    return run(scenario())


@pytest.fixture(scope="module")
def long_digest() -> str:
    """Of the long study, made in this process."""
    return run(scenario(**LONG)).results_digest()


def invoked(folder: Path, *options: str, **changes: Any) -> Result:
    """``endpointsim run`` of the base scenario."""
    file = folder / "scenario.json"
    file.write_text(json.dumps({**BASE, **changes}))
    return CliRunner().invoke(main, ["run", str(file), *options])


def kept_digest(folder: Path) -> str:
    """The digest that a saved study bears."""
    (path,) = folder.glob("*/*/manifest.json")
    digest: str = json.loads(path.read_text())["results_digest"]
    return digest


def test_results_are_the_same_everywhere(cluster: Cluster, expected: Study, tmp_path: Path) -> None:
    """In process, on 1, 2 and 3 processes, on threads, backwards, on a Dask cluster, by `run` and by the command."""
    assert [0, 1, 2, 3, 4, 5] == [record.number for record in expected.records]
    studies = [run(scenario(), jobs=jobs) for jobs in (1, 2, 3)]
    with ThreadPoolExecutor(2) as threads:
        studies.append(run(scenario(), executor=threads))
    studies.append(run(scenario(), executor=Backwards()))
    studies.append(run(scenario(), cluster=cluster.address))
    digests = [study.results_digest() for study in studies]
    for number, options in enumerate((["-j", "2"], ["--cluster", cluster.address], ["--engine", "reference"])):
        folder = tmp_path / str(number)
        result = invoked(tmp_path, "--results", str(folder), *options)
        assert result.exit_code in {0, 3}, result.output
        digests.append(kept_digest(folder))
    assert [expected.results_digest()] * 9 == digests
    assert [expected] * 6 == studies


def test_a_cluster_loses_a_worker(cluster: Cluster, long_digest: str) -> None:
    """Killed after the first replications: its tasks run on the others, results are the same."""
    cluster.add_workers(1)
    killed = []

    def kill(state: Progress) -> None:
        if state.finished and not killed:
            killed.append(state.finished)
            cluster.workers[-1].send_signal(signal.SIGKILL)

    study = run(scenario(**LONG), cluster=cluster.address, progress=kill)
    assert [1] == [len(killed)]
    assert killed[0] < 12
    assert -signal.SIGKILL == cluster.workers.pop().wait()
    assert long_digest == study.results_digest()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of process groups are POSIX")
def test_an_interrupt_on_a_cluster_loses_nothing(cluster: Cluster, long_digest: str, tmp_path: Path) -> None:
    """Control-C to the command: partial report, 130, no traceback; the same study is completed here."""
    (tmp_path / "scenario.json").write_text(json.dumps(LONG))
    command = [sys.executable, "-m", "simulator", "run", "scenario.json", "--results", "results"]
    with subprocess.Popen(
        [*command, "--cluster", cluster.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as process:
        until(lambda: any(path.stat().st_size for path in tmp_path.glob("results/*/*/records.jsonl")), "a replication")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    # A fast machine may have ended before.
    assert process.returncode in {130, 0, 3}
    assert "Traceback" not in err
    if process.returncode == 130:
        assert "replications were finished" in " ".join(out.split())
        assert err.endswith("of 12 replications are finished; the same command goes on from there\n")
    study = run(scenario(**LONG), results=tmp_path / "results", resume="always")
    assert long_digest == study.results_digest()


def test_a_cluster_leaves_nothing_behind(cluster: Cluster) -> None:
    """No thread, no process, no connection; with everything that Python warns of made an error by pytest."""
    import psutil

    before = set(threading.enumerate())
    process = psutil.Process()
    children = set(process.children(recursive=True))
    run(scenario(), cluster=cluster.address)
    assert set() == set(threading.enumerate()) - before
    assert set() == set(process.children(recursive=True)) - children
    port = int(cluster.address.rsplit(":")[-1])
    assert [] == [one for one in process.net_connections() if one.raddr and one.raddr.port == port]


def test_nobody_but_the_scheduler_is_spoken_to(cluster: Cluster, tmp_path: Path) -> None:
    """Every connection that a run opens goes to the address that was given, and no other host is looked up."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, simulator\n"
        "def heard(event, given):\n"
        "    if event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo', 'socket.gethostbyname'):\n"
        "        print(event, *(given[-1] if event in ('socket.connect', 'socket.sendto') else given))\n"
        "sys.addaudithook(heard)\n"
        "simulator.run(simulator.load_scenario(sys.argv[1]), cluster=sys.argv[2])\n"
    )
    (tmp_path / "scenario.json").write_text(json.dumps(BASE))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "scenario.json"), cluster.address],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert "" == done.stderr
    heard = [line.split() for line in done.stdout.splitlines()]
    assert {"127.0.0.1"} == {host for _, host, *_ in heard}
    assert {cluster.address.rsplit(":")[-1]} == {port for event, _, port, *_ in heard if event == "socket.connect"}


def test_progress_of_a_cluster_counts_up_to_all(cluster: Cluster, expected: Study) -> None:
    """Requests are known when their replication has finished."""
    calls: list[Progress] = []
    run(scenario(), cluster=cluster.address, progress=calls.append)
    assert sorted(call.requests for call in calls) == [call.requests for call in calls]
    assert (6, 2 * sum(record.requests for record in expected.records)) == (calls[-1].finished, calls[-1].requests)


def refused(tmp_path: Path, address: str) -> str:
    """What the command says to an address that cannot be used, after "Error: "."""
    result = invoked(tmp_path, "--cluster", address, "--no-results", "-q")
    assert (2, "") == (result.exit_code, result.stdout)
    assert 1 == result.stderr.count("\n")
    return result.stderr.removeprefix("Error: ").removesuffix("\n")


@pytest.mark.parametrize("address", ["", "localhost", "127.0.0.1", "http://127.0.0.1:8786", "tcp://127.0.0.1:99999"])
def test_what_is_no_address_is_refused_at_once(tmp_path: Path, address: str) -> None:
    """Dask would look for it for ten seconds and then not end for twenty."""
    assert (
        f"cluster is {address!r}: that is no address of a Dask scheduler; write its address as tcp://host:port"
        == refused(tmp_path, address)
    )


def test_where_nobody_answers_the_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, and somebody who says nothing, as a server of another kind may."""
    monkeypatch.setattr(clusters, "_ANSWER_WITHIN_S", 1)
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))
        for one in (silent, closed):
            address = f"tcp://127.0.0.1:{one.getsockname()[1]}"
            assert f"{address!r}: no Dask scheduler answers there (nothing within 1 s)" in refused(tmp_path, address)
    assert not [one for one in threading.enumerate() if "IO loop" in one.name]


def test_a_server_of_another_kind_is_refused(tmp_path: Path, cluster: Cluster) -> None:
    """One that speaks another language, and a worker in place of its scheduler."""

    def answer(server: socket.socket) -> None:
        with server.accept()[0] as one:
            one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            one.recv(1000)

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert "no Dask scheduler answers there" in refused(tmp_path, address)
        thread.join()
    log = (Path(cluster.folder) / "worker0.log").read_text()
    worker = log.split("Start worker at:")[1].split()[0]
    assert "there is a Dask worker, not a scheduler" in refused(tmp_path, worker)


def test_a_cluster_without_workers_is_refused(tmp_path: Path) -> None:
    """The message says how to start some; then one that has no endpointsim, which would end without a word."""
    with Cluster(tmp_path) as cluster:
        address = cluster.address
        assert f"cluster is {address!r}: it has no workers; start some with: dask worker {address}" == refused(
            tmp_path, address
        )
        packages = tmp_path / "packages"
        packages.mkdir()
        for entry in Path(pytest.__file__).parents[1].iterdir():
            if not entry.name.startswith(("endpointsim", "__editable__", "_endpointsim")):
                (packages / entry.name).symlink_to(entry)
        cluster.add_workers(1, packages)
        message = refused(tmp_path, address)
        assert "the worker at tcp://127.0.0.1:" in message
        assert (
            f"has no endpointsim, here is {manifest.made_by()['endpointsim']}; install the same everywhere" in message
        )


def test_dask_need_not_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to install it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = refused(tmp_path, "tcp://127.0.0.1:8786")
    assert "cluster: needs Dask; install it with: pip install 'endpointsim[cluster]'" == message


def test_a_task_of_other_versions_is_refused() -> None:
    """By the worker, whichever version it is; the message names the first that differs."""
    for name, version in manifest.made_by().items():
        task = Task(scenario(), (0,), "compiled", made_by={**manifest.made_by(), name: "0.0"})
        with pytest.raises(InputError, match=rf"{name} 0\.0, here is {version}"):
            replicate(task)


def test_a_cluster_of_another_program_is_refused(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same version, other source: the message of the worker comes here."""
    other = {**manifest.made_by(), "program": "another"}
    monkeypatch.setattr("simulator.study.tasks.Task", partial(Task, made_by=other))
    assert (
        f"the study was begun with program another, here is {manifest.made_by()['program']} in a worker process; "
        "install the same everywhere"
    ) == refused(tmp_path, cluster.address)


@pytest.mark.parametrize("error", ["KilledWorker", "FutureCancelledError", "BrokenThreadPool"])
def test_an_executor_that_gives_up_is_told_plainly(error: str) -> None:
    """Whatever its error is called."""

    class GivesUp(Executor):
        def submit(self, function: Any, /, *given: Any, **named: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(type(error, (Exception,), {})("no more"))
            return future

    with pytest.raises(SimulatorError, match="ended unexpectedly, perhaps for want of memory"):
        run(scenario(), executor=GivesUp())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "message"),
    [("scheduler", "the connection to it is lost"), ("worker", "ended unexpectedly, perhaps for want of memory")],
)
def test_a_cluster_that_is_lost_keeps_what_finished(
    tmp_path: Path, long_digest: str, monkeypatch: pytest.MonkeyPatch, victim: str, message: str
) -> None:
    """Scheduler killed in the middle, or workers as often as Dask puts up with: the same study goes on elsewhere."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    results = tmp_path / "results"
    asked = scenario(**LONG)
    (tmp_path / "cluster").mkdir()
    with Cluster(tmp_path / "cluster") as cluster:
        cluster.add_workers(1)
        process = cluster.scheduler if victim == "scheduler" else cluster.workers[0]

        def kill(state: Progress) -> None:
            if state.finished:
                process.kill()

        with pytest.raises(SimulatorError, match=message):
            run(asked, cluster=cluster.address, progress=kill, results=results)
    calls: list[Progress] = []
    study = run(asked, progress=calls.append, results=results, resume="always")
    assert calls[0].finished >= 1
    assert long_digest == study.results_digest()


def test_one_place_at_a_time() -> None:
    """Executor and cluster together are refused."""
    with ThreadPoolExecutor(1) as threads, pytest.raises(InputError, match="one of them at most"):
        run(scenario(), executor=threads, cluster="tcp://127.0.0.1:8786")


def test_auto_is_at_least_one() -> None:
    """As many processes as processors this process may use."""
    assert worker_count("auto") >= 1
