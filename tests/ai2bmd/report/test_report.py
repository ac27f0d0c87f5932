"""`ai2bmd analyze`: the page holds everything, loads nothing, opens in a browser; bad input is told in a sentence."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

import h5py
import numpy as np
import pytest

from ai2bmd.cli import main
from ai2bmd.report.report import analyse, write_report
from ai2bmd.trajectory.layout import PROTEIN, dataset
from ai2bmd.trajectory.reader import read_trajectory


@pytest.fixture(scope="module")
def page(run_directory) -> str:
    assert main(["analyze", str(run_directory)]) == 0
    return (run_directory / "report.html").read_text()


def test_page_holds_everything(page, run_directory):
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:2] == ["Trajectory", "Is it enough?"]
    assert titles[-3:] == ["Settings", "Model", "Methods"]
    for title in (
        "Energies",
        "C-alpha RMSD",
        "Secondary structure",
        "Scalar couplings",
        "Timescales",
        "Free energy along radius of gyration",
    ):
        assert title in titles
    assert len(set(titles)) == len(titles)
    for text in (
        "0.29 ps",
        "30 frames",
        "1.5 ns/day",
        "PBE0+MBD &lt;model&gt;",
        "test force MAE (kcal/mol/",
        "mid-GLY",
        "Stable",
    ):
        assert text in page
    assert len(page) < 3_000_000
    numbers = np.genfromtxt(run_directory / "tables" / "frames.csv", delimiter=",", names=True, dtype=None)
    assert len(numbers) == 30
    assert (run_directory / "figures" / "rmsd.svg").read_bytes().startswith(b"<?xml")


def test_page_loads_nothing(page):
    assert "default-src 'none'" in page
    assert not re.search(r"""<(script|link|img|iframe)[^>]+(src|href)=["']?(https?:)?//""", page)
    for image in re.findall(r"svg\+xml;base64,([^\"]+)", page):
        assert not re.search(rb"href=\"(?!#|data:)", base64.b64decode(image))


def test_frames_of_the_movie(page, run_directory):
    movie = json.loads(re.search(r"^const movie = (.*);$", page, re.MULTILINE).group(1))
    coordinates = np.frombuffer(base64.b64decode(movie["coordinates"]), dtype="<i2").reshape(30, -1, 3) * movie["unit"]
    assert coordinates.shape[1] == movie["pdb"].count("\nATOM") + movie["pdb"].startswith("ATOM") == 166
    original = read_trajectory(run_directory / "trajectory.h5").positions_A
    for frame in (0, 29):  # superposed, but not deformed
        shown = np.linalg.norm(coordinates[frame] - coordinates[frame, 0], axis=1)
        assert shown == pytest.approx(np.linalg.norm(original[frame] - original[frame, 0], axis=1), abs=0.02)
    assert np.abs(coordinates[29] - coordinates[0]).max() < 1.5


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium")
def test_page_opens_in_a_browser(page, run_directory, tmp_path):
    command = ["chromium", "--headless", "--no-sandbox", f"--user-data-dir={tmp_path}", "--use-gl=angle"]
    command += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--virtual-time-budget=3000", "--dump-dom"]
    with (tmp_path / "dom.html").open("w") as dom:  # a file and a group: its helpers outlive a browser that is killed
        browser = subprocess.Popen(
            [*command, (run_directory / "report.html").resolve().as_uri()],
            stdout=dom,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            browser.wait(timeout=60)  # 4 s on an idle core
        except subprocess.TimeoutExpired:
            pytest.skip("the machine is too busy: Chromium did not finish in 60 s")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
    opened = (tmp_path / "dom.html").read_text()
    assert 'data-shown="166"' in opened
    assert "<canvas" in opened


def test_one_frame(make_run, tmp_path):
    path = make_run(tmp_path / "one", frames=1)
    assert main(["analyze", str(path)]) == 0
    page = (path / "report.html").read_text()
    assert "One frame shows no fluctuation" in page
    assert "<i>1 frame</i>" in page
    assert "has reached 0 of 0.29 ps" in page


def test_without_log_and_card(make_run, tmp_path):
    path = make_run(tmp_path / "bare", frames=3)
    (path / "log.csv").unlink()
    (path / "model.json").unlink()
    assert main(["analyze", str(path)]) == 0
    page = (path / "report.html").read_text()
    assert "unknown" in page
    assert "no copy of its model" in page


def test_the_card_of_another_model_is_told(make_run, tmp_path):
    path = make_run(tmp_path / "mistaken", frames=2)
    (path / "model.json").write_text('{"sha256": "other", "level_of_theory": "wrong"}')
    assert main(["analyze", str(path)]) == 0
    page = (path / "report.html").read_text()
    assert "of other weights" in page
    assert "wrong" not in page.split("<h2>Model</h2>")[1].split("</section>")[0]


def test_a_stopped_run_is_told(make_run, tmp_path):
    path = make_run(tmp_path / "broken", frames=5)
    (path / "guard.csv").write_text("step,back_to_step,problem\n9,,broken\n")
    verdict = analyse(path).run.verdict
    assert verdict.grade == "stopped"
    assert "guard stopped the run after 0.04 ps" in verdict.sentences[0]
    assert not any("simulation holds" in sentence for sentence in verdict.sentences)
    (path / "guard.csv").unlink()
    assert "simulation holds" in analyse(path).run.verdict.sentences[-1]


def test_the_report_at_the_end_of_a_run_leaves_what_an_analysis_wrote(make_run, tmp_path):
    path = make_run(tmp_path / "run", frames=5)
    write_report(path)
    few = {file.name for folder in ("tables", "figures") for file in (path / folder).iterdir()}
    assert few == {
        *("frames.csv", "energies.csv", "rmsf.csv", "backbone_angles.csv", "quantities.csv"),
        *("energies.svg", "temperature.svg", "rmsd.svg", "radius_of_gyration.svg", "rmsf.svg", "ramachandran.svg"),
    }
    assert main(["analyze", str(path)]) == 0
    contacts = (path / "tables" / "contacts.csv").read_bytes()
    many = {file.name for folder in ("tables", "figures") for file in (path / folder).iterdir()}
    titles = re.findall(r"<h2>(.*?)</h2>", write_report(path).read_text())
    assert "Ramachandran plot" in titles
    assert "Contact map" not in titles
    assert {file.name for folder in ("tables", "figures") for file in (path / folder).iterdir()} == many > few
    assert (path / "tables" / "contacts.csv").read_bytes() == contacts


def test_the_shape_is_judged_by_the_usual_atoms_alone(make_run, tmp_path):
    path = make_run(tmp_path / "run", frames=5)
    (tmp_path / "a.yaml").write_text("parts: [nmr]\nsuperpose_on: name CB\n")
    assert main(["analyze", str(path), "--config", str(tmp_path / "a.yaml"), "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "keeps its shape" not in page
    assert "(name CB RMSD" in page


def _cut(path):
    data = (path / "trajectory.h5").read_bytes()
    (path / "trajectory.h5").write_bytes(data[:-500])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: shutil.rmtree(path), "is not a directory"),
        (lambda path: (path / "trajectory.h5").unlink(), "trajectory.h5 is missing"),
        (lambda path: (path / "prepared.pdb").unlink(), "prepared.pdb is missing"),
        (lambda path: (path / "trajectory.h5").write_text("no"), "not an HDF5 file"),
        (lambda path: (path / "settings.yaml").write_text("tme: 3 ps"), "unknown setting 'tme'"),
        (lambda path: (path / "model.json").write_text("{"), "model.json is damaged"),
    ],
)
def test_unusable_runs(make_run, tmp_path, capsys, damage, told):
    path = make_run(tmp_path / "run", frames=2)
    damage(path)
    assert main(["analyze", str(path)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (path / "report.html").exists()


def test_a_trajectory_that_is_cut_off_is_read_as_far_as_it_goes(make_run, tmp_path):
    path = make_run(tmp_path / "cut", frames=12)
    _cut(path)
    before = (path / "trajectory.h5").read_bytes()
    assert main(["analyze", str(path)]) == 0
    page = (path / "report.html").read_text()
    assert "the trajectory is cut off" in page
    assert "<h2>Radius of gyration</h2>" in page
    assert (path / "trajectory.h5").read_bytes() == before


def test_a_run_that_broke_is_read_up_to_there(make_run, tmp_path):
    path = make_run(tmp_path / "broke", frames=12)
    with h5py.File(path / "trajectory.h5", "r+") as hdf5:
        dataset(hdf5, PROTEIN.position.value)[7, 3] = np.nan
    page = write_report(path).read_text()
    assert "ends before frame 8 of 12: its positions are not finite" in page
    assert len((path / "tables" / "frames.csv").read_text().splitlines()) == 1 + 7
    assert "Stable" not in page


def test_no_frame(make_run, tmp_path, capsys):
    assert main(["analyze", str(make_run(tmp_path / "empty", frames=0))]) == 2
    assert "holds no whole frame" in capsys.readouterr().err


def test_files_of_different_runs(make_run, examples, tmp_path, capsys):
    path = make_run(tmp_path / "mixed", frames=2)
    shutil.copy(examples / "trpcage.pdb", path / "prepared.pdb")
    assert main(["analyze", str(path)]) == 2
    assert "different runs" in capsys.readouterr().err
