"""Timescales of a hidden Markov model against its lag time: whether a hidden model of so few states holds.

Hidden states that exchange as a Markov chain does have the same timescales at every lag. Where the model is too coarse,
these rise with the lag, as those of a Markov model do. The same tenths of the data are left out at all lags, so that a
rise is known far better than either timescale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64
from scipy import stats

from ai2bmd.analysis.estimate import logarithmic_interval
from ai2bmd.analysis.kinetics.hidden_markov import cut_parts, fit_hidden, jackknife
from ai2bmd.analysis.kinetics.transitions import StateRuns, check_lag
from ai2bmd.errors import InputError

_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_SMALL = 0.05
"""A relative rise below does not matter."""
_VAGUE = 0.25
"""A rise whose 95 % limit is above is not known to be small."""


@dataclass(frozen=True, eq=False)
class HiddenTimescales:
    """Timescales at several lags, and whether they still rise beyond one."""

    frame_ps: float
    lags: Int64[np.ndarray, " lags"]
    """In frames."""
    at: int
    """Which of them is the lag of the model."""
    timescales_ps: Float64[np.ndarray, "lags processes"]
    """The slowest first."""
    sampled_ps: Float64[np.ndarray, "lags parts processes"]
    """With a tenth of the data left out at a time; no part where there are too few."""
    rise: float
    """Of the slowest, from the lag of the model to a longer one, relative to it; nan where there is none."""
    rise_error: float
    grade: Literal["good", "look", "poor"]
    reason: str

    @property
    def lags_ps(self) -> Float64[np.ndarray, " lags"]:
        """Lag times."""
        return self.lags * self.frame_ps

    @property
    def errors_ps(self) -> Float64[np.ndarray, "lags processes"]:
        """Standard errors of the logarithm, times the timescale; nan where unknown."""
        if not self.sampled_ps.shape[1]:
            return np.full_like(self.timescales_ps, np.nan)
        errors = np.array([jackknife(np.log(copies)) for copies in self.sampled_ps])
        return self.timescales_ps * errors

    def intervals_ps(self, level: float = 0.95) -> Float64[np.ndarray, "2 lags processes"]:
        """Lower and upper ends of the intervals, in logarithms."""
        quantile = float(stats.norm.ppf(0.5 + level / 2.0))  # of few parts errors are wider already
        return logarithmic_interval(self.timescales_ps, quantile * self.errors_ps / self.timescales_ps)


def hidden_timescales(
    trajectories: StateRuns, *, states: int, lag: int, frame_ps: float, lags: Sequence[int] | None = None
) -> HiddenTimescales:
    """Fit at several lags, and compare the slowest timescale with that at longer ones.

    Args:
        trajectories: microstate of each frame, one array a run.
        states: number of hidden ones.
        lag: of the model that is tested, in frames.
        frame_ps: time between frames.
        lags: others; a quarter, half, twice and four times of it, as far as the runs go, if None.

    Raises:
        InputError: no run is longer than the lag, or a model cannot be fitted there.
    """
    check_lag(trajectories, lag=lag)
    wanted = [round(factor * lag) for factor in _FACTORS] if lags is None else list(lags)
    longest = max(map(len, trajectories)) // 5
    chosen = sorted({lag, *(one for one in wanted if 1 <= one <= longest)})
    parts = cut_parts(trajectories, chosen[-1])
    kept, values, copies = [], [], []
    for one in chosen:
        try:
            *_, value, left_out = fit_hidden(parts, states=states, lag=one, frame_ps=frame_ps)
        except InputError:
            if one == lag:
                raise
            continue
        kept.append(one)
        values.append(value[:-states])
        copies.append(left_out[:, :-states] if len(left_out) else np.empty((0, states - 1)))
    at = kept.index(lag)
    times, sampled = np.array(values), np.array(copies)
    rise, error, grade, reason = _judge(np.array(kept) * frame_ps, at, times[:, 0], sampled[:, :, 0])
    return HiddenTimescales(frame_ps, np.array(kept), at, times, sampled, rise, error, grade, reason)


def _judge(
    lags_ps: Float64[np.ndarray, " lags"],
    at: int,
    times_ps: Float64[np.ndarray, " lags"],
    sampled_ps: Float64[np.ndarray, "lags parts"],
) -> tuple[float, float, Literal["good", "look", "poor"], str]:
    """It rises if it does to any longer lag, and has stopped if that is known of the one that tells best."""
    here, later = f"{lags_ps[at]:.4g} ps", np.arange(at + 1, len(lags_ps))
    # a lag beyond three timescales sees noise
    later = later[lags_ps[later] <= 3.0 * times_ps[later]]
    if not len(later) or not sampled_ps.shape[1]:
        reason = f"no longer lag shows whether the slowest timescale at {here} still rises; longer runs are needed"
        return float("nan"), float("nan"), "look", reason
    rises = np.log(times_ps[later] / times_ps[at])
    errors = np.array([float(jackknife(np.log(sampled_ps[one] / sampled_ps[at])[:, None])[0]) for one in later])
    quantile = float(stats.norm.ppf(0.99))  # of several lags one may rise by chance
    rising = rises > np.maximum(quantile * errors, _SMALL)
    most = int(np.argmax(np.where(rising, rises, -np.inf))) if rising.any() else int(np.argmin(errors))
    rise, error = float(np.expm1(rises[most])), float(errors[most] * np.exp(rises[most]))
    told = (
        f"from a lag of {here} to one of {lags_ps[later[most]]:.4g} ps the slowest timescale of the hidden model "
        f"changes by {100.0 * rise:+.0f} \N{PLUS-MINUS SIGN} {100.0 * error:.0f} %"
    )
    if rising.any():
        return rise, error, "poor", f"{told}: it still rises, and is too short; take a longer lag or more states"
    if np.expm1(rises[most] + quantile * errors[most]) > _VAGUE:
        return rise, error, "look", f"{told}, which does not tell whether it still rises"
    return rise, error, "good", f"{told}: it has stopped rising"
