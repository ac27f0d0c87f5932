"""`ai2bmd label` ended by a signal, killed, or robbed of a worker: nothing finished is lost, nothing done twice."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import psutil
import pytest
from ase.build import molecule

from potentials.training.dataset import load_units

FRAMES = 30


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Labels ethanol, slightly deformed, many times."""
    generator = np.random.default_rng(1)
    frames = [molecule("CH3CH2OH") for _ in range(FRAMES)]
    for number, atoms in enumerate(frames):
        atoms.info["start"] = number
        atoms.positions += 0.02 * generator.normal(size=atoms.positions.shape)
    ase.io.write(tmp_path / "ethanol.xyz", frames)
    words = "-m ai2bmd label ethanol.xyz -o s.h5 --method gfn2-xtb --charge 0"
    return [sys.executable, *words.split()]


def _start_and_label_two(command: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120.0
    while len(list((folder / "s.h5.spool").glob("*.npz"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


def _workers(process: subprocess.Popen) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_killed_workers_frame_is_tried_again(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _start_and_label_two(command, tmp_path, monkeypatch)
    (worker,) = _workers(process)
    worker.kill()
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert f"{FRAMES} labelled, 0 failed" in output
    assert sorted(load_units(tmp_path / "s.h5").start) == list(range(FRAMES))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_goes_on_after_a_signal(
    command: list[str], number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _start_and_label_two(command, tmp_path, monkeypatch)
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "Go on with the same command" in errors
        assert 2 <= len(load_units(tmp_path / "s.h5")) < FRAMES
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert f"{FRAMES} frames: 0 labelled before" not in again.stdout
    assert sorted(load_units(tmp_path / "s.h5").start) == list(range(FRAMES))
