"""Error bars along a run: in log and trajectory, in the report, and the guard that looks at them."""

import csv
import dataclasses

import ase.io
import h5py
import numpy as np
import pytest

from ai2bmd.engine import EngineState
from ai2bmd.report.report import write_report
from ai2bmd.simulation.guard import Guard, Limits
from ai2bmd.simulation.launch import resume_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.trajectory.reader import read_trajectory
from ai2bmd.trajectory.recovery import recover_trajectory

SETTINGS = {"coupling": "whole", "equilibration": (), "save_every": 5, "force_std_every": 10, "checkpoint_every": 20}


def rows(path) -> list[dict[str, str]]:
    with (path / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_log_trajectory_and_report_have_them(tmp_path, start, committee_model):
    path = tmp_path / "run"
    assert start(path, model=str(committee_model), max_force_std="1000 eV/A", **SETTINGS).ending == "finished"
    logged, trajectory = rows(path), read_trajectory(path / "trajectory.h5")
    assert trajectory.correction_std is not None
    assert trajectory.max_force_std is not None
    np.testing.assert_allclose(
        [float(row["correction_std_eV"]) for row in logged], trajectory.correction_std, atol=1e-6
    )
    assert trajectory.correction_std[0] == pytest.approx(0.0, abs=1e-6)
    assert (trajectory.correction_std[1:] > 0.0).all()
    known = np.isfinite(trajectory.max_force_std)
    assert trajectory.step[known].tolist() == [0, 10, 20, 30, 40]
    assert [bool(row["max_force_std_eV_per_A"]) for row in logged] == known.tolist()
    assert "Expected errors" in write_report(path).read_text()


def test_a_model_without_committee_has_none(tmp_path, start, model):
    path = tmp_path / "run"
    start(path, model=model, **SETTINGS)
    assert not [name for name in rows(path)[0] if "std" in name]
    assert read_trajectory(path / "trajectory.h5").correction_std is None
    assert "Expected errors" not in write_report(path).read_text()


def test_they_resume_bit_for_bit(tmp_path, start, committee_model):
    settings = SETTINGS | {"model": str(committee_model), "max_force_std": "1000 eV/A"}
    start(tmp_path / "whole", time="50fs", **settings)
    start(tmp_path / "half", time="23fs", **settings)
    resume_run(tmp_path / "half", time="50fs", say=lambda line: None)
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("whole", "half"))
    for name in ("positions_A", "correction_std", "max_force_std"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_damaged_trajectory_keeps_them(tmp_path, start, committee_model):
    start(tmp_path / "run", model=str(committee_model), max_force_std="1000 eV/A", **SETTINGS)
    path = tmp_path / "run" / "trajectory.h5"
    whole = read_trajectory(path)
    file: h5py.File
    with h5py.File(path, "r+") as file:
        values = file["particles/protein/position/value"]
        assert isinstance(values, h5py.Dataset)
        values.resize(len(values) - 1, axis=0)
    assert recover_trajectory(path) == len(whole.step) - 1
    np.testing.assert_array_equal(read_trajectory(path).max_force_std, whole.max_force_std[:-1])


def test_a_geometry_that_the_model_does_not_know_is_an_event_of_the_guard(tmp_path, start, committee_model):
    """The limit is one that the start keeps and a later geometry does not."""
    settings = SETTINGS | {"model": str(committee_model), "save_every": 10}
    start(tmp_path / "free", time="100fs", max_force_std="1000 eV/A", **settings)
    spreads = [float(row["max_force_std_eV_per_A"]) for row in rows(tmp_path / "free")]
    first = int(np.argmax(np.array(spreads) > spreads[0]))
    limit = 0.5 * (max(spreads[:first]) + spreads[first])
    outcome = start(tmp_path / "run", time="100fs", max_force_std=f"{limit} eV/A", rollbacks=0, **settings)
    assert outcome.ending == "guarded"
    assert "the model does not know such a geometry: it expects an error of" in outcome.problem
    assert f"at step {10 * first} " in outcome.problem
    frames = ase.io.read(tmp_path / "run" / "guard.xyz", index=":")
    assert [frame.info["frame"] for frame in frames] == ["before", "offending"]


def test_the_guard_names_the_atom(chignolin):
    zeros = np.zeros_like(chignolin.positions_A)
    state = EngineState(0, 0.0, chignolin.positions_A, zeros, zeros, -10.0, 1.0, 6.0, 300.0, None, None, None, 0.0)
    protein = np.arange(10, 166)
    guard = Guard(chignolin.topology, Limits.at(300.0, force_std_eV_per_A=2.0), protein)
    spread = np.full(len(protein), 1.9)
    assert guard.problem(dataclasses.replace(state, force_std_eV_per_A=spread)) is None
    spread[3] = 2.1
    name = list(chignolin.topology.atoms())[13].name
    problem = guard.problem(dataclasses.replace(state, force_std_eV_per_A=spread))
    assert problem is not None
    assert f"an error of 2.10 eV/A of the force on chain A, residue TYR 1, atom {name} (limit max_force_std" in problem
    spread[3] = np.nan
    assert guard.problem(dataclasses.replace(state, force_std_eV_per_A=spread)) is not None


def test_the_settings():
    assert make_settings({}, where="").max_force_std_eV_per_A == 3.0
    assert make_settings({"max_force_std": "30 kcal/mol/A"}, where="").max_force_std_eV_per_A == pytest.approx(
        1.3009, rel=1e-4
    )
