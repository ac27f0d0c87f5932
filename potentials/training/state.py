"""Everything a training run changes, in one place, and its file: what is saved is exactly what is resumed."""

import dataclasses
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import Parameter

from potentials.errors import PotentialError
from potentials.training.averaging import averaged_copy
from potentials.training.batching import Sampler
from potentials.training.config import TrainingConfig
from potentials.training.curves import Row
from potentials.training.fine_tuning import move_references, pretraining_record, starting_model
from potentials.training.optimisation import make_optimiser
from potentials.training.preparation import PreparedData
from potentials.visnet.model import ViSNet

_MAY_CHANGE = ("schedule", "record", "committee", "device", "threads", "matmul_precision")


@dataclasses.dataclass
class TrainingState:
    """Weights, their average, energy offsets per nuisance feature (eV), optimiser, sampler and clock of a run."""

    model: ViSNet
    average: ViSNet
    offsets: Parameter
    optimiser: torch.optim.AdamW
    sampler: Sampler
    step: int = 0
    elapsed_s: float = 0.0
    rows: list[Row] = dataclasses.field(default_factory=list)
    pretraining: dict[str, Any] | None = None
    """Of the model it began with, for the card."""


def initial_state(config: TrainingConfig, data: PreparedData, *, folder: Path, device: torch.device) -> TrainingState:
    """A run's beginning: weights from the seed, or from the model file `start_from` names."""
    torch.manual_seed(config.seed)
    offsets, pretraining = np.zeros(data.training.features.shape[1], np.float32), None
    if config.start_from is None:
        model = ViSNet(config.visnet()).to(device)
        model.set_element_energies(torch.from_numpy(data.element_energies))
    else:
        loaded = starting_model(config, folder)
        model, pretraining = loaded.model.to(device), pretraining_record(loaded.card)
        offsets = move_references(model, data.training, data.element_energies, target=config.target, device=device)
    model = model.train()
    offsets = Parameter(torch.from_numpy(offsets).to(device))
    return TrainingState(
        model=model,
        average=averaged_copy(model),
        offsets=offsets,
        optimiser=make_optimiser(model, offsets, config.optimiser),
        sampler=Sampler(
            data.training.molecules,
            atoms_per_step=config.schedule.atoms_per_step,
            cluster_share=config.data.cluster_share,
            seed=config.seed,
        ),
        pretraining=pretraining,
    )


def save_checkpoint(path: Path, state: TrainingState, config: TrainingConfig) -> None:
    """Write the whole state; an interruption while writing leaves the previous file."""
    content = {
        "config": config.model_dump_json(),
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "offsets": state.offsets.detach(),
        "optimiser": state.optimiser.state_dict(),
        "sampler": state.sampler.state(),
        "step": state.step,
        "elapsed_s": state.elapsed_s,
        "rows": state.rows,
    }
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path, state: TrainingState, config: TrainingConfig) -> None:
    """Bring a fresh state to where the checkpoint was saved.

    Raises:
        PotentialError: no such file, not a checkpoint, or of a run with other settings (length, recording, device and
            threads may differ).
    """
    content = read_checkpoint(path)
    _check_same_run(json.loads(content["config"]), json.loads(config.model_dump_json()))
    state.model.load_state_dict(content["model"])
    state.average.load_state_dict(content["average"])
    with torch.no_grad():
        state.offsets.copy_(content["offsets"])
    state.optimiser.load_state_dict(content["optimiser"])
    state.sampler.restore(content["sampler"])
    state.step, state.elapsed_s, state.rows = content["step"], content["elapsed_s"], content["rows"]


def read_checkpoint(path: Path) -> dict:
    """A checkpoint's content; only tensors and plain data are unpickled."""
    if not path.is_file():
        raise PotentialError(f"no checkpoint {path}; start the run without --resume")
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise PotentialError(f"checkpoint {path} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict) or not {"config", "model", "average", "optimiser"} <= set(content):
        raise PotentialError(f"{path} is not a checkpoint of a training run")
    return content


def _check_same_run(saved: dict, now: dict) -> None:
    different = [key for key in now if key not in _MAY_CHANGE and saved.get(key) != now[key]]
    if different:
        raise PotentialError(
            f"the checkpoint is of a run with other settings for {', '.join(different)}; "
            "resume with the settings it was started with, or start a new run"
        )


def trained_parameters(state: TrainingState) -> list[Parameter]:
    """Everything that is trained."""
    return [*state.model.parameters(), state.offsets]
