"""Weights of frames: how many frames they leave, whether those suffice, and weighted means."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.correlation import Pieces, statistical_inefficiency
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.blocks import divide, ratio_error
from ai2bmd.errors import InputError

FEWEST_SAMPLES = 50.0
"""Effective samples below which a reweighted average is refused."""
LARGEST_WEIGHT = 0.1
"""Share of all weight that a single frame may have."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of the frames of several runs; they add up to 1."""

    runs: tuple[Float64[np.ndarray, " frames"], ...]
    """One array for each run."""
    kish: float
    """(sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965): that many frames of equal weight would tell as much."""
    largest: float
    """Weight of the heaviest frame."""
    effective_samples: float
    """The same as `kish`, less for frames that are correlated in their weight."""

    @property
    def joined(self) -> Float64[np.ndarray, " frames"]:
        """Of all runs."""
        return np.concatenate(self.runs)


def boltzmann_weights(exponents: Pieces) -> Weights:
    """Weights proportional to exp(exponent), one array of exponents for each run.

    Raises:
        InputError: there is no frame, or an exponent is not a number.
    """
    joined = np.concatenate([np.asarray(piece, np.float64) for piece in exponents]) if len(exponents) else np.empty(0)
    if not len(joined) or np.isnan(joined).any() or np.isposinf(joined).any() or np.isneginf(joined).all():
        raise InputError(
            f"weights: expected a finite exponent for each frame, got {np.isnan(joined).sum()} of {len(joined)} that "
            "are no number; leave those frames out"
        )
    weights = np.exp(joined - np.logaddexp.reduce(joined))
    runs = tuple(np.split(weights, np.cumsum([len(piece) for piece in exponents])[:-1]))
    kish = float(1.0 / (weights**2).sum())
    return Weights(runs, kish, float(weights.max()), kish / statistical_inefficiency(runs))


def check_weights(
    weights: Weights,
    *,
    what: str,
    cure: str,
    fewest_samples: float = FEWEST_SAMPLES,
    largest_weight: float = LARGEST_WEIGHT,
) -> None:
    """Make sure that enough frames carry the weight.

    Raises:
        InputError: they do not; it tells how many do, and the cure.
    """
    if weights.effective_samples < fewest_samples or weights.largest > largest_weight:
        frames = sum(map(len, weights.runs))
        raise InputError(
            f"{what}: after reweighting {frames} frames count as {weights.effective_samples:.1f} independent samples "
            f"(Kish {weights.kish:.1f}; the heaviest frame has {100 * weights.largest:.1f} % of all weight), and "
            f"{fewest_samples:g} with no frame above {100 * largest_weight:g} % are needed; {cure}"
        )


def weighted_mean(values: Pieces, weights: Weights, *, unit: str = "") -> Estimate:
    """Mean with weights; error by blocks.

    Raises:
        InputError: values and weights are not of the same frames, or hold too few independent samples.
    """
    if [len(piece) for piece in values] != [len(piece) for piece in weights.runs]:
        raise InputError(
            f"values: expected those of {[len(piece) for piece in weights.runs]} frames, got "
            f"{[len(piece) for piece in values]}"
        )
    products = [np.asarray(piece, np.float64) * own for piece, own in zip(values, weights.runs, strict=True)]
    blocks = divide([values, weights.runs, products], what="weighted mean")
    return _mean(np.concatenate(products), weights.joined, blocks.index, blocks.count, np.concatenate(values), unit)


def _mean(
    products: Float[np.ndarray, " frames"],
    weights: Float[np.ndarray, " frames"],
    index: np.ndarray,
    count: int,
    values: Float[np.ndarray, " frames"],
    unit: str,
) -> Estimate:
    above = np.bincount(index, products, minlength=count)
    below = np.bincount(index, weights, minlength=count)
    value, error = float(above.sum() / below.sum()), ratio_error(above, below)
    variance = float((weights * (values - value) ** 2).sum() / weights.sum())
    kish = float(weights.sum() ** 2 / (weights**2).sum())
    samples = min(kish, variance / error**2 + 1.0) if error > 0.0 else kish
    return Estimate(value, error, samples, unit)
