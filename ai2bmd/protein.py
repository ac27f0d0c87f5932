"""The protein part of an OpenMM topology, with residues named by the atoms they have."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int64
from openmm import app

from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label, residue_label
from fragmentation.residues import AMINO_ACIDS
from fragmentation.topology import CAP_RESIDUES, ProteinTopology

_PROTEIN_NAMES = AMINO_ACIDS | CAP_RESIDUES | {"HIS", "CYM"}


def protein_topology(topology: app.Topology) -> tuple[ProteinTopology, Int64[np.ndarray, " atoms"]]:
    """Extract the protein.

    Returns:
        The protein's topology, residues under their Amber names (disulfide: CYX; by their hydrogens HID, HIE, HIP,
        ASH, GLH, LYN), and the index of each of its atoms in the OpenMM topology. Residues of other kinds are left
        to the environment.

    Raises:
        InputError: no protein, a residue whose protonation state cannot be told, or a protein atom bonded to
            something that is not protein.
    """
    residues = [residue for residue in topology.residues() if residue.name in _PROTEIN_NAMES]
    if not residues:
        raise InputError("the structure holds no protein: none of its residues is a standard amino acid")
    atoms = [atom for residue in residues for atom in residue.atoms()]
    number = {atom.index: place for place, atom in enumerate(atoms)}
    bonds = _protein_bonds(topology, number)
    sulfurs = {number[atom.index] for atom in atoms if atom.name == "SG"}
    joined = {int(end) for bond in bonds if sulfurs.issuperset(bond) for end in bond}
    return ProteinTopology(
        atomic_numbers=np.array([_atomic_number(atom) for atom in atoms], dtype=np.int64),
        atom_names=tuple(atom.name for atom in atoms),
        residue_index=np.repeat(np.arange(len(residues)), [len(residue) for residue in residues]),
        residue_names=tuple(
            _amber_name(residue, joined={atom.name for atom in residue.atoms() if number[atom.index] in joined})
            for residue in residues
        ),
        chain_ids=tuple(residue.chain.id for residue in residues),
        residue_numbers=tuple(f"{residue.id}{residue.insertionCode.strip()}" for residue in residues),
        bonds=np.array(bonds, dtype=np.int64).reshape(-1, 2),
    ), np.array([atom.index for atom in atoms], dtype=np.int64)


def atomic_numbers(topology: app.Topology) -> Int64[np.ndarray, " atoms"]:
    """Of every atom; 0 for the virtual sites of water."""
    return np.array([atom.element.atomic_number if atom.element else 0 for atom in topology.atoms()], dtype=np.int64)


def _atomic_number(atom: app.topology.Atom) -> int:
    if atom.element is None:
        raise InputError(f"{atom_label(atom)}: has no element; correct the element column of the file")
    return atom.element.atomic_number


def _protein_bonds(topology: app.Topology, number: dict[int, int]) -> list[tuple[int, int]]:
    bonds = []
    for first, second in topology.bonds():
        if first.index in number and second.index in number:
            bonds.append((number[first.index], number[second.index]))
        elif first.index in number or second.index in number:
            inside, outside = (first, second) if first.index in number else (second, first)
            raise InputError(
                f"{atom_label(inside)}: bonded to {atom_label(outside)}, which is not part of a protein of standard "
                "amino acids; remove it with `ai2bmd prepare` or replace the modified residue"
            )
    return bonds


def _amber_name(residue: app.topology.Residue, *, joined: Collection[str]) -> str:
    """Name of the residue's protonation state."""
    names = {atom.name for atom in residue.atoms()}
    match residue.name:
        case "HIS" | "HID" | "HIE" | "HIP":
            hydrogens = names & {"HD1", "HE2"}
            if not hydrogens and any(name.startswith("H") for name in names):
                raise InputError(
                    f"{residue_label(residue)}: neither HD1 nor HE2 is present; add hydrogens with `ai2bmd prepare`"
                )
            return {frozenset({"HD1"}): "HID", frozenset({"HE2"}): "HIE"}.get(frozenset(hydrogens), "HIP")
        case "CYS" | "CYX" | "CYM":
            if joined:
                return "CYX"
            if "HG" not in names and "H" in names:
                raise InputError(
                    f"{residue_label(residue)}, atom SG: has neither a hydrogen "
                    "HG nor a disulfide; add the hydrogen or the bond with `ai2bmd prepare`"
                )
            return "CYS"
        case "ASP" | "ASH":
            return "ASH" if names & {"HD1", "HD2"} else "ASP"
        case "GLU" | "GLH":
            return "GLH" if names & {"HE1", "HE2"} else "GLU"
        case "LYS" | "LYN":
            return "LYS" if {"HZ1", "HZ2", "HZ3"} <= names else "LYN"
    return residue.name
