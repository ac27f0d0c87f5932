"""Two estimates of one free energy, compared bin by bin with their errors."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.special import logsumexp

from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.free_energy import FreeEnergy
from ai2bmd.analysis.thermodynamics.metadynamics import MetadynamicsRun
from ai2bmd.errors import InputError

_POINTS = 8
"""In a bin, each way, at which the bias is looked at."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Second less first, in the bins that both know."""

    difference_kcal_mol: Float64[np.ndarray, "..."]
    """Not a number elsewhere; the mean difference, weighted by errors, is taken out."""
    error_kcal_mol: Float64[np.ndarray, "..."]
    bins: int
    rms_kcal_mol: float
    largest_kcal_mol: float
    within_two_errors: float
    """Share of bins; about 0.95 if both are right and their errors too."""


def compare_free_energies(first: FreeEnergy, second: FreeEnergy) -> Comparison:
    """Compare estimates on the same bins.

    Raises:
        InputError: the bins differ, or none is known to both.
    """
    same = len(first.axes) == len(second.axes) and all(
        np.array_equal(one.edges, other.edges) for one, other in zip(first.axes, second.axes, strict=False)
    )
    if not same:
        raise InputError("compare: expected two free energies on the same bins; give both the same ranges and bins")
    errors = np.hypot(first.error_kcal_mol, second.error_kcal_mol)
    return _compare(second.absolute_kcal_mol - first.absolute_kcal_mol, errors)


def compare_with_bias(reweighted: FreeEnergy, run: MetadynamicsRun) -> Comparison:
    """Compare a surface from reweighted frames with what the bias itself tells; errors are those of the former alone.

    Raises:
        InputError: no bin is known, or the surface is not along the variables of the run.
    """
    if len(reweighted.axes) != len(run.settings.variables):
        raise InputError(
            f"compare: expected a surface along the {len(run.settings.variables)} variables of the bias, got "
            f"{len(reweighted.axes)}"
        )
    kT = thermal_energy(run.temperature_K)
    parts = (np.arange(_POINTS) + 0.5) / _POINTS
    points = [(axis.edges[:-1, None] + parts * axis.widths[:, None]).ravel() for axis in reweighted.axes]
    values = np.stack([grid.ravel() for grid in np.meshgrid(*points, indexing="ij")], axis=1)
    fine = run.interpolated(run.surface.energy_kcal_mol, values)
    shape = [size for axis in reweighted.axes for size in (axis.count, _POINTS)]
    inner = tuple(range(1, len(shape), 2))
    by_bias = -kT * np.asarray(logsumexp(-fine.reshape(shape) / kT, axis=inner))
    return _compare(by_bias - reweighted.absolute_kcal_mol, reweighted.error_kcal_mol)


def _compare(difference: Float64[np.ndarray, "..."], errors: Float64[np.ndarray, "..."]) -> Comparison:
    known = np.isfinite(difference) & np.isfinite(errors) & (errors > 0.0)
    if not known.any():
        raise InputError("compare: there is no bin that both know; simulate longer, or take fewer bins")
    weights = 1.0 / errors[known] ** 2
    left = np.where(known, difference - (weights * difference[known]).sum() / weights.sum(), np.nan)
    return Comparison(
        left,
        np.where(known, errors, np.nan),
        int(known.sum()),
        float(np.sqrt((left[known] ** 2).mean())),
        float(np.abs(left[known]).max()),
        float((np.abs(left[known]) < 2.0 * errors[known]).mean()),
    )
