"""Folding and unfolding times counted in a one-dimensional series, without a model: the check beside a Markov model.

Two thresholds bound two cores. A run is in the state whose core it visited last (transition-based assignment, Buchete,
Hummer, J. Phys. Chem. B 112, 6057, 2008), so that recrossings between the thresholds are no transitions. The time in a
state divided by the number of times it was left is the most likely mean life of a state that is left at a constant
rate; its relative error is one over the root of that number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int8
from scipy import stats

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.errors import InputError

_PS_PER_US = 1e6
_FEWEST = 3


@dataclass(frozen=True)
class CountedRate:
    """Of leaving one state for the other."""

    source: str
    target: str
    transitions: int
    dwelt_ps: float
    """Time spent in the source, in all runs."""
    time_ps: Estimate
    """Mean life of the source; error unknown below three transitions."""
    interval_ps: tuple[float, float]
    """95 % interval of the mean life, exact for a constant rate (Poisson); without upper end where nothing happened."""
    rate_per_us: Estimate

    @property
    def rate_interval_per_us(self) -> tuple[float, float]:
        """Its 95 % interval, from 0 where nothing happened."""
        low, high = self.interval_ps
        return _PS_PER_US / high, _PS_PER_US / low if low else float("inf")

    def __str__(self) -> str:
        low, high = self.interval_ps
        interval = f"{low:.3g} to {high:.3g} ps" if np.isfinite(high) else f"above {low:.3g} ps"
        time = f"{self.time_ps.value:.3g} ps (95 %: {interval})"
        return f"{self.source} to {self.target}: {self.transitions} transitions, {time}"


@dataclass(frozen=True, eq=False)
class CountedRates:
    """Both ways, and how the frames were assigned."""

    leaving_low: CountedRate
    leaving_high: CountedRate
    population_high: Estimate
    """Part of the time in the state of high values."""
    assignment: tuple[Int8[np.ndarray, " frames"], ...]
    """0 low, 1 high, -1 before the first core was visited; one array a run."""


def counted_rates(
    runs: Sequence[Float[np.ndarray, " frames"]],
    *,
    low: float,
    high: float,
    frame_ps: float,
    names: tuple[str, str] = ("low", "high"),
) -> CountedRates:
    """Count transitions of a series such as Q (names "unfolded", "folded") or RMSD (the other way round).

    Args:
        runs: one series for each independent run.
        low: at or below it is the core of the low state.
        high: at or above it is the core of the high state.
        frame_ps: time between frames.
        names: of the low and the high state.

    Raises:
        InputError: the thresholds are in the wrong order, a value is not finite, or no frame lies in a core.
    """
    if not low < high:
        raise InputError(f"thresholds low={low} and high={high}: the low one must be below the high one")
    if not all(np.isfinite(run).all() for run in runs):
        raise InputError("the series has values that are not finite; leave those frames out")
    assigned = tuple(_assign(np.asarray(run), low, high) for run in runs)
    if not any((run >= 0).any() for run in assigned):
        raise InputError(f"no frame is at or below {low} or at or above {high}; choose other thresholds")
    frames = [sum(int((run[:-1] == state).sum()) for run in assigned) for state in (0, 1)]
    jumps = [sum(int(((run[:-1] == state) & (run[1:] == 1 - state)).sum()) for run in assigned) for state in (0, 1)]
    low_rate, high_rate = (
        _rate(names[state], names[1 - state], jumps[state], frames[state] * frame_ps) for state in (0, 1)
    )
    return CountedRates(low_rate, high_rate, _population(low_rate, high_rate), assigned)


def _assign(run: Float[np.ndarray, " frames"], low: float, high: float) -> Int8[np.ndarray, " frames"]:
    core = np.where(run <= low, 0, np.where(run >= high, 1, -1)).astype(np.int8)
    last = np.maximum.accumulate(np.where(core >= 0, np.arange(len(core)), -1))
    return np.where(last >= 0, core[last], -1).astype(np.int8)


def _rate(source: str, target: str, jumps: int, dwelt_ps: float) -> CountedRate:
    """Of a constant rate: the limits of its Poisson count as quantiles of chi2."""
    time = dwelt_ps / jumps if jumps else np.inf
    rate = jumps / dwelt_ps * _PS_PER_US if dwelt_ps else np.nan
    relative = 1.0 / np.sqrt(jumps) if jumps >= _FEWEST else np.nan
    shortest = 2.0 * dwelt_ps / stats.chi2.ppf(0.975, 2 * jumps + 2)
    longest = 2.0 * dwelt_ps / stats.chi2.ppf(0.025, 2 * jumps) if jumps else np.inf
    return CountedRate(
        source,
        target,
        jumps,
        dwelt_ps,
        Estimate(float(time), float(time * relative) if jumps else np.nan, float(jumps), "ps", "log"),
        (float(shortest), float(longest)),
        Estimate(float(rate), float(rate * relative), float(jumps), "1/\u00b5s", "log"),
    )


def _population(low: CountedRate, high: CountedRate) -> Estimate:
    """Of the high state, k_low / (k_low + k_high): the errors of both rates are independent."""
    samples = float(min(low.transitions, high.transitions))
    if not samples:
        total = low.dwelt_ps + high.dwelt_ps
        return Estimate(high.dwelt_ps / total if total else np.nan, np.nan, samples)
    value = high.time_ps.value / (low.time_ps.value + high.time_ps.value)
    relative = np.sqrt(1.0 / low.transitions + 1.0 / high.transitions) if samples >= _FEWEST else np.nan
    return Estimate(float(value), float(value * (1.0 - value) * relative), samples)
