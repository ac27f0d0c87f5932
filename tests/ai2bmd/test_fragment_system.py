"""The force field on fragments: the same as on each alone, and as in the training data."""

import numpy as np
import openmm
import pytest
import torch
from openmm import app

from ai2bmd.environment import FORCE_FIELD_FILE
from ai2bmd.errors import InputError
from ai2bmd.fragment_system import fragment_charges, fragment_openmm_topology, fragment_system
from ai2bmd.protein import protein_topology
from fragmentation.caps import PlanTensors, expand
from fragmentation.plan import plan_fragments


@pytest.fixture(scope="module")
def chignolin(examples):
    """Plan and fragment positions (nm)."""
    pdb = app.PDBFile(str(examples / "chignolin.pdb"))
    protein, _ = protein_topology(pdb.topology)
    plan = plan_fragments(protein)
    positions = torch.tensor(pdb.getPositions(asNumpy=True)._value)
    tensors = PlanTensors.of(plan, dtype=torch.float64)
    return plan, expand(tensors, positions * 10).numpy() / 10


def energy_and_forces(system, positions):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def alone(plan, fragment):
    """The fragment by itself, as OpenMM makes it."""
    topology = fragment_openmm_topology(plan, [fragment])
    return app.ForceField(FORCE_FIELD_FILE).createSystem(topology, removeCMMotion=False)


@pytest.mark.parametrize("signed", ["units", "signed sum"])
def test_the_whole_is_the_sum_of_fragments_alone(signed, chignolin):
    plan, positions = chignolin
    scale = plan.coefficients if signed == "signed sum" else np.ones(plan.n_fragments)
    energy, forces = 0.0, []
    for fragment, factor in enumerate(scale):
        own = energy_and_forces(alone(plan, fragment), positions[plan.fragment_index == fragment])
        energy += factor * own[0]
        forces.append(factor * own[1])
    together = energy_and_forces(fragment_system(plan, scale=scale), positions)
    assert together[0] == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(together[1], np.concatenate(forces), atol=1e-8)


def test_fragments_do_not_see_each_other(chignolin):
    plan, positions = chignolin
    system = fragment_system(plan)
    before, _ = energy_and_forces(system, positions)
    moved = positions + 50.0 * plan.fragment_index[:, None]
    assert energy_and_forces(system, moved)[0] == pytest.approx(before, rel=1e-9)
    # negative control: one atom of a fragment moved alone is felt
    moved = positions.copy()
    moved[0] += 0.01
    assert abs(energy_and_forces(system, moved)[0] - before) > 1.0


def test_charges(chignolin):
    plan, _ = chignolin
    charges = fragment_charges(plan)
    totals = np.bincount(plan.fragment_index, weights=charges)
    formal = {"nterm-TYR": 1, "mid-ASP": -1, "mid-GLU": -1, "cterm-TYR": -1}
    np.testing.assert_allclose(totals, [formal.get(name, 0) for name in plan.types], atol=1e-6)
    for fragment in (0, 5):
        system = alone(plan, fragment)
        nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
        own = [nonbonded.getParticleParameters(i)[0]._value for i in range(nonbonded.getNumParticles())]
        np.testing.assert_allclose(charges[plan.fragment_index == fragment], own)


def test_no_template(examples):
    pdb = app.PDBFile(str(examples / "chignolin.pdb"))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.delete([atom for atom in modeller.topology.atoms() if atom.residue.index == 0 and atom.name == "H3"])
    plan = plan_fragments(protein_topology(modeller.topology)[0])
    with pytest.raises(InputError, match=r"fragment A:TYR1 unit \(nterm-TYR\): .* has no template"):
        fragment_charges(plan)


def test_every_unit_of_the_training_data(shared, plan_of_molecule):
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared / "data" / "units-so3lr.h5") as file:
        assert len(file) == 71
        for name, group in file.items():
            plan = plan_of_molecule(group)
            assert plan.types == (name,)
            np.testing.assert_array_equal(plan.atomic_numbers, group["atomic_numbers"])
            assert {frozenset(bond) for bond in plan.bonds.tolist()} == {
                frozenset(bond) for bond in group["bonds"][:].tolist()
            }
            np.testing.assert_allclose(fragment_charges(plan), group["mm_charges"], atol=1e-6)
            energy, forces = energy_and_forces(fragment_system(plan), group["positions"][0] / 10)
            assert energy / 96.48533212 == pytest.approx(group["mm_energy"][0], abs=1e-4)
            np.testing.assert_allclose(forces / 964.8533212, group["mm_forces"][0], atol=1e-3)


def test_fragments_of_a_protein_are_molecules_of_the_training_data(shared, examples):
    h5py = pytest.importorskip("h5py")
    pdb = app.PDBFile(str(examples / "trpcage.pdb"))
    plan = plan_fragments(protein_topology(pdb.topology)[0])
    charges = fragment_charges(plan)
    with h5py.File(shared / "data" / "units-so3lr.h5") as file:
        for fragment, name in enumerate(plan.types):
            chosen = np.flatnonzero(plan.fragment_index == fragment)
            group = file[name]
            assert [plan.template_atom_names[atom] for atom in chosen] == group["atom_names"].asstr()[:].tolist()
            first = plan.template_residue_index[chosen[0]]
            np.testing.assert_array_equal(plan.template_residue_index[chosen] - first, group["residue_index"])
            inside = plan.bonds[plan.fragment_index[plan.bonds[:, 0]] == fragment] - chosen[0]
            assert {frozenset(bond) for bond in inside.tolist()} == {
                frozenset(bond) for bond in group["bonds"][:].tolist()
            }
            np.testing.assert_allclose(charges[chosen], group["mm_charges"], atol=1e-6)
