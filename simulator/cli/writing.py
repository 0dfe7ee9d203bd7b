"""Files that a command writes for its user."""

from __future__ import annotations

from pathlib import Path

from simulator import files
from simulator.errors import InputError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, text in UTF-8.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written to.
    """
    try:
        files.write_whole(path, content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
