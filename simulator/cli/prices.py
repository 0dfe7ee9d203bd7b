"""``endpointsim prices``: which price sheets there are, and what stands in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from simulator.cli.options import output_option

if TYPE_CHECKING:
    from simulator.prices import PriceSheet


@click.group()
def prices() -> None:
    r"""List and show the bundled price sheets.

    Each row has its source, the date on which it was seen there, and how sure it is. Nothing is fetched.

    \b
    Examples:
      endpointsim prices list
      endpointsim prices show aws/us-east-1/2026-11 --item ml.m5
      endpointsim prices show my-prices.json --output csv
    """


@prices.command("list")
@output_option
def list_(output: str) -> None:
    r"""List the bundled sheets, the newest first.

    \b
    Example:
      endpointsim prices list --output json
    """
    from simulator.prices import list_sheets

    head = ("id", "as_of", "currency", "prices")
    rows = [(sheet.id, str(sheet.as_of), sheet.currency, str(len(sheet.prices))) for sheet in list_sheets()]
    if output == "json":
        facts = [{**dict(zip(head, row, strict=True)), "prices": int(row[-1])} for row in rows]
        click.echo(json.dumps(facts, indent=1))
    else:
        click.echo(_formatted(head, rows, output), nl=False)


@prices.command()
@click.argument("sheet", required=False)
@click.option("--item", default="", metavar="TEXT", help="Only rows whose item contains this text.")
@output_option
def show(sheet: str | None, item: str, output: str) -> None:
    r"""Show the rows of a sheet: a bundled one (the newest by default) or a JSON file.

    \b
    Examples:
      endpointsim prices show
      endpointsim prices show aws/us-east-1/2026-11 --item serverless --output markdown
    """
    from simulator.errors import InputError
    from simulator.prices import list_sheets, load_sheet

    chosen = load_sheet(sheet) if sheet is not None else list_sheets()[0]
    rows = chosen.rows(item)
    if not rows:
        raise InputError(f'{chosen.id} has no item that contains "{item}"')
    if output == "json":
        facts = chosen.model_dump(mode="json", by_alias=True)
        facts["prices"] = [row.model_dump(mode="json", by_alias=True) for row in rows]
        click.echo(json.dumps(facts, indent=1))
        return
    # A terminal shows the columns that fit; csv and markdown also say where each price was read.
    head = ["item", "price", "status", "seen", "source"]
    cells = [[row.item, row.text(), str(row.status), row.seen or "", row.source] for row in rows]
    if output == "table":
        click.echo(f"{chosen.id}, as of {chosen.as_of}")
        head, cells = head[:4], [row[:4] for row in cells]
    click.echo(_formatted(head, cells, output), nl=False)
    if output == "table":
        click.echo("\n".join(_remarks(chosen)))


def _remarks(sheet: PriceSheet) -> list[str]:
    free = [f"{a.quantity.normalize():f} {a.unit} of {' and '.join(a.items)} a month" for a in sheet.free_tier]
    lines = [*sheet.notes, *([f"Free tier, if a scenario sets free_tier: {'; '.join(free)}."] if free else [])]
    return [f"- {line}" for line in [*lines, "--output csv also gives the source of each price."]]


def _formatted(head: Sequence[str], rows: Sequence[Sequence[str]], output: str) -> str:
    if output == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([head, *rows])
        return text.getvalue()
    if output == "markdown":
        lines = [head, ["---" for _ in head], *([c.replace("|", "\\|") for c in row] for row in rows)]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows])
    return "".join(f"{line.rstrip()}\n" for line in padded)
