"""What a command writes for its user: to standard output, to a file, to a folder of results."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

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


def put(content: str | bytes, out: Path | None, *, quiet: bool) -> None:
    """Print a result, or write it to the file that was asked for.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if out is not None:
        write_whole(out, content)
        if not quiet:
            click.echo(f"wrote {out}", err=True)
        return
    click.echo(for_stream(content) if isinstance(content, str) else content, nl=False)
    sys.stdout.flush()


def for_stream(text: str) -> str:
    """The text, in ASCII if standard output can hold no more."""
    from simulator.report.numbers import plain_ascii

    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain_ascii(text)
    return text


def fill(folder: Path, contents: Mapping[str, str | bytes], *, quiet: bool) -> None:
    """Write the files of an answer into its folder, each whole, in the order given: those that say the most last.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    for name, content in contents.items():
        write_whole(folder / name, content)
    if not quiet:
        click.echo(f"results in {folder}", err=True)
