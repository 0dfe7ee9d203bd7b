"""Studies that several tests compare with, and the command run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.study.results import Study
from simulator.study.run import Progress, run
from tests.study.commanding import Counted, arguments, file, study_folder
from tests.study.scenarios import scenario


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
