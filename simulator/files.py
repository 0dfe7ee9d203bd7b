"""Files written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

#: Name under which a file is written before it is moved into place.
_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{8}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name in the same folder, then move it into place.

    Raises
    ------
    OSError
        If it cannot be written; what stood there before still does.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def left_over(folder: Path) -> list[Path]:
    """Files in a folder that `write_whole` could not move into place, because the program was killed."""
    return [path for path in folder.iterdir() if _TEMPORARY.fullmatch(path.name)]
