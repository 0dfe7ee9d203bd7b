"""The short form of a constant."""

from __future__ import annotations

from typing import Any


def constant_if_text(value: Any) -> Any:
    """``250ms`` becomes ``{kind: constant, value: 250ms}``; a bare number too, so that its missing unit is named."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return {"kind": "constant", "value": value}
    return value
