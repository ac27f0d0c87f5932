"""Copies of a run from the command line to the overview: where they lie, how they differ, how they go on."""

import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import yaml

from ai2bmd.cli import main
from ai2bmd.errors import InputError
from ai2bmd.replicas.ending import end_replicas
from ai2bmd.replicas.launch import resume_replicas
from ai2bmd.replicas.standing import standing
from ai2bmd.report.overview import write_overview
from ai2bmd.simulation.launch import resume_run
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.trajectory.reader import read_trajectory

from .conftest import QUICK, assert_same_run

TOGETHER = {"replicas": 2, "cluster": {"batch": 2}}
"""In threads of this process, which is quicker than to start others."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings file of quick copies."""
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(QUICK | TOGETHER))
    return path


def test_each_copy_is_a_run_of_its_own(tmp_path, config, examples, capsys, single):
    run = tmp_path / "run"
    assert main(["run", str(examples / "chignolin.pdb"), "--config", str(config), "-o", str(run)]) == 0
    output = capsys.readouterr().out
    assert "Copies: 2, 2 at a time evaluated together, in this process" in output
    assert "Finished: 2 of 2 copies" in output
    copies = [run / f"replica-{number}" for number in (1, 2)]
    for number, copy in enumerate(copies, start=1):
        assert_same_run(copy, single(tmp_path / f"single-{number}", number))
    with pytest.raises(AssertionError):
        assert_same_run(copies[0], copies[1])


def test_all_go_on_from_where_each_stands(tmp_path, start, single):
    directory, _ = start(tmp_path / "run", **TOGETHER)
    resume_run(directory.copies[1], time="30fs", say=lambda line: None)
    resume_replicas(directory.path, time="40fs", say=lambda line: None)
    for copy in directory.copies:
        assert list(read_trajectory(copy / "trajectory.h5").step) == [0, 10, 20, 30, 40]
    assert_same_run(directory.copies[1], single(tmp_path / "longer", 2, time="40fs"))
    said: list[str] = []
    resume_replicas(directory.path, time=None, say=said.append)
    assert said == ["All copies are complete at 0.04 ps; a longer --time continues them."]
    with pytest.raises(InputError, match=r"has reached 0.04 ps already; give a --time longer than that"):
        resume_replicas(directory.path, time="30fs", say=said.append)


def test_the_overview_leads_to_the_reports(tmp_path, start):
    directory, _ = start(tmp_path / "run", **TOGETHER)
    (directory.copies[1] / "trajectory.h5").unlink()
    page = write_overview(directory).read_text()
    assert re.findall(r'href="(replica-\d/report.html)"', page) == ["replica-1/report.html"]
    assert "trajectory.h5 is missing" in page
    assert 'alt="RMSD of all copies against time"' in page
    assert (directory.copies[0] / "report.html").is_file()
    shutil.rmtree(directory.copies[1])
    with pytest.raises(InputError, match=r"has 1 of the 2 copies that settings.yaml names"):
        write_overview(directory)


def test_what_the_user_has_to_cure_is_not_tried_again(tmp_path, start, single, capsys):
    directory, _ = start(tmp_path / "run", **TOGETHER)
    (directory.copies[0] / "checkpoint").write_bytes(b"nothing")
    directory, ends = resume_replicas(directory.path, time="40fs", say=lambda line: None)
    assert [end.ending for end in ends.values()] == ["failed", "finished"]
    output = capsys.readouterr().out
    assert "replica-1: given up before the first step" in output
    assert "is damaged" in output
    assert "goes on" not in output
    assert_same_run(directory.copies[1], single(tmp_path / "single", 2, time="40fs"))
    assert end_replicas(directory, ends, say=lambda line: None) == 4


def test_what_may_pass_is_tried_again_until_it_is_enough(tmp_path, start, model, capsys):
    changes = {"coupling": "whole", "model": model, "time": "2fs"}
    directory, _ = start(tmp_path / "run", **TOGETHER, **changes)
    card = directory.copies[0] / "model.json"
    card.unlink()
    card.mkdir()  # an error of the system, as a failing disk makes them
    directory, ends = resume_replicas(directory.path, time="4fs", say=lambda line: None)
    assert [end.ending for end in ends.values()] == ["failed", "finished"]
    output = capsys.readouterr().out
    for failures in (1, 2):
        assert f"replica-1: IsADirectoryError: [Errno 21] Is a directory: '{card}' at step 2" in output
        assert f"it goes on from there ({failures} of 3 failures)" in output
    assert "replica-1: given up at step 2 (failure 3 of 3 there)" in output


def test_a_copy_waits_until_its_directory_is_free(tmp_path):
    directory, held, waited = RunDirectory(tmp_path), threading.Event(), 0.3

    def hold() -> None:
        with directory.locked():
            held.set()
            time.sleep(waited)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with pytest.raises(InputError, match="in use by another ai2bmd process"), directory.locked():
        pass
    with directory.locked(wait_s=10.0):
        assert not thread.join(1)


def test_ctrl_c_saves_all_copies(tmp_path, config, examples, capsys, single):
    run = tmp_path / "run"

    def press() -> None:
        while not all(standing(run / f"replica-{number}").step for number in (1, 2)):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    words = ["run", str(examples / "chignolin.pdb"), "--config", str(config), "-o", str(run), "--time", "10ps"]
    assert main(words) == 130
    thread.join()
    output = capsys.readouterr().out
    assert f"Interrupted; everything is saved. Continue with: ai2bmd resume {run}" in output
    steps = [standing(run / f"replica-{number}").step for number in (1, 2)]
    assert all(20 <= step < 10_000 for step in steps)
    assert output.count("interrupted at step") == 2


def test_the_time_is_up(tmp_path, start):
    _, ends = start(tmp_path / "run", **TOGETHER, time="100ps", max_hours=1.0 / 3600.0)
    assert {end.ending for end in ends.values()} == {"time is up"}
