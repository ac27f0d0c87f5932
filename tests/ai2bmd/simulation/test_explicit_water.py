"""Runs in explicit water: constant pressure, the same bits after an interruption, whole proteins in the trajectory."""

import csv

import numpy as np
import pytest
from openmm import app

from ai2bmd.errors import InputError
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.launch import resume_run
from ai2bmd.trajectory.reader import read_trajectory

WATER = {
    "solvent": "tip3p",
    "padding": "4 A",
    "equilibration": [{"name": "minimise", "minimise": 30, "correction": 0}, {"name": "heat", "time": "40fs"}],
    "checkpoint_every": 25,
    "save_every": 10,
    "timestep": "2fs",
    "time": "200fs",
}


@pytest.fixture
def wet(start):
    """`wet(path, key=value ...)`: a short run of chignolin in a small box."""
    return lambda path, **changes: start(path, **WATER | changes)


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"constraints": "none", "timestep": "1fs", "time": "100fs"},
        {"hydrogen_mass": "3u", "timestep": "3fs", "time": "300fs"},
        {"constraints": "none", "timestep": "2fs", "substeps": 2, "time": "200fs"},
    ],
    ids=["constraints", "flexible", "heavy hydrogens", "multiple time steps"],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, wet, model, way):
    wet(tmp_path / "whole", coupling="whole", model=model, **way)
    steps = round(float(way.get("timestep", "2fs")[:-2]) * 60)  # of a hundred, and between two checkpoints
    wet(tmp_path / "half", coupling="whole", model=model, **way | {"time": f"{steps}fs"})
    assert read_checkpoint(tmp_path / "half" / "checkpoint").step == 50
    assert read_checkpoint(tmp_path / "half" / "checkpoint").reached == 60
    resume_run(tmp_path / "half", time=way.get("time", "200fs"), say=lambda line: None)
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "half"))
    assert one.step.tolist() == list(range(0, 101, 10))
    np.testing.assert_array_equal(one.positions_A, other.positions_A)
    np.testing.assert_array_equal(one.energy_environment, other.energy_environment)
    states = [read_checkpoint(tmp_path / name / "checkpoint").state for name in ("whole", "half")]
    assert states[0] == states[1]


def test_the_volume_changes_at_constant_pressure_only(tmp_path, wet):
    volumes = []
    for ensemble in ("npt", "nvt"):
        wet(tmp_path / ensemble, ensemble=ensemble, time="400fs")
        with (tmp_path / ensemble / "log.csv").open() as file:
            volumes.append({row["density_g_cm3"] for row in csv.DictReader(file)})
    assert len(volumes[0]) > 2
    assert len(volumes[1]) == 1


def test_the_trajectory_holds_the_protein_in_one_piece(tmp_path, wet):
    wet(tmp_path / "run")
    trajectory = read_trajectory(tmp_path / "run" / "trajectory.h5")
    topology = app.PDBFile(str(tmp_path / "run" / "prepared.pdb")).topology
    bonds = np.array([(a.index, b.index) for a, b in topology.bonds()])
    assert len(trajectory.atomic_numbers) == 166
    lengths = np.linalg.norm(trajectory.positions_A[:, bonds[:, 0]] - trajectory.positions_A[:, bonds[:, 1]], axis=2)
    assert lengths.max() < 2.3


def test_checkpoints_between_two_trials_of_the_barostat_are_refused(tmp_path, wet):
    with pytest.raises(InputError, match="checkpoint_every: expected a multiple of 25 steps, the barostat's interval"):
        wet(tmp_path / "run", checkpoint_every=30)
