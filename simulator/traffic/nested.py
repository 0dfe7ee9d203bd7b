"""What kinds of traffic share that hold other traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from pydantic import model_validator

from simulator.traffic.arrivals import Arrivals

if TYPE_CHECKING:
    from simulator.traffic import Traffic

#: Traffic inside traffic inside traffic: more is likelier a mistake, and each outage draws what is in it twice.
_DEEPEST: Final = 8


def check_depth(traffic: Arrivals) -> None:
    """Refuse traffic that is nested too deep.

    Raises
    ------
    ValueError
        Naming what is allowed.
    """
    if any(one.kind == "closed" for one in traffic.inside):
        raise ValueError("holds closed traffic, which has no rate of its own and stands alone")
    if depth_of(traffic) > _DEEPEST:
        raise ValueError(f"holds traffic inside traffic more than {_DEEPEST} deep")


def depth_of(traffic: Arrivals) -> int:
    """How many kinds of traffic there are inside each other, at most; 0 if there is nothing inside."""
    return max((1 + depth_of(one) for one in traffic.inside), default=0)


class Moved(Arrivals):
    """The requests of other traffic at other times.

    Parameters
    ----------
    of : traffic
        Any. It draws what it would draw by itself.
    """

    of: Traffic

    @model_validator(mode="after")
    def _not_too_deep(self) -> Self:
        check_depth(self)
        return self

    @property
    def inside(self) -> tuple[Arrivals, ...]:
        """The other traffic."""
        return (self.of,)

    def problems(self, horizon_s: float) -> list[str]:
        """Also those of the other traffic, with its place."""
        return super().problems(horizon_s) or [f"of: {problem}" for problem in self.of.problems(horizon_s)]

    def _scaled(self, factor: float) -> Self:
        """The other traffic scaled."""
        return self.model_copy(update={"of": self.of.scaled(factor)})

    @property
    def digest(self) -> str | None:
        """That of the other traffic."""
        return self.of.digest
