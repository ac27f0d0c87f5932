"""Heavy atoms and hydrogens put back: the right configuration, room around them, and the same in every call."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy.spatial import KDTree

from ai2bmd.structure import prepare_structure

ALL = "ACDEFGHIKLMNPQRSTVWY"
CENTRES = {"ILE": ("CA", "CB", "CG1", "CG2"), "THR": ("CA", "CB", "OG1", "CG2")}
"""Second stereocentre: what hangs on it, in an order that has a positive volume in L-isoleucine and L-threonine."""


@pytest.fixture(scope="module")
def trpcage(examples):
    return [line for line in (examples / "trpcage.pdb").read_text().splitlines() if line.startswith("ATOM")]


def volume(at, names):
    start, centre, one, two = (at[name] for name in names)
    return float(np.dot(np.cross(one - centre, two - centre), start - centre))


def side_chain_volumes(structure):
    found = {}
    for residue in structure.topology.residues():
        at = {atom.name: structure.positions_A[atom.index] for atom in residue.atoms()}
        if residue.name in CENTRES:
            found[residue.id] = volume(at, CENTRES[residue.name])
    return found


def nearest_not_bonded_A(structure):
    bonds = {frozenset((one.index, two.index)) for one, two in structure.topology.bonds()}
    places = structure.positions_A
    pairs = [pair for pair in KDTree(places).query_pairs(2.0) if frozenset(pair) not in bonds]
    return min(np.linalg.norm(places[one] - places[two]) for one, two in pairs)


def prepared(lines, tmp_path, **options):
    (tmp_path / "raw.pdb").write_text("\n".join(lines) + "\nEND\n")
    return prepare_structure(tmp_path / "raw.pdb", **options)


def test_the_sign_of_configuration_is_that_of_nature(shared):
    crystal = side_chain_volumes(prepare_structure(shared / "structures" / "1ubq.pdb"))
    assert len(crystal) == 14
    assert min(crystal.values()) > 1.0


@pytest.mark.parametrize("conformation", ["extended", "helix", "strand"])
def test_sequences_have_natural_side_chains_that_do_not_touch(conformation):
    structure = prepare_structure(sequence="TIGITV" + ALL, conformation=conformation)
    volumes = side_chain_volumes(structure)
    assert len(volumes) == 6
    assert min(volumes.values()) > 1.0
    assert nearest_not_bonded_A(structure) > 1.3


def test_a_bare_backbone_gets_its_side_chains(trpcage, tmp_path):
    bare = [line for line in trpcage if line[12:16].strip() in ("N", "CA", "C", "O")]
    structure = prepared(bare, tmp_path)
    whole = prepared(trpcage, tmp_path)
    assert structure.topology.getNumAtoms() == whole.topology.getNumAtoms()
    assert nearest_not_bonded_A(structure) > 1.3


def test_atoms_beyond_a_missing_one_are_built_anew_and_told(trpcage, tmp_path):
    lines = [line for line in trpcage if not (line[17:20] == "LEU" and line[12:16].strip() == "CG")]
    structure = prepared(lines, tmp_path)
    details = [change.detail for change in structure.changes if "LEU" in change.where]
    assert details == ["missing atom CG; CD1, CD2, which hung on them, built anew"] * len(details)
    assert details
    assert nearest_not_bonded_A(structure) > 1.3


def test_missing_oxygens_lie_in_the_plane_of_their_peptide_bonds(trpcage, tmp_path):
    whole = {line[22:26]: line for line in trpcage if line[12:16].strip() == "O"}
    structure = prepared([line for line in trpcage if line[12:16].strip() not in ("O", "OXT")], tmp_path)
    residues = list(structure.topology.residues())
    for residue in residues[:-1]:
        at = next(structure.positions_A[atom.index] for atom in residue.atoms() if atom.name == "O")
        line = whole[f"{residue.id:>4}"]
        expected = np.array([float(line[start : start + 8]) for start in (30, 38, 46)])
        assert np.linalg.norm(at - expected) < 0.3


def test_every_disulfide_is_one_bond(shared):
    structure = prepare_structure(shared / "structures" / "1aki.pdb")
    bonds = Counter(frozenset((one.index, two.index)) for one, two in structure.topology.bonds())
    assert max(bonds.values()) == 1
    assert sum(one.name == two.name == "SG" for one, two in structure.topology.bonds()) == 4


def test_preparation_repeats_bit_for_bit(trpcage, tmp_path):
    first = prepared(trpcage, tmp_path, caps="acetyl")
    random.random()  # OpenMM draws from the common generator, too
    second = prepared(trpcage, tmp_path, caps="acetyl")
    np.testing.assert_array_equal(first.positions_A, second.positions_A)
