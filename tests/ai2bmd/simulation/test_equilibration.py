"""Equilibration: ramps, restraints, and the same end whatever interrupts it."""

import shutil

import numpy as np
import openmm
import pytest

from ai2bmd.environment import energy_and_forces
from ai2bmd.errors import InputError
from ai2bmd.simulation import equilibration
from ai2bmd.simulation.equilibration import plan_segments, read_samples
from ai2bmd.simulation.interruption import Interruption
from ai2bmd.simulation.launch import resume_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.simulation.shape_restraint import STIFFNESS, add_shape_restraint

STAGES = [
    {"name": "minimise", "minimise": 20, "restraint": "10 kcal/mol/A2", "correction": 0},
    {"name": "heat", "time": "40fs", "temperature": ["100 K", "300 K"], "restraint": "10 kcal/mol/A2"},
    {"name": "switch on", "time": "30fs", "correction": [0, 1]},
]


@pytest.fixture
def staged(start, model):
    """Starts a run of a few steps after the stages."""

    def begin(path, **changes):
        return start(path, equilibration=STAGES, coupling="whole", model=model, time="2fs", **changes)

    return begin


def test_ramps_end_where_they_should():
    settings = make_settings({"equilibration": STAGES, "timestep": "0.5fs"}, where="test")
    segments = list(plan_segments(settings))
    assert [segment.number for segment in segments] == list(range(41))
    heat = [segment for segment in segments if segment.stage.name == "heat"]
    assert sum(segment.steps for segment in heat) == 80
    assert heat[-1].temperature_K == 300.0
    assert heat[0].temperature_K == pytest.approx(110.0)
    assert [segment.correction for segment in segments][-20:] == pytest.approx(np.linspace(0.05, 1.0, 20))


def test_the_table_tells_every_stage(tmp_path, staged):
    assert staged(tmp_path / "run").ending == "finished"
    samples = read_samples(tmp_path / "run" / "equilibration.csv")
    assert {sample.stage for sample in samples} == {"minimise", "heat", "switch on"}
    assert samples[0].energy_correction_eV == 0.0
    assert samples[-1].energy_correction_eV != 0.0
    assert samples[-1].time_ps == pytest.approx(0.07)
    assert 0.0 < samples[-1].rmsd_A < 1.0


@pytest.mark.parametrize("after", [1, 7, 30])
def test_an_interrupted_equilibration_ends_where_an_uninterrupted_one_does(tmp_path, staged, monkeypatch, after):
    staged(tmp_path / "whole")
    done = []
    monkeypatch.setattr(Interruption, "reason", property(lambda self: "signal" if len(done) >= after else None))
    run = equilibration._run
    monkeypatch.setattr(equilibration, "_run", lambda *words, **more: done.append(1) or run(*words, **more))
    assert staged(tmp_path / "halves").ending == "interrupted"
    assert len(done) == after
    assert not (tmp_path / "halves" / "trajectory.h5").exists()
    monkeypatch.undo()
    resume_run(tmp_path / "halves", time=None, say=lambda line: None)
    for name in ("equilibration.csv", "trajectory.h5"):
        whole, halves = ((tmp_path / path / name).read_bytes() for path in ("whole", "halves"))
        assert len(whole) == len(halves)
    assert (tmp_path / "whole/equilibration.csv").read_text() == (tmp_path / "halves/equilibration.csv").read_text()
    assert (tmp_path / "whole/checkpoint").read_bytes() == (tmp_path / "halves/checkpoint").read_bytes()


def test_a_killed_start_is_resumed_from_what_there_is(tmp_path, staged):
    staged(tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "killed", symlinks=True)
    for name in ("checkpoint", "equilibration", "equilibration.csv", "trajectory.h5", "trajectory.h5md", "log.csv"):
        (tmp_path / "killed" / name).unlink()
    resume_run(tmp_path / "killed", time=None, say=lambda line: None)
    assert (tmp_path / "run/checkpoint").read_bytes() == (tmp_path / "killed/checkpoint").read_bytes()


def test_a_state_of_another_run_is_refused(tmp_path, staged):
    staged(tmp_path / "one")
    staged(tmp_path / "two", seed=2)
    (tmp_path / "one" / "checkpoint").unlink()
    (tmp_path / "one" / "trajectory.h5").unlink()
    shutil.copy(tmp_path / "two" / "equilibration", tmp_path / "one" / "equilibration")
    with pytest.raises(InputError, match=r"belongs to another run: seed was 2, and settings.yaml now says 1"):
        resume_run(tmp_path / "one", time=None, say=lambda line: None)


def test_a_structure_that_falls_apart_names_the_stage(tmp_path, start):
    stages = [{"name": "too fast", "time": "1ps"}]
    with pytest.raises(InputError, match=r"equilibration, stage too fast: .* look for clashes"):
        start(tmp_path / "run", equilibration=stages, timestep="12fs", time="12fs")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def restrained():
    """A context with the shape restraint of six atoms, three and three, alone."""
    positions = np.random.default_rng(1).normal(scale=3.0, size=(6, 3))
    system = openmm.System()
    for _ in range(6):
        system.addParticle(1.0)
    add_shape_restraint(system, positions, [np.array([0, 1, 2]), np.array([3, 4, 5])])
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setParameter(STIFFNESS, 4184.0)
    return context, positions


def test_the_shape_restraint_knows_no_place_and_no_direction(restrained):
    context, positions = restrained
    moved = positions.copy()
    moved[:3] = moved[:3] @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) + 20.0
    for same in (positions, moved):
        context.setPositions(same / 10.0)
        energy, forces = energy_and_forces(context)
        assert energy == pytest.approx(0.0, abs=1e-6)
        np.testing.assert_allclose(forces, 0.0, atol=1e-4)


def test_the_shape_restraint_is_a_spring_on_every_atom(restrained):
    context, positions = restrained
    bent = positions + np.random.default_rng(2).normal(scale=0.2, size=positions.shape)
    context.setPositions(bent / 10.0)
    energy, forces = energy_and_forces(context)
    assert 0.0 < energy <= 0.5 * 10.0 * 0.0433641 * np.square(bent - positions).sum() + 1e-6
    for atom, axis in ((0, 0), (4, 2)):
        values = []
        for shift in (-1e-3, 1e-3):
            shifted = bent.copy()
            shifted[atom, axis] += shift
            context.setPositions(shifted / 10.0)
            values.append(energy_and_forces(context)[0])
        assert forces[atom, axis] == pytest.approx(-(values[1] - values[0]) / 2e-3, rel=1e-4)
