"""The fourth stage of a turn: the pretrained model is fine-tuned on all labels of the store."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ai2bmd.device import torch_device
from ai2bmd.environment import FORCE_FIELD
from ai2bmd.errors import InputError
from ai2bmd.improvement.folder import Turn
from ai2bmd.improvement.settings import ImprovementSettings
from potentials.training.config import TrainingConfig, read_config, training_config
from potentials.training.distributed import Processes
from potentials.training.loop import CHECKPOINT, MODEL, train
from potentials.training.preparation import prepare_data

FINE_TUNING: dict[str, Any] = {
    "target": "correction",
    "seed": 1,
    "device": "cpu",
    "threads": 1,
    "matmul_precision": "medium",
    "loss": {"force": "norm", "force_weight": 1.0, "energy_weight": 5.0},
    "optimiser": {"learning_rate": 1.5e-3, "beta2": 0.99, "average_decay": 0.99},
    "schedule": {"passes": 15, "warmup_fraction": 0.02, "final_fraction": 0.01, "atoms_per_step": 200},
    "record": {"validate_minutes": None, "checkpoint_minutes": 2},
}
"""Those of scripts/training/fine_tune.yaml."""


def training_settings(settings: ImprovementSettings, start: Path) -> TrainingConfig:
    """What a turn trains with: of the file, or of `FINE_TUNING`, all but data and beginning, which are the turn's.

    Raises:
        InputError: the file is for another level of theory, does not train corrections of amber19/ff19SB, or gives the
            model no members where they are to choose.
        PotentialError: it cannot be read.
    """
    own = {"level_of_theory": settings.method, "force_field": FORCE_FIELD}
    data = {"start_from": start.name, "data": {"units": settings.store.name}}
    if settings.training is None:
        return training_config(FINE_TUNING | own | data, where="fine-tuning")
    given = read_config(settings.training).model_dump()
    for name, value in ({"target": "correction"} | own).items():
        if given[name] != value:
            raise InputError(f"training: {settings.training} has {name} {given[name]!r}; expected {value!r}")
    if settings.by == "both" and given["committee"] is None:
        raise InputError(
            f"training: {settings.training} has no committee, and by is both, so the next turn could not choose; leave "
            "committee: null out, or take by: distance"
        )
    return training_config(given | data, where=str(settings.training))


def fine_tune(turn: Turn, settings: ImprovementSettings) -> bool:
    """Train `model.safetensors`; False if a signal stopped it, what is done is saved then.

    The store may grow meanwhile, so training and evaluation have a copy of it as it is now.

    Raises:
        PotentialError: data or settings cannot be used.
    """
    if turn.model.exists():
        return True
    config = training_settings(settings, turn.start)
    data = copy_of_store(turn, settings)
    with _kept_arithmetic():
        finished = train(
            config,
            prepare_data(config, data.parent, n_elements=config.visnet().max_atomic_number),
            folder=turn.start.parent,
            output=turn.training,
            processes=Processes(0, 1, torch_device(config.device)),
            resume=(turn.training / CHECKPOINT).exists(),
        )
    if finished:
        card = Path(MODEL).with_suffix(".json").name
        os.replace(turn.training / card, turn.folder / card)  # the model last, for it ends the stage
        os.replace(turn.training / MODEL, turn.model)
        (turn.training / CHECKPOINT).unlink()
    return finished


def copy_of_store(turn: Turn, settings: ImprovementSettings) -> Path:
    """The store as it was when the training of this turn began."""
    path = turn.training / settings.store.name
    if not path.exists():
        temporary = turn.folder / f".{settings.store.name}.new"
        shutil.copyfile(settings.store, temporary)
        turn.training.mkdir(exist_ok=True)
        os.replace(temporary, path)
    return path


@contextmanager
def _kept_arithmetic() -> Iterator[None]:
    """Training sets threads and precision of the process; what is chosen and evaluated must not depend on that."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
