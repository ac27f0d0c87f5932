"""Dihedral angles of the backbone, ordered by residue as couplings need them."""

from typing import Any

import numpy as np

from ai2bmd.analysis.nmr.couplings import ResidueAngles
from ai2bmd.analysis.stream import as_trajectories
from ai2bmd.analysis.structure.dihedrals import DihedralAngles, dihedral_angles
from ai2bmd.analysis.structure.motion import first_frame_A
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

_BACKBONE = ("N", "CA", "C")


def backbone_angles(source: Any) -> tuple[ResidueAngles, ...]:
    """Angles of every residue with N, CA and C, in every frame.

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis, or several of one molecule.

    Raises:
        InputError: a trajectory cannot be used, they differ in their atoms, or there is no backbone.
    """
    trajectories = as_trajectories(source)
    return by_residue(dihedral_angles(trajectories), trajectories[0])


def by_residue(angles: DihedralAngles, trajectory: Trajectory) -> tuple[ResidueAngles, ...]:
    """Backbone angles that are known already, by residue.

    Args:
        angles: of all trajectories.
        trajectory: one of them; its first frame tells L from D.

    Raises:
        InputError: no residue has a backbone.
    """
    molecule, first_A = trajectory.molecule, first_frame_A(trajectory)
    columns = {(dihedral.kind, dihedral.residue): place for place, dihedral in enumerate(angles.dihedrals)}

    def pieces(kind: str, residue: int | None) -> list | None:
        column = None if residue is None else columns.get((kind, residue))
        return None if column is None else [part[:, column] for part in angles.angles.values]

    found = []
    for residue in range(len(molecule.residue_names)):
        if any(molecule.atom(residue, name) is None for name in _BACKBONE):
            continue
        found.append(
            ResidueAngles(
                residue=_number(molecule.residue_numbers[residue]),
                residue_name=molecule.residue_names[residue],
                phi_deg=pieces("phi", residue),
                psi_deg=pieces("psi", residue),
                psi_before_deg=pieces("psi", _before(molecule, residue)),
                handedness=_handedness(molecule, residue, first_A),
                chain=molecule.chain_ids[residue],
                has_amide_hydrogen=_has_amide_hydrogen(molecule, residue),
            )
        )
    if not found:
        raise InputError(f"{trajectory.name}: no residue has atoms N, CA and C, which the backbone angles need")
    return tuple(found)


def _number(text: str) -> int:
    """Of a residue, without its insertion code."""
    return int("".join(letter for letter in text if letter.isdigit() or letter == "-") or 0)


def _before(molecule: ProteinTopology, residue: int) -> int | None:
    """The residue whose C is bonded to N."""
    nitrogen = molecule.atom(residue, "N")
    assert nitrogen is not None
    for atom in molecule.neighbours[nitrogen]:
        if molecule.atom_names[atom] == "C" and molecule.residue_index[atom] != residue:
            return int(molecule.residue_index[atom])
    return None


def _handedness(molecule: ProteinTopology, residue: int, positions_A: np.ndarray) -> str:
    """Seen from CB the other two heavy atoms of CA tell L from D, whatever the residue is called."""
    atoms = [molecule.atom(residue, name) for name in (*_BACKBONE, "CB")]
    if atoms[3] is None:
        return "L"
    nitrogen, centre, carbon, beta = (positions_A[atom] for atom in atoms)
    return "L" if np.dot(np.cross(nitrogen - centre, carbon - centre), beta - centre) > 0.0 else "D"


def _has_amide_hydrogen(molecule: ProteinTopology, residue: int) -> bool:
    """Whether N has one hydrogen; in a file without any hydrogens, whether it would have one."""
    nitrogen = molecule.atom(residue, "N")
    assert nitrogen is not None
    numbers = [int(molecule.atomic_numbers[atom]) for atom in molecule.neighbours[nitrogen]]
    if (molecule.atomic_numbers == 1).any():
        return 1 in numbers
    return numbers.count(6) < 3  # the ring of proline closes on N
