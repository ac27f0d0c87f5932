"""Enhanced sampling from the command: several runs put together, melting where folding is named, or why not."""

import csv
import html
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from ai2bmd import draw
from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.cli import main
from ai2bmd.errors import InputError

TEMPERATURES_K = (300.0, 320.0, 340.0)
EXCHANGE = {
    "method": "replica-exchange",
    "temperatures": [f"{temperature_K:g} K" for temperature_K in TEMPERATURES_K],
    "variables": [{"rmsd": "not element H"}],
}
METADYNAMICS = {"method": "metadynamics", "variables": [{"phi": "A 1"}]}
ENTHALPY_KCAL, MELTING_K = 20.0, 320.0


def fill_exchange(run: Path, seed: int) -> None:
    """Continue the table of a run with frames, all independent, of a two-state protein that is known."""
    generator, table = np.random.default_rng(seed), run / "sampling.csv"
    rows = [table.read_text().splitlines()[0]]
    assert rows[0] == "step,time_ps,temperature_index,thermostat_K,replica,rmsd_A,potential_energy_eV"
    for step in range(400):
        replicas = generator.permutation(len(TEMPERATURES_K))
        for index, temperature_K in enumerate(TEMPERATURES_K):
            unfolding = ENTHALPY_KCAL * (1.0 - temperature_K / MELTING_K)
            unfolded = generator.random() > 1.0 / (1.0 + np.exp(-unfolding / (GAS_CONSTANT_KCAL * temperature_K)))
            energy_eV = (ENTHALPY_KCAL * unfolded + thermal_energy(temperature_K) * generator.gamma(10.0)) / 23.06
            rmsd_A = generator.normal(6.0 if unfolded else 1.0, 0.3)
            rows.append(f"{5 * step},0,{index},{temperature_K},{replicas[index]},{rmsd_A:.6g},{energy_eV:.8g}")
    table.write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def exchanges(run_dipeptide, tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("exchange")
    runs = [folder / "run1", folder / "run2"]
    for seed, run in enumerate(runs):
        run_dipeptide(run, sampling=EXCHANGE, seed=seed + 1)
        fill_exchange(run, seed)
    return runs


def analyse(runs: list[Path], output: Path, settings: str = "") -> tuple[Path, str]:
    """The folder of the report, and its text."""
    (output.parent / "a.yaml").write_text(f"parts: [thermodynamics]\n{settings}")
    config = ["--config", str(output.parent / "a.yaml")]
    assert main(["analyze", *map(str, runs), *config, "-o", str(output)]) == 0
    return output, html.unescape((output / "report.html").read_text())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_two_exchange_runs_melt_together(exchanges, tmp_path):
    """Each row of the table of unfolding against what was put in, and the quantities with their traffic lights."""
    output, page = analyse(exchanges, tmp_path / "out", "folding: {by: rmsd, folded: 2, unfolded: 5}\n")
    assert "of 2 independent runs" in page
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert {"Overlap of ensembles", "Heat capacity", "Melting"} <= set(titles)
    for row in rows_of(output / "tables" / "unfolding.csv"):
        exact = ENTHALPY_KCAL * (1.0 - float(row["temperature_K"]) / MELTING_K)
        assert abs(float(row["unfolding_kcal_mol"]) - exact) < 4.0 * float(row["standard_error_kcal_mol"])
    found = {row["quantity"]: row for row in rows_of(output / "tables" / "quantities.csv")}
    melting = found["melting temperature"]
    assert abs(float(melting["value"]) - MELTING_K) < 4.0 * float(melting["standard_error"]) < 8.0
    assert (output / "figures" / "melting_curve.svg").is_file()
    assert "Becktel" in page
    overlap = {row["ensemble"] for row in rows_of(output / "tables" / "overlap.csv")}
    assert overlap == {"300 K", "320 K", "340 K"}


def test_melting_by_what_the_runs_did_not_look_at_is_told(exchanges, tmp_path):
    _, page = analyse(exchanges[:1], tmp_path / "out", "folding: {folded: 0.8, unfolded: 0.3}\n")
    assert "needs `native_contacts` among the `variables` of the run's sampling, which looked at rmsd_A" in page
    assert "Overlap of ensembles" in page  # the rest is there


def test_runs_that_do_not_belong_together_say_why(exchanges, run_dipeptide, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(exchanges[1], other)
    settings = (other / "settings.yaml").read_text()
    (other / "settings.yaml").write_text(settings.replace("340", "345"))
    _, page = analyse([exchanges[0], other], tmp_path / "out")
    assert "Not possible: runs: expected one or more with the same temperatures" in page
    run_dipeptide(tmp_path / "plain", sampling=None)
    _, page = analyse([exchanges[0], tmp_path / "plain"], tmp_path / "mixed")
    assert "runs of different sampling (none, replica-exchange) are not put together" in page


def test_two_metadynamics_runs_are_reweighted_together(run_dipeptide, tmp_path):
    """Before any Gaussian: frames of a known distribution, each run with half of them."""
    sampling = METADYNAMICS | {"every": 1000}
    runs = [tmp_path / "run1", tmp_path / "run2"]
    for seed, run in enumerate(runs):
        run_dipeptide(run, sampling=sampling, seed=seed + 1)
    _, page = analyse(runs, tmp_path / "short")
    assert "Not possible: phi_A1_deg" in page
    generator = np.random.default_rng(1)
    for run in runs:
        table = run / "sampling.csv"
        first = table.read_text().splitlines()[0]
        assert first == "step,time_ps,phi_A1_deg,bias_kcal_mol,gaussians"
        angles = generator.normal(-80.0, 20.0, size=1000)
        rows = [f"{5 * step},{0.005 * step:.6g},{angle:.6g},0,0" for step, angle in enumerate(angles)]
        table.write_text("\n".join([first, *rows]) + "\n")
    output, page = analyse(runs, tmp_path / "out")
    assert "of 2 independent runs weighted by the bias at its time" in page
    each = rows_of(output / "tables" / "metadynamics_runs.csv")
    assert [(row["run"], row["frames"]) for row in each] == [("run1", "800"), ("run2", "800")]
    profile = rows_of(output / "tables" / "free_energy_reweighted.csv")
    angle, energy, error = (np.array([float(row[name]) for row in profile]) for name in list(profile[0])[:3])
    exact = thermal_energy(300.0) * 0.5 * ((angle + 80.0) / 20.0) ** 2
    away = (energy - exact) - np.average(energy - exact, weights=error**-2)
    assert len(angle) > 5
    assert (np.abs(away) < 3.0 * error).all()
    quantities = [row["quantity"] for row in rows_of(output / "tables" / "quantities.csv")]
    assert "reweighted free energy, a bin of typical error" in quantities
    table = runs[1] / "sampling.csv"
    table.write_text(re.sub(",0\\n$", ",9\\n", table.read_text()))  # Gaussians that no frame was saved at
    _, page = analyse(runs, tmp_path / "last")
    assert "weighted by the last bias" in page
    assert (
        "That at its time was not used: metadynamics: the bias at each time cannot be made again: 9 Gaussians" in page
    )


def test_figures_of_enhanced_sampling_from_python(exchanges, run_dipeptide, tmp_path):
    """The same as in the report, byte for byte; and why there are none."""
    run = tmp_path / "run"
    run_dipeptide(run, sampling=METADYNAMICS | {"every": 5}, seed=1)
    output, _ = analyse([run], tmp_path / "out")
    drawn = {
        "course_phi_A1_deg": draw.course(run, "phi_A1_deg"),
        "course_bias_kcal_mol": draw.course(run, "bias_kcal_mol"),
        "free_energy_bias": draw.free_energy_bias(run),
    }
    for name, picture in drawn.items():
        assert picture.svg == (output / "figures" / f"{name}.svg").read_bytes(), name
    with pytest.raises(InputError, match="no course of 'psi'; choose one of phi_A1_deg, bias_kcal_mol"):
        draw.course(run, "psi")
    for function in (draw.free_energy_bias, lambda path: draw.course(path, "rmsd_A")):
        with pytest.raises(InputError, match="is not a run of metadynamics"):
            function(exchanges[0])
    (run / "free_energy.csv").unlink()
    with pytest.raises(InputError, match="has no bias yet"):
        draw.free_energy_bias(run)


def test_another_level_of_enhanced_sampling_is_not_silently_left_out(exchanges, tmp_path):
    _, text = analyse(exchanges[:1], tmp_path / "out", "level: {device: cpu}\n")
    assert "frames of enhanced sampling are not reweighted to another level; give plain runs" in text
