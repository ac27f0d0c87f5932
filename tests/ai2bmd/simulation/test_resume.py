"""Resuming: the same numbers to the last bit as without interruption, whatever happened in between."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from ai2bmd.engine import EngineState
from ai2bmd.errors import InputError
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.driver import Session
from ai2bmd.simulation.launch import resume_run
from ai2bmd.trajectory.layout import PROTEIN, dataset
from ai2bmd.trajectory.reader import read_trajectory


def resume(path: Path, total_time: str | None = None) -> list[str]:
    said: list[str] = []
    resume_run(path, time=total_time, say=said.append)
    return said


def log_without_speed(path: Path) -> list[list[str]]:
    with (path / "log.csv").open() as file:
        return [row[:-1] for row in csv.reader(file)]


def assert_same_run(first: Path, second: Path) -> None:
    one, other = (read_trajectory(path / "trajectory.h5") for path in (first, second))
    for name in ("step", "time_ps", "positions_A", "energy_environment", "energy_correction", "kinetic_energy"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    if one.forces_eV_per_A is not None:
        np.testing.assert_array_equal(one.forces_eV_per_A, other.forces_eV_per_A)
        np.testing.assert_array_equal(one.velocities_A_per_ps, other.velocities_A_per_ps)
    assert one.parameters == other.parameters
    assert log_without_speed(first) == log_without_speed(second)
    checkpoints = [read_checkpoint(path / "checkpoint") for path in (first, second)]
    assert checkpoints[0].state == checkpoints[1].state
    assert checkpoints[0].step == checkpoints[1].step


@pytest.mark.parametrize("ensemble", ["nvt", "nve"])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, start, ensemble):
    start(tmp_path / "whole", ensemble=ensemble, save_velocities=True, save_forces=True, save_every=5)
    start(tmp_path / "half", ensemble=ensemble, save_velocities=True, save_forces=True, save_every=5, time="23fs")
    resume(tmp_path / "half", "40fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")
    assert yaml.safe_load((tmp_path / "half" / "settings.yaml").read_text())["time"] == "0.04 ps"
    assert len(read_trajectory(tmp_path / "half" / "trajectory.h5").step) == 9


@pytest.mark.parametrize("coupling", ["units", "whole"])
def test_the_same_with_a_correction(tmp_path, start, model, coupling):
    start(tmp_path / "whole", coupling=coupling, model=model, time="20fs")
    start(tmp_path / "half", coupling=coupling, model=model, time="7fs")
    resume(tmp_path / "half", "20fs")
    assert_same_run(tmp_path / "whole", tmp_path / "half")
    assert np.ptp(read_trajectory(tmp_path / "whole" / "trajectory.h5").energy_correction) > 0


def test_another_seed_is_another_run(tmp_path, start):
    start(tmp_path / "one")
    start(tmp_path / "two", seed=2)
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "one", tmp_path / "two")


def test_frames_after_the_checkpoint_are_made_again(tmp_path, start):
    """As after a kill between the commit of trajectory and log and that of the checkpoint."""
    start(tmp_path / "run", time="20fs")
    checkpoint = (tmp_path / "run" / "checkpoint").read_bytes()
    resume(tmp_path / "run", "40fs")
    shutil.copytree(tmp_path / "run", tmp_path / "killed")
    (tmp_path / "killed" / "checkpoint").write_bytes(checkpoint)
    resume(tmp_path / "killed")
    assert_same_run(tmp_path / "run", tmp_path / "killed")


@pytest.mark.parametrize("moment", ["killed", "interrupted"])
def test_what_is_made_again_stays_in_the_files_meanwhile(tmp_path, start, monkeypatch, moment):
    """A run that reached 35 goes on from its checkpoint at 20, and ends once more before it is back at 35."""
    start(tmp_path / "run", time="35fs", save_every=5)
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("trajectory.h5", "log.csv", "checkpoint")}
    save = Session.save_frame

    def end_at_30(session: Session, state: EngineState, **speed: float) -> None:
        save(session, state, **speed)
        if state.step == 30:
            if moment == "killed":
                raise _KilledError
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(_KilledError) if moment == "killed" else nullcontext():
        patch.setattr(Session, "save_frame", end_at_30)
        _, outcome = resume_run(tmp_path / "run", time="40fs", say=lambda line: None)
        assert (outcome.ending, outcome.step) == ("interrupted", 35)
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before
    resume(tmp_path / "run")
    start(tmp_path / "whole", save_every=5)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


class _KilledError(Exception):
    """In place of the end of the process."""


def test_a_trajectory_cut_off_is_recovered_with_a_word(tmp_path, start):
    start(tmp_path / "run", save_every=2)
    path = tmp_path / "run" / "trajectory.h5"
    whole = read_trajectory(path)
    path.write_bytes(path.read_bytes()[:-3000])
    said = resume(tmp_path / "run", "50fs")
    assert any("The protein: " in line and "frames before the checkpoint at step 40 are lost" in line for line in said)
    after = read_trajectory(path)
    missing = len(whole.step) + 5 - len(after.step)
    assert 0 < missing < 5
    np.testing.assert_array_equal(after.positions_A[: len(whole.step) - missing], whole.positions_A[:-missing])
    assert list(after.step[-5:]) == [42, 44, 46, 48, 50]


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"?" * 9999)]
)
def test_a_log_that_is_lost_begins_anew_with_a_word(tmp_path, start, damage):
    start(tmp_path / "run", time="20fs", save_every=5)
    damage(tmp_path / "run" / "log.csv")
    assert any("The log: rows before the checkpoint" in line for line in resume(tmp_path / "run", "40fs"))
    with (tmp_path / "run" / "log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["25", "30", "35", "40"]
    assert not any("The log" in line for line in resume(tmp_path / "run", "60fs"))
    assert list(read_trajectory(tmp_path / "run" / "trajectory.h5").step) == list(range(0, 61, 5))


def test_the_trajectory_of_another_protein_is_refused_and_left_alone(tmp_path, start):
    start(tmp_path / "run", time="20fs")
    path = tmp_path / "run" / "trajectory.h5"
    with h5py.File(path, "r+") as hdf5:
        dataset(hdf5, PROTEIN.species)[0] = 6
    before = path.read_bytes()
    with pytest.raises(InputError, match="belongs to another run"):
        resume(tmp_path / "run", "40fs")
    assert path.read_bytes() == before


def test_what_a_broken_off_start_leaves_is_told_alike(tmp_path, start):
    start(tmp_path / "run", time="5fs")
    for name in ("settings.yaml", "checkpoint", "equilibration", "equilibration.csv", "log.csv", "report.html"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    for file in (tmp_path / "run").glob("trajectory*"):
        file.unlink()
    for attempt in (lambda: resume(tmp_path / "run"), lambda: start(tmp_path / "run", time="5fs")):
        with pytest.raises(InputError, match=r"holds no run yet, .* remove the directory and start the run anew"):
            attempt()


def test_a_checkpoint_of_another_system_is_refused(tmp_path, start, model):
    start(tmp_path / "run", coupling="whole", model=model, time="5fs")
    start(tmp_path / "other", time="5fs")
    checkpoint = (tmp_path / "run" / "checkpoint").read_bytes()
    (tmp_path / "run" / "checkpoint").write_bytes((tmp_path / "other" / "checkpoint").read_bytes())
    with pytest.raises(InputError, match="checkpoint belongs to another system: the model's weights differs"):
        resume(tmp_path / "run", "10fs")
    (tmp_path / "run" / "checkpoint").write_bytes(checkpoint)
    prepared = tmp_path / "run" / "prepared.pdb"
    text = prepared.read_text()
    prepared.write_text(text.replace("CREATED", "ALTERED", 1))
    with pytest.raises(InputError, match=r"another system: the prepared structure \(prepared.pdb\) differs"):
        resume(tmp_path / "run", "10fs")
    prepared.write_text(text)
    settings = tmp_path / "run" / "settings.yaml"
    settings.write_text(settings.read_text().replace("300.0 K", "310.0 K"))
    with pytest.raises(InputError, match=r"temperature was 300.0 K, and settings.yaml now says 310.0 K"):
        resume(tmp_path / "run", "10fs")


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"x" + content, lambda content: b""])
def test_a_damaged_checkpoint_is_refused(tmp_path, start, damage):
    start(tmp_path / "run", time="1fs")
    path = tmp_path / "run" / "checkpoint"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="is damaged"):
        resume(tmp_path / "run", "2fs")


def test_what_cannot_be_resumed(tmp_path, start):
    with pytest.raises(InputError, match="is not a directory"):
        resume(tmp_path / "none")
    start(tmp_path / "run", time="10fs")
    with pytest.raises(InputError, match=r"has reached 0.01 ps already"):
        resume(tmp_path / "run", "5fs")
    assert "is complete" in resume(tmp_path / "run")[-1]
    (tmp_path / "run" / "checkpoint").unlink()
    with pytest.raises(InputError, match="checkpoint is missing"):
        resume(tmp_path / "run", "20fs")


_RUN = """
import resource, sys
from pathlib import Path
import torch, yaml
torch.set_num_threads(1)
from ai2bmd.errors import InputError
from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure.files import read_prepared
structure, output, limit, settings = sys.argv[1:]
prepared = read_prepared(structure)
def say(line):
    print(line, flush=True)
    if line.startswith("Running") and int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
settings = make_settings(yaml.safe_load(settings), where="test")
try:
    print(start_run(prepared, settings, output=Path(output), name="test", say=say)[1])
except InputError as error:
    sys.exit(str(error))
"""


def _in_process(examples: Path, output: Path, settings: dict, *, limit: int = 0) -> subprocess.Popen:
    words = [sys.executable, "-c", _RUN, str(examples / "chignolin.pdb"), str(output), str(limit), yaml.dump(settings)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_can_be_resumed(tmp_path, start, quick_settings, examples, number):
    process = _in_process(examples, tmp_path / "run", quick_settings | {"time": "1ns", "save_every": 7})
    assert process.stdout is not None
    assert any(line.startswith("Running") for line in iter(process.stdout.readline, "")), process.communicate()[1]
    time.sleep(0.3)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert "ending='interrupted'" in output, errors
    step = read_checkpoint(tmp_path / "run" / "checkpoint").reached
    assert step > 0
    assert len(read_trajectory(tmp_path / "run" / "trajectory.h5").step) == step // 7 + 1
    total = f"{step + 20}fs"
    resume(tmp_path / "run", total)
    start(tmp_path / "whole", time=total, save_every=7)
    assert_same_run(tmp_path / "run", tmp_path / "whole")


def test_a_full_disk_ends_the_run_with_one_sentence_and_loses_nothing(tmp_path, start, quick_settings, examples):
    process = _in_process(examples, tmp_path / "run", quick_settings | {"time": "1ps", "save_every": 1}, limit=150_000)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert len(errors.strip().splitlines()) == 1
    assert f"the disk is full (File too large); all that {tmp_path / 'run'} held before is kept: free space" in errors
    step = read_checkpoint(tmp_path / "run" / "checkpoint").reached
    assert 0 < step < 1000
    assert read_trajectory(tmp_path / "run" / "trajectory.h5").step[-1] == step
    resume(tmp_path / "run", f"{step + 15}fs")
    start(tmp_path / "whole", time=f"{step + 15}fs", save_every=1)
    assert_same_run(tmp_path / "run", tmp_path / "whole")
