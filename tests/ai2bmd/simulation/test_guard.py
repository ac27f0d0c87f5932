"""The guard: ordinary dynamics passes, every kind of broken state is told with its atoms."""

import csv
import dataclasses

import ase.io
import numpy as np
import pytest
from openmm import app, unit

from ai2bmd.engine import EngineState
from ai2bmd.simulation.guard import Guard, Limits
from ai2bmd.simulation.launch import resume_run
from ai2bmd.structure.files import PreparedStructure
from ai2bmd.trajectory.reader import read_trajectory


@pytest.fixture
def guard(chignolin: PreparedStructure) -> Guard:
    return Guard(chignolin.topology, Limits.at(300.0))


@pytest.fixture
def state(chignolin: PreparedStructure) -> EngineState:
    zeros = np.zeros_like(chignolin.positions_A)
    return EngineState(
        0, 0.0, chignolin.positions_A.copy(), zeros, zeros.copy(), -10.0, 1.0, 6.0, 300.0, None, None, None, 0.0
    )


def test_a_good_state_passes(guard, state):
    assert guard.problem(state) is None


@pytest.mark.parametrize("field", ["positions_A", "velocities_A_per_ps", "forces_eV_per_A"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(guard, state, chignolin, field, value):
    getattr(state, field)[4, 1] = value
    name = next(atom.name for atom in chignolin.topology.atoms() if atom.index == 4)
    assert f"of chain A, residue TYR 1, atom {name} is not a finite number" in guard.problem(state)


def test_a_bond_too_long_and_one_too_short(guard, state, chignolin):
    names = [atom.name for atom in chignolin.topology.atoms()]
    nitrogen, carbon = names.index("N"), names.index("CA")
    direction = state.positions_A[carbon] - state.positions_A[nitrogen]
    state.positions_A[nitrogen] -= 0.7 * direction
    assert "bond between chain A, residue TYR 1, atom" in guard.problem(state)
    state.positions_A[nitrogen] += 1.3 * direction
    assert "A long (usual:" in guard.problem(state)


def test_a_force_too_large_and_a_temperature_too_high(guard, state):
    hot = dataclasses.replace(state, temperature_K=1500.0)
    hot.velocities_A_per_ps[20] = 100.0
    assert "temperature is 1500 K (limit: 1200 K), the fastest atom chain A, residue TYR 1, atom" in guard.problem(hot)
    state.forces_eV_per_A[165] = 60.0
    assert "force on chain A, residue TYR 10, atom" in guard.problem(state)
    assert "limit: 50" in guard.problem(state)


def test_a_run_that_breaks_stops_at_its_last_good_frame(tmp_path, start):
    outcome = start(tmp_path / "broken", time="1ps", timestep="7fs", equilibration=(), save_every=1, guard_every=10)
    assert outcome.ending == "guarded"
    assert "residue" in outcome.problem
    assert "atom" in outcome.problem
    assert f"at step {outcome.step + 1} " in outcome.problem  # found to the step, between two looks
    trajectory = read_trajectory(tmp_path / "broken" / "trajectory.h5")
    assert trajectory.step[-1] == outcome.step
    models = app.PDBFile(str(tmp_path / "broken" / "guard.pdb"))
    assert models.getNumFrames() == 2
    positions = models.getPositions(asNumpy=True, frame=0)
    assert positions is not None
    good = np.array(positions / unit.angstrom)
    np.testing.assert_allclose(good, trajectory.positions_A[-1], atol=6e-4)


def test_a_guarded_run_resumes_from_there(tmp_path, start):
    outcome = start(tmp_path / "broken", time="1ps", timestep="7fs", equilibration=())
    again = resume_run(tmp_path / "broken", time=None, say=lambda line: None)[1]
    assert (again.step, again.problem) == (outcome.step, outcome.problem)


def events(path):
    with (path / "guard.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_that_breaks_once_goes_back_and_ends_well(tmp_path, start):
    """Steps of 4.5 fs tear bonds of hydrogen, of half as much, taken for a while after a rollback, they do not."""
    settings = {"time": "900fs", "timestep": "4.5fs", "equilibration": (), "checkpoint_every": 20, "save_every": 5}
    assert start(tmp_path / "stubborn", rollbacks=0, **settings).ending == "guarded"
    outcome = start(tmp_path / "run", rollbacks=3, **settings)
    assert (outcome.ending, outcome.step) == ("finished", 200)
    found = events(tmp_path / "run")
    assert len(found) == 1
    assert int(found[0]["back_to_step"]) % 20 == 0
    assert int(found[0]["step"]) > int(found[0]["back_to_step"])
    trajectory = read_trajectory(tmp_path / "run" / "trajectory.h5")
    assert trajectory.step.tolist() == list(range(0, 201, 5))
    np.testing.assert_allclose(trajectory.time_ps, trajectory.step * 0.0045, atol=1e-9)
    frames = ase.io.read(tmp_path / "run" / "guard.xyz", index=":")
    assert [frame.info["frame"] for frame in frames] == ["before", "offending"]
    assert len(frames[0]) == 166
    assert frames[0].info["step"] == int(found[0]["step"])


def test_a_run_with_a_rollback_resumes_bit_for_bit(tmp_path, start):
    settings = {"timestep": "4.5fs", "equilibration": (), "checkpoint_every": 20, "save_every": 5}
    start(tmp_path / "whole", time="900fs", **settings)
    start(tmp_path / "half", time="450fs", **settings)
    assert len(events(tmp_path / "half")) == 1
    resume_run(tmp_path / "half", time="900fs", say=lambda line: None)
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "half"))
    np.testing.assert_array_equal(one.positions_A, other.positions_A)


def test_the_guard_gives_up_after_a_set_number_of_rollbacks(tmp_path, start):
    settings = {"time": "1ps", "timestep": "12fs", "equilibration": ()}
    outcome = start(tmp_path / "run", rollbacks=2, **settings)
    assert outcome.ending == "guarded"
    assert [bool(event["back_to_step"]) for event in events(tmp_path / "run")] == [True, True, False]


def test_contacts_closer_than_the_training_data(guard, state):
    close = dataclasses.replace(state, wall_eV=1.5)
    assert "closer to each other than any the model was trained on (wall energy 1.50 eV" in guard.problem(close)
