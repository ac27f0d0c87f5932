"""Is a conformation still the molecule it is called? What is not is rejected, with the reason."""

from typing import Literal

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Float, Float64, Int64

from ai2bmd.conformations.molecules import CappedMolecule
from ai2bmd.structure.checks import SIDE_CHAIN_CENTRES
from ai2bmd.wall import contact_limits_A
from fragmentation.topology import ProteinTopology

Reason = Literal["bond broken", "bond formed", "other chirality", "atoms in contact", "not finite"]
SHORTEST_BOND, LONGEST_BOND = 0.75, 1.35
"""Lengths of bonds relative to those of the molecule as built; dynamics at 550 K reach 0.84 and 1.28."""
CLOSEST_UNBONDED = 1.25
"""Distance of atoms without a bond, relative to the sum of their covalent radii (Cordero et al., Dalton Trans. 2832,
2008); dynamics at 550 K come to 1.33 where the atoms have a neighbour in common, and to 1.48 otherwise."""
_ALPHA = ("N", "C", "CB")
"""Neighbours of CA in an order in which their triple product is positive in L-amino acids."""


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
        self._centres = _centres(protein)

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
        if (_triple_products(positions, self._centres) < 0.0).any():
            return "other chirality"
        return "atoms in contact" if (distances < self._contacts_A).any() else None


def _lengths(positions_A: Float64[np.ndarray, "atoms 3"], bonds: Int64[np.ndarray, "bonds 2"]) -> np.ndarray:
    return np.linalg.norm(positions_A[bonds[:, 0]] - positions_A[bonds[:, 1]], axis=1)


def _centres(protein: ProteinTopology) -> Int64[np.ndarray, "centres 4"]:
    """Stereocentres, each with three of its neighbours in such an order that their triple product is positive."""
    found = []
    for residue, name in enumerate(protein.residue_names):
        neighbours = {"CA": _ALPHA, "CB": SIDE_CHAIN_CENTRES.get(name, ())}
        for centre, others in neighbours.items():
            atoms = [protein.atom(residue, atom) for atom in (centre, *others)]
            if others and None not in atoms:
                found.append(atoms)
    return np.array(found, np.int64).reshape(-1, 4)


def _triple_products(
    positions_A: Float64[np.ndarray, "atoms 3"], centres: Int64[np.ndarray, "centres 4"]
) -> Float64[np.ndarray, " centres"]:
    return np.linalg.det(positions_A[centres[:, 1:]] - positions_A[centres[:, :1]])
