"""Studies: several trajectories, files of other programs, settings, experiment; and what cannot be is told."""

import csv
import re

import numpy as np
import pytest

from ai2bmd.cli import main
from ai2bmd.simulation.settings import make_settings, write_settings


@pytest.fixture(scope="module")
def study(dipeptide, tmp_path_factory):
    topology, paths = dipeptide
    folder = tmp_path_factory.mktemp("study")
    (folder / "a.yaml").write_text("temperature: 300 K\nkinetics: {lag: 2 ps, states: 2, microstates: 20}\n")
    (folder / "j.csv").write_text("# Made up\nobservable,residue,value,error\n3J_HN_HA,1,6.0,0.5\n")
    arguments = ["analyze", "--topology", str(topology), "--trajectory", *map(str, paths)]
    extra = ["--config", str(folder / "a.yaml"), "--experiment", str(folder / "j.csv"), "-o", str(folder / "out")]
    assert main(arguments + extra) == 0
    return folder / "out"


def test_two_trajectories_of_another_program(study):
    page = (study / "report.html").read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    for title in ("Trajectories", "States", "Passage times", "Comparison with experiment: scalar couplings"):
        assert title in titles
    assert "2 trajectories, 1200 frames" in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)


def test_rates_of_the_study_are_those_put_in(study):
    """A jump with chance 0.1 a frame of 1 ps: the mean first-passage time is 10 ps, each state has half the frames."""
    with (study / "tables" / "states.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["population"]) for row in rows] == pytest.approx([0.5, 0.5], abs=0.15)
    with (study / "tables" / "passage_times.csv").open() as file:
        for row in csv.DictReader(file):
            assert abs(float(row["time_ps"]) - 10.0) < 3.0 * float(row["time_error_ps"]) + 2.0


def test_parts_can_be_chosen(dipeptide, tmp_path):
    topology, paths = dipeptide
    (tmp_path / "a.yaml").write_text("parts: [nmr]\n")
    arguments = ["--topology", str(topology), "--trajectory", str(paths[0]), "--config", str(tmp_path / "a.yaml")]
    assert main(["analyze", *arguments, "-o", str(tmp_path / "out")]) == 0
    titles = re.findall(r"<h2>(.*?)</h2>", (tmp_path / "out" / "report.html").read_text())
    assert "Scalar couplings" in titles
    assert "Contact map" not in titles


def test_without_a_temperature_there_are_no_free_energies(dipeptide, tmp_path):
    topology, paths = dipeptide
    (tmp_path / "a.yaml").write_text("parts: [thermodynamics]\n")
    arguments = ["--topology", str(topology), "--trajectory", str(paths[0]), "--config", str(tmp_path / "a.yaml")]
    assert main(["analyze", *arguments, "-o", str(tmp_path / "out")]) == 0
    assert "the temperature of the frames is not known" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name run directories, or --topology and --trajectory"),
        (["RUN", "--topology", "{topology}"], "not both"),
        (["--topology", "{topology}"], "--trajectory is missing"),
        (["--topology", "{topology}", "--trajectory", "{one}"], "say with -o OUT"),
        (["--topology", "{topology}", "--trajectory", "{one}", "{one}", "-o", "{out}"], "hold the same frames"),
        (["--topology", "{other}", "--trajectory", "{one}", "-o", "{out}"], "has other atoms than"),
        (["--topology", "{topology}", "--trajectory", "{none}", "-o", "{out}"], "does not exist"),
        (["--topology", "{topology}", "--trajectory", "{empty}", "-o", "{out}"], "is empty"),
        (["--topology", "{topology}", "--trajectory", "{noise}", "-o", "{out}"], "cannot be read as a trajectory"),
        (["--topology", "{topology}", "--trajectory", "{one}", "-o", "{empty}"], "is a file"),
        (["--topology", "{topology}", "--trajectory", "{one}", "--config", "{bad}", "-o", "{out}"], "did you mean"),
    ],
)
def test_what_cannot_be_is_told(arguments, told, dipeptide, examples, tmp_path, capsys):
    topology, paths = dipeptide
    (tmp_path / "empty.dcd").touch()
    (tmp_path / "noise.dcd").write_bytes(np.random.default_rng(0).bytes(3000))
    (tmp_path / "bad.yaml").write_text("kinetic: {lag: 2 ps}\n")
    places = {
        "topology": topology,
        "one": paths[0],
        "other": examples / "chignolin.pdb",
        "none": tmp_path / "none.dcd",
        "empty": tmp_path / "empty.dcd",
        "noise": tmp_path / "noise.dcd",
        "bad": tmp_path / "bad.yaml",
        "out": tmp_path / "out",
    }
    assert main(["analyze", *(argument.format(**places) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_relation_of_another_name_is_told_before_anything_is_done(dipeptide, tmp_path, capsys):
    topology, paths = dipeptide
    (tmp_path / "a.yaml").write_text("parametrisations: {3J_HN_HA: nobody-1900}\n")
    arguments = ["--topology", str(topology), "--trajectory", str(paths[0]), "--config", str(tmp_path / "a.yaml")]
    assert main(["analyze", *arguments, "-o", str(tmp_path / "out")]) == 2
    assert "no parametrisation 'nobody-1900' of 3J_HN_HA; there are vogeli-2007" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_runs_of_several_ensembles_are_told_apart(make_run, tmp_path):
    cold, warm = make_run(tmp_path / "cold", frames=12), make_run(tmp_path / "warm", frames=15)
    warmer = make_settings({"time": "0.29ps", "temperature": "350 K", "coupling": "off"}, where="test")
    write_settings(warmer, warm / "settings.yaml", comment="test")
    assert main(["analyze", str(cold), str(warm), "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    differences = "the runs differ in temperature (300, 350 K) and coupling (no model, whole)"
    assert f"Note</b> The{differences[3:]}: means are over all of them" in page
    assert page.count(f"Not possible: {differences}; analyse each kind on its own") == 2  # kinetics and thermodynamics
    assert re.search(r"cold was simulated with amber19 in gbn2, .* at 300 K\. warm was simulated .* at 350 K\.", page)


def test_a_temperature_that_is_not_that_of_the_run_is_told(make_run, tmp_path):
    (tmp_path / "a.yaml").write_text("temperature: 310 K\n")
    make_run(tmp_path / "run", frames=12)
    arguments = ["--config", str(tmp_path / "a.yaml"), "-o", str(tmp_path / "out")]
    assert main(["analyze", str(tmp_path / "run"), *arguments]) == 0
    assert "310 K was given for frames of runs at 300 K" in (tmp_path / "out" / "report.html").read_text()
