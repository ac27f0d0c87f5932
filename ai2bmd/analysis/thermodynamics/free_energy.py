"""Free energy along one or two variables from how often frames, with or without weights, are in each bin.

    F(x) = -kT ln p(x)

with p the probability density, so that bins of different width can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.thermodynamics.binning import Axis, bin_frames, make_axes
from ai2bmd.analysis.thermodynamics.blocks import (
    Blocks,
    bootstrap_scale,
    divide,
    memory_series,
    resampled_sums,
    share_errors,
)
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.errors import InputError

FEWEST_SAMPLES = 10.0
"""Independent samples below which a bin is left out; its free energy would have an error of kT/3."""
_REPEATS = 200


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """Free energy on bins; not a number where there are too few independent samples."""

    axes: tuple[Axis, ...]
    energy_kcal_mol: Float64[np.ndarray, "..."]
    """The lowest is 0; one axis for each variable."""
    error_kcal_mol: Float64[np.ndarray, "..."]
    """Standard error of -kT ln p of each bin, by resampling blocks: not relative to the zero, so the lowest bin has one
    too."""
    block_error_kcal_mol: Float64[np.ndarray, "..."]
    """The same from the spread of the blocks to first order."""
    effective_samples: Float64[np.ndarray, "..."]
    """Independent samples in each bin."""
    lowest_kcal_mol: float
    """-kT ln p of the lowest bin, p in 1/unit of the variables: what was subtracted."""
    temperature_K: float
    total_effective_samples: float

    @property
    def absolute_kcal_mol(self) -> Float64[np.ndarray, "..."]:
        """-kT ln p, which two estimates of the same density have in common."""
        return self.energy_kcal_mol + self.lowest_kcal_mol

    @property
    def known(self) -> Bool[np.ndarray, "..."]:
        """Bins that are not left out."""
        return np.isfinite(self.energy_kcal_mol)


def free_energy(
    samples: Sequence[Float[np.ndarray, "frames ..."]],
    temperature_K: float,
    *,
    names: Sequence[str] = (),
    periods: Sequence[float | None] | None = None,
    ranges: Sequence[tuple[float, float] | None] | None = None,
    bins: int | Sequence[int] | None = None,
    weights: Pieces | None = None,
    fewest_samples: float = FEWEST_SAMPLES,
    seed: int = 0,
) -> FreeEnergy:
    """A profile of one variable or a surface of two.

    Args:
        samples: for each independent run (frames,) or (frames, variables).
        temperature_K: of the ensemble that frames and weights stand for.
        names: of the variables, for pictures and errors.
        periods: of each variable, such as 360; None for one that is not periodic.
        ranges: where to look; by default where the samples are, or one period.
        bins: number in all or each direction; by default as many as the independent samples allow.
        weights: of the frames, one array for each run; by default all alike.
        fewest_samples: independent ones a bin must hold, or it is left out.
        seed: of resampling.

    Raises:
        InputError: shapes do not fit, or there are too few independent samples.
    """
    runs = [np.asarray(run, np.float64).reshape(len(run), -1) for run in samples if len(run)]
    if not runs or len({run.shape[1] for run in runs}) > 1 or not 1 <= runs[0].shape[1] <= 2:
        raise InputError(
            f"samples: expected (frames,) or (frames, 1 or 2) for each run, the same for all, got "
            f"{[np.shape(run) for run in samples]}"
        )
    own = [np.asarray(piece, np.float64) for piece in weights if len(piece)] if weights is not None else None
    if own is not None and [len(piece) for piece in own] != [len(run) for run in runs]:
        raise InputError(
            f"weights: expected one for each of the {[len(run) for run in runs]} frames, got "
            f"{[len(piece) for piece in own]}"
        )
    variables = runs[0].shape[1]
    names = tuple(names) or tuple(f"variable {number + 1}" for number in range(variables))
    all_periods = tuple(periods) if periods is not None else (None,) * variables
    if len(names) != variables or len(all_periods) != variables:
        raise InputError(f"names, periods: expected {variables} of each, got {len(names)} and {len(all_periods)}")
    blocks = divide([*memory_series(runs, all_periods), *([own] if own is not None else [])], what=", ".join(names))
    joined = np.concatenate(runs)
    weight = np.ones(len(joined)) if own is None else np.concatenate(own)
    independent = min(blocks.effective_samples, weight.sum() ** 2 / (weight**2).sum())
    axes = make_axes(joined, names, periods=all_periods, ranges=ranges, bins=bins, samples=independent)
    return _estimate(joined, weight, blocks, axes, temperature_K, fewest_samples, seed)


def _estimate(
    samples: Float64[np.ndarray, "frames variables"],
    weights: Float64[np.ndarray, " frames"],
    blocks: Blocks,
    axes: tuple[Axis, ...],
    temperature_K: float,
    fewest: float,
    seed: int,
) -> FreeEnergy:
    count = int(np.prod([axis.count for axis in axes]))
    place = bin_frames(samples, axes)  # the last bin is all that is outside
    sums = blocks.sums(place, weights, count=count + 1)
    errors = share_errors(sums)[:count]
    share = sums.sum(0) / sums.sum()
    kish = np.bincount(place, weights, count + 1) ** 2 / np.maximum(np.bincount(place, weights**2, count + 1), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_blocks = (1.0 - share[:count]) / errors**2
    independent = np.minimum(kish[:count], np.where(errors > 0.0, by_blocks, np.inf))
    independent[share[:count] == 0.0] = 0.0
    drawn = resampled_sums(sums, repeats=_REPEATS, seed=seed)
    drawn = drawn[:, :count] / drawn.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        logarithm = np.where(drawn > 0.0, np.log(drawn), np.nan)
        spread = np.array([np.nanstd(column) if np.isfinite(column).any() else np.nan for column in logarithm.T])
    return assemble(
        axes,
        share[:count],
        errors=bootstrap_scale(blocks.count) * spread,
        block_errors=errors,
        independent=independent,
        fewest=fewest,
        temperature_K=temperature_K,
        total=min(blocks.effective_samples, float(weights.sum() ** 2 / (weights**2).sum())),
    )


def assemble(
    axes: tuple[Axis, ...],
    share: Float64[np.ndarray, " bins"],
    *,
    errors: Float64[np.ndarray, " bins"],
    block_errors: Float64[np.ndarray, " bins"],
    independent: Float64[np.ndarray, " bins"],
    fewest: float,
    temperature_K: float,
    total: float,
) -> FreeEnergy:
    """The free energy of bins with known share and relative errors.

    Raises:
        InputError: no bin has enough independent samples.
    """
    kT, shape = thermal_energy(temperature_K), tuple(axis.count for axis in axes)
    volume = np.prod(np.stack(np.meshgrid(*(axis.widths for axis in axes), indexing="ij")), axis=0).ravel()
    known = independent >= fewest
    if not known.any():
        raise InputError(
            f"{', '.join(axis.name for axis in axes)}: no bin holds {fewest:g} independent samples, the best has "
            f"{independent.max():.1f}; simulate longer, or take fewer bins"
        )
    with np.errstate(divide="ignore"):
        energy = np.where(known, -kT * np.log(share / volume), np.nan)
    lowest = float(np.nanmin(energy))

    def shaped(values: Float64[np.ndarray, " bins"]) -> Float64[np.ndarray, "..."]:
        return np.where(known, values, np.nan).reshape(shape)

    return FreeEnergy(
        axes,
        shaped(energy - lowest),
        shaped(kT * errors),
        shaped(kT * block_errors),
        independent.reshape(shape),
        lowest,
        temperature_K,
        total,
    )
