"""Runs with AMOEBA: the same bits after an interruption, in the gas phase and in its own water."""

import numpy as np
import pytest

from ai2bmd.simulation.launch import resume_run, start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure import prepare_structure
from ai2bmd.trajectory.reader import read_trajectory

GAS = {
    "environment": "amoeba2018",
    "solvent": "gas",
    "coupling": "whole",
    "time": "20fs",
    "device": "cpu",
    "checkpoint_every": 10,
    "save_every": 5,
    "equilibration": [{"name": "minimise", "minimise": 5, "correction": 0}],
}
WATER = GAS | {
    "solvent": "amoeba",
    "padding": "5.5A",
    "box": "cube",
    "salt": "0M",
    "time": "2fs",
    "checkpoint_every": 25,
    "save_every": 1,
    "equilibration": [{"name": "minimise", "minimise": 12, "correction": 0}],
}


@pytest.fixture(scope="module")
def glycine():
    return prepare_structure(sequence="G", caps="acetyl")


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, glycine, model):
    """The extended dipeptide has phi and psi of 180 degrees, where OpenMM's own term would end the process."""
    said = []
    for name, time in (("whole", "20fs"), ("half", "15fs")):
        settings = make_settings(GAS | {"model": model, "time": time}, where="test")
        _, outcome = start_run(glycine, settings, output=tmp_path / name, name="test", say=said.append)
        assert outcome.ending == "finished"
    resume_run(tmp_path / "half", time="20fs", say=said.append)
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "half"))
    np.testing.assert_array_equal(one.positions_A, other.positions_A)
    np.testing.assert_array_equal(one.energy_environment, other.energy_environment)
    assert one.parameters["environment"] == "amoeba2018"
    assert "Energy: AMOEBA 2018, gas" in said
    assert "  + amber19/ff19SB of the protein in its place" in said
    # negative control: amber19 has other energies
    settings = make_settings(GAS | {"model": model, "environment": "amber19"}, where="test")
    start_run(glycine, settings, output=tmp_path / "amber", name="test", say=said.append)
    amber = read_trajectory(tmp_path / "amber" / "trajectory.h5")
    assert abs(amber.energy_environment[0] - one.energy_environment[0]) > 0.001


def test_a_run_in_amoeba_water(tmp_path, glycine, model):
    settings = make_settings(WATER | {"model": model}, where="test")
    directory, outcome = start_run(glycine, settings, output=tmp_path / "run", name="test", say=lambda line: None)
    assert outcome.ending == "finished"
    trajectory = read_trajectory(directory.trajectory)
    assert trajectory.step.tolist() == [0, 1, 2]
    assert np.isfinite(trajectory.energy_environment).all()
    assert trajectory.energy_environment[0] < -5.0  # eV: water
