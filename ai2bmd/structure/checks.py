"""Checks of the protein's atoms, the same for raw and prepared files; each raises one sentence that names the atom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from ai2bmd.errors import InputError
from ai2bmd.structure.records import AtomRecord

OVERLAP_A = 0.7
"""No two atoms come closer: the shortest bond, to hydrogen, is 0.96 A, and 0.85 A in some X-ray refinements."""
_BACKBONE = ("N", "CA", "C")


@dataclass(frozen=True)
class ResidueRecord:
    """One residue of the file with its atoms in the file's order."""

    name: str
    atoms: tuple[AtomRecord, ...]

    @property
    def chain(self) -> str:
        """Name of the chain."""
        return self.atoms[0].chain

    @property
    def number(self) -> str:
        """Number with insertion code."""
        return self.atoms[0].residue_number

    @property
    def where(self) -> str:
        """The residue in words, for messages and the table of changes."""
        return f"chain {self.chain}, residue {self.atoms[0].residue_name} {self.number}"

    def position(self, name: str) -> np.ndarray | None:
        """Position (A) of the atom of that name, None if it is missing."""
        return next((np.array(atom.position_A) for atom in self.atoms if atom.name == name), None)


def group_residues(atoms: Sequence[AtomRecord]) -> tuple[ResidueRecord, ...]:
    """Residues in the order of the file.

    Raises:
        InputError: two residues of one chain with one number.
    """
    residues: list[list[AtomRecord]] = []
    seen: dict[tuple[str, str], str] = {}
    for atom in atoms:
        if residues and residues[-1][0].residue_key == atom.residue_key:
            if residues[-1][0].residue_name == atom.residue_name:
                residues[-1].append(atom)
                continue
            raise _one_number(atom, residues[-1][0].residue_name)
        if atom.residue_key in seen:
            raise _one_number(atom, seen[atom.residue_key])
        seen[atom.residue_key] = atom.residue_name
        residues.append([atom])
    for residue in residues:
        names: set[str] = set()
        for atom in residue:
            if atom.name in names:
                raise InputError(
                    f"{atom.where}: occurs twice; two residues or two conformations bear one number: renumber the "
                    "residues or mark alternate locations"
                )
            names.add(atom.name)
    return tuple(ResidueRecord(residue[0].residue_name, tuple(residue)) for residue in residues)


def _one_number(atom: AtomRecord, other: str) -> InputError:
    return InputError(
        f"{atom.where}: residue {other} of the same chain has this number too; renumber one of the two residues"
    )


def check_backbone(residues: Sequence[ResidueRecord]) -> None:
    """Every amino acid has N, CA and C.

    Raises:
        InputError: one is missing.
    """
    for residue in residues:
        present = {atom.name for atom in residue.atoms}
        missing = [name for name in _BACKBONE if name not in present]
        if missing:
            raise InputError(
                f"{residue.where}: backbone atom{'s' * (len(missing) > 1)} {', '.join(missing)} missing; "
                "remove the residue from the file or rebuild it with a modelling program"
            )


def check_chirality(residues: Sequence[ResidueRecord]) -> None:
    """Every amino acid is L: seen along H-CA, CO, R and N follow clockwise.

    Raises:
        InputError: a D-amino acid.
    """
    for residue in residues:
        n, ca, c, cb = (residue.position(name) for name in ("N", "CA", "C", "CB"))
        if n is None or ca is None or c is None or cb is None:
            continue
        if np.dot(np.cross(n - ca, c - ca), cb - ca) < 0:
            raise InputError(
                f"{residue.where}, atom CA: has the configuration of a D-amino acid, which this version does not "
                "support; replace it by its L form or correct the side chain"
            )


def check_overlaps(atoms: Sequence[AtomRecord]) -> None:
    """No two atoms at one place.

    Raises:
        InputError: two atoms closer than 0.7 A.
    """
    positions = np.array([atom.position_A for atom in atoms])
    pairs = KDTree(positions).query_pairs(OVERLAP_A, output_type="ndarray")
    if len(pairs):
        first, second = min(map(tuple, np.sort(pairs, axis=1)))
        distance = np.linalg.norm(positions[first] - positions[second])
        raise InputError(
            f"{atoms[first].where}: overlaps with {atoms[second].where} ({distance:.2f} A apart); remove one of the two"
        )
