"""The guard: ordinary dynamics passes, every kind of broken state is told with its atoms."""

import dataclasses

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
