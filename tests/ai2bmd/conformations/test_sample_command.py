"""`ai2bmd sample`: same seed same bits, goes on where it was stopped, and labels fit the store that is there."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ai2bmd.cli import main
from ai2bmd.conformations.campaign import sample_units, summary
from ai2bmd.conformations.file import ConformationFile
from ai2bmd.conformations.sources import SamplingSettings, sample_molecule
from ai2bmd.conformations.units import build_unit
from ai2bmd.labelling.conformations import read_tasks
from ai2bmd.simulation.interruption import EndRequest
from potentials.label_store import is_test

SETTINGS = SamplingSettings(frames=2, seed=3, temperatures_K=(300.0, 500.0))
SMALL = ["--frames", "2", "--seed", "3", "--temperatures", "300,500"]


def read(path: Path, name: str) -> dict[str, np.ndarray]:
    file: Any
    with h5py.File(path) as file:
        return {key: file[name][key][()] for key in ("positions", "start", "temperature_K")} | {
            "origin": file[name]["origin"].asstr()[()]
        }


def test_the_same_frames_whatever_else_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, other = (tmp_path / f"{name}.h5" for name in ("one", "two", "other"))
    assert main(["sample", "-o", str(one), "--units", "overlap-NMA", *SMALL]) == 0
    assert main(["sample", "-o", str(two), "--units", "mid-GLY,overlap-NMA", *SMALL]) == 0
    assert main(["sample", "-o", str(other), "--units", "overlap-NMA", *SMALL, "--seed", "4"]) == 0
    assert "gas-phase dynamics: " in capsys.readouterr().out
    first, second, third = (read(path, "overlap-NMA") for path in (one, two, other))
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert not np.array_equal(first["positions"], third["positions"])
    assert set(first["temperature_K"]) <= {0.0, 300.0, 500.0}


def test_more_frames_begin_with_the_same() -> None:
    few, more = (sample_molecule(build_unit("overlap-NMA"), SamplingSettings(n, 3, (300.0,))) for n in (2, 5))
    assert few is not None
    assert more is not None
    for frame, same in zip(few.frames, more.frames, strict=False):
        assert np.array_equal(frame.positions, same.positions)
    assert len(more.frames) == 5


def test_distorted_copies_stay_with_their_source(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    file = ConformationFile(path, {})
    assert sample_units(["overlap-NMA"], file, SamplingSettings(12, 1, (300.0,)), request=EndRequest(), shown=False)
    frames = read(path, "overlap-NMA")
    copies = [word.startswith("distorted") for word in frames["origin"]]
    assert sum(copies) >= 2
    sources = np.flatnonzero(~np.array(copies))
    for number in np.flatnonzero(copies):
        apart = [_rms(frames["positions"][number], frames["positions"][source]) for source in sources]
        source = sources[np.argmin(apart)]
        assert min(apart) > 0.01  # a copy, but no duplicate
        assert frames["start"][number] == frames["start"][source]
    starts = frames["start"].tolist()
    assert {is_test(start) for start in starts} == {True, False}
    # the order of frames is that of starts: had copies a number of their own, sides would differ
    assert starts == sorted(starts)


def _rms(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(((first - second) ** 2).sum(axis=1).mean()))


class EndAfter(EndRequest):
    """Asks for an end when it has been looked at so often."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    @property
    def requested(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    settings = SamplingSettings(frames=4, seed=3, temperatures_K=(300.0,))  # two starts each
    whole, stopped = (ConformationFile(tmp_path / name, settings.as_record()) for name in ("w.h5", "s.h5"))
    units = ["mid-GLY", "overlap-NMA"]
    assert sample_units(units, whole, settings, request=EndRequest(), shown=False)
    # looks: before each unit and after each start; the last is amid the second unit
    assert not sample_units(units, stopped, settings, request=EndAfter(4), shown=False)
    assert list(stopped.finished()) == ["mid-GLY"]
    before = read(stopped.path, "mid-GLY")["positions"]
    assert sample_units(units, stopped, settings, request=EndRequest(), shown=False)
    assert np.array_equal(before, read(stopped.path, "mid-GLY")["positions"])
    for name in units:
        assert np.array_equal(read(whole.path, name)["positions"], read(stopped.path, name)["positions"])
    assert sample_units(units, stopped, settings, request=EndAfter(0), shown=False)  # nothing left to be stopped


def test_wrong_input_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "c.h5")
    for words, told in {
        ("--units", "mid-ALAA"): "did you mean mid-ALA?",
        ("--frames", "0"): "--frames: expected a whole number from 1, got 0",
        ("--temperatures", "warm"): "--temperatures: expected numbers above 0",
        ("--seed", "-1"): "--seed: expected a whole number from 0, got -1",
    }.items():
        assert main(["sample", "-o", path, *words]) == 2
        assert told in capsys.readouterr().err
    assert not Path(path).exists()
    assert main(["sample", "-o", path, "--units", "overlap-NMA", *SMALL]) == 0
    assert main(["sample", "-o", path, "--units", "overlap-NMA", *SMALL, "--seed", "5"]) == 2
    assert "was made with seed 3, not 5" in capsys.readouterr().err
    Path(path).write_text("no HDF5")
    assert main(["sample", "-o", path]) == 2
    assert "no HDF5 file" in capsys.readouterr().err


def test_two_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.h5"
    with ConformationFile(path, {}).alone():
        assert main(["sample", "-o", str(path), "--units", "overlap-NMA", *SMALL]) == 2
    assert "another ai2bmd sample is at work on it" in capsys.readouterr().err


def test_the_file_is_read_for_labelling(tmp_path: Path) -> None:
    file = ConformationFile(tmp_path / "c.h5", {})
    assert sample_units(["mid-GLY"], file, SETTINGS, request=EndRequest(), shown=False)
    tasks = read_tasks([file.path], charge=None)
    assert len(tasks) == 2
    assert {task.molecule.name for task in tasks} == {"mid-GLY"}
    assert all(task.frame.origin for task in tasks)
    assert "fewer" not in summary(file.finished(), frames=2)
    assert "fewer than 5 frames: mid-GLY (2)" in summary(file.finished(), frames=5)
