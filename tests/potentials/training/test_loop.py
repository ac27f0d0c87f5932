"""The loop: it learns, continues bit for bit, and several processes do what one does."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from potentials.errors import PotentialError
from potentials.model_file import load_model
from potentials.training.config import ScheduleSettings, TrainingConfig, training_config
from potentials.training.distributed import Processes
from potentials.training.evaluation import error_row, force_field_deviations
from potentials.training.loop import train
from potentials.training.optimisation import make_optimiser, rate_factor
from potentials.training.preparation import prepare_data
from potentials.training.speed import training_step_speed
from potentials.training.state import read_checkpoint
from potentials.visnet.model import ViSNet

Settings = Callable[..., dict[str, object]]
Steps = Callable[..., TrainingConfig]
ALONE = Processes(0, 1, torch.device("cpu"))


def _train(config: TrainingConfig, folder: Path, output: Path, *, resume: bool = False) -> dict:
    output.mkdir(exist_ok=True)
    data = prepare_data(config, folder, n_elements=20)
    assert train(config, data, folder=folder, output=output, processes=ALONE, resume=resume)
    return read_checkpoint(output / "checkpoint.pt")


@pytest.fixture
def steps(settings: Settings) -> Callable[..., TrainingConfig]:
    """Makes the configuration of a run of so many steps."""

    def make(count: int, **changes: object) -> TrainingConfig:
        return training_config(settings(schedule={"steps": count, "atoms_per_step": 40}, **changes), where="test")

    return make


def _assert_same_weights(one: dict, other: dict, *, atol: float = 0.0) -> None:
    for part in ("model", "average"):
        for name, weights in one[part].items():
            torch.testing.assert_close(other[part][name], weights, rtol=0, atol=atol)


def test_springs_are_learned(settings: Settings, data_folder: Path, tmp_path: Path) -> None:
    config = training_config(
        settings(
            model={"hidden_channels": 16, "num_layers": 1, "num_heads": 2, "num_radial": 16},
            optimiser={"learning_rate": 1e-2, "average_decay": 0.9},
            schedule={"steps": 500, "atoms_per_step": 60},
            record={"validate_minutes": None, "validate_steps": 250, "frames_per_unit": 6, "clusters": 5},
        ),
        where="test",
    )
    rows = _train(config, data_folder, tmp_path)["rows"]
    tested = prepare_data(config, data_folder, n_elements=20).validation
    untrained = error_row("units", tested, tested.is_unit(), model=force_field_deviations(tested))
    assert len(rows) == 2
    assert rows[-1]["unit_force_mae_kcal_mol_A"] < 0.25 * untrained.force_mae
    assert untrained.energy_mae is not None
    assert rows[-1]["unit_energy_mae_kcal_mol"] < 0.25 * untrained.energy_mae
    assert (tmp_path / "curve.png").is_file()
    assert (tmp_path / "curve.csv").read_text().count("\n") == 3
    loaded = load_model(tmp_path / "model.safetensors", force_field="none at all")
    assert {file["name"] for file in loaded.card.data} == {"units.h5", "clusters.h5"}
    assert loaded.card.level_of_theory == "springs"


def test_a_resumed_run_is_the_uninterrupted_one(
    steps: Steps, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _train(steps(8), data_folder, tmp_path / "whole")
    data = prepare_data(steps(8), data_folder, n_elements=20)
    (tmp_path / "halves").mkdir()
    _signal_at_step(4, monkeypatch)
    assert not train(steps(8), data, folder=data_folder, output=tmp_path / "halves", processes=ALONE, resume=False)
    monkeypatch.undo()
    half = read_checkpoint(tmp_path / "halves" / "checkpoint.pt")
    assert half["step"] == 4
    with pytest.raises(AssertionError):
        _assert_same_weights(whole, half)
    _assert_same_weights(whole, _train(steps(8), data_folder, tmp_path / "halves", resume=True))


def _signal_at_step(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from potentials.training import loop

    original, calls = loop.training_step, []

    def step(*arguments: object, **options: object) -> None:
        original(*arguments, **options)  # pyright: ignore
        calls.append(None)
        if len(calls) == number:
            assert threading.current_thread() is threading.main_thread()
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop, "training_step", step)


def test_resuming_with_other_settings_is_refused(steps: Steps, data_folder: Path, tmp_path: Path) -> None:
    _train(steps(2), data_folder, tmp_path)
    with pytest.raises(PotentialError, match="other settings for seed"):
        _train(steps(4, seed=2), data_folder, tmp_path, resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(PotentialError, match="cannot be read"):
        read_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(PotentialError, match="start the run without --resume"):
        read_checkpoint(tmp_path / "absent.pt")


def test_two_processes_do_what_one_does(
    steps: Steps, settings: Settings, data_folder: Path, tmp_path: Path, checkout: Path
) -> None:
    # plain descent would do; with Adam's step-size normalisation rounding is amplified, so only a few steps
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings(schedule={"steps": 3, "atoms_per_step": 40})))
    one = _train(steps(3), data_folder, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    command += ["-m", "ai2bmd", "train", str(path), "--data", str(data_folder), "-o", str(tmp_path / "two")]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    _assert_same_weights(one, read_checkpoint(tmp_path / "two" / "checkpoint.pt"), atol=2e-5)


def test_a_run_may_last_passes_through_the_data(settings: Settings, data_folder: Path, tmp_path: Path) -> None:
    config = training_config(settings(schedule={"passes": 2.5, "atoms_per_step": 40}), where="test")
    data = prepare_data(config, data_folder, n_elements=20)
    last = _train(config, data_folder, tmp_path)
    clusters = data.training.molecules.sizes[~data.training.molecules.is_unit()].sum()
    units = data.training.molecules.sizes[data.training.molecules.is_unit()].sum()
    slowest = 2.5 * max(units, clusters) / 20  # half of the atoms of a step are from each
    assert slowest - 1 <= last["step"] <= slowest + 3


def test_rate_rises_and_falls() -> None:
    schedule = ScheduleSettings(steps=1, warmup_fraction=0.1, final_fraction=0.01)
    assert rate_factor(0.05, schedule) == pytest.approx(0.5)
    assert rate_factor(0.1, schedule) == pytest.approx(1.0)
    assert rate_factor(0.55, schedule) == pytest.approx(0.505)
    assert rate_factor(1.2, schedule) == pytest.approx(0.01)


def test_only_matrices_decay(config: TrainingConfig) -> None:
    model = ViSNet(config.visnet())
    optimiser = make_optimiser(model, torch.nn.Parameter(torch.zeros(3)), config.optimiser)
    decayed = {id(p) for group in optimiser.param_groups if group["weight_decay"] for p in group["params"]}
    assert id(model.embedding.weight) not in decayed
    assert id(model.norm.weight) not in decayed
    assert id(model.edge_embedding.bias) not in decayed
    assert id(model.edge_embedding.weight) in decayed


def test_speed_is_a_positive_number(config: TrainingConfig) -> None:
    assert training_step_speed(config.visnet(), 50, repeats=1) > 0
