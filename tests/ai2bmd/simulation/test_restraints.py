"""Restraints and frozen atoms: where atoms may go, what that does to temperature and pressure, mistakes."""

import csv

import numpy as np
import openmm
import pytest
from openmm import app

from ai2bmd.errors import InputError
from ai2bmd.frozen import freeze
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.launch import resume_run
from ai2bmd.simulation.restraints import HeldAtoms, add_restraints
from ai2bmd.simulation.settings import make_settings
from ai2bmd.trajectory.reader import read_trajectory

WATER = {
    "solvent": "tip3p",
    "padding": "4 A",
    "equilibration": [
        {"name": "minimise", "minimise": 30, "restraint": "5 kcal/mol/A2"},
        {"name": "heat", "time": "60fs", "ensemble": "npt"},
    ],
    "checkpoint_every": 25,
    "timestep": "2fs",
    "time": "200fs",
}


def positions_of(path):
    return read_trajectory(path / "trajectory.h5").positions_A


def chosen(path, accept):
    atoms = app.PDBFile(str(path / "prepared.pdb")).topology.atoms()
    return np.array([atom.index for atom in atoms if accept(atom)])


def log(path, column):
    with (path / "log.csv").open() as file:
        return np.array([float(row[column]) for row in csv.DictReader(file)])


@pytest.fixture
def springs():
    """Energy and forces of restraints alone, by positions (A): four atoms of six, the first frozen or not."""

    def build(frozen):
        places = np.random.default_rng(1).normal(scale=3.0, size=(6, 3))
        system = openmm.System()
        for _ in range(6):
            system.addParticle(1.0)
        held = HeldAtoms(((np.array([1, 2]), 5.0), (np.array([4]), 20.0)), np.array(frozen, dtype=np.int64))
        add_restraints(system, held, places)
        platform = openmm.Platform.getPlatformByName("Reference")
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)

        def energy_kcal(positions_A):
            context.setPositions(positions_A / 10.0)
            return context.getState(energy=True).getPotentialEnergy()._value / 4.184

        return places, energy_kcal

    return build


def test_the_energy_of_a_restraint_is_that_of_its_springs(springs):
    places, energy_kcal = springs([0])
    moved = places.copy()
    moved[2] += [0.3, 0.0, 0.4]
    moved[4] += [0.0, 0.1, 0.0]
    moved[5] += 7.0  # is not held
    assert energy_kcal(moved) == pytest.approx(0.5 * 5.0 * 0.25 + 0.5 * 20.0 * 0.01, abs=1e-9)
    assert energy_kcal(moved + 30.0) == pytest.approx(energy_kcal(moved), abs=1e-6)
    turned = moved @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert energy_kcal(turned) > 10.0


def test_without_frozen_atoms_places_are_relative_to_the_middle_of_the_restrained(springs):
    places, energy_kcal = springs([])
    moved = places.copy()
    moved[2] += [0.3, 0.0, 0.0]
    shifts = np.array([-0.1, 0.2, -0.1])
    expected = 0.5 * (5.0 * shifts[0] ** 2 + 5.0 * shifts[1] ** 2 + 20.0 * shifts[2] ** 2)
    assert energy_kcal(moved) == pytest.approx(expected, abs=1e-9)


def test_restrained_atoms_stay_near_their_places_and_others_do_not(tmp_path, start):
    settings = {"temperature": "1000 K", "time": "200fs", "timestep": "0.5fs"}
    held = [{"atoms": "name CA", "stiffness": "300 kcal/mol/A2"}]
    start(tmp_path / "held", restraints=held, **settings)
    start(tmp_path / "free", **settings)
    alphas = chosen(tmp_path / "held", lambda atom: atom.name == "CA")
    place = app.PDBFile(str(tmp_path / "held" / "prepared.pdb")).getPositions(asNumpy=True)._value * 10.0
    distances = []
    for name in ("held", "free"):
        last = positions_of(tmp_path / name)[-1][alphas]
        distances.append(np.linalg.norm(last - last.mean(0) - place[alphas] + place[alphas].mean(0), axis=1).mean())
    assert distances[0] < 0.2 < distances[1]


def test_frozen_atoms_do_not_move_and_the_others_have_the_temperature(tmp_path, start):
    start(tmp_path / "run", frozen="resid 1:5", time="300fs", friction="20/ps")
    frozen = chosen(tmp_path / "run", lambda atom: int(atom.residue.id) <= 5)
    moving = chosen(tmp_path / "run", lambda atom: int(atom.residue.id) > 5)
    positions = positions_of(tmp_path / "run")
    place = app.PDBFile(str(tmp_path / "run" / "prepared.pdb")).getPositions(asNumpy=True)._value * 10.0
    np.testing.assert_allclose(
        positions[:, frozen], np.broadcast_to(place[frozen], positions[:, frozen].shape), atol=1e-5
    )
    assert np.abs(positions[-1][moving] - place[moving]).max() > 0.3
    assert read_trajectory(tmp_path / "run" / "trajectory.h5").parameters["degrees_of_freedom"] == 3 * len(moving)
    assert 240.0 < log(tmp_path / "run", "temperature_K")[15:].mean() < 360.0


def test_the_corrected_minimisation_leaves_frozen_atoms_alone(tmp_path, start, model):
    stages = [{"name": "minimise", "minimise": 10}]
    start(tmp_path / "run", frozen="resid 1:5", equilibration=stages, coupling="whole", model=model, time="2fs")
    frozen = chosen(tmp_path / "run", lambda atom: int(atom.residue.id) <= 5)
    place = app.PDBFile(str(tmp_path / "run" / "prepared.pdb")).getPositions(asNumpy=True)._value * 10.0
    np.testing.assert_allclose(positions_of(tmp_path / "run")[-1][frozen], place[frozen], atol=1e-5)


@pytest.mark.parametrize(
    "way", [{}, {"substeps": 2, "constraints": "none"}], ids=["constraints", "multiple time steps"]
)
def test_at_constant_pressure_what_is_held_keeps_its_shape_and_the_run_resumes_bit_for_bit(tmp_path, start, way):
    held = {"restraints": [{"atoms": "protein and resid 6:10"}], "frozen": "protein and resid 1:3 and not name C O"}
    settings = WATER | held | way
    start(tmp_path / "whole", **settings)
    start(tmp_path / "half", **settings | {"time": "120fs"})
    resume_run(tmp_path / "half", time="200fs", say=lambda line: None)
    assert read_checkpoint(tmp_path / "whole/checkpoint").state == read_checkpoint(tmp_path / "half/checkpoint").state
    positions = positions_of(tmp_path / "whole")
    place = app.PDBFile(str(tmp_path / "whole" / "prepared.pdb")).getPositions(asNumpy=True)._value * 10.0
    frozen = chosen(tmp_path / "whole", lambda atom: int(atom.residue.id) <= 3 and atom.name not in ("C", "O"))
    relative = positions[:, frozen] - positions[:, frozen].mean(1, keepdims=True)
    expected = place[frozen] - place[frozen].mean(0)
    np.testing.assert_allclose(relative, np.broadcast_to(expected, relative.shape), atol=2e-3)
    density = log(tmp_path / "whole", "density_g_cm3")
    assert len(set(density)) > 1
    assert 0.6 < density.mean() < 1.3  # the frozen atoms have their mass here


@pytest.mark.parametrize(
    "held, sentence",
    [
        ({"frozen": "name XX"}, "frozen: the selection 'name XX' fits no atom"),
        ({"frozen": "resid 1 orr"}, "frozen: 'resid 1 orr' is no selection that MDAnalysis understands"),
        ({"frozen": "all"}, "frozen: no atom is left to move"),
        ({"restraints": [{"atoms": "resname TRYP"}]}, "restraints: the selection 'resname TRYP' fits no atom"),
        (
            {"frozen": "name CA", "constraints": "h-bonds"},
            "frozen: chain A, residue TYR 1, atom CA is frozen, and a constraint holds chain A, residue TYR 1, atom HA",
        ),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_done(tmp_path, start, held, sentence):
    with pytest.raises(InputError, match=sentence):
        start(tmp_path / "run", **held)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"restraints": [{"atoms": "name CA", "stiffness": "0 kcal/mol/A2"}]}, r"restraints.0.stiffness: .*greater"),
        ({"restraints": [{"atoms": "name CA", "k": 3}]}, r"unknown setting 'restraints.0.k'"),
        ({"restraints": [{"stiffness": "1 kcal/mol/A2"}]}, r"restraints.0.atoms: is missing"),
        ({"restraints": "name CA"}, "restraints: "),
        ({"frozen": ""}, "frozen: "),
    ],
)
def test_mistakes_in_the_settings(values, sentence):
    with pytest.raises(InputError, match=f"run.yaml: .*{sentence}"):
        make_settings(values, where="run.yaml")


def test_constraints_among_frozen_atoms_go(chignolin):
    system = openmm.System()
    for _ in range(4):
        system.addParticle(1.0)
    system.addConstraint(0, 1, 0.1)
    system.addConstraint(2, 3, 0.1)
    freeze(system, np.array([0, 1]), chignolin.topology)
    assert [system.getParticleMass(atom)._value for atom in range(4)] == [0.0, 0.0, 1.0, 1.0]
    assert [system.getConstraintParameters(0)[:2], system.getNumConstraints()] == [[2, 3], 1]
