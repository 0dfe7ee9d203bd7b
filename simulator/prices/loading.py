"""Price sheets from the package, from a file, or from prices given in a scenario."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from simulator.errors import InputError
from simulator.prices.items import UNITS, family_of
from simulator.prices.sheet import Price, PriceSheet, Status

_FOLDER: Final = Path(__file__).parent.parent / "data" / "prices"
#: Where single prices are laid over if the scenario does not say.
_HOME: Final = "aws/us-east-1"
#: The sheet used where a scenario names none.
DEFAULT_SHEET: Final = f"{_HOME}/2026-11"
#: A price as users give it, the unit may be left out.
_PRICE: Final = re.compile(r"\s*(?P<number>[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?)\s*(USD\s*/\s*(?P<unit>\S+))?\s*")
#: Key under which a mapping of single prices names the sheet that they are laid over.
BASE: Final = "base"


def load_sheet(reference: str | Path | Mapping[str, Any], folder: Path | None = None) -> PriceSheet:
    """A checked price sheet.

    Parameters
    ----------
    reference : str, path or mapping
        The id of a bundled sheet (``aws/us-east-1/2026-11``); the path of a JSON file of the same shape; a mapping
        of that shape; or a mapping of single prices, item → price, laid over a bundled sheet: the newest, or the
        one or several named by ``base``. A price is a number in the item's own unit or text with its unit,
        ``0.25 USD/h``; of requests and of tokens also ``0.20 USD/million``.
    folder : Path, optional
        Where text that names a file starts from; a file there goes before a bundled sheet of the same name.

    Raises
    ------
    InputError
        If there is no such sheet, or for everything wrong in it.
    """
    if isinstance(reference, Mapping):
        return _checked(dict(reference), "prices") if "prices" in reference else _laid_over(reference)
    if isinstance(reference, str) and folder is not None:
        file = folder / reference
        if file.suffix or file.is_file():
            return load_sheet(file)
    if isinstance(reference, str) and reference in _bundled():
        return _from_file(_bundled()[reference])
    path = Path(reference)
    if path.is_file():
        return _from_file(path)
    if isinstance(reference, Path) or path.suffix == ".json":
        raise InputError(f"{reference}: no such price sheet")
    near = difflib.get_close_matches(reference, _bundled(), 1)
    hint = f'did you mean "{near[0]}"?' if near else f"bundled: {', '.join(_bundled())}"
    raise InputError(f'no price sheet "{reference}"; {hint}')


def list_sheets() -> list[PriceSheet]:
    """All bundled sheets, the newest first."""
    sheets = [_from_file(path) for path in _bundled().values()]
    return sorted(sorted(sheets, key=lambda sheet: sheet.id), key=lambda sheet: sheet.as_of, reverse=True)


@cache
def _bundled() -> dict[str, Path]:
    """Id → file; the id is the path in the data folder."""
    return {path.relative_to(_FOLDER).with_suffix("").as_posix(): path for path in sorted(_FOLDER.rglob("*.json"))}


def _newest() -> PriceSheet:
    return next(sheet for sheet in list_sheets() if sheet.id.startswith(f"{_HOME}/"))


def _from_file(path: Path) -> PriceSheet:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}  not valid JSON: {error.msg}") from error
    return _checked(data, str(path))


def _checked(data: Any, name: str) -> PriceSheet:
    try:
        return PriceSheet.model_validate(data)
    except ValidationError as error:
        problems = [f"{_place(one['loc'])}{_message(one['msg'])}" for one in error.errors(include_url=False)]
        raise InputError("\n".join(f"{name}  {problem}" for problem in problems)) from error


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return f"{text}: " if text else ""


def _message(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:] if message.startswith(("Input", "Field", "Extra")) else message


def _laid_over(given: Mapping[str, Any]) -> PriceSheet:
    """A bundled sheet with single prices of the user in place of its own or beside them."""
    base = _base(given[BASE]) if BASE in given else _newest()
    rows: dict[str, Price] = {}
    problems = []
    for item, price in given.items():
        if item == BASE:
            continue
        try:
            rows[item] = _custom(item, price)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise InputError("; ".join(problems))
    count = len(rows)
    prices = (*(rows.pop(row.item, row) for row in base.prices), *rows.values())
    name = f"{base.id} with {count} custom price{'s' if count != 1 else ''}" if count else base.id
    fields = {field: getattr(base, field) for field in PriceSheet.model_fields}
    return PriceSheet(**{**fields, "id": name, "prices": prices})


def _base(named: Any) -> PriceSheet:
    """One sheet, or several as one: a scenario that compares providers needs the prices of both.

    Raises
    ------
    InputError
        If two of them price the same item, or differ in the GB in which data is priced.
    """
    if not isinstance(named, list | tuple):
        return load_sheet(str(named))
    if not named:
        raise InputError("base: names no sheet; give one, or a list of them")
    sheets = [load_sheet(str(one)) for one in dict.fromkeys(named)]
    if len(sheets) == 1:
        return sheets[0]
    together = " and ".join(sheet.id for sheet in sheets)
    items = [row.item for sheet in sheets for row in sheet.prices]
    twice = sorted({item for item in items if items.count(item) > 1})
    if twice:
        raise InputError(f"base: {together} both have prices for {', '.join(twice)}; name one of them")
    sizes = sorted({sheet.bytes_per_gb for sheet in sheets})
    if len(sizes) > 1:
        raise InputError(f"base: {together} differ in bytes_per_gb: {', '.join(map(str, sizes))}; name one of them")
    return PriceSheet(
        id=" + ".join(sheet.id for sheet in sheets),
        provider=" + ".join(sheet.provider for sheet in sheets),
        region=" + ".join(sheet.region for sheet in sheets),
        as_of=min(sheet.as_of for sheet in sheets),
        bytes_per_gb=sizes[0],
        notes=tuple(note for sheet in sheets for note in sheet.notes),
        prices=tuple(row for sheet in sheets for row in sheet.prices),
        free_tier=tuple(free for sheet in sheets for free in sheet.free_tier),
    )


def _custom(item: str, price: Any) -> Price:
    unit = UNITS[family_of(item)]
    refusal = ValueError(
        f'{item}: {price!r} is not a price; write USD per {unit}, 0 or more, for example 0.25 or "0.25 USD/{unit}"'
    )
    match = _PRICE.fullmatch(str(price))
    if isinstance(price, bool) or not isinstance(price, int | float | str | Decimal) or match is None:
        raise refusal
    by_million = unit in {"request", "ktoken"} and match["unit"] == "million"
    if match["unit"] not in {None, unit} and not by_million:
        raise refusal
    # str of a float is its shortest decimal form: 0.23 in a file becomes exactly 0.23.
    of_million = -3 if unit == "ktoken" else -6
    value = Decimal(match["number"]).scaleb(of_million if by_million else 0)
    return Price(item=item, value=value, unit=unit, status=Status.CUSTOM, source="given by the user")
