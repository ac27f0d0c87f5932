"""Means and their errors from correlated frames of one or several runs."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.correlation import Pieces, statistical_inefficiency
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.errors import InputError

_FEWEST_SAMPLES = 4.0
"""Below so many independent samples the spread of a series says nothing of its error."""


def mean(pieces: Pieces, *, unit: str = "") -> Estimate:
    """Mean over all frames of all runs, with its standard error from the statistical inefficiency.

    Raises:
        InputError: there is no frame, or a value is not finite.
    """
    values = _joined(pieces)
    samples = len(values) / statistical_inefficiency(pieces)
    if np.ptp(values) == 0.0 and len(values) > 1:
        return Estimate(float(values[0]), 0.0, samples, unit)
    error = float("nan")
    if samples >= _FEWEST_SAMPLES:
        error = float(values.std(ddof=0) * np.sqrt(1.0 / (samples - 1.0)))
    return Estimate(float(values.mean(dtype=np.float64)), error, samples, unit)


def block_errors(
    series: Float[np.ndarray, " frames"],
) -> tuple[Float64[np.ndarray, " sizes"], Float64[np.ndarray, " sizes"]]:
    """Standard error of the mean against block length (Flyvbjerg, Petersen, J. Chem. Phys. 91, 461, 1989).

    Returns:
        Block lengths in frames, doubling; and the error each gives. It has converged where it no longer rises.
    """
    values, length = np.asarray(series, dtype=np.float64), 1
    lengths, errors = [], []
    while len(values) >= 4:
        lengths.append(float(length))
        errors.append(float(values.std(ddof=1) / np.sqrt(len(values))))
        values = values[: len(values) // 2 * 2].reshape(-1, 2).mean(1)
        length *= 2
    return np.array(lengths), np.array(errors)


def bootstrap(
    frames: list[int],
    statistic: Callable[[list[np.ndarray]], Float[np.ndarray, "..."]],
    *,
    inefficiency: float,
    repeats: int = 200,
    seed: int = 0,
) -> Float64[np.ndarray, "repeats ..."]:
    """A statistic of resampled frames: blocks of two inefficiencies, from circular runs (moving-block bootstrap).

    Args:
        frames: number of frames of each run.
        statistic: of the indices of the frames chosen from each run.
        inefficiency: statistical, in frames.
        repeats: how often to resample.
        seed: of the random numbers.
    """
    generator = np.random.default_rng(seed)
    return np.array([statistic(_resampled(frames, inefficiency, generator)) for _ in range(repeats)])


def _resampled(frames: list[int], inefficiency: float, generator: np.random.Generator) -> list[np.ndarray]:
    """Indices of each run, as many as it has frames, in blocks."""
    chosen = []
    for count in frames:
        length = int(np.clip(np.ceil(2.0 * inefficiency), 1, count))
        starts = generator.integers(count, size=-(-count // length))
        chosen.append(((starts[:, None] + np.arange(length)) % count).ravel()[:count])
    return chosen


def _joined(pieces: Pieces) -> Float64[np.ndarray, " frames"]:
    values = np.concatenate([np.asarray(piece, dtype=np.float64) for piece in pieces]) if len(pieces) else np.empty(0)
    if not len(values):
        raise InputError("there is no frame to take a mean of; give a trajectory with frames")
    if not np.isfinite(values).all():
        raise InputError(
            f"{(~np.isfinite(values)).sum()} of {len(values)} values are not finite; leave those frames out"
        )
    return values
