"""What a managed API is charged for: tokens, or model units by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from simulator.endpoints import ManagedApi
from simulator.measures.bills.line import Line
from simulator.measures.usage import Usage
from simulator.prices import PriceSheet, items
from simulator.units import NS_PER_SECOND

_NS_PER_HOUR: Final = 3600 * NS_PER_SECOND
_KTOKEN: Final = 1000


def lines(endpoint: ManagedApi, usage: Usage, sheet: PriceSheet) -> Iterator[Line]:
    """On demand 1,000 tokens of requests and of responses; with model units their hours, used or not, and no token.

    Requests that were throttled cost nothing.
    """
    if endpoint.model_units:
        (item,) = endpoint.price_items()
        hours = Fraction(endpoint.model_units * usage.span_ns, _NS_PER_HOUR)
        yield Line("model_units", sheet.price(item), hours, is_fixed=True)
        return
    for name, item, tokens in (
        ("input_tokens", items.tokens_in_item(endpoint.model_id), usage.tokens_in),
        ("output_tokens", items.tokens_out_item(endpoint.model_id), usage.tokens_out),
    ):
        yield Line(name, sheet.price(item), Fraction(tokens, _KTOKEN), is_fixed=False)
