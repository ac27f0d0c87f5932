"""Another level of theory from the command: weights and free energy of a known difference, and what cannot be."""

import csv
import re

import h5py
import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import KCAL_PER_EV, thermal_energy
from ai2bmd.analysis.thermodynamics.level_energies import level_changes, make_level
from ai2bmd.cli import main
from ai2bmd.trajectory.reader import read_observables

FRAMES, SPREAD_KT = 120, 0.5


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    """Frames whose energy at the level of the shipped model is above that of the run by a normal distribution."""
    path = make_run(tmp_path_factory.mktemp("level") / "run", frames=FRAMES, shaken_A=0.02)
    changes, temperature_K = level_changes(path, make_level(path / "prepared.pdb", device="cpu"), shown=False)
    there = read_observables(path / "trajectory.h5")["energy_correction"] + changes / KCAL_PER_EV
    wanted = SPREAD_KT * thermal_energy(temperature_K) * np.random.default_rng(0).standard_normal(FRAMES)
    with h5py.File(path / "trajectory.h5", "r+") as file:
        file["observables/energy_correction/value"][:] = there - wanted / KCAL_PER_EV
    return path


def test_frames_are_weighted_at_the_level_asked_for(run, tmp_path):
    """Of a normal difference dF = <dE> - spread^2/2kT, and Kish's number is the share exp(-spread^2) of the frames."""
    (tmp_path / "a.yaml").write_text("parts: [thermodynamics]\nlevel: {device: cpu}\n")
    assert main(["analyze", str(run), "--config", str(tmp_path / "a.yaml"), "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Reweighted to r2scan-3c" in page
    assert "Free energy along radius of gyration, at r2scan-3c" in page
    kish = re.search(r"effective samples \(Kish\)</t[hd]><td>(\d+)", page)
    assert kish is not None
    assert int(kish[1]) == pytest.approx(FRAMES * np.exp(-(SPREAD_KT**2)), rel=0.15)
    found = re.search(r"free energy, exponential average</t[hd]><td>(-?[\d.]+)", page)
    assert found is not None
    kT = thermal_energy(300.0)
    noise = np.random.default_rng(0).standard_normal(FRAMES) * SPREAD_KT
    assert float(found[1]) == pytest.approx(-kT * np.log(np.exp(-noise).mean()), abs=0.02)
    assert (tmp_path / "out" / "figures" / "reweighting.svg").is_file()


def test_trajectories_of_other_programs_have_no_energies_to_compare(dipeptide, tmp_path):
    topology, paths = dipeptide
    (tmp_path / "a.yaml").write_text("parts: [thermodynamics]\nlevel: {}\ntemperature: 300 K\n")
    arguments = ["--topology", str(topology), "--trajectory", str(paths[0]), "--config", str(tmp_path / "a.yaml")]
    assert main(["analyze", *arguments, "-o", str(tmp_path / "out")]) == 0
    assert "level: needs run directories of ai2bmd" in (tmp_path / "out" / "report.html").read_text()


def test_a_model_that_is_not_there_is_told(run, tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("parts: [thermodynamics]\nlevel: {model: none.safetensors}\n")
    assert main(["analyze", str(run), "--config", str(tmp_path / "a.yaml"), "-o", str(tmp_path / "out")]) == 2
    assert "none.safetensors does not exist" in capsys.readouterr().err


def test_memory_and_a_hidden_markov_model_are_in_the_report(dipeptide, tmp_path):
    """Jumps with chance 0.1 a frame of 1 ps both ways decay in 4.5 ps."""
    topology, paths = dipeptide
    (tmp_path / "a.yaml").write_text(
        "parts: [kinetics]\nkinetics: {lag: 2 ps, states: 2, microstates: 20, hidden_states: 2}\n"
    )
    arguments = ["--topology", str(topology), "--trajectory", *map(str, paths), "--config", str(tmp_path / "a.yaml")]
    assert main(["analyze", *arguments, "-o", str(tmp_path / "out")]) == 0
    tables = tmp_path / "out" / "tables"
    with (tables / "hidden_markov_model.csv").open() as file:
        found = {row["quantity"]: (float(row["value"]), float(row["error"])) for row in csv.DictReader(file)}
    time_ps, error_ps = found["timescale 1"]
    assert abs(time_ps - 4.48) < 3.0 * error_ps
    assert 0.0 < error_ps < 2.0
    assert (tables / "autocorrelation_radius_of_gyration.csv").is_file()
