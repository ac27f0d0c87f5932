"""Reports of runs that the program itself made: a built helix, in the gas phase, by the force field alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ai2bmd.report.density import densities_g_cm3
from ai2bmd.report.load import load_run
from ai2bmd.report.report import analyse, write_report
from ai2bmd.report.structure.dihedrals import backbone_pairs
from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure import PreparedStructure, prepare_structure

QUICK = {
    "time": "20fs",
    "solvent": "gas",
    "coupling": "off",
    "device": "cpu",
    "equilibration": [{"name": "minimise", "minimise": 100}],
    "save_every": 5,
}


@pytest.fixture(scope="module")
def helix() -> PreparedStructure:
    return prepare_structure(None, sequence="A" * 8, conformation="helix")


@pytest.fixture
def report(helix, tmp_path) -> Callable[..., tuple[Path, str]]:
    """`report(key=value ...)`: directory and page of a run with these settings."""

    def make(**changes: str | int) -> tuple[Path, str]:
        settings = make_settings(QUICK | changes, where="test")
        start_run(helix, settings, output=tmp_path / "helix", name="helix", say=lambda line: None)
        return tmp_path / "helix", write_report(tmp_path / "helix").read_text()

    return make


def test_a_gas_phase_run_by_the_force_field_alone(report):
    run, page = report()
    assert "No model: the force field alone (coupling off)." in page
    assert "5 frames" in page
    assert "0.00 eV (correction)" in page
    assert not (run / "model.json").exists()
    assert "Energy drift" not in page  # the thermostat takes and gives energy, which is no drift


def test_a_run_at_constant_energy_tells_its_drift(report):
    _, page = report(ensemble="nve", timestep="0.5fs")
    assert "Energy drift" in page
    assert "The total energy" in page
    assert "thermostat" not in page


def test_a_run_at_constant_pressure_shows_its_density(report):
    """The thermostat and the barostat take and give energy: a drift means nothing, and the energy is not constant."""
    run, page = report(solvent="tip3p", padding="6A", time="100fs", checkpoint_every=25, save_solvent_every=0)
    assert "Energy drift" not in page
    assert "constant energy" not in page
    assert "<h2>Density</h2>" in page
    logged = [float(line.split(",")[9]) for line in (run / "log.csv").read_text().splitlines()[1:]]
    assert densities_g_cm3(load_run(run)) == pytest.approx(logged, abs=1e-5)
    assert "Density" not in report_of_constant_volume(run)


def report_of_constant_volume(run: Path) -> str:
    """The page as it would be without a barostat."""
    settings = (run / "settings.yaml").read_text()
    (run / "settings.yaml").write_text(settings.replace("ensemble: npt", "ensemble: nvt", 1))
    return write_report(run).read_text()


def test_backbone_angles_of_a_helix(report):
    """Not minimised: the first frame is the structure as built, phi -57 and psi -47 degrees (IUPAC-IUB 1970)."""
    run, _ = report(equilibration=[])
    residues, phi, psi = backbone_pairs(analyse(run).structure.dihedrals)
    assert residues.tolist() == list(range(1, 7))
    assert phi[0] == pytest.approx(np.full(6, -57.0), abs=0.1)
    assert psi[0] == pytest.approx(np.full(6, -47.0), abs=0.1)


def test_a_run_with_a_model_shows_its_card(report, random_model):
    run, page = report(coupling="units", model=str(random_model))
    assert (run / "model.json").is_file()
    assert "no copy of its model" not in page
