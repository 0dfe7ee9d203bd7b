"""An uncertain assumption: a range, a distribution or a choice, given in place of one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from simulator.scenario.places import KeyPath, value_text
from simulator.scenario.quantities import Dimension, Scale, read_number
from simulator.scenario.shapes import Choice, Lognormal, Shape, Triangular, Uniform, WholeUniform
from simulator.scenario.wording import nearest

#: Keys that make a mapping an assumption, and those that may stand beside each.
FORMS: Final[dict[str, tuple[str, ...]]] = {
    "between": ("scale",),
    "lognormal": (),
    "triangular": (),
    "choice": ("weights",),
}
_SCALES: Final = ("linear", "log")
_MOST_CV: Final = 100.0


class WrongAssumptionError(ValueError):
    """What is wrong in an assumption.

    Parameters
    ----------
    inside : KeyPath
        Where, from the assumption on.
    message : str
    at_key : bool
        Whether it is about the key rather than its value.
    """

    def __init__(self, inside: KeyPath, message: str, *, at_key: bool = False) -> None:
        super().__init__(message)
        self.inside = inside
        self.message = message
        self.at_key = at_key


@dataclass(frozen=True)
class Assumption:
    """One value of a scenario that is not known.

    Parameters
    ----------
    path : KeyPath
        Where it stands in the scenario.
    name : str
        The same for people: ``endpoints[serverless-4gb].idle_timeout``.
    given : mapping
        As written.
    text : str
        In words: ``uniform from 2/s to 6/s``.
    shape : Shape
        Its distribution: of its number, or of the number of its option.
    scale : Scale or None
        How its numbers are written; None for a choice of what is no number.
    options : tuple
        Values to choose from, as written; empty for a range.
    """

    path: KeyPath
    name: str
    given: Mapping[str, Any]
    text: str
    shape: Shape
    scale: Scale | None
    options: tuple[Any, ...] = ()

    def quantile(self, quantile: float) -> Any:
        """The value at a quantile from 0 to 1, as a file would hold it.

        Options come in the order in which they are written, numbers by their size.
        """
        number = self.shape.at(quantile)
        if self.options:
            return self.options[int(number)]
        assert self.scale is not None, "only options have none"
        return self.scale.written(number)

    @property
    def middle(self) -> Any:
        """Its median; of options that are no numbers, the likeliest, the first of them where several are."""
        if self.options and self.scale is None:
            assert isinstance(self.shape, Choice)
            return self.options[max(range(len(self.options)), key=self.shape.shares.__getitem__)]
        return self.quantile(0.5)

    @property
    def extremes(self) -> list[tuple[str, Any]]:
        """What it is called and the value: each option, or the lowest and the highest value of a range."""
        if self.options:
            return [("one of its choices", option) for option in self.options]
        return [("its lowest value", self.quantile(0.0)), ("its highest value", self.quantile(1.0))]

    def number(self, value: Any) -> float:
        """The value as a number [1/s, s, B, USD, or as it is]; of options that are no numbers, their position."""
        if self.scale is None:
            return float(next(i for i, option in enumerate(self.options) if option == value))
        return read_number(value)[0]

    def words(self, value: Any) -> str:
        """A value as people write it; an option as it is written in the file."""
        if self.options or self.scale is None:
            return value if isinstance(value, str) else value_text(value)
        return self.scale.words(self.number(value))

    @property
    def column(self) -> str:
        """Name of its column in tables, ending in its unit where it has one."""
        return self.name + (self.scale.ending if self.scale is not None else "")


def is_assumption(value: Any) -> bool:
    """Whether a value of a document stands for a range, a distribution or a choice."""
    return isinstance(value, Mapping) and "kind" not in value and any(form in value for form in FORMS)


def read_assumption(given: Mapping[str, Any], path: KeyPath, name: str, *, is_whole: bool) -> Assumption:
    """The assumption that a mapping says.

    Parameters
    ----------
    given : mapping
        As it stands in the document.
    path : KeyPath
        Where it stands.
    name : str
        What it is called in reports.
    is_whole : bool
        Whether its field holds whole numbers only.

    Raises
    ------
    WrongAssumptionError
        Naming what is wrong and what is allowed.
    """
    forms = [form for form in FORMS if form in given]
    if len(forms) > 1:
        raise WrongAssumptionError((), f"give one of {', '.join(FORMS)}; here are {' and '.join(forms)}")
    known = (forms[0], *FORMS[forms[0]])
    for key in given:
        if key not in known:
            raise WrongAssumptionError((str(key),), f"unknown key, {nearest(str(key), known)}", at_key=True)
    match forms[0]:
        case "between":
            shape, scale, text = _between(given, is_whole)
        case "lognormal":
            shape, scale, text = _lognormal(given["lognormal"], is_whole)
        case "triangular":
            shape, scale, text = _triangular(given["triangular"], is_whole)
        case _:
            options, choice, numbers, text = _choice(given, is_whole)
            return Assumption(path, name, dict(given), text, choice, numbers, options)
    return Assumption(path, name, dict(given), text, shape, scale)


def _between(given: Mapping[str, Any], is_whole: bool) -> tuple[Shape, Scale, str]:
    ends = _listed(given["between"], "between", 2, "the lowest and the highest value", "[2/s, 6/s]")
    (low, high), scale = _numbers(ends, "between", is_whole)
    told = f"{_told(ends[0])} to {_told(ends[1])}"
    if not low < high:
        raise WrongAssumptionError(("between",), f"from {told}; the first value must be less than the second")
    how = given.get("scale", "linear")
    if how not in _SCALES:
        raise WrongAssumptionError(("scale",), f"{value_text(how)} is not one of {', '.join(_SCALES)}")
    if how == "linear":
        shape = WholeUniform(low, high, scale.step) if is_whole else Uniform(low, high)
        return shape, scale, f"uniform from {told}"
    if low <= 0:
        raise WrongAssumptionError(("between", 0), f"{_told(ends[0])} is not allowed with scale: log, must be above 0")
    return Uniform(low, high, is_log=True), scale, f"uniform on a logarithmic scale from {told}"


def _triangular(given: Any, is_whole: bool) -> tuple[Shape, Scale, str]:
    what = "the lowest, the likeliest and the highest value"
    written = _listed(given, "triangular", 3, what, "[1s, 2s, 6s]")
    (low, mode, high), scale = _numbers(written, "triangular", is_whole)
    first, second, third = map(_told, written)
    if not (low <= mode <= high and low < high):
        raise WrongAssumptionError(("triangular",), f"{first}, {second}, {third}; must be {what}, in this order")
    return Triangular(low, mode, high), scale, f"triangular from {first} over {second}, the likeliest, to {third}"


def _lognormal(given: Any, is_whole: bool) -> tuple[Shape, Scale, str]:
    pairs = ({"median", "p90"}, {"mean", "cv"})
    keys = set(given) if isinstance(given, Mapping) else set()
    if keys not in pairs:
        found = ", ".join(map(str, given)) if isinstance(given, Mapping) and given else value_text(given)
        raise WrongAssumptionError(("lognormal",), f"takes median and p90, or mean and cv; given: {found}")
    if "cv" in keys:
        cv = given["cv"]
        if isinstance(cv, bool) or not isinstance(cv, int | float) or not 0 < cv <= _MOST_CV:
            message = f"{value_text(cv)} is not allowed, must be a number, more than 0 and at most {_MOST_CV:g}"
            raise WrongAssumptionError(("lognormal", "cv"), message)
        (mean,), scale = _numbers({"mean": given["mean"]}, "lognormal")
        _above_zero(mean, "mean", given)
        told = f"lognormal with mean {_told(given['mean'])} and coefficient of variation {cv:g}"
        return Lognormal.by_mean(mean, cv), _whole(scale, is_whole), told
    (median, p90), scale = _numbers({key: given[key] for key in ("median", "p90")}, "lognormal")
    _above_zero(median, "median", given)
    if not median < p90:
        message = f"{_told(given['p90'])} is not more than the median, {_told(given['median'])}"
        raise WrongAssumptionError(("lognormal", "p90"), message)
    told = f"lognormal with median {_told(given['median'])}, one in ten above {_told(given['p90'])}"
    return Lognormal.by_median(median, p90), _whole(scale, is_whole), told


def _choice(given: Mapping[str, Any], is_whole: bool) -> tuple[tuple[Any, ...], Choice, Scale | None, str]:
    options = given["choice"]
    if not isinstance(options, list | tuple) or len(options) < 2:
        message = f"{value_text(options)} is no choice; write at least two values, for example [5m, 10m]"
        raise WrongAssumptionError(("choice",), message)
    for number, option in enumerate(options):
        if option is None:
            raise WrongAssumptionError(("choice", number), "nothing is no value to choose")
        if any(is_assumption(part) for part in _parts(option)):
            raise WrongAssumptionError(("choice", number), "holds an assumption; an assumption cannot hold another")
        if option in options[:number]:
            message = f"{value_text(option)} stands twice; give it more weight instead"
            raise WrongAssumptionError(("choice", number), message)
    shares = _shares(given.get("weights", [1] * len(options)), len(options))
    scale = None
    try:
        numbers, scale = _numbers(options, "choice", is_whole)
    except WrongAssumptionError:
        order = list(range(len(options)))  # texts, switches, mappings, or numbers with a word among them
    else:
        order = sorted(range(len(options)), key=numbers.__getitem__)
    told = [f"{_told(options[i])} ({100 * shares[i]:.3g}%)" if "weights" in given else _told(options[i]) for i in order]
    text = f"{', '.join(told[:-1])} or {told[-1]}" + ("" if "weights" in given else ", equally likely")
    return tuple(options[i] for i in order), Choice(tuple(shares[i] for i in order)), scale, text


def _shares(weights: Any, count: int) -> list[float]:
    is_right = isinstance(weights, list | tuple) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and 0 < one < 1e9 for one in weights
    )
    if not is_right or len(weights) != count:
        message = f"{value_text(weights)} is not a weight above 0 for each of the {count} values"
        raise WrongAssumptionError(("weights",), message)
    return [one / sum(weights) for one in weights]


def _listed(given: Any, form: str, count: int, what: str, example: str) -> list[Any]:
    if not isinstance(given, list | tuple) or len(given) != count:
        raise WrongAssumptionError((form,), f"{value_text(given)} is not {what}; write for example {example}")
    return list(given)


def _numbers(
    given: list[Any] | tuple[Any, ...] | Mapping[str, Any], form: str, is_whole: bool = False
) -> tuple[list[float], Scale]:
    """Numbers that go together, and how they are written."""
    entries = list(given.items()) if isinstance(given, Mapping) else list(enumerate(given))
    numbers: list[float] = []
    scale: Scale | None = None
    for key, one in entries:
        try:
            number, own = read_number(one, is_whole=is_whole)
        except ValueError as error:
            raise WrongAssumptionError((form, key), str(error)) from None
        if scale is not None and own != scale:
            message = f"{_told(one)} ({_kind(own)}) does not go with {_told(entries[0][1])} ({_kind(scale)})"
            raise WrongAssumptionError((form, key), message)
        scale = own
        if is_whole and abs(number / own.step - round(number / own.step)) > 1e-9:
            raise WrongAssumptionError((form, key), f"{_told(one)} is not a whole number")
        numbers.append(number)
    assert scale is not None, "at least one is given"
    return numbers, scale


def _above_zero(number: float, key: str, given: Mapping[str, Any]) -> None:
    if number <= 0:
        raise WrongAssumptionError(("lognormal", key), f"{_told(given[key])} is not allowed, must be more than 0")


def _whole(scale: Scale, is_whole: bool) -> Scale:
    """The scale of the values drawn: a mean need not be whole where they are."""
    return Scale(scale.dimension, is_whole, scale.per, scale.is_text)


def _kind(scale: Scale) -> str:
    if scale.dimension is Dimension.PRICE:
        return f"a price per {scale.per}"
    return "a number in quotes" if scale.is_text else f"a {scale.dimension}"


def _told(value: Any) -> str:
    return value if isinstance(value, str) else value_text(value)


def _parts(value: Any) -> Iterator[Any]:
    """A value and everything in it."""
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for part in inner:
        yield from _parts(part)
