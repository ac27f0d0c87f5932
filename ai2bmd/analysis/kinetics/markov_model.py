"""A Markov state model: reversible transition matrix at one lag time, with resampled copies for the errors.

Symbols: T transition matrix, pi stationary distribution. Detailed balance pi_i T_ij = pi_j T_ji is imposed (Prinz et
al., J. Chem. Phys. 134, 174105, 2011); that holds for equilibrium dynamics, not for runs that are pulled or biased.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.resampling import REPEATS, spread, spread_of_logarithm
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.transitions import StateRuns, Transitions, count_transitions
from ai2bmd.errors import InputError

_FEWEST_RELAXATIONS = 4.0
"""Data of fewer relaxation times of a process do not tell how badly its time is known."""

Matrices = Float64[np.ndarray, "repeats states states"]


@dataclass(frozen=True, eq=False)
class MarkovModel:
    """Microstates are numbered as in `transitions.states`."""

    transitions: Transitions
    frame_ps: float
    """Time between frames."""
    frames: int
    """Of all runs."""
    matrix: Float64[np.ndarray, "states states"]
    stationary: Float64[np.ndarray, " states"]
    matrices: Matrices
    """Of resampled blocks."""
    stationaries: Float64[np.ndarray, "repeats states"]
    lag_rise: float = 0.0
    """How far times may still rise at longer lags, relative to them (`LagChoice.rise`); part of the errors of times and
    rates. It is that of the slowest process; of faster ones it is larger."""

    def __repr__(self) -> str:
        times = ", ".join(map(str, self.timescales())) or "none"
        return f"MarkovModel({len(self.stationary)} states, lag {self.lag_ps:.4g} ps, timescales {times})"

    @property
    def lag_ps(self) -> float:
        """Mean lag time."""
        return self.transitions.lag * self.frame_ps

    @property
    def length_ps(self) -> float:
        """Of all runs together."""
        return self.frames * self.frame_ps

    def timescales(self, count: int = 3) -> tuple[Estimate, ...]:
        """Relaxation times (ps) of the slowest processes; fewer where the model has no more."""
        values = relaxation_times(self.transitions, self.matrix, self.stationary, count=count) * self.frame_ps
        sampled = self._sampled_timescales(count)
        return tuple(
            self.estimate_time(value, sampled[:, index], unit="ps", samples=self.relaxations(value))
            for index, value in enumerate(values)
            if np.isfinite(value)
        )

    def populations(self) -> tuple[Estimate, ...]:
        """Stationary probability of each microstate."""
        samples = self.relaxations(self.slowest_ps)
        columns = zip(self.stationary, self.stationaries.T, strict=True)
        return tuple(self.estimate(value, sampled, samples=samples) for value, sampled in columns)

    @property
    def slowest_ps(self) -> float:
        """Longest relaxation time; nan if there is none at this lag."""
        return float(relaxation_times(self.transitions, self.matrix, self.stationary, count=1)[0]) * self.frame_ps

    def relaxations(self, time_ps: float) -> float:
        """Number of independent samples of a process that relaxes in a time."""
        return self.length_ps / (2.0 * max(time_ps, 0.5 * self.frame_ps)) if np.isfinite(time_ps) else float("nan")

    def estimate(
        self, value: float, sampled: Float64[np.ndarray, " repeats"], *, samples: float, unit: str = ""
    ) -> Estimate:
        """A value with the spread of its resampled copies, where blocks and samples suffice to trust that."""
        error = spread(sampled, blocks=len(self.transitions.blocks)) if self._enough(samples) else float("nan")
        return Estimate(float(value), error, float(samples), unit)

    def estimate_time(
        self, value: float, sampled: Float64[np.ndarray, " repeats"], *, samples: float, unit: str
    ) -> Estimate:
        """The same of a time or rate: by its logarithm, and with how far it still depends on the lag in its error."""
        error = float("nan")
        if self._enough(samples):
            error = value * np.hypot(spread_of_logarithm(sampled, blocks=len(self.transitions.blocks)), self.lag_rise)
        return Estimate(float(value), float(error), float(samples), unit, "log")

    def _enough(self, samples: float) -> bool:
        return self.transitions.enough_blocks and samples >= _FEWEST_RELAXATIONS

    def _sampled_timescales(self, count: int) -> Float64[np.ndarray, "repeats count"]:
        return relaxation_times(self.transitions, self.matrices, self.stationaries, count=count) * self.frame_ps


def markov_model(
    trajectories: StateRuns, *, lag: int, frame_ps: float, repeats: int = REPEATS, lag_rise: float = 0.0
) -> MarkovModel:
    """Estimate a model.

    Args:
        trajectories: state of each frame, one array a run.
        lag: in frames.
        frame_ps: time between frames.
        repeats: number of resampled copies.
        lag_rise: how far times may still rise at longer lags, from `choose_lag`; with 0 errors are statistical alone.

    Raises:
        InputError: no run is longer than the lag, or no two states are connected both ways.
    """
    counted = count_transitions(trajectories, lag=lag)
    return model_of(counted, trajectories, frame_ps=frame_ps, repeats=repeats, lag_rise=lag_rise)


def model_of(
    transitions: Transitions,
    trajectories: StateRuns,
    *,
    frame_ps: float,
    repeats: int = REPEATS,
    lag_rise: float = 0.0,
) -> MarkovModel:
    """Estimate a model from counted transitions."""
    if not frame_ps > 0.0:
        raise InputError(f"the time between frames is {frame_ps} ps; it must be above 0")
    matrix, stationary = reversible(transitions.counts)
    matrices, stationaries = reversible(transitions.resample(repeats))
    return MarkovModel(
        transitions=transitions,
        frame_ps=frame_ps,
        frames=sum(map(len, trajectories)),
        matrix=matrix,
        stationary=stationary,
        matrices=matrices,
        stationaries=stationaries,
        lag_rise=lag_rise,
    )


def relaxation_times(
    transitions: Transitions,
    matrices: Float64[np.ndarray, "*many states states"],
    stationaries: Float64[np.ndarray, "*many states"],
    *,
    count: int,
) -> Float64[np.ndarray, "*many count"]:
    """Of the slowest processes, in frames; nan where an eigenvalue is not positive or there are no more."""
    root = np.sqrt(stationaries)
    symmetric = root[..., :, None] * matrices / root[..., None, :]
    eigenvalues = np.linalg.eigvalsh((symmetric + symmetric.swapaxes(-1, -2)) / 2.0)[..., ::-1][..., 1 : count + 1]
    times = transitions.timescale(eigenvalues)
    missing = [(0, 0)] * (times.ndim - 1) + [(0, count - times.shape[-1])]
    return np.pad(times, missing, constant_values=np.nan)


def sampled_values(
    model: MarkovModel, statistic: Callable[[Matrices, Float64[np.ndarray, "repeats states"]], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A statistic of many matrices at once: of the model (first axis taken off), and of its resampled copies."""
    return statistic(model.matrix[None], model.stationary[None])[0], statistic(model.matrices, model.stationaries)
