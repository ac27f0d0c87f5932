"""Runs in explicit water: constant pressure, the same bits after an interruption, whole proteins in the trajectory."""

import csv

import h5py
import numpy as np
import pytest
from openmm import app
from scipy.spatial import KDTree

from ai2bmd.errors import InputError
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.launch import resume_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.trajectory.layout import SOLVENT, dataset, time_dependent
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
    way = way | {"save_solvent_every": 20}
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
    with (
        h5py.File(tmp_path / "whole" / "trajectory.h5") as whole,
        h5py.File(tmp_path / "half" / "trajectory.h5") as half,
    ):
        assert dataset(whole, SOLVENT.step)[:].tolist() == list(range(0, 101, 20))
        for path in time_dependent(whole, SOLVENT):
            np.testing.assert_array_equal(dataset(whole, path)[:], dataset(half, path)[:])
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


def test_the_solvent_is_saved_at_its_own_stride_without_virtual_sites(tmp_path, wet):
    wet(tmp_path / "run", solvent="opc", save_solvent_every=40, time="120fs")
    with h5py.File(tmp_path / "run" / "trajectory.h5") as hdf5:
        step, numbers = dataset(hdf5, SOLVENT.step)[:], dataset(hdf5, SOLVENT.species)[:]
        solvent_A, box_A = dataset(hdf5, SOLVENT.position.value)[:], dataset(hdf5, SOLVENT.edges.value)[:]
    protein = read_trajectory(tmp_path / "run" / "trajectory.h5")
    assert step.tolist() == [0, 40]
    assert protein.step.tolist() == list(range(0, 61, 10))
    assert set(numbers.tolist()) == {1, 8, 11, 17}
    assert np.sum(numbers == 1) == 2 * np.sum(numbers == 8)
    oxygen = np.flatnonzero(numbers == 8)
    bonds_A = np.linalg.norm(solvent_A[:, oxygen] - solvent_A[:, oxygen + 1], axis=2)
    np.testing.assert_allclose(bonds_A, 0.8724, atol=1e-4)  # molecules are in one piece
    # and beside the protein: what touches any image of it touches the one that was saved
    distances = KDTree(protein.positions_A[4]).query(solvent_A[1][oxygen])[0]
    images = np.stack(np.meshgrid(*[(0, -1, 1)] * 3), axis=-1).reshape(-1, 3) @ box_A[1]
    nearest = np.min(
        [KDTree(protein.positions_A[4]).query(solvent_A[1][oxygen] + image)[0] for image in images], axis=0
    )
    assert 1.4 < distances.min() < 3.0
    assert np.sum(nearest < 4.0) > 20
    np.testing.assert_allclose(distances[nearest < 4.0], nearest[nearest < 4.0], atol=1e-3)
    assert protein.box_A is not None
    np.testing.assert_array_equal(box_A, protein.box_A[[0, 4]])
    assert read_trajectory(tmp_path / "run" / "trajectory.h5").parameters["save_solvent_every"] == 40


@pytest.mark.parametrize("water", ["opc", "tip4p-fb"])
def test_multiple_time_steps_are_refused_where_water_has_virtual_sites(water):
    with pytest.raises(InputError, match=f"substeps: expected 1 in {water}, got 2; .* take --solvent tip3p"):
        make_settings({"solvent": water, "substeps": 2}, where="settings")
    assert make_settings({"solvent": "tip3p", "substeps": 2}, where="settings").substeps == 2


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"save_solvent_every": 15}, r"save_solvent_every: expected a multiple of save_every \(10 steps\), .* got 15"),
        ({"save_solvent_every": -10}, "save_solvent_every: .*greater than or equal to 0"),
    ],
)
def test_strides_of_the_solvent_that_cannot_be(tmp_path, wet, changes, reason):
    with pytest.raises(InputError, match=reason):
        wet(tmp_path / "run", **changes)
    with pytest.raises(InputError, match="save_solvent_every: there is no solvent to save"):
        make_settings({"solvent": "gbn2", "save_solvent_every": 10}, where="settings")
    assert make_settings({"solvent": "opc", "save_every": 25}, where="").save_solvent_every == 2500
    assert make_settings({"solvent": "gas"}, where="").save_solvent_every == 0
