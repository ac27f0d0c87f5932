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
from ai2bmd.analysis.kinetics.resampling import spread
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.transitions import StateRuns, Transitions, count_transitions
from ai2bmd.errors import InputError

_STEPS = 5
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
    model: MarkovModel, states: Macrostates, trajectories: StateRuns, *, steps: int = _STEPS
) -> ChapmanKolmogorov:
    """Test a model of a fixed lag at up to some multiples of it, as far as the runs reach.

    Raises:
        InputError: the model has random lags, or no run reaches twice the lag time.
    """
    if len(model.transitions.lags) > 1:
        raise InputError("the Chapman-Kolmogorov test needs a model of a fixed lag time")
    lag = int(model.transitions.lags[0])
    steps = min(steps, (max(map(len, trajectories)) - 1) // lag)
    if steps < 2:
        raise InputError(f"no run is longer than twice the lag time of {lag} frames; take longer runs or a shorter lag")
    counted = [count_transitions(trajectories, lag=lag * step, longest_lag=lag * steps) for step in range(1, steps + 1)]
    everywhere = [step for step in counted if set(model.transitions.states) <= set(step.states)]
    usable = len(everywhere) if everywhere == counted[: len(everywhere)] else 1
    if usable < 2:
        raise InputError("at twice the lag time some states are no longer connected; longer runs are needed")
    matrices = [_resampled(step, model.transitions.states) for step in counted[:usable]]
    predicted, estimated = _both(model, states, matrices)
    blocks = len(counted[0].blocks)
    errors = _spreads(estimated[1:], blocks)
    difference_errors = _spreads(predicted[1:] - estimated[1:], blocks)
    passed, reason = _judge(predicted[0] - estimated[0], difference_errors, lag_ps=model.lag_ps)
    return ChapmanKolmogorov(
        states.names,
        model.lag_ps * np.arange(1, usable + 1),
        predicted[0],
        estimated[0],
        errors,
        difference_errors,
        passed,
        reason,
    )


def _resampled(
    counted: Transitions, states: Int64[np.ndarray, " states"]
) -> Float64[np.ndarray, "copies states states"]:
    """Transition matrices between the states of the model: of all data first, then of resampled blocks."""
    kept = np.searchsorted(counted.states, states)
    counts = np.stack([counted.counts, *counted.resample(_REPEATS)])
    return reversible(counts[:, kept[:, None], kept])[0]


def _both(
    model: MarkovModel, states: Macrostates, matrices: list[np.ndarray]
) -> tuple[Float64[np.ndarray, "copies steps states states"], Float64[np.ndarray, "copies steps states states"]]:
    """Predicted and estimated probabilities between the sets, of all data first."""
    inside = np.zeros((len(states.names), len(model.stationary)))
    for row, members in enumerate(states.members):
        inside[row, members] = 1.0
    start = inside * model.stationary
    start /= start.sum(1, keepdims=True)
    predicted, estimated, ahead = [], [], start[None].repeat(len(matrices[0]), 0)
    for counted in matrices:
        ahead = ahead @ matrices[0]
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
    *,
    lag_ps: float,
) -> tuple[bool, str]:
    """The first step agrees by construction; of the others the one farthest beyond what does not matter counts."""
    sizes, allowed = np.abs(deviations[1:]), np.maximum(_SMALL, _SIGMAS * errors[1:])
    step, *_ = worst = np.unravel_index(np.argmax(sizes - allowed), sizes.shape)
    passed = bool(sizes[worst] <= allowed[worst])
    text = (
        f"prediction and count differ by {sizes[worst]:.2f} \N{PLUS-MINUS SIGN} {errors[1:][worst]:.2f} in probability "
        f"after {lag_ps * (step + 2):.4g} ps"
    )
    return passed, ("Passed: at worst " if passed else "Failed: ") + text + "."
