"""Tables, figures, methods and the traffic lights of a report."""

import base64
import csv
import re

import numpy as np
import pytest

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.sufficiency import Sufficiency
from ai2bmd.report.enough import enough_section
from ai2bmd.report.exports import write_exports
from ai2bmd.report.figures import plot
from ai2bmd.report.methods import methods_section
from ai2bmd.report.sections import MAX_DOWNLOAD_BYTES, Section, Table, course_table


@pytest.fixture
def section() -> Section:
    with plot("A line", x="time (ps)", y="RMSD (A)") as picture:
        picture.axes.plot([0, 1], [0, 1])
    return Section(
        "RMSD",
        picture.html(),
        figures={"rmsd": picture},
        tables={"rmsd": Table(("time_ps", "rmsd_A"), [(0.0, 1.25), (1.0, 1 / 3)])},
        methods="RMSD was of C-alpha atoms.",
        citations=("Kabsch, Acta Cryst. A 32, 922 (1976)",),
        quantities=(Sufficiency("RMSD <of> it", Estimate(1.0, 0.1, 80.0, "A"), "good", "80 samples"),),
    )


def test_files_of_a_report_and_those_of_an_earlier_one(section, tmp_path):
    write_exports(tmp_path, [section, Section("Old", "", tables={"gone": Table(("x",), [(1.0,)])})])
    assert (tmp_path / "tables" / "gone.csv").exists()
    (tmp_path / "tables" / "mine.txt").write_text("kept")
    write_exports(tmp_path, [section])
    assert sorted(file.name for file in (tmp_path / "tables").iterdir()) == ["mine.txt", "rmsd.csv"]
    with (tmp_path / "tables" / "rmsd.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["time_ps", "rmsd_A"]
    assert np.array(rows, dtype=float)[1] == pytest.approx([1.0, 1 / 3], rel=1e-6)
    svg = (tmp_path / "figures" / "rmsd.svg").read_bytes()
    assert svg.startswith(b"<?xml")
    assert base64.b64encode(svg).decode() in section.html()


def test_tables_are_in_the_page_unless_they_are_large(section):
    link = re.search(r'download="rmsd.csv" href="data:text/csv;base64,([^"]+)"', section.html())
    assert base64.b64decode(link[1]).decode().startswith("time_ps,rmsd_A\n")
    large = Section("Large", "", tables={"numbers": Table(("x",), [(1.0,)] * (MAX_DOWNLOAD_BYTES // 2))})
    assert 'href="tables/numbers.csv"' in large.html()
    assert len(large.html()) < 1000


def test_tables_of_very_many_frames_are_thinned():
    column = np.arange(50_000.0)
    rows = course_table(("time_ps", "double"), column, 2.0 * column).rows
    assert len(rows) == 16_667
    assert rows[:2] == [[0.0, 0.0], [3.0, 6.0]]
    assert len(course_table(("time_ps",), column[:20_000]).rows) == 20_000


def test_methods_say_what_was_done_and_no_more(section):
    written = methods_section([section, section], opening="One trajectory of 2 frames was analysed.").body
    assert written.count("Kabsch") == 1
    assert "RMSD was of C-alpha atoms." in written
    assert "DSSP" not in written


def test_lights_are_tallied_and_written_out(section):
    poor = Sufficiency("rate", Estimate(2.0, float("nan"), 3.0), "poor", "3 independent samples are too few")
    enough = enough_section([section, Section("Rates", "", quantities=(poor,))])
    assert "For 1 of 2 numbers the data suffice" in enough.note
    assert "RMSD &lt;of&gt; it" in enough.body
    assert "2, error unknown" in enough.body
    assert enough.tables["quantities"].rows[0][1:4] == (1.0, "A", 0.1)
    assert enough_section([Section("Nothing", "")]) is None
