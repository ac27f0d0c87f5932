"""The protein in an OpenMM topology: names of protonation states, what is left out, what is refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from openmm import app, unit

from ai2bmd.errors import InputError
from ai2bmd.protein import protein_topology

_CHAINS = Path(__file__).parents[1] / "fragmentation" / "conftest.py"
_specification = importlib.util.spec_from_file_location("chains", _CHAINS)
assert _specification is not None
assert _specification.loader is not None
_chains = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_chains)
build_openmm_topology = _chains.build_openmm_topology

AS_IN_FILES = {"HID": "HIS", "HIE": "HIS", "HIP": "HIS", "CYX": "CYS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS"}


def test_chignolin(examples):
    pdb = app.PDBFile(str(examples / "chignolin.pdb"))
    protein, indices = protein_topology(pdb.topology)
    assert protein.residue_names == ("TYR", "TYR", "ASP", "PRO", "GLU", "THR", "GLY", "THR", "TRP", "TYR")
    assert protein.name(2) == "A:ASP3"
    np.testing.assert_array_equal(indices, np.arange(166))
    assert len(protein.bonds) == pdb.topology.getNumBonds()


@pytest.mark.parametrize("name", AS_IN_FILES)
def test_protonation_states_are_read_from_the_atoms(name, build_openmm_topology):
    chains, disulfides = [f"NALA {name} CALA"], []
    if name == "CYX":
        chains, disulfides = [*chains, "NALA CYX CALA"], [(1, 4)]
    topology = build_openmm_topology(*chains, disulfides=disulfides)
    for residue in topology.residues():
        residue.name = AS_IN_FILES.get(residue.name, residue.name)
    assert protein_topology(topology)[0].residue_names[1] == name


def test_water_is_left_to_the_environment(build_openmm_topology):
    topology = app.Topology()
    water = topology.addResidue("HOH", topology.addChain("W"))
    oxygen = topology.addAtom("O", app.element.oxygen, water)
    for name in ("H1", "H2"):
        topology.addBond(oxygen, topology.addAtom(name, app.element.hydrogen, water))
    modeller = app.Modeller(topology, np.zeros((3, 3)) * unit.nanometer)
    solute = build_openmm_topology("ACE ALA NME")
    modeller.add(solute, np.zeros((solute.getNumAtoms(), 3)) * unit.nanometer)
    protein, indices = protein_topology(modeller.topology)
    assert protein.residue_names == ("ACE", "ALA", "NME")
    np.testing.assert_array_equal(indices, np.arange(3, 25))


def test_no_protein():
    topology = app.Topology()
    topology.addAtom("NA", app.element.sodium, topology.addResidue("NA", topology.addChain("A")))
    with pytest.raises(InputError, match="holds no protein"):
        protein_topology(topology)


def test_modified_residue_in_the_chain(build_openmm_topology):
    topology = build_openmm_topology("NALA MET CALA")
    next(residue for residue in topology.residues() if residue.name == "MET").name = "MSE"
    with pytest.raises(InputError, match="residue ALA 1, atom C: bonded to chain A, residue MSE 2, atom N"):
        protein_topology(topology)


def test_histidine_without_side_chain_hydrogens(build_openmm_topology):
    topology = build_openmm_topology("NALA HID CALA", leave_out=[(1, "HD1")])
    with pytest.raises(InputError, match="chain A, residue HID 2: neither HD1 nor HE2"):
        protein_topology(topology)


def test_cysteine_without_hydrogen_or_bond(build_openmm_topology):
    with pytest.raises(InputError, match="chain A, residue CYX 2, atom SG: has neither"):
        protein_topology(build_openmm_topology("NALA CYX CALA"))


def test_atom_without_element(build_openmm_topology):
    topology = build_openmm_topology("NALA CALA")
    next(topology.atoms()).element = None
    with pytest.raises(InputError, match="chain A, residue ALA 1, atom N: has no element"):
        protein_topology(topology)
