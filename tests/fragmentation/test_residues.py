"""Structures that cannot be cut are refused with chain, residue and atom."""

import dataclasses

import numpy as np
import pytest

from fragmentation.errors import FragmentationError
from fragmentation.residues import chain_links
from fragmentation.topology import ProteinTopology


def without(topology: ProteinTopology, names: set[str], residue: int | None = None) -> ProteinTopology:
    """The topology less the atoms of these names, everywhere or in one residue."""
    keep = [
        name not in names or residue not in (None, number)
        for name, number in zip(topology.atom_names, topology.residue_index.tolist(), strict=True)
    ]
    place = np.cumsum(keep) - 1
    bonds = topology.bonds[np.array(keep)[topology.bonds].all(axis=1)]
    return dataclasses.replace(
        topology,
        atomic_numbers=topology.atomic_numbers[keep],
        atom_names=tuple(name for name, kept in zip(topology.atom_names, keep, strict=True) if kept),
        residue_index=topology.residue_index[keep],
        bonds=place[bonds],
    )


def renamed(topology: ProteinTopology, residue: int, name: str) -> ProteinTopology:
    names = [*topology.residue_names[:residue], name, *topology.residue_names[residue + 1 :]]
    return dataclasses.replace(topology, residue_names=tuple(names))


def test_links(build_protein):
    links = chain_links(build_protein("ACE ALA CYX NME", "NALA CCYX", disulfides=[(2, 5)]))
    assert links.cores == (1, 2, 4, 5)
    assert links.following == {0: 1, 2: 3}
    assert links.disulfides == ((1, 3),)
    assert links.residues_of_core == ((0, 1), (2, 3), (4,), (5,))


@pytest.mark.parametrize(
    "names, residue, message",
    [
        ({"CA"}, 1, r"chain A, residue SER 2: backbone atom CA is missing"),
        ({"OXT"}, 2, r"chain A, residue VAL 3: the chain ends here without an oxygen OXT"),
        ({"H1", "H2", "H3"}, 0, r"chain A, residue ALA 1: 2 hydrogen atoms too few .* beginning of a chain"),
        ({"HG"}, 1, r"chain A, residue SER 2: 1 hydrogen atom too few for this residue at the inside of a chain"),
        ({"OG"}, 1, r"chain A, residue SER 2: 1 oxygen atom too few"),
    ],
)
def test_missing_atoms(names, residue, message, build_protein):
    with pytest.raises(FragmentationError, match=message):
        chain_links(without(build_protein("NALA SER CVAL"), names, residue))


def test_no_hydrogens(build_protein):
    topology = build_protein("NALA CGLY")
    hydrogens = {name for name in topology.atom_names if name.startswith("H")}
    with pytest.raises(FragmentationError, match="no hydrogens; add them with `ai2bmd prepare`"):
        chain_links(without(topology, hydrogens))


def test_unknown_residue(build_protein):
    with pytest.raises(FragmentationError, match="chain A, residue MSE 2: only the standard amino acids"):
        chain_links(renamed(build_protein("NALA MET CVAL"), 1, "MSE"))


def test_wrong_protonation(build_protein):
    with pytest.raises(FragmentationError, match="chain A, residue ASP 2: 1 hydrogen atom too many"):
        chain_links(renamed(build_protein("NALA ASH CVAL"), 1, "ASP"))


def test_broken_chain(build_protein):
    topology = build_protein("NALA SER CVAL")
    ends = {topology.atom(0, "C"), topology.atom(1, "N")}
    bonds = np.array([bond for bond in topology.bonds.tolist() if set(bond) != ends])
    with pytest.raises(FragmentationError, match="chain A, residue ALA 1: the chain ends here without"):
        chain_links(dataclasses.replace(topology, bonds=bonds))


def test_side_chains_bonded_to_each_other(build_protein):
    topology = build_protein("NALA LYS ASN CVAL")
    bond = [topology.atom(1, "NZ"), topology.atom(2, "CG")]
    with pytest.raises(FragmentationError, match=r"residue ASN 3, atom CG: bonded to atom NZ of chain A, residue LYS"):
        chain_links(dataclasses.replace(topology, bonds=np.vstack([topology.bonds, bond])))


def test_unbonded_atom(build_protein):
    topology = build_protein("NALA SER CVAL")
    bonds = topology.bonds[~(topology.bonds == topology.atom(1, "HG")).any(axis=1)]
    with pytest.raises(FragmentationError, match="chain A, residue SER 2, atom HG: has 0 bonds"):
        chain_links(dataclasses.replace(topology, bonds=bonds))


def test_loose_cap(build_protein):
    topology = build_protein("ACE ALA NME")
    residues = topology.residue_index
    between = residues[topology.bonds[:, 0]] != residues[topology.bonds[:, 1]]
    with pytest.raises(FragmentationError, match="residue ACE 1: this cap is not bonded"):
        chain_links(dataclasses.replace(topology, bonds=topology.bonds[~between]))


def test_arrays_of_different_lengths(build_protein):
    topology = build_protein("ACE ALA NME")
    with pytest.raises(ValueError, match="one entry for each atom"):
        dataclasses.replace(topology, atom_names=topology.atom_names[1:])
