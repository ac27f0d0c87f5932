"""Folded or not: assignment by a threshold, and the free energy of unfolding at one temperature or several.

    dG = G(unfolded) - G(folded) = kT ln(p / (1 - p)),    p the share of folded frames,

positive where the folded state is stable; the free energy of folding is -dG.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.temperatures import TemperatureEnsembles
from ai2bmd.errors import InputError

Side = Literal["below", "above"]
_FEWEST_IN_STATE = 5.0


@dataclass(frozen=True, eq=False)
class Stability:
    """Free energy of unfolding at several temperatures."""

    temperatures_K: Float64[np.ndarray, " temperatures"]
    unfolding_kcal_mol: Float64[np.ndarray, " temperatures"]
    covariance: Float64[np.ndarray, "temperatures temperatures"]
    """(kcal/mol)^2."""
    effective_samples: float
    """Independent frames in the rarer state, over all temperatures."""
    left_out: tuple[str, ...] = ()
    """Temperatures at which one state was hardly seen, and why they are missing."""

    @property
    def errors_kcal_mol(self) -> Float64[np.ndarray, " temperatures"]:
        """Standard errors."""
        return np.sqrt(np.diag(self.covariance))


def assign_folded(
    values: Pieces, cut: float, *, folded: Side, margin: float = 0.0
) -> tuple[Float64[np.ndarray, " frames"], ...]:
    """1 for folded frames, 0 for others.

    Args:
        values: such as the RMSD to the native structure (folded below) or native contacts Q (folded above), by run.
        cut: between the states.
        folded: on which side of it.
        margin: within it a frame is what the one before it was, so that crossing back and forth at the cut is no
            unfolding. Only for runs in the order of time, not for the frames at one temperature of replica exchange.

    Raises:
        InputError: a choice cannot be.
    """
    if folded not in get_args(Side):
        raise InputError(f"folded: expected below or above, got {folded!r}")
    if margin < 0.0:
        raise InputError(f"margin: expected 0 or more, got {margin:g}")
    sign = 1.0 if folded == "above" else -1.0
    assigned = []
    for piece in values:
        beyond = sign * (np.asarray(piece, np.float64) - cut)
        clear = np.abs(beyond) > margin
        if len(clear):
            clear[0] = True
        last = np.maximum.accumulate(np.where(clear, np.arange(len(beyond)), 0))
        assigned.append((beyond[last] > 0.0).astype(np.float64))
    return tuple(assigned)


def unfolding_free_energy(folded: Pieces, temperature_K: float) -> Estimate:
    """Free energy of unfolding in kcal/mol from runs at one temperature, 1 for each folded frame.

    Raises:
        InputError: one of the states was hardly seen.
    """
    share = mean(folded)
    rarer = min(share.value, 1.0 - share.value) * share.effective_samples
    if rarer < _FEWEST_IN_STATE or not np.isfinite(share.error):
        state = "folded" if share.value < 0.5 else "unfolded"
        raise InputError(
            f"{temperature_K:g} K: the {state} state has {rarer:.1f} independent samples ({100 * share.value:.1f} % of "
            f"frames are folded), and {_FEWEST_IN_STATE:g} are the least for a free energy; simulate longer, or at a "
            "temperature nearer to the melting point"
        )
    kT, product = thermal_energy(temperature_K), share.value * (1.0 - share.value)
    value = kT * float(np.log(share.value / (1.0 - share.value)))
    return Estimate(value, kT * share.error / product, share.effective_samples, "kcal/mol")


def stability_of_runs(folded: Sequence[Pieces], temperatures_K: Sequence[float]) -> Stability:
    """From independent simulations at each temperature.

    Raises:
        InputError: both states were seen at no temperature.
    """
    found, kept, left_out = [], [], []
    for pieces, temperature_K in zip(folded, temperatures_K, strict=True):
        try:
            found.append(unfolding_free_energy(pieces, temperature_K))
            kept.append(temperature_K)
        except InputError as error:
            left_out.append(str(error))
    if not found:
        raise InputError(f"folding: there is no temperature with both states; {left_out[0] if left_out else 'no run'}")
    variances = np.diag([own.error**2 for own in found])
    samples = sum(own.effective_samples for own in found)
    return Stability(np.array(kept), np.array([own.value for own in found]), variances, samples, tuple(left_out))


def stability_of_ensembles(
    ensembles: TemperatureEnsembles,
    folded: Sequence[Float[np.ndarray, " frames"]],
    temperatures_K: Sequence[float] | None = None,
) -> Stability:
    """From ensembles put together, such as those of replica exchange.

    Args:
        ensembles: at several temperatures.
        folded: 1 for each folded frame, of all frames of each ensemble.
        temperatures_K: where to know it; by default where was simulated.

    Raises:
        InputError: both states were seen at no temperature.
    """
    wanted = list(ensembles.temperatures_K if temperatures_K is None else temperatures_K)
    shares, covariance = ensembles.means(folded, wanted)
    variance = np.diag(covariance)
    with np.errstate(divide="ignore", invalid="ignore"):
        samples = np.where(variance > 0.0, shares * (1.0 - shares) / variance, 0.0)
    rarer = np.minimum(shares, 1.0 - shares) * samples
    good = rarer >= _FEWEST_IN_STATE
    left_out = tuple(
        f"{wanted[number]:g} K: {100 * shares[number]:.1f} % folded, with {rarer[number]:.1f} independent samples of "
        "the rarer state"
        for number in np.flatnonzero(~good)
    )
    if not good.any():
        raise InputError(f"folding: there is no temperature with both states ({'; '.join(left_out)}); simulate longer")
    kept, share = np.array(wanted)[good], shares[good]
    kT = np.array([thermal_energy(temperature_K) for temperature_K in kept])
    slope = kT / (share * (1.0 - share))
    inner = slope[:, None] * covariance[np.ix_(good, good)] * slope
    return Stability(kept, kT * np.log(share / (1.0 - share)), inner, float(rarer[good].sum()), left_out)
