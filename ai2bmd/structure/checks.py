"""Checks of the protein's atoms, the same for raw and prepared files; each raises one sentence that names the atom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from ai2bmd.errors import InputError
from ai2bmd.structure.changes import Change
from ai2bmd.structure.records import AtomRecord

OVERLAP_A = 0.7
"""No two atoms come closer: the shortest bond, to hydrogen, is 0.96 A, and 0.85 A in some X-ray refinements."""
SIDE_CHAIN_CENTRES = {"ILE": ("CA", "CG1", "CG2"), "THR": ("CA", "OG1", "CG2")}
"""Neighbours of CB where it is a stereocentre, in an order in which L-amino acids have a positive triple product."""
_FULL_NAMES = {"ILE": "isoleucine", "THR": "threonine"}
_BACKBONE = ("N", "CA", "C")
_CAPS = {"ACE": ("CH3", "C"), "NME": ("N", "C"), "NHE": ("N",)}


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


def group_residues(atoms: Sequence[AtomRecord], *, counted: Callable[[str], bool]) -> tuple[ResidueRecord, ...]:
    """Residues in the order of the file.

    Args:
        atoms: of the file.
        counted: whether a residue of this name must have a number, and its atoms names, of their own; numbers of
            water begin again after 9999.

    Raises:
        InputError: two such residues of one chain with one number.
    """
    residues: list[list[AtomRecord]] = []
    seen: dict[tuple[str, str], str] = {}
    for atom in atoms:
        last = residues[-1][0] if residues else None
        if last and last.residue_key == atom.residue_key and last.residue_name == atom.residue_name:
            residues[-1].append(atom)
            continue
        if counted(atom.residue_name):
            if atom.residue_key in seen:
                raise _one_number(atom, seen[atom.residue_key])
            seen[atom.residue_key] = atom.residue_name
        residues.append([atom])
    for residue in residues:
        names: set[str] = set()
        for atom in residue if counted(residue[0].residue_name) else ():
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


def check_file_overlaps(atoms: Sequence[AtomRecord]) -> None:
    """`check_overlaps` of the atoms of a file."""
    check_overlaps(np.array([atom.position_A for atom in atoms]), lambda number: atoms[number].where)


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


def check_caps(chains: Sequence[Sequence[ResidueRecord]]) -> None:
    """Every cap is complete and bonded to an amino acid.

    Raises:
        InputError: the first that is not so.
    """
    for chain in chains:
        for residue in chain:
            missing = [name for name in _CAPS.get(residue.name, ()) if residue.position(name) is None]
            if missing:
                raise InputError(f"{residue.where}: cap without atom {', '.join(missing)}; complete it or remove it")
        if all(residue.name in _CAPS for residue in chain):
            raise InputError(f"{chain[0].where}: this cap is not bonded to a chain; remove it or correct its place")


def check_none_alone(chains: Sequence[Sequence[ResidueRecord]]) -> None:
    """No amino acid has two charged ends.

    Raises:
        InputError: one has, which the force field does not describe.
    """
    for chain in chains:
        if len(chain) == 1:
            raise InputError(
                f"{chain[0].where}: stands alone, and amber19/ff19SB has no amino acid with both ends charged; "
                "use --caps acetyl, or remove it"
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


def told_side_chain_chirality(residues: Sequence[ResidueRecord]) -> list[Change]:
    """Isoleucines and threonines with the other configuration at CB than proteins have, which may be meant."""
    changes = []
    for residue in residues:
        centre, *others = (residue.position(name) for name in ("CB", *SIDE_CHAIN_CENTRES.get(residue.name, ())))
        if centre is None or not others or any(other is None for other in others):
            continue
        if np.linalg.det(np.array(others) - centre) < 0:
            detail = f"other configuration at CB than L-{_FULL_NAMES[residue.name]} has; kept"
            changes.append(Change("chirality", residue.where, detail))
    return changes


def check_overlaps(positions: Float64[np.ndarray, "atoms 3"], name: Callable[[int], str]) -> None:
    """No two atoms at one place.

    Args:
        positions: in Angstrom.
        name: the words for an atom.

    Raises:
        InputError: two atoms closer than 0.7 A.
    """
    pairs = KDTree(positions).query_pairs(OVERLAP_A, output_type="ndarray")
    if len(pairs):
        first, second = min(map(tuple, np.sort(pairs, axis=1)))
        distance = np.linalg.norm(positions[first] - positions[second])
        raise InputError(f"{name(first)}: overlaps with {name(second)} ({distance:.2f} A apart); remove one of the two")
