"""``endpointsim schema``: the JSON Schema of scenario files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("-o", "out", type=click.Path(path_type=Path), help="Write to this file instead of standard output.")
def schema(out: Path | None) -> None:
    r"""Print the JSON Schema of scenario files.

    An editor that knows it completes keys and underlines mistakes. Scenarios point to it in their first line.

    \b
    Example:
      endpointsim schema -o scenario-v1.json
    """
    from simulator.cli.writing import write_whole
    from simulator.scenario.schema import schema_text

    if out is None:
        click.echo(schema_text(), nl=False)
    else:
        write_whole(out, schema_text())
        click.echo(f"wrote {out}", err=True)
