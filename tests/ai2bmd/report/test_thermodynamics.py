"""Sections of thermodynamics: what they say, draw and give to download, from results and from real runs."""

import re
from pathlib import Path

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.folding import Stability
from ai2bmd.analysis.thermodynamics.free_energy import free_energy
from ai2bmd.analysis.thermodynamics.level_reweighting import reweight_level
from ai2bmd.analysis.thermodynamics.melting import fit_melting
from ai2bmd.analysis.thermodynamics.temperatures import join_temperatures
from ai2bmd.report.ensembles import draw_overlap, heat_capacity_section, overlap_section
from ai2bmd.report.free_energies import draw_profile, draw_surface, free_energy_section
from ai2bmd.report.melting import draw_stability, melting_section
from ai2bmd.report.reweighting import level_section
from ai2bmd.report.thermodynamics import enhanced_sections
from ai2bmd.sampling.settings import Metadynamics


def lines_of(plot) -> list[np.ndarray]:
    return [line.get_xydata() for line in plot.axes.lines]


def test_a_profile_is_drawn_with_its_band_and_its_gaps():
    samples = np.random.default_rng(1).standard_normal(4000)
    found = free_energy([samples], 300.0, names=["rmsd_A"], bins=20, ranges=[(-5.0, 5.0)])
    drawing = draw_profile(found)
    (line,) = lines_of(drawing)
    np.testing.assert_allclose(line[:, 1], found.energy_kcal_mol)
    band = drawing.axes.collections[0].get_paths()
    corners = np.concatenate([path.vertices for path in band])
    assert corners[:, 1].max() == pytest.approx(np.nanmax(found.energy_kcal_mol + 1.96 * found.error_kcal_mol))
    assert drawing.axes.get_xlabel() == "rmsd (\N{ANGSTROM SIGN})"
    section = free_energy_section("Profile", found, name="profile", origin="From frames.")
    assert f"{(~found.known).sum()} of 20 bins" in section.note
    rows = section.tables["profile"].csv().splitlines()
    assert len(rows) == 1 + found.known.sum()
    assert rows[0] == "rmsd_A,free_energy_kcal_mol,standard_error_kcal_mol,effective_samples"
    two = draw_profile(found, other=free_energy([samples + 1.0], 300.0, bins=20), labels=("first", "second"))
    assert len(lines_of(two)) == 2


def test_a_surface_has_a_map_of_its_errors():
    samples = np.random.default_rng(2).standard_normal((8000, 2))
    found = free_energy([samples], 300.0, names=["phi_deg", "psi_deg"], bins=10)
    shown = draw_surface(found).axes.collections[0].get_array()
    np.testing.assert_allclose(np.ma.filled(shown, np.nan).ravel(), found.energy_kcal_mol.T.ravel())
    section = free_energy_section("Surface", found, name="surface", origin="From frames.")
    assert set(section.figures) == {"surface", "surface_error"}
    assert section.html().count("<img") == 2


def test_overlap_and_heat_capacity_of_temperatures():
    generator, temperatures_K = np.random.default_rng(3), (300.0, 320.0, 340.0)
    energies = [[thermal_energy(t) * generator.gamma(5.0, size=300)] for t in temperatures_K]
    ensembles = join_temperatures(energies, temperatures_K)
    texts = [text.get_text() for text in draw_overlap(ensembles.mbar).axes.texts]
    assert f"{ensembles.mbar.overlap[0, 1]:.2f}" in texts
    section = overlap_section(ensembles.mbar)
    assert "320 K" in section.body
    assert "multistate Bennett" in section.methods
    capacities = [ensembles.heat_capacity(t) for t in (300.0, 330.0)]
    curve = heat_capacity_section((300.0, 330.0), capacities)
    assert curve.tables["heat_capacity"].rows[1][1] == pytest.approx(capacities[1].value)


def test_melting_is_drawn_with_the_fit_and_says_what_is_not_determined():
    temperatures_K = np.linspace(320.0, 350.0, 5)
    melting = fit_melting(Stability(temperatures_K, 20.0 * (1.0 - temperatures_K / 335.0), 0.01 * np.eye(5), 500.0))
    curve = lines_of(draw_stability(melting))[0]
    assert np.interp(335.0, curve[:, 0], curve[:, 1]) == pytest.approx(0.0, abs=0.02)
    section = melting_section(melting, folded="RMSD below 3 A")
    assert "335" in section.body
    assert "does not determine the heat-capacity change" in section.note
    assert section.quantities[0].name == "melting temperature"
    assert len(section.tables["unfolding"].rows) == 5


def test_reweighting_tells_how_many_frames_are_left():
    changes = np.random.default_rng(4).normal(scale=0.5, size=3000)
    change = reweight_level([changes], 300.0)
    section = level_section(change, changes, level="r2SCAN-3c")
    assert f"{change.weights.kish:.0f} (" in section.body
    assert "r2SCAN-3c" in section.title
    assert section.citations


def test_temperatures_of_replica_exchange_are_put_together(tmp_path: Path, run_dipeptide):
    """A real run of a moment, its table continued with frames of known energies, which all are independent."""
    exchange = {"method": "replica-exchange", "temperatures": ["300 K", "330 K"], "variables": [{"phi": "A 1"}]}
    path = tmp_path / "run"
    sampling = run_dipeptide(path, time="10fs", sampling=exchange).sampling
    (short,) = enhanced_sections([path], sampling)
    assert re.search("Not possible: 300 K: its . frames hold", short.body)
    table, generator = path / "sampling.csv", np.random.default_rng(5)
    rows = [table.read_text().splitlines()[0]]
    assert rows[0] == "step,time_ps,temperature_index,thermostat_K,replica,phi_A1_deg,potential_energy_eV"
    for step in range(400):
        replicas = generator.permutation(2)
        for index, temperature_K in enumerate((300.0, 330.0)):
            energy_eV = thermal_energy(temperature_K) * generator.gamma(10.0) / 23.06
            phi_deg = generator.normal(-80.0, 20.0)
            rows.append(f"{5 * step},0,{index},{temperature_K},{replicas[index]},{phi_deg:.6g},{energy_eV:.8g}")
    table.write_text("\n".join(rows) + "\n")
    sections = enhanced_sections([path], sampling)
    titles = [section.title for section in sections]
    assert titles == ["Overlap of ensembles", "Heat capacity", "Free energy along phi A1 (\N{DEGREE SIGN})"]
    capacity = np.array(sections[1].tables["heat_capacity"].rows)
    assert (np.abs(capacity[:, 1] - 10.0 * 1.987e-3) < 4.0 * capacity[:, 2]).all()
    profile = np.array(sections[2].tables["free_energy_phi_A1_deg"].rows)
    assert abs(profile[np.argmin(profile[:, 1]), 0] + 80.0) < 25.0
    assert enhanced_sections([path], None) == ()


def test_metadynamics_that_is_too_short_says_so(tmp_path: Path, run_dipeptide):
    path, metadynamics = tmp_path / "run", {"method": "metadynamics", "variables": [{"phi": "A 1"}]}
    sampling = run_dipeptide(path, time="300fs", sampling=metadynamics).sampling
    (section,) = enhanced_sections([path], sampling)
    assert "independent samples" in section.body
    assert "Not possible: phi_A1_deg" in section.body


def test_a_table_that_is_damaged_is_told_in_its_place(tmp_path: Path):
    sampling = Metadynamics.model_validate({"method": "metadynamics", "variables": [{"phi": "A 1"}]})
    (section,) = enhanced_sections([tmp_path], sampling)
    assert "Not possible" in section.body
    assert "is not a run directory" in section.body
