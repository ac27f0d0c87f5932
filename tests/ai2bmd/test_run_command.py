"""`ai2bmd run` and `ai2bmd resume` as a user types them: what they leave behind, and one sentence for bad input."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ai2bmd.cli import main
from ai2bmd.trajectory.reader import read_trajectory
from potentials.model_file import ModelCard, save_model
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

QUICK = ("--time", "10fs", "--solvent", "gas", "--device", "cpu", "--save-every", "5")
CLASSICAL = (*QUICK, "--coupling", "off")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = ViSNet(ViSNetConfig(hidden_channels=8, num_layers=1, num_heads=2, num_radial=8))
    card = ModelCard(kind="correction", level_of_theory="test", force_field="amber19/ff19SB", config={})
    save_model(tmp_path / "model.safetensors", network, card)
    return tmp_path / "model.safetensors"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """`refused("run", ...)`: the one sentence that the command ends with."""

    def sentence(*words: object) -> str:
        assert main([str(word) for word in words]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]

    return sentence


def test_a_run_leaves_everything_and_is_resumed(tmp_path, monkeypatch, capsys, examples):
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(examples / "chignolin.pdb"), *CLASSICAL]) == 0
    assert main(["run", str(examples / "chignolin.pdb"), *CLASSICAL]) == 0
    output = capsys.readouterr().out
    assert "Structure: 166 atoms, 10 residues" in output
    assert "ns/day" in output
    assert "Report: runs/chignolin/report.html" in output
    run = tmp_path / "runs" / "chignolin-2"
    names = {"prepared.pdb", "prepared.json", "settings.yaml", "trajectory.h5", "trajectory.h5md", "log.csv"}
    names |= {"equilibration", "equilibration.csv", ".lock"}
    assert {path.name for path in run.iterdir()} == names | {"checkpoint", "report.html", "tables", "figures"}
    assert main(["resume", "runs/chignolin-2", "--time", "20fs"]) == 0
    assert len(read_trajectory(run / "trajectory.h5").step) == 5
    assert len(read_trajectory(tmp_path / "runs/chignolin/trajectory.h5").step) == 3


def test_a_run_with_a_model_opens_in_mdanalysis_with_no_help(tmp_path, examples, model):
    run = tmp_path / "run"
    assert main(["run", str(examples / "chignolin.pdb"), *QUICK, "--model", str(model), "-o", str(run)]) == 0
    trajectory = read_trajectory(run / "trajectory.h5")
    assert trajectory.parameters["model_sha256"] == json.loads(model.with_suffix(".json").read_text())["sha256"]
    assert trajectory.parameters["seed"] == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis

        universe = MDAnalysis.Universe(str(run / "prepared.pdb"), str(run / "trajectory.h5md"))
        for number, frame in enumerate(universe.trajectory):
            np.testing.assert_array_equal(frame.positions, trajectory.positions_A[number])
            assert frame.time == pytest.approx(0.005 * number)
        assert len(universe.select_atoms("name CA")) == 10


def test_flags_go_before_the_settings_file(tmp_path, examples):
    (tmp_path / "settings.yaml").write_text("solvent: gas\ncoupling: off\ntime: 3fs\nseed: 5\nsave_forces: true\n")
    words = ["run", str(examples / "chignolin.pdb"), "--config", str(tmp_path / "settings.yaml")]
    assert main([*words, "--seed", "6", "-o", str(tmp_path / "run")]) == 0
    parameters = read_trajectory(tmp_path / "run" / "trajectory.h5").parameters
    assert (parameters["seed"], parameters["solvent"], parameters["save_forces"]) == (6, "gas", True)


def test_a_run_directory_that_exists(tmp_path, refused, examples):
    text = refused("run", examples / "chignolin.pdb", *CLASSICAL, "-o", tmp_path)
    assert f"{tmp_path} exists and runs never overwrite" in text
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_key(tmp_path, refused, examples):
    (tmp_path / "settings.yaml").write_text("temprature: 300\n")
    text = refused("run", examples / "chignolin.pdb", "--config", tmp_path / "settings.yaml")
    assert "settings.yaml: unknown setting 'temprature'; did you mean 'temperature'?" in text


def test_flags_of_explicit_water_without_it(tmp_path, refused, examples):
    words = ("--solvent", "gbn2", "--salt", "0.15M", "-o", tmp_path / "run")
    assert "--salt: is for explicit water, and solvent is gbn2" in refused("run", examples / "chignolin.pdb", *words)


def test_a_model_and_no_coupling(tmp_path, refused, examples, model):
    words = ("run", examples / "chignolin.pdb", *CLASSICAL, "-o", tmp_path / "run")
    assert "model: nothing is corrected with coupling off" in refused(*words, "--model", model)
    (tmp_path / "settings.yaml").write_text(f"model: {model}\n")  # as the echo of a run has it
    assert main([str(word) for word in (*words, "--config", tmp_path / "settings.yaml")]) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU")
def test_cuda_asked_for_and_absent(tmp_path, refused, examples):
    text = refused("run", examples / "chignolin.pdb", "--device", "cuda", "-o", tmp_path / "run")
    assert "device cuda was asked for, but torch finds no CUDA GPU" in text


@pytest.mark.parametrize("damage", ["corrupt", "pickle", "force field", "missing", "hash"])
def test_unusable_models(tmp_path, refused, examples, model, damage):
    card = json.loads(model.with_suffix(".json").read_text())
    if damage == "corrupt":
        model.write_bytes(model.read_bytes()[:100])
    elif damage == "pickle":
        torch.save({"weights": _Trap(tmp_path / "loaded")}, model)
    elif damage == "force field":
        model.with_suffix(".json").write_text(json.dumps(card | {"force_field": "charmm36"}))
    elif damage == "hash":
        model.write_bytes(model.read_bytes()[:-1] + b"x")
    else:
        model.unlink()
    words = (*QUICK, "--coupling", "whole", "--model", model, "-o", tmp_path / "run")
    text = refused("run", examples / "chignolin.pdb", *words)
    said = {"corrupt": "not a safetensors file", "force field": "corrects the force field charmm36"}
    said |= {"pickle": "is a pickle", "missing": "does not exist", "hash": "its SHA-256 is not that in"}
    assert said[damage] in text
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "loaded").exists()


class _Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_files_that_are_no_structures(tmp_path, refused):
    (tmp_path / "a.pdb").write_text("not a structure\n")
    assert "a.pdb" in refused("run", tmp_path / "a.pdb", *CLASSICAL, "-o", tmp_path / "run")
    assert "b.pdb" in refused("run", tmp_path / "b.pdb", *CLASSICAL, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_resume_of_what_is_no_run(tmp_path, refused):
    assert "prepared.pdb is missing" in refused("resume", tmp_path)
    assert "is not a directory" in refused("resume", tmp_path / "none")


def test_a_guarded_run_says_where_and_has_its_own_status(tmp_path, capsys, examples):
    (tmp_path / "settings.yaml").write_text("equilibration: []\nrollbacks: 1\n")
    words = ("--config", str(tmp_path / "settings.yaml"), "--timestep", "12fs", "--time", "1ps", "--coupling", "off")
    assert main(["run", str(examples / "chignolin.pdb"), *words, "-o", str(tmp_path / "run")]) == 3
    output = capsys.readouterr().out
    assert "Stopped by the guard: at step" in output
    assert "chain A, residue" in output
    assert str(tmp_path / "run" / "guard.pdb") in output
    assert (tmp_path / "run" / "report.html").is_file()
