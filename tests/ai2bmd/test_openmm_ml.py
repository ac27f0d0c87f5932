"""OpenMM-ML finds the potential by its name; both ways to make a System, constraints and interpolation."""

import copy

import numpy as np
import openmm
import pytest
from openmm import app, unit

from ai2bmd.corrected_force import NAME
from ai2bmd.environment import build_environment, energy_and_forces
from ai2bmd.errors import InputError
from ai2bmd.openmm_system import correct_system
from ai2bmd.solvation import Solvation, solvate
from ai2bmd.structure import prepare_structure

mlpotential = pytest.importorskip("openmmml.mlpotential")


@pytest.fixture(scope="module")
def peptide():
    prepared = prepare_structure(sequence="ASA", caps="acetyl")
    return prepared.topology, prepared.positions_A


@pytest.fixture(scope="module")
def box(peptide):
    """The peptide in water, with constraints, and the indices of its atoms."""
    solvated = solvate(*peptide, Solvation("tip3p", padding_A=5.0))
    system = build_environment(solvated.topology, solvent="tip3p", constraints="h-bonds")
    return solvated, system, list(range(peptide[0].getNumAtoms()))


@pytest.fixture(scope="module")
def potential(random_model):
    return mlpotential.MLPotential("ai2bmd", modelPath=random_model, device="cpu")


def context_of(system, positions_A):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(positions_A / 10.0)
    return context


def energy(system, positions_A):
    return energy_and_forces(context_of(system, positions_A))[0]


def test_a_protein_alone(peptide, potential, random_model):
    topology, positions = peptide
    for solvent in ("gas", "gbn2"):
        system = potential.createSystem(topology, solvent=solvent)
        expected = correct_system(topology, build_environment(topology, solvent=solvent), model=random_model)
        assert energy(system, positions) == pytest.approx(energy(expected, positions), abs=1e-6)
        assert any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    with pytest.raises(InputError, match="solvent: expected gas or gbn2, got 'opc'"):
        potential.createSystem(topology, solvent="opc")
    with pytest.raises(TypeError, match="solvant"):
        potential.createSystem(topology, solvant="gas")


def test_a_protein_in_water(box, potential, random_model):
    solvated, environment, protein = box
    mixed = potential.createMixedSystem(solvated.topology, environment, protein, removeConstraints=False, forceGroup=2)
    assert mixed.getNumConstraints() == environment.getNumConstraints()
    (force,) = [force for force in mixed.getForces() if force.getName() == NAME]
    assert force.getForceGroup() == 2
    assert list(force.getParticles()) == protein
    expected = correct_system(solvated.topology, environment, model=random_model)
    at_constraints = context_of(environment, solvated.positions_A)
    at_constraints.applyConstraints(1e-10)
    positions = at_constraints.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    # bonds have no energy at their constrained lengths
    assert energy(mixed, positions) == pytest.approx(energy(expected, positions), abs=1e-5)


def test_without_its_constraints_the_protein_has_its_bonds(box, potential):
    solvated, environment, protein = box
    mixed = potential.createMixedSystem(solvated.topology, environment, protein, returnInfo=True)["system"]
    constrained = {tuple(mixed.getConstraintParameters(i)[:2]) for i in range(mixed.getNumConstraints())}
    assert constrained
    assert not any(set(pair) & set(protein) for pair in constrained)  # water stays rigid
    flexible = build_environment(solvated.topology, solvent="tip3p")
    moved = solvated.positions_A.copy()
    moved[protein] += np.random.default_rng(5).normal(scale=0.02, size=(len(protein), 3))
    context = context_of(mixed, moved)
    context.setParameter("lambda_correction", 0.0)
    assert energy_and_forces(context)[0] == pytest.approx(energy(flexible, moved), abs=1e-5)


def test_interpolation(box, potential):
    solvated, environment, protein = box
    mixed = potential.createMixedSystem(solvated.topology, environment, protein, interpolate=True)
    context = context_of(mixed, solvated.positions_A)
    energies, forces = [], []
    for part in (0.0, 0.5, 1.0):
        context.setParameter("lambda_interpolate", part)
        energy_here, forces_here = energy_and_forces(context)
        energies.append(energy_here)
        forces.append(forces_here)
    assert abs(energies[2] - energies[0]) > 0.01
    assert energies[1] == pytest.approx((energies[0] + energies[2]) / 2, abs=1e-5)
    np.testing.assert_allclose(forces[1], (forces[0] + forces[2]) / 2, atol=1e-5)
    conventional = copy.deepcopy(environment)
    for number in reversed(range(conventional.getNumConstraints())):
        if set(conventional.getConstraintParameters(number)[:2]) & set(protein):
            conventional.removeConstraint(number)
    free = build_environment(solvated.topology, solvent="tip3p")
    assert energies[0] == pytest.approx(energy(free, solvated.positions_A), abs=1e-5)


def test_atoms_must_be_those_of_the_protein(box, potential):
    solvated, environment, protein = box
    for atoms, words in (
        (protein[:-1], "atom H3 is not among them"),
        ([*protein, len(protein)], r"residue HOH \d+, atom O is not of it"),
        ([*protein, 10**6], "1000000 is not of it"),
    ):
        counts = f"{len(protein)} atoms, and was given {len(atoms)}"
        with pytest.raises(InputError, match=rf"atoms: .*{counts}: .*({words})"):
            potential.createMixedSystem(solvated.topology, environment, atoms)
    with pytest.raises(InputError, match="createMixedSystem"):
        potential.createSystem(solvated.topology)


def test_every_misspelt_choice_is_refused():
    with pytest.raises(TypeError, match="modelpath"):
        mlpotential.MLPotential("ai2bmd", modelpath="x")
    topology = prepare_structure(sequence="AGA", caps="acetyl").topology
    with pytest.raises(InputError, match="device: expected auto, cpu or cuda"):
        mlpotential.MLPotential("ai2bmd", device="gpu").createSystem(topology)


def test_it_runs(box, potential):
    solvated, environment, protein = box
    mixed = potential.createMixedSystem(solvated.topology, environment, protein)
    simulation = app.Simulation(solvated.topology, mixed, openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.0005))
    simulation.context.setPositions(solvated.positions_A / 10.0)
    simulation.minimizeEnergy(maxIterations=10)
    simulation.step(5)
    assert np.isfinite(simulation.context.getState(energy=True).getPotentialEnergy()._value)
