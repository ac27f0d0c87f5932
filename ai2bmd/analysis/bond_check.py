"""Whether frames belong to the topology they are read with: bonds tell when atoms are in another order or unit."""

from typing import Any

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.molecule import residue_labels
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

_NEAR, _LONG, _SHORT = 1.25, 1.6, 0.4
"""Of the sum of the covalent radii: what is bonded in the topology's own coordinates; what no bond is in a frame."""
_SHARE = 0.25
"""Of the bonds that must be too long for another order of atoms; a box that cuts molecules makes fewer long."""


def check_bonds(
    molecule: ProteinTopology,
    bonds: Int64[np.ndarray, "bonds 2"],
    positions_A: Float[np.ndarray, "atoms 3"],
    *,
    box: Any,
    files: tuple[str, str],
) -> tuple[str, ...]:
    """A remark if some bonds of a frame are too long.

    Args:
        molecule: the atoms.
        bonds: known from the topology, not from this trajectory.
        positions_A: of a frame as it is in the file.
        box: lengths and angles as MDAnalysis has them; None if there is none.
        files: names of topology and trajectory.

    Raises:
        InputError: so many are too long or too short that the frame cannot be of these atoms in this order.
    """
    known = (molecule.atomic_numbers[bonds] > 0).all(1)
    bonds = bonds[known]
    if not len(bonds):
        return ()
    lengths, usual = _lengths(positions_A, bonds, box), covalent_radii[molecule.atomic_numbers[bonds]].sum(1)
    topology, trajectory = files
    if float(np.median(lengths / usual)) < _SHORT:
        raise InputError(
            f"{trajectory}: the bonds of the first frame are {np.median(lengths):.2g} A long; a trajectory in nm must "
            "be written anew in A, and one of another program needs the topology that it was written with"
        )
    long = np.flatnonzero(lengths > _LONG * usual)
    if not len(long):
        return ()
    worst = bonds[long[np.argmax(lengths[long])]]
    names = " to ".join(
        f"{residue_labels(molecule)[molecule.residue_index[a]]} {molecule.atom_names[a]}" for a in worst
    )
    what = f"{len(long)} of {len(bonds)} bonds of the first frame are too long ({names}: {lengths.max():.3g} A)"
    if len(long) > _SHARE * len(bonds):
        raise InputError(
            f"{trajectory} does not fit {topology}: {what}; its atoms are in another order, or it is of another "
            "molecule: give the topology that it was written with"
        )
    if box is None or not np.any(box):
        return (f"{trajectory}: {what}; it has no box, so that molecules cut by the box stay cut",)
    return (f"{trajectory}: {what}; make sure that {topology} is its topology",)


def bonds_of_structure(
    molecule: ProteinTopology, positions_A: Float[np.ndarray, "atoms 3"]
) -> Int64[np.ndarray, "bonds 2"]:
    """Pairs that are near enough to be bonded in a structure."""
    from MDAnalysis.lib.distances import self_capped_distance

    radii = np.where(molecule.atomic_numbers > 0, covalent_radii[molecule.atomic_numbers], 0.0)
    pairs, distances = self_capped_distance(positions_A.astype(np.float32), _NEAR * 2.0 * max(radii.max(), 0.1))
    pairs = pairs.reshape(-1, 2)
    usual = radii[pairs].sum(1)
    near = (distances < _NEAR * usual) & (distances > _SHORT * usual) & ~(molecule.atomic_numbers[pairs] == 1).all(1)
    return pairs[near].astype(np.int64)


def _lengths(positions_A: np.ndarray, bonds: Int64[np.ndarray, "bonds 2"], box: Any) -> Float64[np.ndarray, " bonds"]:
    from MDAnalysis.lib.distances import calc_bonds

    return calc_bonds(positions_A[bonds[:, 0]], positions_A[bonds[:, 1]], box=box if np.any(box) else None)
