"""Chapman-Kolmogorov test: does the model at one lag time foretell what is counted at multiples of it?

The probability to be in state B after k lags, having been in A at equilibrium, from T(lag)^k and from T(k lag)
estimated anew (Prinz et al., J. Chem. Phys. 134, 174105, 2011). Both are resampled with the same blocks, so that the
error of their difference is known.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.kinetics.macrostates import Macrostates
from ai2bmd.analysis.kinetics.markov_model import MarkovModel
from ai2bmd.analysis.kinetics.resampling import FEWEST_BLOCKS, WINDOWS_PER_BLOCK, spread
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.transitions import StateRuns, Transitions, count_transitions
from ai2bmd.errors import InputError

_STEPS = 5
_POINTS = 6
_REPEATS = 40
_SMALL = 0.03
"""A deviation in a probability that does not matter."""
_SIGMAS = 3.0
"""The largest of many deviations is judged, so more than the two of a single one."""


@dataclass(frozen=True, eq=False)
class ChapmanKolmogorov:
    """Probabilities at multiples of the lag time."""

    names: tuple[str, ...]
    """Of the states."""
    times_ps: Float64[np.ndarray, " steps"]
    predicted: Float64[np.ndarray, "steps states states"]
    """By the model, from the row's state to the column's."""
    estimated: Float64[np.ndarray, "steps states states"]
    """From the trajectories."""
    errors: Float64[np.ndarray, "steps states states"]
    """Standard errors of the estimates."""
    difference_errors: Float64[np.ndarray, "steps states states"]
    """Standard errors of predicted less estimated."""
    passed: bool
    reason: str


def chapman_kolmogorov(
    model: MarkovModel, states: Macrostates, trajectories: StateRuns, *, steps: int | None = None
) -> ChapmanKolmogorov:
    """Test a model of a fixed lag at some multiples of it, up to the slowest timescale, as far as the runs reach.

    Args:
        model: of the microstates.
        states: between which probabilities are compared.
        trajectories: state of each frame, that the model is of.
        steps: the largest multiple; by the slowest timescale, at least 5, if None.

    Raises:
        InputError: the model has random lags, or no run reaches twice the lag time.
    """
    if len(model.transitions.lags) > 1:
        raise InputError("the Chapman-Kolmogorov test needs a model of a fixed lag time")
    lag = int(model.transitions.lags[0])
    multiples = _multiples(model, trajectories, lag=lag, steps=steps)
    if len(multiples) < 2:
        raise InputError(f"no run is longer than twice the lag time of {lag} frames; take longer runs or a shorter lag")
    longest = lag * int(multiples[-1])
    counted = [count_transitions(trajectories, lag=lag * int(step), longest_lag=longest) for step in multiples]
    connected = [bool(np.isin(model.transitions.states, step.states).all()) for step in counted]
    usable = len(connected) if all(connected) else connected.index(False)
    if usable < 2:
        raise InputError("at twice the lag time some states are no longer connected; longer runs are needed")
    multiples = multiples[:usable]
    matrices = [_resampled(step, model.transitions.states) for step in counted[:usable]]
    predicted, estimated = _both(model, states, matrices, multiples)
    blocks = len(counted[0].blocks)
    errors = _spreads(estimated[1:], blocks)
    difference_errors = _spreads(predicted[1:] - estimated[1:], blocks)
    passed, reason = _judge(predicted[0] - estimated[0], difference_errors, model.lag_ps * multiples)
    return ChapmanKolmogorov(
        states.names,
        model.lag_ps * multiples,
        predicted[0],
        estimated[0],
        errors,
        difference_errors,
        passed,
        reason,
    )


def _multiples(
    model: MarkovModel, trajectories: StateRuns, *, lag: int, steps: int | None
) -> Int64[np.ndarray, " steps"]:
    """Of the lag: from 1, evenly spread, as far as blocks of ten such lags fit into the data."""
    if steps is None:
        slowest = np.nan_to_num(model.slowest_ps) / model.lag_ps
        most = max(_STEPS, sum(map(len, trajectories)) // (FEWEST_BLOCKS * WINDOWS_PER_BLOCK * lag))
        steps = min(max(_STEPS, round(float(slowest))), most)
    steps = min(steps, (max(map(len, trajectories)) - 1) // lag)
    return (
        np.unique(np.linspace(1, steps, min(steps, _POINTS)).round().astype(np.int64)) if steps > 1 else np.ones(1, int)
    )


def _resampled(
    counted: Transitions, states: Int64[np.ndarray, " states"]
) -> Float64[np.ndarray, "copies states states"]:
    """Transition matrices between the states of the model: of all data first, then of resampled blocks."""
    kept = np.searchsorted(counted.states, states)
    counts = np.stack([counted.counts, *counted.resample(_REPEATS)])
    return reversible(counts[:, kept[:, None], kept])[0]


def _both(
    model: MarkovModel, states: Macrostates, matrices: list[np.ndarray], multiples: Int64[np.ndarray, " steps"]
) -> tuple[Float64[np.ndarray, "copies steps states states"], Float64[np.ndarray, "copies steps states states"]]:
    """Predicted and estimated probabilities between the sets, of all data first."""
    inside = np.zeros((len(states.names), len(model.stationary)))
    for row, members in enumerate(states.members):
        inside[row, members] = 1.0
    start = inside * model.stationary
    start /= start.sum(1, keepdims=True)
    predicted, estimated, ahead = [], [], start[None].repeat(len(matrices[0]), 0)
    for counted, passed in zip(matrices, np.diff(multiples, prepend=0), strict=True):
        ahead = ahead @ np.linalg.matrix_power(matrices[0], int(passed))
        predicted.append(ahead @ inside.T)
        estimated.append(start @ counted @ inside.T)
    return np.stack(predicted, 1), np.stack(estimated, 1)


def _spreads(
    copies: Float64[np.ndarray, "repeats steps states states"], blocks: int
) -> Float64[np.ndarray, "steps states states"]:
    flat = copies.reshape(len(copies), -1)
    return np.array([spread(column, blocks=blocks) for column in flat.T]).reshape(copies.shape[1:])


def _judge(
    deviations: Float64[np.ndarray, "steps states states"],
    errors: Float64[np.ndarray, "steps states states"],
    times_ps: Float64[np.ndarray, " steps"],
) -> tuple[bool, str]:
    """The first step agrees by construction; of the others the one farthest beyond what does not matter counts."""
    sizes, allowed = np.abs(deviations[1:]), np.maximum(_SMALL, _SIGMAS * errors[1:])
    step, *_ = worst = np.unravel_index(np.argmax(sizes - allowed), sizes.shape)
    passed = bool(sizes[worst] <= allowed[worst])
    text = (
        f"prediction and count differ by {sizes[worst]:.2f} \N{PLUS-MINUS SIGN} {errors[1:][worst]:.2f} in probability "
        f"after {times_ps[step + 1]:.4g} ps"
    )
    return passed, ("Passed: at worst " if passed else "Failed: ") + text + "."
