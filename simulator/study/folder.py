"""The folder of a study: one at a time writes to it, and what is said when it cannot be written."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from simulator.errors import StudyError
from simulator.files import left_over

#: The file whose lock is held. It is there while somebody is at work, or was when the program was killed.
LOCK: Final = ".lock"
#: Errors of a disk on which there is no room: full, quota reached, file as large as it may be.
_NO_ROOM: Final = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def cannot_be_written(path: Path, error: OSError, kept: int = 0) -> StudyError:
    """The error to raise: which file, why, how many finished replications are kept, and when to go on."""
    text = f"{path}: cannot be written: {error.strerror or error}"
    if kept:
        once = "once there is room" if error.errno in _NO_ROOM else "once that is put right"
        text += f"; {kept} finished replication{'s are' if kept != 1 else ' is'} kept: run it again {once}"
    return StudyError(text)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep others out of a folder until this is over, or until the process ends in whatever way.

    The folder is made if it is not there, and what a killed program left half-written in it is removed.

    Raises
    ------
    StudyError
        If somebody else is at work there, or if it cannot be written to.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path)
    except OSError as error:
        raise cannot_be_written(folder, error) from error
    try:
        for rest in left_over(folder):
            with suppress(OSError):
                rest.unlink()
        yield
    finally:
        # Removed while it is still held: who opened it before notices, who opens it later makes a new one.
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _opened(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _locked(descriptor):
            os.close(descriptor)
            raise StudyError(f"{path.parent}: another run of the same study is at work there; wait for it to end")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Whether a file could be locked; where locks are not to be had (some network file systems), nobody holds one."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
    return True
