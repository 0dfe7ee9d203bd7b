"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

if TYPE_CHECKING:
    TextType = click.ParamType[Any]
else:
    TextType = click.ParamType  # takes no type before click 8.2


class Assignment(TextType):
    """``path=value``, the form of ``--set``."""

    name = "path=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Path and value."""
        from simulator.scenario.overrides import parse_assignment

        try:
            return value if isinstance(value, tuple) else parse_assignment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def set_option(function: Function) -> Function:
    """``--set path=value``, repeatable; the function gets a dict named `overrides`."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        type=Assignment(),
        metavar="PATH=VALUE",
        callback=lambda _ctx, _param, pairs: dict(pairs),
        help="Override a value of the scenario, e.g. traffic.mean_rate=4/s or endpoints[0].max_concurrency=40.",
    )(function)


def output_option(function: Function) -> Function:
    """``--output table|json|csv|markdown``; the function gets `output`."""
    return click.option(
        "--output",
        type=click.Choice(["table", "json", "csv", "markdown"]),
        default="table",
        show_default=True,
        help="Form of the result.",
    )(function)
