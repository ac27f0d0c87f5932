"""`ai2bmd analyze` on settings, tables and folders that cannot be used: one sentence, before any work is done."""

import pytest

from ai2bmd.cli import main
from ai2bmd.report.exports import check_folder, write_exports
from ai2bmd.report.sections import Section, Table


@pytest.fixture
def told(dipeptide, tmp_path, capsys):
    """`told(settings=, experiment=, output=)`: the sentence of an analysis that cannot be done."""
    topology, paths = dipeptide

    def run(*, settings: str | None = None, experiment: str | None = None, output=tmp_path / "out") -> str:
        arguments = ["--topology", str(topology), "--trajectory", str(paths[0]), "-o", str(output)]
        for flag, name, text in (("--config", "a.yaml", settings), ("--experiment", "a.csv", experiment)):
            if text is not None:
                (tmp_path / name).write_text(text)
                arguments += [flag, str(tmp_path / name)]
        assert main(["analyze", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert error.startswith("ai2bmd analyze: error: ")
        assert not (tmp_path / "out").exists()
        return error

    return run


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("parts: []", "parts: expected at least 1 item, got []"),
        ("parts: [nmr, nmr]", "parts: nmr is named 2 times; name each part once"),
        ("parts: [nmrs]", "parts.0: expected 'structure', 'nmr', 'kinetics' or 'thermodynamics', got 'nmrs'"),
        ("parametrisations: [a]", "parametrisations: expected keys and values"),
        ("kinetics: {lag: -3 ps}", "kinetics.lag: expected a value greater than 0"),
        ("kinetics: {3: 4}", "kinetics.3: expected a name before the colon"),
        ("reference: 3", "reference: expected the name of a file"),
        ("folding: {folded: .nan, unfolded: 1}", "folding.folded: expected a finite number"),
        ("reference: .", "is a directory; name a structure file in it"),
        ("selection: name XX", "part0.dcd: selection: the selection 'name XX' fits no atom"),
        ("selection: names CA", "part0.dcd: selection: 'names CA' is no selection that MDAnalysis understands"),
        ("superpose_on: resname LIG", "part0.dcd: superpose_on: the selection 'resname LIG' fits no atom"),
    ],
)
def test_settings(settings, words, told):
    error = told(settings=settings)
    assert words in error
    assert "nput should" not in error


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("S2,1,8.5", "line 2, column value: S2 is 8.5, expected 0 to 1.1"),
        ("S2,1,-0.1", "S2 is -0.1"),
        ("3J_HN_HA,1,65", "3J_HN_HA is 65, expected -30 to 30 Hz"),
        ("RDC,1,1e6", "RDC is 1e+06, expected -50000 to 50000 Hz"),
        ("NOE,1,0.35", "NOE is 0.35, expected 1 to 50 A; distances are in A, 1 nm is 10 A"),
    ],
)
def test_values_that_nobody_measures(row, words, told):
    assert words in told(experiment=f"observable,residue,value,atoms_1,atoms_2\n{row},name HA,name H\n")


def test_a_folder_that_cannot_be_written_to(told, tmp_path):
    (tmp_path / "file").touch()
    assert "file is a file; give a folder" in told(output=tmp_path / "file")
    assert "cannot be written to" in told(output=tmp_path / "file" / "below")
    (tmp_path / "old" / "report.html").mkdir(parents=True)
    assert "report.html is a directory" in told(output=tmp_path / "old")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "tables").touch()
    assert "half" in told(output=tmp_path / "half")


def test_looking_at_a_folder_leaves_no_trace(tmp_path):
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").mkdir()
    check_folder(tmp_path / "a" / "b")
    check_folder(tmp_path / "a")
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_a_report_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    """Interrupted while it writes, it leaves the old files, and none of its own."""
    numbers = {name: Table(("x",), [(1.0,)]) for name in ("first", "second")}
    write_exports(tmp_path, [Section("Old", "", tables=numbers)], page="old")
    before = {file: file.read_text() for file in tmp_path.rglob("*.*")}
    written = type(tmp_path).write_bytes

    def interrupted(path, content):
        if "second" in path.name:
            raise KeyboardInterrupt
        return written(path, content)

    monkeypatch.setattr(type(tmp_path), "write_bytes", interrupted)
    numbers = {name: Table(("x",), [(2.0,)]) for name in ("first", "second")}
    with pytest.raises(KeyboardInterrupt):
        write_exports(tmp_path, [Section("New", "", tables=numbers)], page="new")
    assert {file: file.read_text() for file in tmp_path.rglob("*.*")} == before
    monkeypatch.undo()
    write_exports(tmp_path, [Section("New", "", tables=numbers)], page="new")
    assert (tmp_path / "report.html").read_text() == "new"


def test_coordinates_without_residues_and_with_unknown_elements(tmp_path):
    """A plain XYZ file has a report of what needs no names."""
    frames = [f"3\n\nX 0 0 0\nC 1 1 1\nN 2 {y} 2\n" for y in (2.0, 2.2, 2.1)]
    path = tmp_path / "a.xyz"
    path.write_text("".join(frames))
    assert main(["analyze", "--topology", str(path), "--trajectory", str(path), "-o", str(tmp_path / "out")]) == 0
    rows = (tmp_path / "out" / "tables" / "frames.csv").read_text().splitlines()
    assert len(rows) == 4
