"""Copies of runs that take a second, and the single runs they must equal."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ai2bmd.engine import Snapshot
from ai2bmd.replicas.launch import Ends, start_replicas
from ai2bmd.replicas.layout import ReplicaDirectory, copy_seed
from ai2bmd.simulation.checkpoint import read_checkpoint
from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import make_settings, read_settings
from ai2bmd.simulation.workbench import open_workbench
from ai2bmd.structure.files import PreparedStructure, read_prepared
from ai2bmd.trajectory.reader import read_trajectory
from potentials.model_file import ModelCard, save_model
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

QUICK = {
    "time": "20fs",
    "coupling": "off",
    "solvent": "gas",
    "device": "cpu",
    "equilibration": [{"name": "heat", "time": "5fs", "friction": "20/ps"}],
    "checkpoint_every": 20,
}
Start = Callable[..., tuple[ReplicaDirectory, Ends]]


@pytest.fixture(scope="session")
def prepared(examples: Path) -> PreparedStructure:
    return read_prepared(examples / "chignolin.pdb")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A correction model with random weights."""
    torch.manual_seed(0)
    network = ViSNet(ViSNetConfig(hidden_channels=8, num_layers=1, num_heads=2, num_radial=8))
    card = ModelCard(kind="correction", level_of_theory="test", force_field="amber19/ff19SB", config={})
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_model(path, network, card)
    return str(path)


@pytest.fixture
def start(prepared: PreparedStructure) -> Start:
    """`start(path, key=value ...)` runs quick copies of chignolin in a new directory."""

    def quick(path: Path, **changes: Any) -> tuple[ReplicaDirectory, Ends]:
        settings = make_settings(QUICK | changes, where="test")
        return start_replicas(prepared, settings, output=path, name="test", say=lambda line: None)

    return quick


@pytest.fixture
def single(prepared: PreparedStructure) -> Callable[..., Path]:
    """`single(path, number, key=value ...)` makes the run that a copy must equal."""

    def quick(path: Path, number: int, **changes: Any) -> Path:
        settings = make_settings(QUICK | changes | {"seed": copy_seed(1, number)}, where="test")
        start_run(prepared, settings, output=path, name="test", say=lambda line: None)
        return path

    return quick


def assert_same_run(first: Path, second: Path) -> None:
    """Bit for bit: frames, log and where the checkpoint stands.

    Not its bytes: OpenMM adds random numbers that the process may or may not have drawn for something else before.
    """
    one, other = (read_trajectory(path / "trajectory.h5") for path in (first, second))
    for name in ("step", "time_ps", "positions_A", "energy_environment", "energy_correction", "kinetic_energy"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    logs = []
    for path in (first, second):
        with (path / "log.csv").open() as file:
            logs.append([row[:-1] for row in csv.reader(file)])
    assert logs[0] == logs[1]
    ends = [snapshot_of_checkpoint(RunDirectory(path)) for path in (first, second)]
    assert ends[0][0] == ends[1][0]
    np.testing.assert_array_equal(ends[0][1].positions_A, ends[1][1].positions_A)
    np.testing.assert_array_equal(ends[0][1].velocities_A_per_ps, ends[1][1].velocities_A_per_ps)


def snapshot_of_checkpoint(directory: RunDirectory) -> tuple[int, Snapshot]:
    """Step, positions and velocities."""
    checkpoint = read_checkpoint(directory.checkpoint)
    settings = make_settings(read_settings(directory.settings), where="test")
    engine = open_workbench(directory, settings).engine(settings.engine, False)
    engine.load_checkpoint(checkpoint.state)
    return checkpoint.step, engine.snapshot()
