"""A structure and runs that take a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ai2bmd.simulation.driver import Outcome
from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure.files import PreparedStructure, read_prepared
from potentials.model_file import ModelCard, save_model
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

QUICK = {
    "time": "40fs",
    "coupling": "off",
    "solvent": "gas",
    "device": "cpu",
    "equilibration": [{"name": "minimise", "minimise": 20}, {"name": "heat", "time": "5fs", "friction": "20/ps"}],
    "checkpoint_every": 20,
}
Start = Callable[..., Outcome]


@pytest.fixture(scope="session")
def chignolin(examples: Path) -> PreparedStructure:
    return read_prepared(examples / "chignolin.pdb")


@pytest.fixture
def quick_settings() -> dict[str, Any]:
    """Settings of a run of a second."""
    return dict(QUICK)


@pytest.fixture
def start(chignolin: PreparedStructure) -> Start:
    """`start(path, key=value ...)` makes a quick run of chignolin in a new directory."""

    def quick(path: Path, **changes: Any) -> Outcome:
        settings = make_settings(QUICK | changes, where="test")
        return start_run(chignolin, settings, output=path, name="test", say=lambda line: None)[1]

    return quick


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A correction model with random weights."""
    torch.manual_seed(0)
    network = ViSNet(ViSNetConfig(hidden_channels=8, num_layers=1, num_heads=2, num_radial=8))
    card = ModelCard(kind="correction", level_of_theory="test", force_field="amber19/ff19SB", config={})
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_model(path, network, card)
    return str(path)
