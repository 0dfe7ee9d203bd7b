"""Records on disk: read back exactly, cut off at any byte without loss of another, refused where they are damaged."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simulator.errors import StudyError
from simulator.study import journal as journals
from simulator.study.folder import LOCK, held
from simulator.study.journal import Journal, Kept, count_records, digest_of, line_of, lines_of, read_records, record_of
from simulator.study.replicate import Record
from simulator.study.run import run
from tests.study.scenarios import scenario

pytestmark = pytest.mark.thorough

NOTHING = Kept({}, 0)


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    """Three records of 20 seconds: short lines, so that they can be cut at every byte."""
    return run(scenario(horizon="20s"), 3).records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of records that is not there yet."""
    return tmp_path / "records.jsonl"


def test_a_record_is_read_back_equal(records: tuple[Record, ...]) -> None:
    """Of replication 0, with its series, and of others; equal records have equal lines."""
    for record in (*records, *run(scenario(), 2).records):
        assert record == record_of(line_of(record))
        assert line_of(record) == line_of(record_of(line_of(record)))
    assert records[0].timelines
    assert not records[1].timelines


def test_what_was_appended_is_on_disk(records: tuple[Record, ...], path: Path) -> None:
    """After each record a reader finds it; opened again, the journal goes on from there."""
    with closing(Journal(path, NOTHING)) as journal:
        for count, record in enumerate(records[:2], 1):
            journal.append(record)
            assert list(records[:count]) == list(read_records(path).records.values())
    with closing(Journal(path, read_records(path))) as journal:
        assert {0: records[0], 1: records[1]} == journal.records
        journal.append(records[2])
    assert lines_of(records) == path.read_bytes()


def test_a_line_cut_at_any_byte_loses_no_other(
    records: tuple[Record, ...], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every length that a record may have been written to: those before it stay, and it can be appended again."""
    monkeypatch.setattr(journals.os, "fsync", lambda _: None)
    before, line = lines_of(records[:2]), line_of(records[2])
    assert len(line) > 500
    for length in range(len(line)):
        path.write_bytes(before + line[:length])
        found = read_records(path)
        assert (list(records[:2]), len(before), "") == (list(found.records.values()), found.size, found.damage)
        assert (2, "") == count_records(path)
        with closing(Journal(path, found)) as journal:
            assert before == path.read_bytes()
            journal.append(records[2])
        assert before + line == path.read_bytes()


def test_any_changed_byte_is_noticed(records: tuple[Record, ...], path: Path) -> None:
    """In the last line it makes a torn line, in one before it damage, which is told with its place.

    A line break that is changed makes one line of two, which is then the last.
    """
    lines = [line_of(record) for record in records]
    for place in range(len(lines[1])):
        changed = bytearray(lines[1])
        changed[place] ^= 1
        path.write_bytes(lines[0] + bytes(changed))
        assert [records[0]] == list(read_records(path).records.values())
        path.write_bytes(lines[0] + bytes(changed) + lines[2])
        found = read_records(path)
        assert [records[0]] == list(found.records.values())
        is_break = place == len(lines[1]) - 1
        assert ("" if is_break else "line 2 of records.jsonl: it is not what was written") == found.damage
        assert (1, found.damage) == count_records(path)


def test_a_line_of_another_kind_is_damage(records: tuple[Record, ...], path: Path) -> None:
    """Written whole, and no record."""
    text = b'{"number": 1}'
    path.write_bytes(line_of(records[0]) + b"%08x %s\n" % (zlib.crc32(text), text))
    assert read_records(path).damage.startswith("line 2 of records.jsonl: it lacks something")


def test_a_file_that_is_not_there_holds_nothing(path: Path) -> None:
    """And is not made by looking."""
    assert NOTHING == read_records(path)
    assert (0, "") == count_records(path)
    assert not path.exists()


def test_the_digest_does_not_depend_on_the_order(records: tuple[Record, ...]) -> None:
    """In which replications finish; it does on which they are."""
    assert digest_of(records) == digest_of(reversed(records))
    assert digest_of(records) != digest_of(records[:2])


class Full:
    """A file on a disk that has room for so many more bytes; it is then as full as the system says it is."""

    def __init__(self, file: object, room: int, error: int, *, at_once: bool) -> None:
        self._file, self._room, self._error, self._at_once = file, room, error, at_once

    def write(self, content: bytes) -> int:
        """As much as there is room for, or as much as a system writes in one go."""
        part = content[: min(self._room, len(content) if self._at_once else 100)]
        if content and not part:
            raise OSError(self._error, os.strerror(self._error))
        self._room -= len(part)
        self._file.write(part)  # type: ignore[attr-defined]
        return len(part)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@pytest.mark.parametrize(
    ("error", "once"),
    [
        (errno.ENOSPC, "once there is room"),
        (errno.EDQUOT, "once there is room"),
        (errno.EFBIG, "once there is room"),
        (errno.EIO, "once that is put right"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_full_disk_leaves_nothing_half_written(
    records: tuple[Record, ...], path: Path, error: int, once: str, at_once: bool
) -> None:
    """However much of the record had been written; the message says what is kept, and it goes on with room."""
    line = line_of(records[1])
    for room in (0, 1, 99, 100, 101, len(line) - 1):
        path.unlink(missing_ok=True)
        with closing(Journal(path, NOTHING)) as journal:
            journal.append(records[0])
            journal._file = Full(journal._file, room, error, at_once=at_once)  # type: ignore[assignment]
            with pytest.raises(StudyError) as caught:
                journal.append(records[1])
        assert (
            f"{path}: cannot be written: {os.strerror(error)}; 1 finished replication is kept: run it again {once}"
            == str(caught.value)
        )
        assert line_of(records[0]) == path.read_bytes()
        with closing(Journal(path, read_records(path))) as journal:
            journal.append(records[1])
        assert lines_of(records[:2]) == path.read_bytes()


def test_an_interrupt_waits_until_a_record_is_kept(
    records: tuple[Record, ...], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the record is on its way to the disk: it is kept in full, in the file and in memory, then told."""
    import signal

    def interrupted(descriptor: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with closing(Journal(path, NOTHING)) as journal:
        monkeypatch.setattr(journals.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append(records[0])
        assert {0: records[0]} == journal.records
    assert line_of(records[0]) == path.read_bytes()
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is locked meanwhile."""
    with held(tmp_path / "folder"):
        yield tmp_path / "folder"


def test_a_folder_has_one_writer(folder: Path) -> None:
    """The second is refused, and the lock stays with the first."""
    with (
        pytest.raises(StudyError, match="another run of the same study is at work there; wait for it to end"),
        held(folder),
    ):
        pass
    assert (folder / LOCK).exists()


def test_a_folder_that_is_free_bears_no_lock(tmp_path: Path) -> None:
    """Taken away at the end, also of one that failed; one that a killed program left is no lock."""
    (tmp_path / LOCK).write_text("")
    for _ in range(2):
        with held(tmp_path):
            assert (tmp_path / LOCK).exists()
        assert not (tmp_path / LOCK).exists()
    with pytest.raises(ZeroDivisionError), held(tmp_path):
        raise ZeroDivisionError
    assert [] == list(tmp_path.iterdir())


def test_a_lock_taken_away_by_its_holder_is_not_mistaken_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened before the holder removed it, locked after: the second makes its own, and a third is refused."""
    from simulator.study import folder as folders

    real = folders._locked
    (tmp_path / LOCK).write_text("")

    def late(descriptor: int) -> bool:
        monkeypatch.setattr(folders, "_locked", real)
        (tmp_path / LOCK).unlink()
        return real(descriptor)

    monkeypatch.setattr(folders, "_locked", late)
    with held(tmp_path):
        assert (tmp_path / LOCK).exists()
        with pytest.raises(StudyError, match="at work"), held(tmp_path):
            pass


def test_what_a_killed_program_left_half_written_is_removed(tmp_path: Path) -> None:
    """Under the names that are used for that, and no other file."""
    for name in (".summary.json.0123abcd", ".gitignore", "summary.json", "notes.0123abcd"):
        (tmp_path / name).write_text("half")
    with held(tmp_path):
        pass
    assert {".gitignore", "summary.json", "notes.0123abcd"} == {path.name for path in tmp_path.iterdir()}
