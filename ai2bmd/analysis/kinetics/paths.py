"""Committor, reactive flux and transition paths between two states (Metzner, Schütte, Vanden-Eijnden, Multiscale Model.
Simul. 7, 1192, 2009; Noé et al., PNAS 106, 19011, 2009).

Symbols: q committor, the chance to reach the target before the source; at equilibrium that to have come from the source
last is 1 - q.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.macrostates import Macrostates
from ai2bmd.analysis.kinetics.markov_model import MarkovModel, Matrices, sampled_values
from ai2bmd.analysis.kinetics.resampling import spread
from ai2bmd.errors import InputError

_PS_PER_US = 1e6
_SHARE = 0.9
_MOST_PATHS = 30


@dataclass(frozen=True)
class Path:
    """A way from source to target through microstates."""

    microstates: tuple[int, ...]
    """As numbered in the model."""
    share: float
    """Part of the flux that goes this way."""


@dataclass(frozen=True, eq=False)
class TransitionPaths:
    """From one state to another."""

    source: str
    target: str
    committor: Float64[np.ndarray, " states"]
    committor_errors: Float64[np.ndarray, " states"]
    """Standard errors; nan where the data do not suffice."""
    rate_per_us: Estimate
    """Transitions in a time spent having been in the source last."""
    flux_per_us: Float64[np.ndarray, "states states"]
    """Net reactive flux between microstates."""
    paths: tuple[Path, ...]
    """The strongest first: nine tenths of the flux, or what the thirty strongest carry."""


def transition_paths(model: MarkovModel, states: Macrostates, source: str, target: str) -> TransitionPaths:
    """How the model goes from one state to another.

    Raises:
        InputError: there is no such state, or both are the same.
    """
    from deeptime.markov import reactive_flux

    if source == target:
        raise InputError(f"a path from {source!r} to itself; give two states")
    begin, end = (states.cores[states.index(name)] for name in (source, target))
    committor, copies = committors(model, begin, end)
    rate, rates = sampled_values(model, lambda matrices, pi: _rates(matrices, pi, begin, end) / model.lag_ps)
    flux = reactive_flux(model.matrix, begin, end, stationary_distribution=model.stationary)
    backward, _ = sampled_values(model, lambda matrices, pi: _rates(matrices, pi, end, begin) / model.lag_ps)
    samples = model.length_ps / (1.0 / rate + 1.0 / backward)
    rate, samples = float(rate), float(samples)
    trusted = model.transitions.enough_blocks
    return TransitionPaths(
        source=source,
        target=target,
        committor=committor,
        committor_errors=np.array(
            [spread(copy, blocks=len(model.transitions.blocks)) if trusted else np.nan for copy in copies.T]
        ),
        rate_per_us=model.estimate_time(rate * _PS_PER_US, rates * _PS_PER_US, samples=samples, unit="1/\u00b5s"),
        flux_per_us=np.asarray(flux.net_flux) / model.lag_ps * _PS_PER_US,
        paths=_paths(flux),
    )


def committors(
    model: MarkovModel, source: Int64[np.ndarray, " begin"], target: Int64[np.ndarray, " end"]
) -> tuple[Float64[np.ndarray, " states"], Float64[np.ndarray, "repeats states"]]:
    """Chance of each microstate to reach the target before the source, and those of resampled models."""
    return sampled_values(model, lambda matrices, _: _committors(matrices, source, target))


def _committors(
    matrices: Matrices, source: Int64[np.ndarray, " begin"], target: Int64[np.ndarray, " end"]
) -> Float64[np.ndarray, "repeats states"]:
    between = np.setdiff1d(np.arange(matrices.shape[1]), np.concatenate([source, target]))
    result = np.zeros(matrices.shape[:2])
    result[:, target] = 1.0
    if len(between):
        system = np.eye(len(between)) - matrices[:, between[:, None], between]
        into = matrices[:, between[:, None], target].sum(2)
        result[:, between] = np.linalg.solve(system, into[..., None])[..., 0]
    return result


def _rates(
    matrices: Matrices,
    stationaries: Float64[np.ndarray, "repeats states"],
    source: Int64[np.ndarray, " begin"],
    target: Int64[np.ndarray, " end"],
) -> Float64[np.ndarray, " repeats"]:
    """Per lag time: sum over i in the source of pi_i T_ij q_j, divided by sum of pi_i (1 - q_i)."""
    committor = _committors(matrices, source, target)
    leaving = stationaries[:, source, None] * matrices[:, source]
    flux = np.einsum("rij,rj->r", leaving, committor)
    return flux / (stationaries * (1.0 - committor)).sum(1)


def _paths(flux) -> tuple[Path, ...]:
    """The strongest paths of a flux; where many microstates lie between, thirty carry less than was asked for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Maximum number of iterations reached", RuntimeWarning)
        found, capacities = flux.pathways(fraction=_SHARE, maxiter=_MOST_PATHS)
    total = float(flux.total_flux)
    return tuple(
        Path(tuple(int(state) for state in path), float(capacity) / total)
        for path, capacity in zip(found, capacities, strict=True)
    )
