"""Runs with enhanced sampling: what they leave behind, and that whatever interrupts them changes nothing."""

import csv
import shutil

import numpy as np
import pytest

from ai2bmd.cli import main
from ai2bmd.errors import InputError
from ai2bmd.report.report import write_report
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.launch import resume_run
from ai2bmd.trajectory.reader import read_trajectory

METADYNAMICS = {
    "method": "metadynamics",
    "every": 7,
    "variables": [{"rmsd": "name CA"}, {"native_contacts": "protein"}],
}
TEMPERATURES = {"every": 7, "temperatures": {"lowest": "300 K", "highest": "330 K", "number": 3}}
EXCHANGE = {"method": "replica-exchange", "variables": [{"phi": "A 4"}]} | TEMPERATURES
TEMPERING = {"method": "simulated-tempering", "variables": [{"rmsd": "name CA"}]} | TEMPERATURES
DIHEDRALS = {"method": "metadynamics", "every": 5, "variables": [{"phi": "A 4"}, {"psi": "A 4"}]}


def rows_of(path, name="sampling.csv"):
    with (path / name).open() as file:
        return list(csv.DictReader(file))


def resume(path, total_time=None):
    return resume_run(path, time=total_time, say=lambda line: None)[1]


def assert_same_run(first, second):
    for name in ("sampling.csv", "free_energy.csv", "exchanges.csv"):
        assert (first / name).exists() == (second / name).exists()
        assert not (first / name).exists() or (first / name).read_text() == (second / name).read_text()
    names = sorted(path.name for path in first.glob("trajectory*.h5"))
    assert names == sorted(path.name for path in second.glob("trajectory*.h5"))
    for name in names:
        one, other = (read_trajectory(path / name) for path in (first, second))
        np.testing.assert_array_equal(one.step, other.step)
        np.testing.assert_array_equal(one.positions_A, other.positions_A)
        np.testing.assert_array_equal(one.energy_environment, other.energy_environment)
    assert read_checkpoint(first / "checkpoint").state == read_checkpoint(second / "checkpoint").state


def test_metadynamics_leaves_variables_bias_and_free_energy(tmp_path, start):
    start(tmp_path / "run", sampling=DIHEDRALS)
    rows = rows_of(tmp_path / "run")
    assert [int(row["step"]) for row in rows] == [0, 10, 20, 30, 40]
    assert [int(row["gaussians"]) for row in rows] == [0, 2, 4, 6, 8]
    assert float(rows[0]["bias_kcal_mol"]) == 0.0
    assert float(rows[-1]["bias_kcal_mol"]) > 0.5
    assert all(-180.0 <= float(row["phi_A4_deg"]) <= 180.0 for row in rows)
    energy = rows_of(tmp_path / "run", "free_energy.csv")
    assert list(energy[0]) == ["phi_A4_deg", "psi_A4_deg", "free_energy_kcal_mol"]
    lowest = min(energy, key=lambda row: float(row["free_energy_kcal_mol"]))
    assert float(lowest["psi_A4_deg"]) == pytest.approx(float(rows[-1]["psi_A4_deg"]), abs=20.0)
    assert (tmp_path / "run" / "free_energy.png").stat().st_size > 1000
    page = write_report(tmp_path / "run").read_text()
    for words in ("Metadynamics", "8 Gaussians so far", "phi A4 (°) against time", "Free energy"):
        assert words in page


def test_the_bias_is_in_no_other_energy(tmp_path, start):
    """The first frame after a Gaussian has the energies of a run that goes the same way without: step 0 only."""
    start(tmp_path / "with", sampling=DIHEDRALS | {"every": 1000}, time="20fs")
    start(tmp_path / "without", time="20fs")
    one, other = (read_trajectory(tmp_path / name / "trajectory.h5") for name in ("with", "without"))
    np.testing.assert_allclose(one.energy_environment, other.energy_environment, atol=1e-6)
    np.testing.assert_allclose(one.positions_A, other.positions_A, atol=1e-6)


@pytest.mark.parametrize(
    "sampling", [METADYNAMICS, DIHEDRALS, EXCHANGE, TEMPERING], ids=["walls", "periodic", "exchange", "tempering"]
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, start, sampling):
    start(tmp_path / "whole", sampling=sampling, save_every=5)
    start(tmp_path / "half", sampling=sampling, save_every=5, time="23fs")
    resume(tmp_path / "half", "40fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")


def test_a_correction_and_multiple_time_steps_change_nothing_about_that(tmp_path, start, model):
    settings = {"sampling": METADYNAMICS, "coupling": "whole", "model": model, "substeps": 2, "checkpoint_every": 4}
    settings |= {"equilibration": [{"name": "minimise", "minimise": 20, "correction": 0}], "save_every": 3}
    start(tmp_path / "whole", time="16fs", **settings)
    start(tmp_path / "half", time="10fs", **settings)
    resume(tmp_path / "half", "16fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")
    assert np.ptp(read_trajectory(tmp_path / "whole" / "trajectory.h5").energy_correction) > 0


def test_rows_after_the_checkpoint_are_made_again(tmp_path, start):
    start(tmp_path / "run", time="20fs", sampling=METADYNAMICS)
    checkpoint = (tmp_path / "run" / "checkpoint").read_bytes()
    resume(tmp_path / "run", "40fs")
    shutil.copytree(tmp_path / "run", tmp_path / "killed")
    (tmp_path / "killed" / "checkpoint").write_bytes(checkpoint)
    with (tmp_path / "killed" / "sampling.csv").open("a") as file:
        file.write("50,0.05,0.3")  # a row cut off
    resume(tmp_path / "killed")
    assert_same_run(tmp_path / "run", tmp_path / "killed")


def test_a_rollback_takes_the_bias_back(tmp_path, start):
    """Steps of 4.5 fs break the run once, see test_guard."""
    settings = {"timestep": "4.5fs", "equilibration": (), "checkpoint_every": 20, "save_every": 5, "rollbacks": 20}
    settings["sampling"] = DIHEDRALS | {"height": "0.01 kcal/mol"}
    outcome = start(tmp_path / "whole", time="900fs", **settings)
    assert outcome.ending == "finished"
    assert len(rows_of(tmp_path / "whole", "guard.csv")) >= 1
    rows = rows_of(tmp_path / "whole")
    assert [int(row["step"]) for row in rows] == list(range(0, 201, 5))
    assert [int(row["gaussians"]) for row in rows] == list(range(41))
    start(tmp_path / "half", time="450fs", **settings)
    resume(tmp_path / "half", "900fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")


def test_metadynamics_in_water_at_constant_pressure_resumes_bit_for_bit(tmp_path, start):
    water = {
        "solvent": "tip3p",
        "padding": "4 A",
        "equilibration": [{"name": "minimise", "minimise": 30}, {"name": "heat", "time": "40fs"}],
        "checkpoint_every": 25,
        "timestep": "2fs",
        "sampling": METADYNAMICS,
    }
    start(tmp_path / "whole", time="120fs", **water)
    start(tmp_path / "half", time="80fs", **water)
    resume(tmp_path / "half", "120fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")


def test_replica_exchange_leaves_a_trajectory_for_each_temperature(tmp_path, start):
    start(tmp_path / "run", sampling=EXCHANGE)
    rows = rows_of(tmp_path / "run")
    assert [(int(row["step"]), int(row["temperature_index"])) for row in rows[:4]] == [(0, 0), (0, 1), (0, 2), (10, 0)]
    exchanges = rows_of(tmp_path / "run", "exchanges.csv")
    assert [int(row["step"]) for row in exchanges] == [7, 14, 21, 28, 35]
    for index, name in enumerate(("trajectory.h5", "trajectory-temperature-1.h5", "trajectory-temperature-2.h5")):
        trajectory = read_trajectory(tmp_path / "run" / name)
        assert trajectory.step.tolist() == [0, 10, 20, 30, 40]
        own = [float(row["potential_energy_eV"]) for row in rows if int(row["temperature_index"]) == index]
        np.testing.assert_allclose(trajectory.energy_environment, own, rtol=1e-6)
    last = [int(row["replica"]) for row in rows[-3:]]
    assert [int(exchanges[-1][f"temperature_of_replica_{replica}"]) for replica in last] == [0, 1, 2]
    page = write_report(tmp_path / "run").read_text()
    for words in ("Replica exchange", "5 exchanges (exchanges.csv)", "300.0 K, 314.6 K", "Temperatures against time"):
        assert words in page


def test_tempering_tells_the_temperature_of_each_frame(tmp_path, start):
    start(tmp_path / "run", sampling=TEMPERING)
    rows = rows_of(tmp_path / "run")
    assert [int(row["step"]) for row in rows] == [0, 10, 20, 30, 40]
    assert {row["thermostat_K"] for row in rows} <= {"300", "314.64265", "330"}
    page = write_report(tmp_path / "run").read_text()
    for words in ("Simulated tempering", "314.6 K", "Weights are found while it runs", "that of simulated tempering"):
        assert words in page


def test_replicas_resume_after_a_rollback_bit_for_bit(tmp_path, start):
    settings = {"timestep": "4.5fs", "equilibration": (), "checkpoint_every": 20, "rollbacks": 20, "sampling": EXCHANGE}
    assert start(tmp_path / "whole", time="450fs", **settings).ending == "finished"
    assert len(rows_of(tmp_path / "whole", "guard.csv")) >= 1
    assert [int(row["step"]) for row in rows_of(tmp_path / "whole", "exchanges.csv")] == list(range(7, 101, 7))
    start(tmp_path / "half", time="225fs", **settings)
    resume(tmp_path / "half", "450fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")


def test_a_reference_is_kept_with_the_run(tmp_path, start, examples):
    shutil.copy(examples / "chignolin.pdb", tmp_path / "other.pdb")
    sampling = {"method": "metadynamics", "variables": [{"rmsd": "name CA", "reference": str(tmp_path / "other.pdb")}]}
    start(tmp_path / "run", sampling=sampling, time="20fs")
    (tmp_path / "other.pdb").unlink()
    resume(tmp_path / "run", "40fs")
    with pytest.raises(InputError, match=r"sampling: reference .*other.pdb does not exist"):
        start(tmp_path / "again", sampling=sampling)


@pytest.mark.parametrize(
    "variable, sentence",
    [
        ({"phi": "A 30"}, "sampling: phi: chain A has no residue 30"),
        ({"radius_of_gyration": "all", "range": ["20 A", "30 A"]}, "radius_of_gyration is .* outside its range 20 to"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_done(tmp_path, start, variable, sentence):
    with pytest.raises(InputError, match=sentence):
        start(tmp_path / "run", sampling={"method": "metadynamics", "variables": [variable]})
    assert not (tmp_path / "run").exists()


def test_a_run_without_its_table_is_not_resumed(tmp_path, start):
    start(tmp_path / "run", sampling=METADYNAMICS, time="20fs")
    (tmp_path / "run" / "sampling.csv").unlink()
    with pytest.raises(InputError, match=r"sampling.csv is missing"):
        resume(tmp_path / "run", "40fs")


@pytest.mark.parametrize("name, structure", [("metadynamics", "alanine_dipeptide"), ("replica_exchange", "chignolin")])
def test_the_examples_run(tmp_path, examples, name, structure):
    words = ["run", examples / f"{structure}.pdb", "--config", examples / f"{name}.yaml", "-o", tmp_path / "run"]
    assert (
        main(
            [str(word) for word in words]
            + ["--coupling", "off", "--solvent", "gas", "--time", "6fs", "--device", "cpu"]
        )
        == 0
    )
    assert len(rows_of(tmp_path / "run")) >= 1
