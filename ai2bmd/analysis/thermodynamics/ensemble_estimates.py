"""What ensembles put together say at any reduced potential: means, spreads, free energy profiles, with errors."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.binning import bin_frames, make_axes
from ai2bmd.analysis.thermodynamics.free_energy import FEWEST_SAMPLES, FreeEnergy, assemble
from ai2bmd.analysis.thermodynamics.mbar import Mbar
from ai2bmd.errors import InputError

_FEWEST_WEIGHTED = 10.0


def ensemble_means(
    mbar: Mbar,
    observables: Float64[np.ndarray, "frames values"],
    reduced: Float64[np.ndarray, " frames"],
    *,
    what: str,
) -> tuple[Float64[np.ndarray, " values"], Float64[np.ndarray, "values values"], float]:
    """Means of observables of the frames kept, their covariance, and the effective number of samples.

    Args:
        mbar: the ensembles.
        observables: of the frames kept.
        reduced: potential, of the frames kept, of the ensemble that is asked for.
        what: a name for it.

    Raises:
        InputError: hardly a frame belongs to that ensemble.
    """
    weights = checked_weights(mbar, reduced, what=what)
    values = weights @ observables
    influence = weights[:, None] * (observables - values)
    return values, mbar.covariance(influence), float(1.0 / (weights**2).sum())


def ensemble_mean(
    mbar: Mbar,
    observable: Float64[np.ndarray, " frames"],
    reduced: Float64[np.ndarray, " frames"],
    *,
    what: str,
    unit: str = "",
) -> Estimate:
    """Mean of one observable, see `ensemble_means`."""
    values, covariance, samples = ensemble_means(mbar, observable[:, None], reduced, what=what)
    return Estimate(float(values[0]), float(np.sqrt(covariance[0, 0])), samples, unit)


def ensemble_variance(
    mbar: Mbar,
    observable: Float64[np.ndarray, " frames"],
    reduced: Float64[np.ndarray, " frames"],
    *,
    what: str,
    unit: str = "",
) -> Estimate:
    """Variance of an observable; errors and samples as of `ensemble_means`."""
    weights = checked_weights(mbar, reduced, what=what)
    squares = (observable - weights @ observable) ** 2
    samples = float(1.0 / (weights**2).sum())
    value = float(weights @ squares)
    influence = weights * (squares - value)
    error = float(np.sqrt(mbar.covariance(influence[:, None])[0, 0]))
    scale = samples / (samples - 1.0)  # the mean was taken from the same frames
    return Estimate(scale * value, scale * error, samples, unit)


def ensemble_free_energy(
    mbar: Mbar,
    samples: Sequence[Float[np.ndarray, "frames ..."]],
    reduced: Float64[np.ndarray, " frames"],
    temperature_K: float,
    *,
    names: Sequence[str] = (),
    periods: Sequence[float | None] | None = None,
    ranges: Sequence[tuple[float, float] | None] | None = None,
    bins: int | Sequence[int] | None = None,
    fewest_samples: float = FEWEST_SAMPLES,
    what: str = "the ensemble",
) -> FreeEnergy:
    """Profile or surface in an ensemble, with errors of the weights included.

    Args:
        mbar: the ensembles.
        samples: variables of all frames of each ensemble, (frames,) or (frames, 1 or 2).
        reduced: potential, of the frames kept, of the ensemble that is asked for.
        temperature_K: its temperature.
        names, periods, ranges, bins, fewest_samples: see `free_energy`.
        what: a name for the ensemble.

    Raises:
        InputError: shapes do not fit, or there are too few samples.
    """
    kept = mbar.keep(samples)
    values = kept.reshape(len(kept), -1)
    variables = values.shape[1]
    if variables not in (1, 2):
        raise InputError(f"samples: expected one or two variables, got {variables}")
    names = tuple(names) or tuple(f"variable {number + 1}" for number in range(variables))
    weights = checked_weights(mbar, reduced, what=what)
    independent = float(1.0 / (weights**2).sum())
    all_periods = tuple(periods) if periods is not None else (None,) * variables
    axes = make_axes(values, names, periods=all_periods, ranges=ranges, bins=bins, samples=independent)
    count = int(np.prod([axis.count for axis in axes]))
    place = bin_frames(values, axes)
    share = np.bincount(place, weights, count + 1)[:count]
    squares = np.bincount(place, weights**2, count + 1)[:count]
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = _errors(mbar, weights, place, share, squares)
        samples_in_bin = np.where(share > 0.0, np.minimum(share**2 / squares, (1.0 - share) / errors**2), 0.0)
    return assemble(
        axes,
        share,
        errors=errors,
        block_errors=errors,
        independent=samples_in_bin,
        fewest=fewest_samples,
        temperature_K=temperature_K,
        total=independent,
    )


def _errors(
    mbar: Mbar,
    weights: Float64[np.ndarray, " frames"],
    place: np.ndarray,
    share: Float64[np.ndarray, " bins"],
    squares: Float64[np.ndarray, " bins"],
) -> Float64[np.ndarray, " bins"]:
    """Relative errors of shares: `Mbar.covariance` of w (1_b - p_b)/p_b, without the matrix of frames and bins."""
    count = len(share)
    own = np.stack([np.bincount(place, weights * column, count + 1)[:count] for column in mbar.weights.T], axis=1)
    shared = own / share[:, None] - weights @ mbar.weights
    variance = squares / share**2 - 2.0 * squares / share + (weights**2).sum()
    return np.sqrt(variance + np.einsum("bi,ij,bj->b", shared, mbar.coupling, shared))


def checked_weights(
    mbar: Mbar, reduced: Float64[np.ndarray, " frames"], *, what: str
) -> Float64[np.ndarray, " frames"]:
    """Weights of the frames kept.

    Raises:
        InputError: hardly a frame belongs to the ensemble.
    """
    weights = mbar.weights_at(reduced)
    samples = float(1.0 / (weights**2).sum())
    if samples < _FEWEST_WEIGHTED:
        raise InputError(
            f"{what}: only {samples:.1f} of {len(weights)} independent frames belong to it, {_FEWEST_WEIGHTED:g} are "
            "the least; ask for one between the ensembles that were simulated, or simulate longer"
        )
    return weights
