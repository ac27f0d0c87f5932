"""Averages at another level of theory from frames of this one.

Free energy perturbation, Zwanzig, J. Chem. Phys. 22, 1420 (1954): with dE = E(new) - E(old) of each frame,
<A>_new = <A exp(-dE/kT)> / <exp(-dE/kT)>. Two estimates of the difference in free energy:

    dF = -kT ln <exp(-dE/kT)>            exact, if enough frames carry the weight
    dF = <dE> - (<dE^2> - <dE>^2)/2kT    second cumulant, exact if dE is of normal distribution

A frame that the old level never visits cannot be given weight, and nothing in the data shows that it is missing.
"""

from dataclasses import dataclass

import numpy as np

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.weights import (
    FEWEST_SAMPLES,
    LARGEST_WEIGHT,
    Weights,
    boltzmann_weights,
    check_weights,
)

_NARROW_KT = 2.0
"""Spread of dE in kT above which its tail, which the second cumulant takes as normal, decides."""
_SKEWED = 0.5
_HOPELESS = 14.0


@dataclass(frozen=True, eq=False)
class LevelChange:
    """Weights of frames for another level."""

    weights: Weights
    temperature_K: float
    free_energy: Estimate
    """Of the new level less the old, kcal/mol, by exponential average."""
    cumulant: Estimate
    """The same by the second cumulant."""
    cumulant_warning: str
    """Why not to trust it; empty if nothing speaks against it."""
    spread_kcal_mol: float
    """Standard deviation of dE."""


def reweight_level(
    changes_kcal_mol: Pieces,
    temperature_K: float,
    *,
    fewest_samples: float = FEWEST_SAMPLES,
    largest_weight: float = LARGEST_WEIGHT,
) -> LevelChange:
    """Weights exp(-dE/kT), if they leave enough frames.

    Args:
        changes_kcal_mol: dE of each frame, one array a run.
        temperature_K: of both levels.
        fewest_samples: effective samples, or it is refused.
        largest_weight: share that a single frame may have, or it is refused.

    Raises:
        InputError: too few frames carry the weight.
    """
    kT = thermal_energy(temperature_K)
    exponents = [-np.asarray(piece, np.float64) / kT for piece in changes_kcal_mol]
    weights = boltzmann_weights(exponents)
    spread = float(np.concatenate(exponents).std())
    check_weights(
        weights,
        what="reweighting to the other level",
        cure=level_cure(spread, kT, fewest_samples=fewest_samples),
        fewest_samples=fewest_samples,
        largest_weight=largest_weight,
    )
    warning = _cumulant_warning(np.concatenate(exponents), spread)
    cumulant = second_cumulant(changes_kcal_mol, temperature_K)
    return LevelChange(weights, temperature_K, _exponential(exponents, kT), cumulant, warning, spread * kT)


def level_cure(spread_kT: float, kT: float, *, fewest_samples: float = FEWEST_SAMPLES) -> str:
    """What to do where too few frames carry the weight, by how far the energy difference spreads."""
    if spread_kT**2 < _HOPELESS:  # Kish of a normal difference is exp(-spread^2)
        needed = f"some {fewest_samples * np.exp(spread_kT**2):.0f} independent frames would do"
    else:
        needed = "more frames would be needed than can be simulated"
    return (
        f"the energy difference of the levels varies by {spread_kT:.1f} kT ({spread_kT * kT:.1f} kcal/mol), for which "
        f"{needed}; simulate longer, at a level between them, or with the model itself"
    )


def _exponential(exponents: list[np.ndarray], kT: float) -> Estimate:
    top = max(float(piece.max()) for piece in exponents)
    factor = mean([np.exp(piece - top) for piece in exponents])
    value = -kT * (float(np.log(factor.value)) + top)
    return Estimate(value, kT * factor.error / factor.value, factor.effective_samples, "kcal/mol")


def second_cumulant(changes_kcal_mol: Pieces, temperature_K: float) -> Estimate:
    """Free energy of the new level less the old to second order in dE, kcal/mol.

    Raises:
        InputError: there are no frames.
    """
    kT = thermal_energy(temperature_K)
    middle = mean(changes_kcal_mol)
    deviations = [np.asarray(piece, np.float64) - middle.value for piece in changes_kcal_mol]
    # each frame's share, so that the error has the correlation of mean and variance in it
    shares = mean([own - own**2 / (2.0 * kT) for own in deviations])
    return Estimate(middle.value + shares.value, shares.error, shares.effective_samples, "kcal/mol")


def _cumulant_warning(exponents: np.ndarray, spread: float) -> str:
    if spread == 0.0:
        return ""
    skewness = float((((exponents - exponents.mean()) / spread) ** 3).mean())
    reasons = []
    if spread > _NARROW_KT:
        reasons.append(f"the energy difference varies by {spread:.1f} kT, more than {_NARROW_KT:g}")
    if abs(skewness) > _SKEWED:
        reasons.append(f"its distribution is skewed ({skewness:+.1f}), not normal")
    return f"second cumulant: {' and '.join(reasons)}" if reasons else ""
