"""Fine-tuning goes on from a trained model at another level of theory: energies are moved, forces are kept."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from potentials.errors import PotentialError
from potentials.model_file import ModelCard, load_model, save_model
from potentials.training import state as state_module
from potentials.training.config import TrainingConfig, training_config
from potentials.training.dataset import select
from potentials.training.distributed import Processes
from potentials.training.evaluation import model_deviations
from potentials.training.loop import train
from potentials.training.preparation import load_data, prepare_data, prepare_molecules
from potentials.training.split import held_out
from potentials.training.state import initial_state, save_checkpoint
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

Settings = Callable[..., dict[str, object]]
CPU = torch.device("cpu")
SHIFTS_EV = {"mid-AAA": -13488.5, "cterm-BBB": -2107.25}
"""As large as total energies of quantum chemistry."""


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory, data_folder: Path, settings: Settings) -> Path:
    """A folder with data of another level of theory, and with start.safetensors, trained at the first one."""
    folder = tmp_path_factory.mktemp("pretrained")
    config = training_config(
        settings(
            data={"units": "units.h5"},
            optimiser={"learning_rate": 1e-2, "average_decay": 0.9},
            schedule={"steps": 150, "atoms_per_step": 60},
            committee=None,
        ),
        where="test",
    )
    data = prepare_data(config, data_folder, n_elements=20)
    train(config, data, folder=data_folder, output=folder, processes=Processes(0, 1, CPU), resume=False)
    (folder / "model.safetensors").rename(folder / "start.safetensors")
    (folder / "model.json").rename(folder / "start.json")
    shutil.copy(data_folder / "units.h5", folder / "units.h5")
    file: Any
    with h5py.File(folder / "units.h5", "a") as file:
        for name, shift in SHIFTS_EV.items():
            file[name]["energy"][:] += shift
    return folder


@pytest.fixture
def config(settings: Settings) -> TrainingConfig:
    """Of a fine-tuning."""
    return training_config(
        settings(
            level_of_theory="springs in quantum chemistry",
            start_from="start.safetensors",
            data={"units": "units.h5"},
            model={},
            optimiser={"learning_rate": 1e-3, "average_decay": 0.9},
            schedule={"steps": 5, "atoms_per_step": 60},
        ),
        where="test",
    )


def _energy_errors_eV(model: ViSNet, folder: Path, config: TrainingConfig) -> np.ndarray:
    molecules = load_data(config, folder)
    tested = select(molecules, np.flatnonzero(held_out(molecules)))
    return model_deviations(model, tested, target="correction", device=CPU).energies


def test_energies_are_moved_and_forces_are_kept(pretrained: Path, config: TrainingConfig) -> None:
    data = prepare_data(config, pretrained, n_elements=20)
    before = load_model(pretrained / "start.safetensors", force_field="none at all").model
    state = initial_state(config, data, folder=pretrained, device=CPU)
    # what is left is the error of the model on each frame
    assert np.median(np.abs(_energy_errors_eV(state.model, pretrained, config))) < 0.1
    assert np.abs(_energy_errors_eV(before, pretrained, config)).min() > 2000.0  # control: without it all of it is left
    assert np.abs(state.offsets.detach().numpy()).max() < 0.5
    for (name, old), new in zip(before.named_parameters(), state.model.parameters(), strict=True):
        assert torch.equal(old, new), name


def test_a_unit_of_one_frame_gets_its_whole_offset(pretrained: Path, config: TrainingConfig, tmp_path: Path) -> None:
    shutil.copytree(pretrained, tmp_path, dirs_exist_ok=True)
    file: Any
    with h5py.File(tmp_path / "units.h5", "a") as file:
        file.copy("mid-AAA", "mid-ISO")  # the same elements, so that no energies per element tell them apart
        file["mid-ISO"]["energy"][:] += 0.8
    molecules = load_data(config, tmp_path)
    molecules = dataclasses.replace(molecules, test=held_out(molecules).astype(np.int64))
    isomer = np.flatnonzero((molecules.label == molecules.label_names.index("mid-ISO")) & (molecules.test == 0))
    kept = np.setdiff1d(np.arange(len(molecules)), isomer[1:])
    data = prepare_molecules(config, select(molecules, kept), files=(), n_elements=20)
    state = initial_state(config, data, folder=tmp_path, device=CPU)
    trained = data.training.molecules
    only = np.flatnonzero(trained.label == trained.label_names.index("mid-ISO"))
    assert len(only) == 1
    batch = data.training.batch(only, state.model.config.cutoff_A, device=CPU)
    energy = state.model(
        batch.atomic_numbers, batch.positions, batch.fragment_index, batch.charges, batch.edges, len(batch.sizes)
    )
    assert abs((energy - batch.energies - batch.features @ state.offsets).item()) < 0.02
    assert abs((energy - batch.energies).item()) > 0.1  # control: without its offset


def test_the_card_names_both_levels(pretrained: Path, config: TrainingConfig, tmp_path: Path) -> None:
    data = prepare_data(config, pretrained, n_elements=20)
    train(config, data, folder=pretrained, output=tmp_path, processes=Processes(0, 1, CPU), resume=False)
    first = load_model(pretrained / "start.safetensors", force_field="none at all").card
    card = load_model(tmp_path / "model.safetensors", force_field="none at all").card
    assert first.pretraining is None
    assert card.level_of_theory == "springs in quantum chemistry"
    assert card.pretraining is not None
    assert card.pretraining["level_of_theory"] == "springs"
    assert card.pretraining["sha256"] == first.sha256


def test_a_resumed_run_is_the_same(pretrained: Path, config: TrainingConfig, tmp_path: Path) -> None:
    data = prepare_data(config, pretrained, n_elements=20)
    state = initial_state(config, data, folder=pretrained, device=CPU)
    with torch.no_grad():
        state.offsets += 0.25
        state.model.norm.weight += 0.5
    save_checkpoint(tmp_path / "checkpoint.pt", state, config)
    again = initial_state(config, data, folder=pretrained, device=CPU)
    state_module.load_checkpoint(tmp_path / "checkpoint.pt", again, config)
    assert torch.equal(again.offsets, state.offsets)
    for one, other in zip(again.model.state_dict().values(), state.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_another_shape_is_refused(pretrained: Path, config: TrainingConfig) -> None:
    data = prepare_data(config, pretrained, n_elements=20)
    other = config.model_copy(update={"model": {"hidden_channels": 16, "num_layers": 1}})
    with pytest.raises(PotentialError, match=r"another hidden_channels than start\.safetensors has; leave model out"):
        initial_state(other, data, folder=pretrained, device=CPU)


def test_another_kind_is_refused(pretrained: Path, config: TrainingConfig, tmp_path: Path) -> None:
    data = prepare_data(config, pretrained, n_elements=20)
    card = ModelCard(kind="full", level_of_theory="springs", force_field=None, config={})
    save_model(tmp_path / "start.safetensors", ViSNet(ViSNetConfig(hidden_channels=8, num_layers=1)), card)
    with pytest.raises(PotentialError, match="is a full model, and target is correction"):
        initial_state(config, data, folder=tmp_path, device=CPU)
