"""Tables of measured values and the comparison with them: faulty files, known chi2, tables that come along."""

import numpy as np
import pytest

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.nmr.comparison import compare, compare_couplings
from ai2bmd.analysis.nmr.couplings import ResidueAngles
from ai2bmd.analysis.nmr.experiment import (
    Measurement,
    parse_experiment,
    read_experiment,
    shipped_experiment,
    shipped_tables,
)
from ai2bmd.analysis.nmr.karplus import find_relation
from ai2bmd.errors import InputError

GOOD = """# Someone, Somewhere 1, 1 (2000)
observable,residue,value,error,parametrisation,atoms_1,atoms_2
3J_HN_HA,2,5.6,0.1,hu-bax-1997,,
NOE,,2.9,0.3,,resid 2 and name HA,"resid 3 and name H, HN"
S2,4,0.85,,,N,H
"""


def test_a_table_is_read():
    table = parse_experiment(GOOD, name="good.csv")
    assert table.source == "Someone, Somewhere 1, 1 (2000)"
    coupling, noe, order = table.measurements
    assert (coupling.value, coupling.error, coupling.residue, coupling.unit) == (5.6, 0.1, 2, "Hz")
    assert (noe.atoms_2, noe.residue, noe.unit) == ("resid 3 and name H, HN", None, "A")
    assert np.isnan(order.error)
    assert (coupling.line, order.line) == (3, 5)
    assert table.of("S2") == (order,)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty; its first line names the columns: observable, value"),
        ("# only a comment\n", "is empty"),
        ("observable,value\n", "has no row below its header"),
        ("observable;value\nS2;0.8\n", "has a column 'observable;value'; .*separate columns by commas"),
        ("observable,number\n", "has a column 'number'; known are observable, value"),
        ("observable,residue\nS2,3\n", "has no column 'value'"),
        ("observable,value,value\n", "has a column twice"),
        ("observable,residue,value\n3JHNHA,2,5.0\n", "line 2: unknown observable '3JHNHA'; known are 3J_HN_HA"),
        ("observable,residue,value\nS2,2,0.8,0.1\n", "line 2: 4 cells under 3 columns; put a cell that holds a comma"),
        (
            'observable,residue,value\nS2,2,"0,8"\n',
            "line 2, column value: '0,8' is not a number; write the decimal point",
        ),
        ("observable,residue,value\nS2,2,nan\n", "line 2, column value: 'nan' is not a number"),
        ("observable,residue,value\n\nS2,A2,0.8\n", "line 3, column residue: 'A2' is not the number of a residue"),
        ("observable,value\nRDC,0.8\n", "line 2, column residue: '' is not the number of a residue, which RDC needs"),
        ("observable,residue,value,error\nS2,2,0.8,-0.1\n", "line 2: error is -0.1; give a positive number"),
        ("observable,value,atoms_1\nNOE,3.0,name HA\n", "line 2: a NOE needs atoms_2, a selection such as"),
        (
            "observable,residue,value,parametrisation\n3J_HN_HA,2,5,karplus\n",
            "line 2, column parametrisation: there is no parametrisation 'karplus' of 3J_HN_HA; there are vogeli-2007",
        ),
        ("observable,residue,value\nS2,2,0.8\nS2,2,0.9\n", "lines 2 and 3 are the same observable; remove one"),
    ],
)
def test_faulty_tables_name_place_and_cure(text, message):
    with pytest.raises(InputError, match=message):
        parse_experiment(text, name="table.csv")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        read_experiment(tmp_path / "nowhere.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00o")
    with pytest.raises(InputError, match="give a text file in UTF-8"):
        read_experiment(tmp_path / "binary.csv")
    (tmp_path / "excel.csv").write_text("\ufeff" + GOOD, encoding="utf-8")
    assert len(read_experiment(tmp_path / "excel.csv").measurements) == 3


def test_tables_that_come_along():
    assert set(shipped_tables()) >= {"alanine_dipeptide", "pentaalanine", "trialanine", "ubiquitin"}
    for name in shipped_tables():
        table = shipped_experiment(name)
        assert "(19" in table.source or "(20" in table.source
    by_key = {(entry.observable, entry.residue): entry.value for entry in shipped_experiment("trialanine").measurements}
    assert by_key["3J_HN_HA", 2] == 5.68
    assert by_key["2J_N_CA-1", 3] == 8.45
    assert shipped_experiment("alanine_dipeptide").measurements[0].value == 6.06
    with pytest.raises(InputError, match="no experimental table 'ala'; there are alanine_dipeptide, "):
        shipped_experiment("ala")


def test_chi2_of_known_differences():
    measured = [Measurement("3J_HN_HA", value, 0.3, residue) for residue, value in enumerate((5.0, 6.0, 7.0, 9.0))]
    predicted = [Estimate(entry.value + shift, 0.4, 50.0) for entry, shift in zip(measured, (1, -1, 2, 0), strict=True)]
    result = compare(predicted, measured, relation_errors=[1.2] * 4)  # variance of a difference 1.69
    assert result.chi2 == pytest.approx((1 + 1 + 4 + 0) / 4 / 1.69)
    assert result.rmsd == pytest.approx(np.sqrt(6 / 4))
    assert result.pearson == pytest.approx(np.corrcoef((5, 6, 7, 9), (6, 5, 9, 9))[0, 1])
    assert result.without_error == 0
    assert np.isnan(compare(predicted[:2], measured[:2]).pearson)
    with pytest.raises(InputError, match="3 predictions, 4 measurements"):
        compare(predicted[:3], measured)
    with pytest.raises(InputError, match="neither measurement nor prediction has an error"):
        compare([Estimate(1.0, 0.0, 9.0)], [Measurement("S2", 0.8, residue=1)])


def test_chi2_is_one_where_errors_are_as_stated():
    """3,000 differences drawn from their stated errors; with errors stated at half, chi2 is four."""
    generator = np.random.default_rng(0)
    measured = [Measurement("3J_HN_HA", 6.0, 0.3, number) for number in range(3_000)]
    predicted = [Estimate(6.0 + 0.5 * draw, 0.4, 50.0) for draw in generator.normal(size=3_000)]
    result = compare(predicted, measured)
    assert result.chi2 == pytest.approx(1.0, abs=0.1)
    assert 0.001 < result.chance < 0.999
    halved = compare(
        [Estimate(entry.value, 0.2, 50.0) for entry in predicted],
        [Measurement("3J_HN_HA", 6.0, 0.15, number) for number in range(3_000)],
    )
    assert halved.chi2 == pytest.approx(4.0, abs=0.4)
    assert halved.chance < 1e-6


def test_an_upper_bound_counts_only_when_exceeded():
    bound = Measurement("NOE_upper", 3.5, 0.2, atoms_1="name HA", atoms_2="name HB1")
    assert compare([Estimate(2.0, 0.1, 9.0)], [bound]).chi2 == 0.0
    assert compare([Estimate(3.9, 0.1, 9.0)], [bound]).chi2 == pytest.approx(0.16 / 0.05)


def test_an_ensemble_that_obeys_the_relations_agrees_with_them():
    """A table made from the angles themselves: chi2 near 0, for the errors of the relations were not drawn."""
    generator = np.random.default_rng(4)
    phi = [-75.0 + 20.0 * generator.normal(size=300)]
    residue = ResidueAngles(2, "ALA", phi)
    rows = [
        f"{name},2,{np.mean(find_relation(name, parametrisation)(phi[0])):.4f},{parametrisation}"
        for name, parametrisation in (("3J_HN_HA", "hu-bax-1997"), ("3J_HN_C", ""), ("3J_C-1_C", "schmidt-1999"))
    ]
    text = "\n".join(["observable,residue,value,parametrisation", *rows, "3J_HN_HA,9,5.0,", "1J_N_CA,2,11.0,"])
    result = compare_couplings([residue], parse_experiment(text, name="t"))
    assert result.chi2 < 1e-5
    assert len(result.pairs) == 3
    assert [pair.relation_name for pair in result.pairs] == ["hu-bax-1997", "vogeli-2007", "schmidt-1999"]
    reasons = list(result.left_out.values())
    assert "the trajectory has no such residue" in reasons[0]
    assert "psi is not known" in reasons[1]
    extended = ResidueAngles(2, "ALA", [phi[0] - 75.0])
    assert compare_couplings([extended], parse_experiment(text, name="t")).chi2 > 10.0
    with pytest.raises(InputError, match="has no scalar coupling"):
        compare_couplings([residue], parse_experiment("observable,residue,value\nS2,2,0.8\n", name="t"))
