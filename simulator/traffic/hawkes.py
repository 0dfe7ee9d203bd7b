"""Self-exciting traffic: each request makes further ones likelier for a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.streams import Streams
from simulator.traffic.arrivals import LONGEST_S, NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.traffic.clusters import share_together
from simulator.traffic.points import running_sums
from simulator.units import duration_text, to_ns

#: Length of the time before the run, in relaxation times: third and higher cumulants are e⁻²⁴ (4·10⁻¹¹) off by then.
_SETTLING: Final = 8.0
#: Most requests expected before the run. (With so many in a relaxation time the intensity is close to gamma anyway.)
_MOST_BEFORE: Final = 1e6


class Hawkes(Arrivals):
    """Hawkes process with an exponential kernel [1]_: λ(t) = ν + Σ α·e^(−(t − tᵢ)/decay) over the requests before t.

    Each request brings ``branching_ratio`` others on average, each after an exponential time, and these bring others:
    retries upon retries, or a piece of news that is passed on. ν is the mean rate times 1 − branching_ratio. Drawn by
    the exact recursion of Dassios and Zhao [2]_.

    The process begins eight relaxation times (decay/(1 − branching_ratio)) before time 0, or where 10⁶ requests are
    expected before it if that is later, with an intensity above ν that is gamma distributed and has the mean and
    variance of the stationary one. So mean, variance and dispersion are the stationary ones from the first request
    on; what is beyond the variance has had that time to settle.

    Parameters
    ----------
    mean_rate : rate
        All requests, 0 to 10⁶ per second. [1/s]
    branching_ratio : float
        Requests that each request brings, on average, 0 to 0.999. In long windows the dispersion is
        1/(1 − branching_ratio)².
    decay : duration
        Mean time after which they come, more than 0. [s]

    References
    ----------
    .. [1] A. G. Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika 58 (1971).
    .. [2] A. Dassios, H. Zhao, "Exact simulation of Hawkes process with exponentially decaying intensity",
       Electronic Communications in Probability 18 (2013).
    """

    kind: Literal["hawkes"] = "hawkes"
    mean_rate: ArrivalRate
    branching_ratio: Annotated[float, Field(strict=True, ge=0.0, le=0.999, allow_inf_nan=False)]
    decay: Length

    @property
    def _relaxation_s(self) -> float:
        """1/θ, after which a deviation of the intensity has fallen by e [s]."""
        return self.decay / (1.0 - self.branching_ratio)

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Running sums of the gaps of the recursion, from before time 0 on."""
        if self.mean_rate == 0:
            return
        from simulator.traffic.recursions import excite

        ratio, decaying = self.branching_ratio, 1.0 / self.decay
        base_rate, jump = self.mean_rate * (1.0 - ratio), ratio * decaying
        generator, excess = streams.generator("arrivals"), self._stationary_excess(streams)

        def fill(gaps: NDArray[np.float64]) -> None:
            nonlocal excess
            draws = generator.standard_exponential((len(gaps), 2))
            excess = excite(draws, gaps, excess, base_rate, jump, decaying)

        before_s = min(_SETTLING * self._relaxation_s, _MOST_BEFORE / self.mean_rate, LONGEST_S)
        for piece in running_sums(fill, 1.0 / self.mean_rate, -to_ns(before_s), horizon_ns):
            yield piece[np.searchsorted(piece, 0) :]

    def _stationary_excess(self, streams: Streams) -> float:
        """A gamma variable with the mean and variance of the stationary intensity above ν [1/s].

        Mean λ̄n; variance α²λ̄/(2θ), by the stationary equation of its second moment.
        """
        if self.branching_ratio == 0:
            return 0.0
        mean = self.mean_rate * self.branching_ratio
        variance = (self.branching_ratio / self.decay) ** 2 * self.mean_rate * self._relaxation_s / 2.0
        scale = variance / mean
        return streams.generator("modulation").standard_gamma(mean / scale) * scale

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The mean rate at all times [1/s]."""
        return np.full(np.shape(t_s), self.mean_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Mean rate times length."""
        return self.mean_rate * (stop_s - start_s)

    @property
    def steady_rate(self) -> float:
        """The mean rate [1/s]."""
        return self.mean_rate

    def dispersion(self, window_s: float) -> float:
        """1 + n(2 − n)/(1 − n)²·(1 − (1 − e^(−θw))/(θw)), θ = (1 − n)/decay [1]_.

        References
        ----------
        .. [1] A. G. Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika 58
           (1971): its covariance density, integrated.
        """
        n = self.branching_ratio
        return 1.0 + n * (2.0 - n) / (1.0 - n) ** 2 * share_together(window_s / self._relaxation_s)

    def describe(self) -> str:
        """Kind, rate and what a request brings."""
        return (
            f"self-exciting (Hawkes), {rate_in_words(self.mean_rate)} on average, each request bringing "
            f"{self.branching_ratio:g} others after {duration_text(round(self.decay, 3))} on average"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.mean_rate == 0 else []
