"""A hidden Markov model: few states that are seen through the microstates, each of which may belong to several.

It needs no fine discretisation: overlap of states is part of the model (Noé et al., J. Chem. Phys. 139, 184114, 2013),
so that shorter lags suffice than a Markov model of the same few states needs. Errors by leaving out one tenth of the
data at a time (jackknife).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.reversible import reversible
from ai2bmd.analysis.kinetics.transitions import StateRuns, check_lag, count_transitions
from ai2bmd.errors import InputError

_PARTS = 10
_ACCURACY = 1e-4
_ITERATIONS = 200
_FEWEST_RELAXATIONS = 4.0
_BLUR = 0.3


@dataclass(frozen=True, eq=False)
class HiddenMarkovModel:
    """Hidden states, the most populated first."""

    lag: int
    """In frames."""
    matrix: Float64[np.ndarray, "states states"]
    populations: tuple[Estimate, ...]
    timescales_ps: tuple[Estimate, ...]
    memberships: Float64[np.ndarray, "microstates states"]
    """Chance that a frame of a microstate is in each hidden state, at equilibrium; nan for microstates not seen."""


def hidden_markov_model(trajectories: StateRuns, *, states: int, lag: int, frame_ps: float) -> HiddenMarkovModel:
    """Fit by expectation and maximisation, from the slow states of a Markov model.

    Args:
        trajectories: microstate of each frame, one array a run.
        states: number of hidden ones.
        lag: in frames.
        frame_ps: time between frames.

    Raises:
        InputError: fewer than two states, or no run is longer than the lag.
    """
    check_lag(trajectories, lag=lag)
    parts = cut_parts(trajectories, lag)
    model, order, value, copies = fit_hidden(parts, states=states, lag=lag, frame_ps=frame_ps)
    errors = _errors(copies, value, states) if len(copies) else np.full(len(value), np.nan)
    length = sum(map(len, trajectories)) * frame_ps
    samples = length / (2.0 * np.maximum(value[:-states], 0.5 * frame_ps))
    errors = np.where(samples[0] >= _FEWEST_RELAXATIONS, errors, np.nan)
    times = tuple(
        Estimate(float(time), float(error), float(count), "ps", "log")
        for time, error, count in zip(value[:-states], errors[:-states], samples, strict=True)
    )
    populations = tuple(
        Estimate(float(share), float(error), float(samples[0]))
        for share, error in zip(value[-states:], errors[-states:], strict=True)
    )
    matrix = np.asarray(model.transition_model.transition_matrix)[np.ix_(order, order)]
    return HiddenMarkovModel(lag, matrix, populations, times, _memberships(model, order))


def fit_hidden(
    parts: Sequence[Int[np.ndarray, " frames"]], *, states: int, lag: int, frame_ps: float
) -> tuple[Any, Int[np.ndarray, " states"], Float64[np.ndarray, " all"], Float64[np.ndarray, "parts all"]]:
    """Of all parts, and with every tenth left out in turn.

    Returns:
        The model of deeptime; order of its states, the most populated first; timescales (ps) and populations; and those
        with parts left out, none where there are fewer than ten.

    Raises:
        InputError: fewer than two states, or more than microstates.
    """
    if states < 2:
        raise InputError(f"a hidden Markov model of {states} states; give 2 or more")
    fits = [_fit(parts, begin, lag) for begin in _begin(parts, states, lag)]
    model = max(fits, key=lambda fit: fit.likelihood)
    order = np.argsort(-model.transition_model.stationary_distribution)
    copies = []
    for group in range(_PARTS if len(parts) >= _PARTS else 0):
        rest = [part for number, part in enumerate(parts) if number % _PARTS != group]
        copies.append(_statistics(_fit(rest, model, lag), order, lag, frame_ps))
    return model, order, _statistics(model, order, lag, frame_ps), np.array(copies)


def jackknife(copies: Float64[np.ndarray, "parts all"]) -> Float64[np.ndarray, " all"]:
    """Standard errors from values with one part of n left out at a time.

    The error of few parts is itself badly known: by Student's t with n - 1 degrees of freedom it is wider by the root
    of (n - 1) / (n - 3).
    """
    parts = len(copies)
    variance = (parts - 1) / parts * ((copies - copies.mean(0)) ** 2).sum(0)
    return np.sqrt(variance * (parts - 1) / (parts - 3))


def cut_parts(trajectories: StateRuns, lag: int) -> list[Int[np.ndarray, " frames"]]:
    """Runs cut into pieces of about a tenth of the data, each of more than ten lags if possible."""
    length = max(10 * lag, sum(map(len, trajectories)) // _PARTS)
    pieces = []
    for run in trajectories:
        pieces += np.array_split(np.asarray(run, dtype=np.int32), max(1, -(-len(run) // length)))
    return [piece for piece in pieces if len(piece) > lag]


def _begin(parts: Sequence[Int[np.ndarray, " frames"]], states: int, lag: int) -> list[Any]:
    """Hidden states as PCCA+ has them, as they are and blurred: from states that hardly overlap the search may not find
    how far they do. Microstates outside of the connected set are seen from all alike.
    """
    from deeptime.markov import pcca
    from deeptime.markov.hmm import DiscreteOutputModel
    from deeptime.markov.hmm import HiddenMarkovModel as Model

    counted = count_transitions(parts, lag=lag)
    if states > len(counted.states):
        raise InputError(f"{states} hidden states of {len(counted.states)} microstates; give fewer")
    matrix, pi = reversible(counted.counts)
    found = pcca(matrix, states, stationary_distribution=pi)
    size = max(int(part.max()) for part in parts) + 1
    seen = np.full((states, size), 1e-6)
    seen[:, counted.states] += (found.memberships * pi[:, None]).T
    coarse = found.memberships.T @ (pi[:, None] * matrix) @ found.memberships
    hidden, shares = reversible(np.clip((coarse + coarse.T) / 2.0, 1e-8, None))
    sharp = seen / seen.sum(1, keepdims=True)
    blurred = (1.0 - _BLUR) * sharp + _BLUR * shares @ sharp
    return [Model(hidden, DiscreteOutputModel(output), shares) for output in (sharp, blurred)]


def _fit(parts: Sequence[Int[np.ndarray, " frames"]], begin: Any, lag: int) -> Any:
    from deeptime.markov.hmm import MaximumLikelihoodHMM

    estimator = MaximumLikelihoodHMM(
        begin, lagtime=lag, stride=lag, reversible=True, accuracy=_ACCURACY, maxit=_ITERATIONS
    )
    return estimator.fit(list(parts)).fetch_model()


def _statistics(
    model: Any, order: Int[np.ndarray, " states"], lag: int, frame_ps: float
) -> Float64[np.ndarray, " all"]:
    """Timescales (ps), then populations."""
    matrix = np.asarray(model.transition_model.transition_matrix)
    eigenvalues = np.sort(np.linalg.eigvals(matrix).real)[::-1][1:]
    times = -lag * frame_ps / np.log(np.clip(eigenvalues, 1e-12, 1.0 - 1e-12))
    return np.concatenate([times, np.asarray(model.transition_model.stationary_distribution)[order]])


def _errors(
    copies: Float64[np.ndarray, "parts all"], value: Float64[np.ndarray, " all"], states: int
) -> Float64[np.ndarray, " all"]:
    """Of times by their logarithms, then of populations."""
    times = value[:-states] * jackknife(np.log(copies[:, :-states]))
    return np.concatenate([times, jackknife(copies[:, -states:])])


def _memberships(model: Any, order: Int[np.ndarray, " states"]) -> Float64[np.ndarray, "microstates states"]:
    joint = np.asarray(model.transition_model.stationary_distribution)[:, None] * model.output_probabilities
    total = joint.sum(0)
    with np.errstate(invalid="ignore"):
        return (joint / np.where(total > 0.0, total, np.nan)).T[:, order]
