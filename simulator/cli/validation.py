"""``endpointsim validation``: the model against recorded cold starts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

#: Lines of a file between which the table stands.
BEGIN: Final = "<!-- begin: endpointsim validation -->\n"
END: Final = "<!-- end: endpointsim validation -->\n"


@click.command()
@click.option(
    "--write",
    "target",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Put the table into this file, between its two marker lines, instead of on standard output.",
)
def validation(target: Path | None) -> None:
    r"""Replay recorded AWS Lambda requests and compare predicted with observed cold starts.

    \b
    Examples:
      endpointsim validation
      endpointsim validation --write simulator/notes/validation.md
    """
    from simulator.cli.writing import write_whole
    from simulator.errors import InputError
    from simulator.questions.replay import table

    if target is None:
        click.echo(table(), nl=False)
        return
    text = target.read_text(encoding="utf-8")
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        raise InputError(f"{target}: has no place for the table; it needs the lines {BEGIN.strip()} and {END.strip()}")
    write_whole(target, f"{before}{BEGIN}{table()}{END}{after}")
    click.echo(f"wrote {target}", err=True)
