"""Dask clusters of separate processes on this machine, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_WITHIN_S = 90
_COMMON = ("--host", "127.0.0.1", "--no-dashboard")


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone afterwards, whatever happens."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that must come about."""
    end = time.monotonic() + _WITHIN_S
    while not condition():
        assert time.monotonic() < end, f"{what} has not come about in {_WITHIN_S} s"
        time.sleep(0.05)


class Cluster:
    """A scheduler and its workers, each a process with one thread.

    Parameters
    ----------
    folder : Path
        For their logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._begun("scheduler", ["--port", "0", "--scheduler-file", str(folder / "file")], [])
        until(lambda: (folder / "file").exists() and b"}" in (folder / "file").read_bytes(), "a scheduler")
        self.address: str = json.loads((folder / "file").read_text())["address"]

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_workers(self, count: int, *path: Path) -> None:
        """Start workers and wait until the scheduler knows them; packages are looked for in `path` alone if given."""
        begun = len(self.workers)
        for _ in range(count):
            options = ["--no-nanny", "--nthreads", "1", "--local-directory", str(self.folder)]
            self.workers.append(self._begun("worker", [self.address, *options], path))
        logs = [self._log(f"worker{number}") for number in range(begun, begun + count)]
        until(lambda: all(b"Registered to" in log.read_bytes() for log in logs), f"{count} workers")

    def _begun(self, kind: str, options: list[str], path: list[Path] | tuple[Path, ...]) -> subprocess.Popen[bytes]:
        code = f"from distributed.cli.dask_{kind} import main; main()"
        if path:
            code = f"import sys; sys.path += {[str(one) for one in path]!r}; {code}"
        log = self._log(kind if kind == "scheduler" else f"worker{len(self.workers)}")
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *(["-S"] if path else []), "-c", code, *options, *_COMMON],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": "" if path else str(ROOT)},
                start_new_session=True,
            )
        return self._stack.enter_context(ended(process))

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"
