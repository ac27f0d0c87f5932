"""Residual dipolar couplings: the alignment of the molecule fitted to measured ones, and what it predicts.

    D = D_max sum_kl S_kl <u_k u_l>,    D_max = -(mu_0 / 4 pi) gamma_1 gamma_2 hbar / (pi r^3)

in Hz, S the Saupe matrix, symmetric and without trace, and u the direction of the bond in the frame of the molecule. It
is linear in the five elements of S: a singular value decomposition gives them (Losonczi, Andrec, Fischer, Prestegard,
J. Magn. Reson. 138, 334, 1999). Q is the RMS difference over the RMS of the measured couplings (Cornilescu, Marquardt,
Ottiger, Bax, J. Am. Chem. Soc. 120, 6836, 1998); Q_free leaves each coupling out of the fit that predicts it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy import constants

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.nmr.bond_vectors import BondMoments
from ai2bmd.errors import InputError

GYROMAGNETIC_RAD_S_T = {"H": 2.6752218708e8, "C": 6.728284e7, "N": -2.71261804e7}
"""Of 1H, 13C and 15N (Harris et al., Pure Appl. Chem. 73, 1795, 2001; CODATA for the proton)."""
_ELEMENTS = 5
_WORST_CONDITION = 1e4


@dataclass(frozen=True, eq=False)
class Alignment:
    """A fitted alignment."""

    saupe: Float64[np.ndarray, "3 3"]
    predicted: tuple[Estimate, ...]
    """Coupling of each bond (Hz); its error is that of the average over frames."""
    q_factor: float
    q_free: float
    """Not a number if there are not more couplings than elements."""

    @property
    def principal(self) -> Float64[np.ndarray, " 3"]:
        """Principal values by magnitude: S_xx, S_yy, S_zz with S_zz the largest."""
        values = np.linalg.eigvalsh(self.saupe)
        return values[np.argsort(np.abs(values))]

    @property
    def asymmetry(self) -> float:
        """The asymmetry eta = |S_xx - S_yy| / |S_zz| with |S_xx| <= |S_yy| <= |S_zz|: 0 of axial symmetry, 1 at most.

        Not the rhombicity R = D_r / D_a of Clore et al. (J. Magn. Reson. 133, 216, 1998), which is 2/3 of it
        and at most 2/3: `rhombicity`.
        """
        x, y, z = self.principal
        return float(abs((x - y) / z))

    @property
    def rhombicity(self) -> float:
        """D_r / D_a = 2/3 of the asymmetry: 0 of axial symmetry, 2/3 at most (Clore et al., J. Magn. Reson. 133, 216,
        1998; D_a = S_zz / 2 and D_r = (S_xx - S_yy) / 3 in magnitude, in units of the largest coupling)."""
        return 2.0 / 3.0 * self.asymmetry


def largest_coupling_Hz(first: str, second: str, length_A: float) -> float:
    """D_max of two nuclei at a distance.

    Raises:
        InputError: an element without nucleus here, or no distance.
    """
    for element in (first, second):
        if element not in GYROMAGNETIC_RAD_S_T:
            raise InputError(f"dipolar couplings are known of {', '.join(GYROMAGNETIC_RAD_S_T)}, not of {element!r}")
    if not length_A > 0.0:
        raise InputError(f"the distance of two nuclei is above 0, not {length_A:g} A")
    product = GYROMAGNETIC_RAD_S_T[first] * GYROMAGNETIC_RAD_S_T[second]
    return -constants.mu_0 / (4.0 * np.pi) * product * constants.hbar / (np.pi * (length_A * 1e-10) ** 3)


def fit_alignment(
    moments: BondMoments,
    measured_Hz: Float[np.ndarray, " bonds"],
    *,
    largest_Hz: Float[np.ndarray, " bonds"],
    errors_Hz: Float[np.ndarray, " bonds"] | None = None,
) -> Alignment:
    """Fit the Saupe matrix to measured couplings.

    Args:
        moments: of the bonds in the frame of the molecule.
        measured_Hz: coupling of each bond.
        largest_Hz: D_max of each bond.
        errors_Hz: standard error of each measured coupling, its weight; all alike if not given.

    Raises:
        InputError: fewer than five couplings, or bonds that point so much alike that they do not tell the alignment.
    """
    measured = np.asarray(measured_Hz, dtype=np.float64)
    if len(measured) < _ELEMENTS or len(measured) != len(moments.tensors):
        raise InputError(
            f"{len(measured)} couplings of {len(moments.tensors)} bonds; an alignment has five unknowns and needs a "
            "coupling of each of five bonds at least"
        )
    design = np.asarray(largest_Hz)[:, None] * _design(moments.tensors)
    weights = np.ones(len(measured)) if errors_Hz is None else 1.0 / np.asarray(errors_Hz)
    weighted = design * weights[:, None]
    singular = np.linalg.svd(weighted, compute_uv=False)
    if singular[-1] * _WORST_CONDITION < singular[0]:
        raise InputError(
            "the bonds point too much alike to tell the alignment (singular values "
            f"{singular[0]:.3g} to {singular[-1]:.3g}); measure more of them, or in another direction"
        )
    elements = np.linalg.lstsq(weighted, measured * weights, rcond=None)[0]
    saupe = _matrix(elements)
    predicted = moments.linear(np.asarray(largest_Hz)[:, None, None] * saupe)
    difference = np.array([estimate.value for estimate in predicted]) - measured
    scale = np.sqrt(np.mean(measured**2))
    return Alignment(
        saupe, predicted, float(np.sqrt(np.mean(difference**2)) / scale), _q_free(weighted, weights, difference) / scale
    )


def _q_free(weighted: np.ndarray, weights: np.ndarray, difference: np.ndarray) -> float:
    """RMS of differences to couplings left out one at a time: each grows by its leverage."""
    if len(difference) <= _ELEMENTS:
        return float("nan")
    leverage = np.einsum("ne,en->n", weighted, np.linalg.pinv(weighted))
    if (leverage > 1.0 - 1e-9).any():
        return float("nan")
    return float(np.sqrt(np.mean((difference / (1.0 - leverage)) ** 2)))


def _design(tensors: Float64[np.ndarray, "bonds 3 3"]) -> Float64[np.ndarray, "bonds 5"]:
    """Factors of S_xx - S_zz ... written for S_yy, S_zz, S_xy, S_xz, S_yz with S_xx = -S_yy - S_zz."""
    x, y, z = (tensors[:, axis, axis] for axis in range(3))
    return np.stack([y - x, z - x, *(2.0 * tensors[:, i, j] for i, j in ((0, 1), (0, 2), (1, 2)))], axis=1)


def _matrix(elements: Float64[np.ndarray, " 5"]) -> Float64[np.ndarray, "3 3"]:
    yy, zz, xy, xz, yz = elements
    return np.array([[-yy - zz, xy, xz], [xy, yy, yz], [xz, yz, zz]])
