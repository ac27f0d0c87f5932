"""Sections on scalar couplings and on the comparison with experiment."""

import csv
import io

import numpy as np

from ai2bmd.analysis.nmr.comparison import compare_couplings
from ai2bmd.analysis.nmr.couplings import Couplings, ResidueAngles, scalar_couplings
from ai2bmd.analysis.nmr.experiment import parse_experiment, shipped_experiment
from ai2bmd.report.nmr import comparison_sections, coupling_sections


def trialanine() -> list[ResidueAngles]:
    generator = np.random.default_rng(1)
    phi, psi = ([centre + 15.0 * generator.normal(size=300)] for centre in (-70.0, 145.0))
    return [
        ResidueAngles(1, "ALA", None, psi),
        ResidueAngles(2, "ALA", phi, psi, psi),
        ResidueAngles(3, "ALA", phi, None, psi),
    ]


def test_couplings_of_a_peptide():
    couplings = scalar_couplings(trialanine())
    (section,) = coupling_sections(couplings)
    rows = list(csv.DictReader(io.StringIO(section.tables["scalar_couplings"].csv())))
    assert len(rows) == len(couplings.couplings)
    first = next(row for row in rows if row["coupling"] == "3J_HN_HA")
    assert abs(float(first["value_Hz"]) - couplings.find("3J_HN_HA", 2).estimate.value) < 1e-4
    assert "<img" in section.html()
    assert any("9377 (2007)" in paper for paper in section.citations)
    assert coupling_sections(Couplings(())) == ()


def test_comparison_with_a_table():
    comparison = compare_couplings(trialanine(), shipped_experiment("trialanine"))
    (section,) = comparison_sections(comparison)
    page = section.html()
    assert f"{comparison.chi2:.2f}" in page
    assert "Graf, Nguyen, Stock, Schwalbe" in page
    assert "psi is not known" in page  # 1J(N,CA) of the last residue
    rows = list(csv.DictReader(io.StringIO(section.tables["experiment_values"].csv())))
    assert len(rows) == len(comparison.pairs) == 13
    squares = [float(row["difference_in_errors"]) ** 2 for row in rows]
    assert abs(np.mean(squares) - comparison.chi2) < 1e-3


def test_nothing_to_compare_is_said():
    table = parse_experiment("observable,residue,value\n3J_HN_HA,9,5.0\n", name="t")
    (section,) = comparison_sections(compare_couplings(trialanine(), table))
    assert "Nothing could be compared" in section.html()
    assert "no such residue" in section.html()
