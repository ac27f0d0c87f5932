"""The script that kills runs finds what is wrong with files: each of its complaints can come."""

import shutil
from dataclasses import replace
from types import ModuleType

import h5py
import pytest

from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure.files import read_prepared
from ai2bmd.trajectory.layout import PROTEIN, dataset
from ai2bmd.trajectory.writer import append_trajectory

STRIDES = {"protein": 5, "solvent": 10, "log": 5}


@pytest.fixture(scope="module")
def script(load_script) -> ModuleType:
    return load_script("kill_runs")


@pytest.fixture(scope="module")
def run(tmp_path_factory, examples):
    """Twenty steps in the gas phase."""
    settings = {"solvent": "gas", "coupling": "off", "device": "cpu", "time": "20fs", "save_every": 5}
    settings |= {"equilibration": [{"name": "minimise", "minimise": 5}], "checkpoint_every": 10}
    path = tmp_path_factory.mktemp("kill") / "run"
    prepared = read_prepared(examples / "chignolin.pdb")
    start_run(prepared, make_settings(settings, where="test"), output=path, name="test", say=lambda line: None)
    return path


def test_a_whole_run_gives_no_complaint(script, run):
    found = script.look(run)
    assert found.reached == 20
    assert found.steps == {"protein": [0, 5, 10, 15, 20], "log": [0, 5, 10, 15, 20]}
    assert script.complaints(script.Found(), found, strides=STRIDES) == []
    assert script.complaints(found, found, strides=STRIDES) == []


def test_every_kind_of_damage_is_told(script, run, tmp_path):
    before = script.look(run)

    def damaged(name: str):
        return shutil.copytree(run, tmp_path / name, symlinks=True)

    path = damaged("lost")
    with append_trajectory(path / "trajectory.h5") as writer:
        writer.drop_after(15)
        writer.commit()
    assert script.complaints(before, script.look(path), strides=STRIDES) == [
        "protein: reported written and not there: [20]"
    ]
    path = damaged("twice")
    with h5py.File(path / "trajectory.h5", "r+") as hdf5:
        dataset(hdf5, PROTEIN.step)[4] = 15
    assert any(
        "steps are [0, 5, 10, 15, 15]" in line for line in script.complaints(before, script.look(path), strides=STRIDES)
    )
    path = damaged("other")
    with h5py.File(path / "trajectory.h5", "r+") as hdf5:
        dataset(hdf5, PROTEIN.position.value)[2, 7, 1] += 1e-5
    assert script.complaints(before, script.look(path), strides=STRIDES) == ["protein: other numbers at step 10"]
    path = damaged("log")
    rows = (path / "log.csv").read_text().splitlines(keepends=True)
    (path / "log.csv").write_text("".join(rows[:-1]))
    assert script.complaints(before, script.look(path), strides=STRIDES) == [
        "log: reported written and not there: [20]"
    ]
    assert script.complaints(replace(before, reached=25), before, strides=STRIDES) == [
        "went back from production, step 25 to production, step 20"
    ]
