"""Is a conformation still the molecule it is called? What is not is rejected, with the reason."""

from typing import Literal

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Bool, Float, Float64, Int64

from ai2bmd.conformations.molecules import CappedMolecule
from ai2bmd.wall import contact_limits_A

Reason = Literal["bond broken", "bond formed", "chirality changed", "atoms in contact", "not finite"]
SHORTEST_BOND, LONGEST_BOND = 0.75, 1.35
"""Lengths of bonds relative to those of the molecule as built; dynamics at 550 K reach 0.84 and 1.28."""
CLOSEST_UNBONDED = 1.25
"""Distance of atoms without a bond, relative to the sum of their covalent radii (Cordero et al., Dalton Trans. 2832,
2008); dynamics at 550 K come to 1.33 where the atoms have a neighbour in common, and to 1.48 otherwise."""


class FrameCheck:
    """The bonds, the chirality and the contacts of one molecule."""

    def __init__(self, molecule: CappedMolecule) -> None:
        protein, reference_A = molecule.protein, molecule.positions_A
        self._bonds = protein.bonds
        self._lengths_A = _lengths(reference_A, protein.bonds)
        radii = covalent_radii[protein.atomic_numbers]
        closest = CLOSEST_UNBONDED * (radii[:, None] + radii[None, :])
        closest[protein.bonds[:, 0], protein.bonds[:, 1]] = closest[protein.bonds[:, 1], protein.bonds[:, 0]] = 0.0
        np.fill_diagonal(closest, 0.0)
        self._unbonded_A, self._contacts_A = closest, contact_limits_A(protein)
        self._centres = _centres(molecule)
        self._handedness = _handedness(reference_A, self._centres)

    def reason(self, positions_A: Float[np.ndarray, "atoms 3"]) -> Reason | None:
        """Why the positions are no conformation of the molecule to label; None where they are."""
        if not np.isfinite(positions_A).all():
            return "not finite"
        positions = positions_A.astype(np.float64)
        ratios = _lengths(positions, self._bonds) / self._lengths_A
        if ratios.min() < SHORTEST_BOND or ratios.max() > LONGEST_BOND:
            return "bond broken"
        distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
        if (distances < self._unbonded_A).any():
            return "bond formed"
        if (_handedness(positions, self._centres) != self._handedness).any():
            return "chirality changed"
        return "atoms in contact" if (distances < self._contacts_A).any() else None


def _lengths(positions_A: Float64[np.ndarray, "atoms 3"], bonds: Int64[np.ndarray, "bonds 2"]) -> np.ndarray:
    return np.linalg.norm(positions_A[bonds[:, 0]] - positions_A[bonds[:, 1]], axis=1)


def _centres(molecule: CappedMolecule) -> Int64[np.ndarray, "centres 4"]:
    """Atoms with four neighbours of which one hydrogen at most, and three of the others."""
    protein, found = molecule.protein, []
    for atom, bonded in enumerate(protein.neighbours):
        heavy = [other for other in bonded if protein.atomic_numbers[other] > 1]
        if len(bonded) == 4 and len(heavy) >= 3:
            found.append((atom, *heavy[:3]))
    return np.array(found, np.int64).reshape(-1, 4)


def _handedness(
    positions_A: Float64[np.ndarray, "atoms 3"], centres: Int64[np.ndarray, "centres 4"]
) -> Bool[np.ndarray, " centres"]:
    around = positions_A[centres[:, 1:]] - positions_A[centres[:, :1]]
    return np.linalg.det(around) > 0.0
