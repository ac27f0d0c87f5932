"""The one order that the atoms of a molecule of residues have in files of conformations and labels.

A group of such a file holds frames of one molecule, wherever they come from: built units, and pieces of proteins whose
files list atoms in any order. Residue by residue: N, CA, C, O, the side chain's heavy atoms as below, and OXT; each is
followed by its hydrogens. The caps are ACE: CH3, C, O and NME: N, C. Segments (residues in sequence) stand in the order
of their residues' names, so that a cluster does not depend on which segment comes first in the protein.
"""

from itertools import groupby

import numpy as np
from jaxtyping import Int64
from openmm import app

_BACKBONE = ("CH3", "N", "CA", "C", "O")
_NME = ("N", "C")
_SIDE_CHAIN = {
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "ASN": "CB CG OD1 ND2",
    "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2",
    "GLU": "CB CG CD OE1 OE2",
    "HIS": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ",
    "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CE1 CD2 CE2 CZ",
    "PRO": "CB CG CD",
    "SER": "CB OG",
    "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CE1 CD2 CE2 CZ OH",
    "VAL": "CB CG1 CG2",
}
_STANDARD = {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "HID": "HIS", "HIE": "HIS", "HIP": "HIS", "CYX": "CYS"}


def atom_order(topology: app.Topology) -> Int64[np.ndarray, " atoms"]:
    """Atoms of a molecule of complete residues in the order of the files."""
    bonded: dict[int, list[app.topology.Atom]] = {atom.index: [] for atom in topology.atoms()}
    for first, second in topology.bonds():
        bonded[first.index].append(second)
        bonded[second.index].append(first)
    order: list[int] = []
    for segment in sorted(_segments(topology), key=lambda residues: [residue.name for residue in residues]):
        for residue in segment:
            rank = {name: place for place, name in enumerate(_heavy_atoms(residue.name))}
            heavy = [atom for atom in residue.atoms() if atom.element is not app.element.hydrogen]
            for atom in sorted(heavy, key=lambda atom: rank[atom.name]):
                hydrogens = [other for other in bonded[atom.index] if other.element is app.element.hydrogen]
                order += [atom.index, *(other.index for other in sorted(hydrogens, key=lambda other: other.name))]
    return np.array(order, dtype=np.int64)


def reordered(topology: app.Topology, order: Int64[np.ndarray, " atoms"]) -> app.Topology:
    """The molecule with its atoms in another order, residues together; bonds ascend."""
    old, new = list(topology.atoms()), app.Topology()
    place = {int(atom): number for number, atom in enumerate(order)}
    chain, atoms = new.addChain(), []
    for residue, group in groupby((old[atom] for atom in order), key=lambda atom: atom.residue):
        copy = new.addResidue(residue.name, chain)
        atoms += [new.addAtom(atom.name, atom.element, copy) for atom in group]
    for first, second in sorted(sorted((place[a.index], place[b.index])) for a, b in topology.bonds()):
        new.addBond(atoms[first], atoms[second])
    return new


def _heavy_atoms(residue: str) -> tuple[str, ...]:
    if residue == "NME":
        return _NME
    return *_BACKBONE, *_SIDE_CHAIN.get(_STANDARD.get(residue, residue), "CB").split(), "OXT"


def _segments(topology: app.Topology) -> list[list[app.topology.Residue]]:
    """Residues joined by peptide bonds, in a row."""
    joined = {(a.residue.index, b.residue.index) for a, b in topology.bonds()}
    joined |= {(after, before) for before, after in joined}
    segments: list[list[app.topology.Residue]] = []
    for residue in topology.residues():
        if segments and (residue.index - 1, residue.index) in joined and residue.name != "ACE":
            segments[-1].append(residue)
        else:
            segments.append([residue])
    return segments
