"""The command line: one file a command, imported when that command runs; here is only the list of them."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from simulator import __version__
from simulator.cli.errors import told_plainly

PURPOSE: Final = "Which way of serving a model: at what cost, with which latency, and how sure."

EXAMPLES: Final = (
    "endpointsim compare --rate 2/s --service 250ms --cold-start 4s --serverless 4096MB:20 --real-time ml.m5.xlarge",
    "endpointsim run azure-functions-bursty-day",
    "endpointsim init my-endpoint.yaml",
)

#: At some hundred bytes each, tens of MB at the most wait to be collected.
_NEW_OBJECTS: Final = 200_000

#: Command → the line that lists it. Each stands in the module of its name, as the function of its name.
COMMANDS: Final[dict[str, str]] = {
    "compare": "Compare endpoints for traffic given by options alone.",
    "run": "Run a scenario: verdict, costs and latencies with their intervals.",
    "sweep": "Vary values of a scenario along lists or ranges, under the same random numbers.",
    "crossover": "Find where the cheapest endpoint that meets all objectives changes.",
    "stress": "Put a scenario to stresses: what breaks, at which severity, and who survives.",
    "sensitivity": "Which uncertain assumption of a scenario matters, and what would change the answer.",
    "plan": "Find the cheapest configuration that meets the objectives.",
    "fleet": "Find which of many models belong where, and what the best mix costs.",
    "commitment": "Which savings plan by the hour is best for instances, and what it risks.",
    "risk": "How likely a cold start is, at which hour, and what would change that at what price.",
    "validate": "Check scenario files and say what they assume.",
    "init": "Write a commented scenario to start from.",
    "prices": "List and show the bundled price sheets.",
    "schema": "Print the JSON Schema of scenario files, for editors.",
    "validation": "Compare predicted with recorded cold starts of AWS Lambda.",
    "doctor": "Check the installation; compile the kernels beforehand.",
}


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage in cycles only after many new objects.

    Imports make several hundred thousand objects that all stay, and looking through them again and again took an
    eighth of a short command.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Commands(click.Group):
    """A group that knows its commands by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"simulator.cli.{cmd_name}"), cmd_name)
        # Docstrings are raw text; click wants the character itself in front of lines that it must not join.
        command.help = (command.help or "").replace(r"\b", "\b")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first argument; the nearest is named if there is none."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(COMMANDS)}"
            ctx.fail(f'no command "{args[0]}", {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing what stands in it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, each on a line of its own."""
        with formatter.section("Examples"):
            for example in EXAMPLES:
                formatter.write(f"{' ' * formatter.current_indent}{example}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for, its errors told plainly."""
        with told_plainly(), _seldom_collecting():
            return super().invoke(ctx)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    help=PURPOSE,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ENDPOINTSIM"},
)
@click.version_option(__version__, "-V", "--version", prog_name="endpointsim", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """The command itself: without arguments, its purpose and three examples."""
    if ctx.invoked_subcommand is None:
        click.echo(PURPOSE)
        click.echo("\n".join(f"  {example}" for example in EXAMPLES))
