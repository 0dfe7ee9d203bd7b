"""What a report says of the open loop beside a closed population: both side by side, and what its test hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from simulator.measures.intervals import Estimate
from simulator.report.numbers import share, significant
from simulator.report.reading import Reading, in_words
from simulator.study.open_loop import UNITS
from simulator.traffic import Closed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.study.open_loop import Beside

TITLE: Final = "Beside open traffic of the same rate"
#: Title of the sentences.
FINDINGS: Final = "What the closed test hides"
COLUMNS: Final = ("endpoint", "rate", "p50", "p95", "p99", "throttled", "in the system")
_CELLS: Final = ("rate", "p50", "p95", "p99", "throttled_fraction", "in_system")
_NONE_SEEN: Final = "none seen"
#: The percentile of which the sentences speak.
_SPOKEN_OF: Final = "p99"
#: Utilization of standing instances from which on latencies are said to depend on the length of the run (Assumption).
_BUSY: Final = 0.95


def endpoints(reading: Reading) -> tuple[Beside, ...]:
    """What there is beside the closed population, an entry an endpoint; none of other traffic, or if left out."""
    if not isinstance(reading.scenario.traffic, Closed) or reading.study.open_loop is None:
        return ()
    return reading.study.open_loop.endpoints


def rows(reading: Reading) -> tuple[tuple[str, ...], ...]:
    """Two rows an endpoint: under its clients, and under open traffic."""
    return tuple(
        (f"{one.endpoint}, {words}", *(_cell(name, figures[name]) for name in _CELLS))
        for one in endpoints(reading)
        for words, figures in ((clients(reading), one.closed), ("open", one.opened))
    )


def clients(reading: Reading) -> str:
    """Number of the clients: ``8 clients``."""
    traffic = reading.scenario.traffic
    assert isinstance(traffic, Closed)
    return f"{traffic.clients:,} client{'s' if traffic.clients != 1 else ''}"


def _cell(name: str, estimate: Estimate) -> str:
    if name == "throttled_fraction" and estimate.is_none_seen:
        return _NONE_SEEN
    if name == "rate":
        text = in_words(estimate, "")
        return text if estimate.value is None else f"{text}/s"
    return in_words(estimate, "" if name == "in_system" else UNITS[name])


def remark(reading: Reading) -> str:
    """What is alike, what the intervals hold, and what they leave out."""
    lost = any(
        (figures["throttled_fraction"].value or 0.0) > 0
        for one in endpoints(reading)
        for figures in (one.closed, one.opened)
    )
    return (
        "Open: Poisson traffic of the mean rate that the clients sent, all else alike; that rate is taken as exact. In "
        "the system: requests sent and not yet answered, time average, by Little's law"
        + (", those throttled left out" if lost else "")
        + ". The n-th request of a replication asks for the same service time under both, but comes at another time: "
        "nothing is paired by request. Intervals are over replications, of each side by itself; where one is set in "
        "relation to the other, both sides of a replication are taken together."
    )


def findings(reading: Reading) -> Iterator[str]:
    """A sentence an endpoint: its p99 under both, and the share of it that the clients show."""
    for one in endpoints(reading):
        yield _finding(reading, one)
        busy = one.opened["utilization"]
        if reading.scenario.endpoint(one.endpoint).kind == "real_time" and (busy.value or 0.0) >= _BUSY:
            yield (
                f"{one.endpoint}: open traffic uses {share(busy)} of its places: so near to all of them queues grow "
                "until they are full or the run ends, and the open latencies are those of a run of this length."
            )


def _finding(reading: Reading, one: Beside) -> str:
    ours, theirs, shown = one.closed[_SPOKEN_OF], one.opened[_SPOKEN_OF], one.shown[_SPOKEN_OF]
    traffic = f"open traffic of {significant(one.rate_per_s)}/s"
    if ours.value is None or theirs.value is None or shown.value is None:
        return f"{one.endpoint}: {_SPOKEN_OF} cannot be set beside that under {traffic}: no data."
    sentence = (
        f"{one.endpoint}: {_SPOKEN_OF} {in_words(ours, 'ms')} with {clients(reading)}, {in_words(theirs, 'ms')} under "
        f"{traffic}: {_shown(shown)}"
    )
    lost = [figures["throttled_fraction"] for figures in (one.closed, one.opened)]
    if any(figure.value for figure in lost):
        ours_lost, theirs_lost = (_cell("throttled_fraction", figure) for figure in lost)
        sentence += f"; throttled: {ours_lost} with the clients, {theirs_lost} under open traffic"
    return sentence + "."


def _shown(shown: Estimate) -> str:
    """How much of the open latency the clients show."""
    text = share(shown)
    if shown.low is None or shown.high is None:
        return f"the closed test shows {text} of it (no interval)"
    if shown.high < 1:
        return f"the closed test shows {text} of it"
    if shown.low > 1:
        return f"the closed test shows more, {text} of it"
    return f"no difference can be told, the closed test shows {text} of it"


def facts(reading: Reading) -> list[dict[str, Any]]:
    """The same as JSON carries it."""
    return [one.facts() for one in endpoints(reading)]


def headline(reading: Reading, one: Beside) -> str:
    """What a figure of one endpoint shows, in words."""
    ours, theirs = (in_words(figures[_SPOKEN_OF], "ms") for figures in (one.closed, one.opened))
    return f"{one.endpoint}: {_SPOKEN_OF} is {ours} with {clients(reading)}, {theirs} under open traffic"


def labels(reading: Reading, one: Beside) -> tuple[str, str]:
    """Names of the two curves of a figure: the closed population, and open traffic."""
    ours, theirs = (significant(figures["rate"].value or 0.0) for figures in (one.closed, one.opened))
    return f"{clients(reading)}, {ours}/s", f"open traffic, {theirs}/s"
