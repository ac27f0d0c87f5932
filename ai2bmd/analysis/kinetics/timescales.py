"""Implied timescales against the lag time, and the choice of a lag time from them.

A projection of dynamics forgets more slowly than the dynamics: its timescales come out too short, the more so the
shorter the lag, and stop rising where the model begins to hold (Swope et al., J. Phys. Chem. B 108, 6571, 2004).

Once faster processes have decayed, the eigenvalue is a exp(-lag / t) with a below 1 (the share of the slow process that
the states resolve), so that 1 / timescale falls to 1 / t as 1 / lag (Sarich, Noé, Schütte, Multiscale Model. Simul. 8,
1154, 2010). Two lags give t, and so how far the timescale at a lag still has to rise. That is part of its error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy import stats

from ai2bmd.analysis.estimate import logarithmic_interval
from ai2bmd.analysis.kinetics.markov_model import relaxation_times
from ai2bmd.analysis.kinetics.resampling import spread, spread_of_logarithm
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.transitions import StateRuns, count_transitions
from ai2bmd.errors import InputError

_LAGS = 16
_REPEATS = 40
_CONNECTED = 0.9
"""Lags at which a smaller share of the frames is connected are left out."""
_LARGEST = 0.4
"""Relative error of the slowest timescale, the rise included, above which no lag is taken."""
_LONGEST = 3.0
"""Lags beyond so many timescales see noise instead of the process."""
_FEWEST_RELAXATIONS = 10.0
"""Data of fewer tell nothing of a plateau."""


@dataclass(frozen=True, eq=False)
class ImpliedTimescales:
    """Relaxation times at several lag times."""

    frame_ps: float
    lags: Int64[np.ndarray, " lags"]
    """In frames."""
    timescales_ps: Float64[np.ndarray, "lags processes"]
    """The slowest first; nan where there is none."""
    errors_ps: Float64[np.ndarray, "lags processes"]
    """Standard errors; nan where the data do not suffice for one."""
    sampled_ps: Float64[np.ndarray, "lags repeats processes"]
    """Of resampled blocks, the same at every lag."""
    frames: int
    """Of all runs."""
    blocks: int
    """That were resampled."""

    @property
    def lags_ps(self) -> Float64[np.ndarray, " lags"]:
        """Lag times."""
        return self.lags * self.frame_ps

    def intervals_ps(self, level: float = 0.95) -> Float64[np.ndarray, "2 lags processes"]:
        """Lower and upper ends of the statistical intervals, in logarithms, of Student's t for the blocks."""
        errors = [[spread_of_logarithm(process, blocks=self.blocks) for process in lag.T] for lag in self.sampled_ps]
        quantile = float(stats.t.ppf(0.5 + level / 2.0, df=max(self.blocks - 1, 1)))
        return logarithmic_interval(self.timescales_ps, quantile * np.array(errors))

    @property
    def relaxations(self) -> float:
        """How often the slowest process relaxes within all data."""
        slow = self.timescales_ps[:, 0]
        longest = slow[np.isfinite(slow)].max(initial=self.frame_ps)
        return self.frames * self.frame_ps / float(longest)


@dataclass(frozen=True)
class LagChoice:
    """A lag time and why; none where none will do."""

    lag: int | None
    """In frames."""
    reason: str
    rise: float = float("nan")
    """How far, relative to it, the slowest timescale may still rise at longer lags: root mean square."""


def implied_timescales(
    trajectories: StateRuns, *, frame_ps: float, lags: Sequence[int] | None = None, processes: int = 3
) -> ImpliedTimescales:
    """Timescales at lags that grow by a constant factor, up to where the runs end or the states fall apart.

    Args:
        trajectories: state of each frame, one array a run.
        frame_ps: time between frames.
        lags: in frames; chosen if None.
        processes: how many of the slowest.

    Raises:
        InputError: no lag gives connected states.
    """
    chosen = _default_lags(trajectories) if lags is None else np.unique(np.asarray(lags, dtype=np.int64))
    kept, values, copies, blocks = [], [], [], 1
    for lag in chosen:
        try:
            counted = count_transitions(trajectories, lag=int(lag), longest_lag=int(chosen[-1]))
        except InputError:
            if lag == chosen[0]:
                raise
            break
        if kept and counted.share_of_frames < _CONNECTED:
            break
        copies_of_counts = counted.resample(_REPEATS) if counted.enough_blocks else []
        matrices = reversible(np.stack([counted.counts, *copies_of_counts]))
        times = relaxation_times(counted, *matrices, count=processes)
        kept.append(lag)
        blocks = len(counted.blocks)
        values.append(times[0] * frame_ps)
        copies.append(times[1:] * frame_ps if len(times) > 1 else np.full((_REPEATS, processes), np.nan))
    sampled = np.array(copies)
    errors = np.array([[spread(process, blocks=blocks) for process in lag.T] for lag in sampled])
    return ImpliedTimescales(
        frame_ps, np.array(kept), np.array(values), errors, sampled, sum(map(len, trajectories)), blocks
    )


def choose_lag(timescales: ImpliedTimescales) -> LagChoice:
    """The lag at which the slowest timescale is known best: of short lags the rise is large, of long ones the noise.

    The error that is made least is the statistical one together with the rise (`rise_beyond`). No lag is taken where
    the data hold too few relaxations, or where that error is larger than two fifths.
    """
    if timescales.relaxations <= _FEWEST_RELAXATIONS:
        return LagChoice(None, _unknown(timescales))
    rises = np.array([rise_beyond(timescales, index) for index in range(len(timescales.lags))])
    statistical = timescales.errors_ps[:, 0] / timescales.timescales_ps[:, 0]
    errors = np.hypot(statistical, rises)
    if not np.isfinite(errors).any():
        return LagChoice(None, _rising(timescales))
    best = int(np.nanargmin(errors))
    if errors[best] > _LARGEST:
        return LagChoice(None, _still_rising(timescales, best, float(rises[best]), float(statistical[best])))
    text = (
        f"At a lag time of {timescales.lags_ps[best]:.4g} ps the slowest timescale is known best: its statistical "
        f"error is {100.0 * statistical[best]:.0f} %, and at longer lags it may still rise by "
        f"{100.0 * rises[best]:.0f} %, which is in the errors of all times and rates."
    )
    return LagChoice(int(timescales.lags[best]), text, float(rises[best]))


def rise_beyond(timescales: ImpliedTimescales, index: int) -> float:
    """How far the slowest timescale may still rise beyond a lag, relative to it: root mean square.

    By extrapolation from this lag and a longer one, that which gives the smallest error; by how much that error is
    above the statistical one of the timescale itself is added. A reversible model never makes a timescale longer than
    it is (Nüske et al., J. Chem. Theory Comput. 10, 1739, 2014), so the normal distribution of the rise is cut off at
    0. Not a number where no longer lag tells.

    Args:
        timescales: at all lags.
        index: of the lag.
    """
    lags, times, copies = timescales.lags_ps, timescales.timescales_ps[:, 0], timescales.sampled_ps[:, :, 0]
    if not times[index] > lags[index]:
        return float("nan")
    seen = (timescales.lags >= 2 * timescales.lags[index]) & (lags <= _LONGEST * np.nan_to_num(times))
    rise, error = np.nan, np.inf
    for later in np.flatnonzero(seen):
        apart = lags[later] - lags[index]
        extrapolated = apart / (lags[later] / times[later] - lags[index] / times[index])
        sampled = apart / (lags[later] / copies[later] - lags[index] / copies[index])
        own = spread(np.where(sampled > 0.0, sampled, np.nan), blocks=timescales.blocks) / times[index]
        if extrapolated > 0.0 and own < error:
            rise, error = extrapolated / times[index] - 1.0, own
    if not np.isfinite(error) or error == 0.0:
        return float("nan")
    tail = float(np.exp(stats.norm.logpdf(rise / error) - stats.norm.logcdf(rise / error)))
    mean_square = max(rise**2 + error**2 + rise * error * tail, 0.0)
    statistical = timescales.errors_ps[index, 0] / times[index]
    return float(np.sqrt(mean_square + max(error**2 - statistical**2, 0.0)))


def _unknown(timescales: ImpliedTimescales) -> str:
    return (
        "The data do not tell at which lag time the slowest timescale stops rising: they hold only about "
        f"{timescales.relaxations:.2g} relaxation times of it. More or longer runs are needed."
    )


def _still_rising(timescales: ImpliedTimescales, index: int, rise: float, statistical: float) -> str:
    return (
        f"At no lag time is the slowest timescale known to two fifths: at best, at {timescales.lags_ps[index]:.4g} ps, "
        f"its statistical error is {100.0 * statistical:.0f} % and at longer lags it may still rise by "
        f"{100.0 * rise:.0f} %. Longer runs are needed, or states that resolve the slow process better."
    )


def _rising(timescales: ImpliedTimescales) -> str:
    return (
        f"The slowest timescale still rises at the longest usable lag time, {timescales.lags_ps[-1]:.4g} ps, or is "
        "shorter than the lag: the states do not resolve the slow process, or the runs are too short for it."
    )


def _default_lags(trajectories: StateRuns) -> Int64[np.ndarray, " lags"]:
    """From one frame to half the longest run, and no more than a hundredth of all frames."""
    longest = max(map(len, trajectories), default=0)
    if longest < 3:
        raise InputError(f"the longest run has {longest} frames; a lag time needs 3 or more")
    last = max(2, min(longest // 2, sum(map(len, trajectories)) // 100))
    return np.unique(np.geomspace(1, last, _LAGS).round().astype(np.int64))
