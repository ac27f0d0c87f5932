"""The correction in an OpenMM System: on the protein only, whatever the box and the images, scaled by its parameter."""

import numpy as np
import openmm
import pytest
import torch
from openmm import app, unit

from ai2bmd.assembly import corrected_system
from ai2bmd.corrected_force import FORCE_GROUP, LAMBDA, add_correction
from ai2bmd.environment import EV_PER_KJ_MOL, energy_and_forces
from ai2bmd.solvation import Solvation, solvate
from ai2bmd.structure import prepare_structure

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def two_chains():
    """Two chains of three residues, side by side."""
    first = prepare_structure(sequence="AGA", caps="acetyl")
    second = prepare_structure(sequence="VKD", caps="acetyl")
    modeller = app.Modeller(first.topology, first.positions_A * unit.angstrom)
    offset = np.array([0.0, 6.0, 0.0]) + first.positions_A.mean(0) - second.positions_A.mean(0)
    modeller.add(second.topology, (second.positions_A + offset) * unit.angstrom)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.angstrom))


@pytest.fixture(scope="module", params=["cube", "dodecahedron"])
def solvated(request, two_chains, random_model):
    """The two chains in water with a correction, and a context of all."""
    box = solvate(*two_chains, Solvation("tip3p", padding_A=5.0, box=request.param))
    built = corrected_system(box.topology, solvent="tip3p", coupling="whole", model=random_model, device=CPU)
    assert built.correction is not None
    system = built.system
    function = add_correction(system, built.correction, built.protein)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU"))
    return context, box, built, function


def correction_at(context, positions_A):
    context.setPositions(positions_A / 10.0)
    state = context.getState(energy=True, forces=True, groups={FORCE_GROUP})
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) * EV_PER_KJ_MOL, forces


def test_the_correction_is_that_of_the_protein_alone(solvated):
    context, box, built, _ = solvated
    energy, forces = correction_at(context, box.positions_A)
    expected = built.correction.evaluate(box.positions_A[built.protein])
    assert energy == pytest.approx(expected.energy, abs=1e-5)
    np.testing.assert_allclose(forces[built.protein] * EV_PER_KJ_MOL / 10.0, expected.forces, atol=1e-5)
    assert not np.delete(forces, built.protein, axis=0).any()  # none on water and ions


def test_neither_the_box_nor_the_images_matter(solvated):
    context, box, _, _ = solvated
    vectors = np.array([row.value_in_unit(unit.angstrom) for row in box.topology.getPeriodicBoxVectors()])
    energy, forces = correction_at(context, box.positions_A)
    chains = [[atom.index for atom in chain.atoms()] for chain in list(box.topology.chains())[:2]]
    generator = np.random.default_rng(4)
    for whole_chains in (True, False):
        for _ in range(3):
            moved = box.positions_A.copy()
            for atoms in chains:
                number = 1 if whole_chains else len(atoms)
                moved[atoms] += generator.integers(-2, 3, size=(number, 3)) @ vectors
            again, forces_again = correction_at(context, moved)
            assert again == pytest.approx(energy, abs=2e-4)  # float32 far from the origin
            np.testing.assert_allclose(forces_again, forces, atol=2e-2 * np.abs(forces).max())
    apart = box.positions_A.copy()
    apart[chains[1]] += [0.7, 0.0, 0.0]  # negative control: not a box vector
    assert correction_at(context, apart)[0] != pytest.approx(energy, abs=1e-3)


def test_the_parameter_scales_it_and_at_zero_the_model_is_not_asked(solvated, monkeypatch):
    context, box, built, function = solvated
    energy, forces = correction_at(context, box.positions_A)
    context.setParameter(LAMBDA, 0.25)
    scaled, scaled_forces = correction_at(context, box.positions_A)
    assert scaled == pytest.approx(0.25 * energy, abs=1e-5)
    np.testing.assert_allclose(scaled_forces, 0.25 * forces, atol=1e-4)
    assert function.energy_eV == pytest.approx(scaled, abs=1e-5)
    context.setParameter(LAMBDA, 0.0)
    monkeypatch.setattr(built.correction, "evaluate", None)
    assert correction_at(context, box.positions_A + 1.0)[0] == 0.0
    context.setParameter(LAMBDA, 1.0)
    monkeypatch.undo()


def test_positions_just_seen_are_not_evaluated_again(solvated, monkeypatch):
    context, box, built, _ = solvated
    first, second = box.positions_A, box.positions_A + 0.01
    energies = [correction_at(context, positions)[0] for positions in (first, second)]
    monkeypatch.setattr(built.correction, "evaluate", None)
    assert [correction_at(context, positions)[0] for positions in (first, second, first)] == [*energies, energies[0]]


def test_all_together_is_the_sum(solvated):
    context, box, built, _ = solvated
    context.setPositions(box.positions_A / 10.0)
    whole, _ = energy_and_forces(context)
    environment = context.getState(energy=True, groups={0}).getPotentialEnergy()
    correction = built.correction.evaluate(box.positions_A[built.protein]).energy
    assert whole == pytest.approx(
        environment.value_in_unit(unit.kilojoule_per_mole) * EV_PER_KJ_MOL + correction, abs=1e-3
    )
