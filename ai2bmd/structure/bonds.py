"""What is bonded to what in a file, by distance: lengths that cannot be, and bonds that preparation would cut."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from jaxtyping import Float64
from openmm import app
from scipy.spatial import KDTree

from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label, residue_label
from ai2bmd.structure.changes import Change
from ai2bmd.structure.checks import ResidueRecord
from ai2bmd.structure.names import CAPS, is_hydrogen
from ai2bmd.structure.records import AtomRecord

PEPTIDE_BOND_A = 2.0
"""C and N farther apart are not bonded; a peptide bond has 1.33 A."""
_N_CA_A = 1.46
"""Engh and Huber (1991)."""
_LONGEST_A = 2.5
"""Of a bond within a residue; the longest, C-S, has 1.82 A."""
_LONGEST_DISULFIDE_A = 3.0
_LONGEST_TO_HYDROGEN_A = 1.6
_SLACK_A = 0.4
"""Atoms are bonded if they are no farther apart than their covalent radii and this (as in Allen et al., 1979)."""
_NON_METALS = frozenset("B C N O F SI P S CL SE BR I".split())
_CLOSE_A = 1.75
_CLOSE_TO_SULFUR_A = 2.1
_CARBONYLS = {("ASP", "CG"), ("ASN", "CG"), ("GLU", "CD"), ("GLN", "CD")}
_ACYLATED = {("LYS", "NZ"), ("SER", "OG"), ("THR", "OG1"), ("TYR", "OH")}
_ACYL_BOND_A = (1.15, 1.65)
"""Amides have 1.33 A, esters 1.34 A."""
_C_S_BOND_A = (1.6, 2.0)


def check_scale(residues: Sequence[ResidueRecord]) -> None:
    """Coordinates are in Angstrom, by the bonds between N and CA.

    Raises:
        InputError: these have another length in most residues.
    """
    found_A = float(np.median([_distance(residue, "N", residue, "CA") for residue in residues]))
    if 1.0 < found_A < 2.0:
        return
    factor = _N_CA_A / max(found_A, 1e-3)
    cure = f"multiply them by {factor:.3g}"
    if 9.0 < factor < 11.0:
        cure = "they look like nm: multiply them by 10"
    elif 0.09 < factor < 0.11:
        cure = "they look like Angstrom taken for nm: divide them by 10"
    raise InputError(
        f"{residues[0].where}: the coordinates are not in Angstrom: N and CA are {found_A:.3g} A apart in the typical "
        f"residue, expected {_N_CA_A} A; {cure}"
    )


def check_order(residues: Sequence[ResidueRecord]) -> None:
    """Of the residues of a chain that follow each other by their numbers, some are bonded.

    Raises:
        InputError: of two such pairs and more none is, for then the residues were moved apart.
    """
    for _, group in groupby(residues, key=lambda residue: (residue.chain, residue.atoms[0].part)):
        chain = [residue for residue in group if residue.name not in CAPS]
        pairs = [(before, after) for before, after in pairwise(chain) if _numbered_on(before, after)]
        if len(pairs) < 2 or any(bonded(before, after) for before, after in pairs):
            continue
        before, after = pairs[0]
        raise InputError(
            f"{before.where}, atom C: is {_distance(before, 'C', after, 'N'):.1f} A from atom N of residue "
            f"{after.name} {after.number}, expected 1.33 A, and no other residue of chain {before.chain} is bonded to "
            "the next one either; correct the coordinates, or put TER lines between residues that are molecules of "
            "their own"
        )


def _numbered_on(before: ResidueRecord, after: ResidueRecord) -> bool:
    numbers = before.number, after.number
    return all(number.lstrip("-").isdecimal() for number in numbers) and int(numbers[1]) - int(numbers[0]) == 1


def bonded(before: ResidueRecord, after: ResidueRecord) -> bool:
    """Whether a peptide bond joins two residues that follow each other in the file."""
    return before.chain == after.chain and _distance(before, "C", after, "N") < PEPTIDE_BOND_A


def check_bond_lengths(topology: app.Topology, positions_A: Float64[np.ndarray, "atoms 3"]) -> None:
    """Atoms that are bonded, by their names, are near each other.

    Raises:
        InputError: two that are not.
    """
    for first, second in topology.bonds():
        length_A = np.linalg.norm(positions_A[first.index] - positions_A[second.index])
        if length_A > _longest_A(first, second):
            other = f"atom {second.name}"
            if first.residue is not second.residue:
                other = f"{residue_label(second.residue)}, {other}"
            raise InputError(
                f"{atom_label(first)}: is {length_A:.1f} A from {other}, to which it should be bonded; correct the "
                "coordinates, or remove from the file what is misplaced"
            )


def _longest_A(first: app.topology.Atom, second: app.topology.Atom) -> float:
    if app.element.hydrogen in (first.element, second.element):
        return _LONGEST_TO_HYDROGEN_A
    if first.residue is second.residue:
        return _LONGEST_A
    return _LONGEST_DISULFIDE_A if first.name == second.name == "SG" else PEPTIDE_BOND_A


def check_crosslinks(chains: Sequence[Sequence[ResidueRecord]], changes: list[Change]) -> None:
    """No other bonds between residues than peptide bonds along the chains, and disulfides.

    Args:
        chains: residues joined by peptide bonds.
        changes: takes a line for atoms so near to each other that they might be bonded, and will not be.

    Raises:
        InputError: a ring or a crosslink: an amide, an ester or a thioether elsewhere.
    """
    residues = [residue for chain in chains for residue in chain]
    followed = {(id(before), id(after)) for chain in chains for before, after in pairwise(chain)}
    atoms = [(residue, atom) for residue in residues for atom in residue.atoms if not is_hydrogen(atom)]
    tree = KDTree(np.array([atom.position_A for _, atom in atoms]))
    for one, two in sorted(tree.query_pairs(_CLOSE_TO_SULFUR_A)):
        (first, a), (second, b) = atoms[one], atoms[two]
        along = (a.name, b.name) == ("C", "N") and (id(first), id(second)) in followed
        if first is second or along or a.name == b.name == "SG":
            continue
        apart_A = float(np.linalg.norm(np.subtract(a.position_A, b.position_A)))
        if _is_link(first, a, second, b, apart_A) or _is_link(second, b, first, a, apart_A):
            raise InputError(
                f"{a.where}: is bonded to {b.where} ({apart_A:.2f} A), which is neither the next residue of its chain "
                "nor a disulfide; rings and crosslinks of chains are not supported: open the bond in the file, or put "
                "the residues in the order of the chain, under one name"
            )
        if apart_A < (_CLOSE_TO_SULFUR_A if "S" in a.name[0] + b.name[0] else _CLOSE_A):
            changes.append(Change("close", a.where, f"{apart_A:.2f} A from {b.where}; taken as not bonded"))


def _is_link(first: ResidueRecord, a: AtomRecord, second: ResidueRecord, b: AtomRecord, apart_A: float) -> bool:
    """Whether a is a carbon and b what it is bonded to."""
    acyl = a.name == "C" or (first.name, a.name) in _CARBONYLS
    if acyl and (b.name == "N" or (second.name, b.name) in _ACYLATED):
        return _ACYL_BOND_A[0] < apart_A < _ACYL_BOND_A[1]
    return a.name[0] == "C" and b.name == "SG" and _C_S_BOND_A[0] < apart_A < _C_S_BOND_A[1]


def cut_bonds(kept: Sequence[ResidueRecord], removed: Iterable[ResidueRecord]) -> list[Change]:
    """A line for each bond, or coordination of a metal, between the protein and a molecule that is removed."""
    atoms = [atom for residue in kept for atom in residue.atoms if not is_hydrogen(atom)]
    tree = KDTree(np.array([atom.position_A for atom in atoms]))
    widest_A = float(max(_radius_A(atom.name[0]) for atom in atoms))
    changes = []
    for residue in removed:
        for outside in residue.atoms:
            if outside.element in ("H", "D"):
                continue
            reach_A = _radius_A(outside.element) + _SLACK_A
            for number in sorted(tree.query_ball_point(outside.position_A, reach_A + widest_A)):
                inside = atoms[number]
                apart_A = float(np.linalg.norm(np.subtract(inside.position_A, outside.position_A)))
                if inside.name[0] == "C" and outside.element not in _NON_METALS:
                    continue  # the carbon of a carboxylate that holds a metal
                if apart_A < reach_A + _radius_A(inside.name[0]):
                    changes.append(Change("bond cut", inside.where, f"to {outside.where}, removed ({apart_A:.2f} A)"))
    return changes


def _radius_A(element: str) -> float:
    """Covalent radius (Cordero et al., 2008); that of carbon where the file has no element."""
    return float(covalent_radii[atomic_numbers.get(element.capitalize(), 6)])


def _distance(first: ResidueRecord, atom: str, second: ResidueRecord, other: str) -> float:
    """In Angstrom; infinite if one of the atoms is missing."""
    one, two = first.position(atom), second.position(other)
    return float("inf") if one is None or two is None else float(np.linalg.norm(one - two))
