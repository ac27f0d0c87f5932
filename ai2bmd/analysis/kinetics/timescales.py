"""Implied timescales against the lag time, and the choice of a lag time from them.

A projection of dynamics forgets more slowly than the dynamics: its timescales come out too short, the more so the
shorter the lag, and stop rising where the model begins to hold (Swope et al., J. Phys. Chem. B 108, 6571, 2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.kinetics.markov_model import relaxation_times
from ai2bmd.analysis.kinetics.resampling import spread
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.transitions import StateRuns, count_transitions
from ai2bmd.errors import InputError

_LAGS = 16
_REPEATS = 40
_CONNECTED = 0.9
"""Lags at which a smaller share of the frames is connected are left out."""
_RISE = 0.1
"""A timescale that rises by less has stopped rising."""
_SIGMAS = 2.0
_MOST = 0.25
"""A larger rise is never put down to chance."""
_LONGEST = 3.0
"""Lags beyond so many timescales see noise instead of the process."""
_FEWEST_RELAXATIONS = 10.0
"""Data of fewer tell nothing of a plateau."""
_KNOWN = 0.15
"""Relative error of a rise beyond which the data cannot tell whether there is one."""


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
    """The shortest lag from which on the slowest timescale no longer rises.

    It is compared with every lag at least twice as long at which the process is still seen (three of its timescales);
    a rise and its error come from the same resampled blocks at both lags. A lag is taken when none of the rises is
    above a tenth by more than its error allows, or above a quarter, and at least one is known well enough to tell.
    """
    slowest = timescales.timescales_ps[:, 0]
    seen = timescales.lags_ps <= _LONGEST * np.nan_to_num(slowest)
    unknown = False
    for index, lag in enumerate(timescales.lags):
        later = np.flatnonzero(seen & (timescales.lags >= 2 * lag))
        if not len(later) or not slowest[index] > lag * timescales.frame_ps:
            continue
        rises, errors = _rises(timescales, index, later)
        known = (errors < _KNOWN) & (timescales.relaxations > _FEWEST_RELAXATIONS)
        if not known.any():
            unknown = True
        elif (rises[known] < np.minimum(_RISE + _SIGMAS * errors[known], _MOST)).all():
            last = int(np.flatnonzero(known)[-1])
            text = _accepted(timescales, index, int(later[last]), float(rises[last]), float(errors[last]))
            return LagChoice(int(lag), text)
    return LagChoice(None, _unknown(timescales) if unknown else _rising(timescales))


def _rises(
    timescales: ImpliedTimescales, index: int, later: Int64[np.ndarray, " later"]
) -> tuple[Float64[np.ndarray, " later"], Float64[np.ndarray, " later"]]:
    """Relative rises of the slowest timescale from one lag to others, and their standard errors."""
    values, copies = timescales.timescales_ps[:, 0], timescales.sampled_ps[:, :, 0]
    errors = np.array([spread(copy, blocks=timescales.blocks) for copy in copies[later] / copies[index]])
    return values[later] / values[index] - 1.0, np.where(np.isfinite(errors), errors, np.inf)


def _accepted(timescales: ImpliedTimescales, index: int, later: int, rise: float, error: float) -> str:
    lags = timescales.lags_ps
    return (
        f"{lags[index]:.4g} ps is the shortest lag time from which on the slowest timescale no longer rises: up to "
        f"{lags[later]:.4g} ps it changes by {100.0 * rise:+.0f} \N{PLUS-MINUS SIGN} {100.0 * error:.0f} %."
    ).replace("-", "\N{MINUS SIGN}")


def _unknown(timescales: ImpliedTimescales) -> str:
    return (
        "The data do not tell at which lag time the slowest timescale stops rising: they hold only about "
        f"{timescales.relaxations:.2g} relaxation times of it. More or longer runs are needed."
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
