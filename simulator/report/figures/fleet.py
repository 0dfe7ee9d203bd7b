"""Models in order of traffic: what each costs on each way, where it belongs, and what the mix saves by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator.questions.fleet.fleet import MIX
from simulator.report.figures import style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from simulator.questions.fleet.fleet import Fleet

#: A way that costs nothing, of a model without requests, is drawn at this. [USD]
_LEAST_USD: Final = 1e-5


def figure_files(found: Fleet, finding: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of the figure's PNG and SVG."""
    for suffix, content in style.files(models_by_traffic(found, finding)):
        yield f"models-by-traffic.{suffix}", content


@style.drawn
def models_by_traffic(found: Fleet, finding: str) -> Figure:
    """Figure of a fleet.

    Parameters
    ----------
    found : Fleet
    finding : str
        The answer in one sentence.
    """
    from matplotlib.lines import Line2D

    figure, (above, below) = style.blank(6.2, 2, (2.4, 1))
    answers = [one for one in found.answers if one.choice is not None]
    names = [one.name for one in found.ways]
    ranks = np.arange(1, len(answers) + 1)
    handles: list[Any] = []
    labels: list[str] = []

    for position, name in enumerate(names):
        look = style.look(position)
        cost = np.array([_value(one.ways[name].cost.value) if name in one.ways else np.nan for one in answers])
        chosen = np.array([one.choice == name for one in answers], np.bool_)
        count = int(chosen.sum())
        # Few points are drawn large, to be seen among many; what is not chosen is pale and small.
        size = 40.0 if count <= 30 else 11.0
        above.scatter(ranks[~chosen], cost[~chosen], s=4, color=look.colour, alpha=0.28, linewidths=0)
        above.scatter(
            *(ranks[chosen], cost[chosen]),
            s=size,
            color=look.colour,
            marker=look.marker,
            edgecolors="white",
            linewidths=0.3,
            zorder=3,
        )
        handles.append(Line2D([], [], color=look.colour, marker=look.marker, linestyle=""))
        labels.append(f"{style.short(name)} ({count:,} model{'' if count == 1 else 's'})")
    if not answers:
        style.no_data(above)
        style.no_data(below)
        style.headline(figure, finding)
        return figure
    above.set_yscale("log")
    above.set_ylabel("a model's bill [USD a month]")
    above.yaxis.set_major_formatter(lambda value, _: f"{value:,.10f}".rstrip("0").rstrip("."))
    totals = {name: _sums(found, answers, name) for name in names}
    mix = _sums(found, answers, MIX)
    # A way that serves every model of the mix is the mix: nothing would be saved against it.
    others = [name for name in names if any(one.choice != name for one in answers)]
    uniform = min(others or names, key=lambda name: totals[name].sum())
    saving = np.cumsum(totals[uniform] - mix)
    below.step(ranks, saving, where="mid", color=style.INK, linewidth=1.4)
    below.axhline(0, color=style.FAINT, linewidth=0.8)
    below.set_ylabel("saved so far\n[USD a month]")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    below.set_xscale("log")
    below.set_xlim(0.8, len(answers) * 1.25)
    below.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    below.set_xlabel("models by traffic, the busiest first")
    style.legend_below(figure, handles, labels)
    detail = (
        "Large: the way on which the model belongs; small and pale: what it would cost on the others. Below: what the "
        f"mix saves against all models on {uniform}, summed up from the busiest model on."
    )
    style.headline(figure, finding, detail)
    return figure


def _value(cost: float | None) -> float:
    return np.nan if cost is None else max(cost, _LEAST_USD)


def _sums(found: Fleet, answers: list[Any], way: str) -> Any:
    """Mean bill of each model on a way; where it does not fit, as in the mix [USD].

    In the mix, models that share an endpoint bear the whole of its bill.
    """
    chosen = [one.choice if way == MIX or way not in one.ways else way for one in answers]
    costs = np.array([found.costs[one.name, name].mean() for one, name in zip(answers, chosen, strict=True)])
    if way == MIX and found.chosen_shared is not None:
        is_shared = np.array([name == found.chosen_shared.way for name in chosen])
        costs[is_shared] *= np.mean(found.bills_of(found.chosen_shared.way)) / costs[is_shared].sum()
    return costs
