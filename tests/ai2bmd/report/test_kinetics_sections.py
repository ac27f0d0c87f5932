"""Kinetics in the report: what is shown is what was found, and what was not found is said."""

import numpy as np
import pytest

from ai2bmd.analysis.kinetics.analysis import KineticsSettings, analyse_kinetics
from ai2bmd.analysis.kinetics.correlation_times import correlation_function
from ai2bmd.analysis.kinetics.counted_rates import counted_rates
from ai2bmd.analysis.kinetics.diffusion import diffusion
from ai2bmd.analysis.kinetics.features import make_features
from ai2bmd.analysis.kinetics.spectra import infrared_from_dipoles
from ai2bmd.report.dynamics import (
    correlation_section,
    counted_rate_section,
    diffusion_section,
    spectrum_section,
)
from ai2bmd.report.kinetics import kinetics_sections


@pytest.fixture(scope="module")
def walks() -> list[np.ndarray]:
    """Jumps between -1 and 1 about every hundred frames, with noise."""
    generator = np.random.default_rng(0)
    runs = []
    for _ in range(5):
        jumps = np.where(generator.random(3_000) < 0.01, -1.0, 1.0)
        runs.append(np.column_stack([np.cumprod(jumps), np.zeros(3_000)]) + generator.normal(0.0, 0.2, size=(3_000, 2)))
    return runs


def test_sections_of_a_model(walks):
    kinetics = analyse_kinetics(make_features(walks, frame_ps=2.0), settings=KineticsSettings(dimensions=2))
    sections = {section.title: section for section in kinetics_sections(kinetics)}
    assert {"Timescales", "States", "Test of the Markov model", "Passage times", "Paths from B to A"} <= set(sections)
    for section in sections.values():
        assert all(figure.html() in section.body for figure in section.figures.values())
    assert kinetics.choice.reason in sections["Timescales"].note
    assert str(kinetics.passages[0].time_ps) in sections["Passage times"].html()
    assert sections["Passage times"].tables["passage_times"].csv().count("\n") == 3
    names = [quantity.name for section in sections.values() for quantity in section.quantities]
    assert names[0] == "slowest relaxation time"
    assert "population of A" in names
    slowest = sections["Timescales"].quantities[0].estimate
    assert abs(slowest.value - 100.0) < 4.0 * slowest.error  # two rates of 1 / 100 frames relax in 50 frames of 2 ps
    assert "TICA" in sections["Timescales"].methods


def test_what_was_not_found_is_said(walks):
    kinetics = analyse_kinetics(make_features([walks[0][:200]], frame_ps=2.0))
    sections = kinetics_sections(kinetics)
    assert sections[-1].title == "Kinetics: what to mind"
    assert kinetics.remarks[0][:40] in sections[-1].body
    assert not any(section.title == "Passage times" for section in sections)


def test_sections_of_plain_dynamics(walks):
    series = [walk[:, 0] for walk in walks]
    rates = counted_rate_section(counted_rates(series, low=-1.0, high=1.0, frame_ps=2.0, names=("unfolded", "folded")))
    assert "unfolded \u2192 folded" in rates.body
    nothing = counted_rate_section(counted_rates([np.zeros(50)], low=0.1, high=0.9, frame_ps=2.0))
    assert "above" in nothing.body
    function = correlation_function(series, frame_ps=2.0)
    memory = correlation_section("the distance", function)
    assert str(function.time_ps) in memory.note
    assert "autocorrelation_the_distance" in memory.tables
    steps = np.random.default_rng(1).normal(size=(2_000, 5, 3))
    moved = diffusion_section("water", diffusion([np.cumsum(steps, axis=0)], frame_ps=1.0))
    assert "exponent" in moved.note
    assert moved.quantities[0].grade == "good"
    flight = np.arange(2_000.0)[:, None, None] + steps
    flown = diffusion_section("water", diffusion([flight], frame_ps=1.0)).quantities[0]
    assert (flown.grade, flown.reason[:12]) == ("poor", "no diffusion")
    dipoles = np.random.default_rng(2).normal(size=(4_000, 3))
    spectrum = infrared_from_dipoles([dipoles], frame_fs=8.0, temperature_K=300.0, quantum_correction="standard")
    section = spectrum_section(spectrum)
    assert "standard correction" in section.note
    assert "wrong places" in section.note
    assert "infrared_spectrum" in section.figures
