"""A small untrained model."""

from pathlib import Path

import pytest
import torch

from ai2bmd.environment import FORCE_FIELD
from potentials.model_file import ModelCard, save_model
from potentials.visnet import ViSNet, ViSNetConfig


@pytest.fixture(scope="session")
def random_model(tmp_path_factory) -> Path:
    """Model file of a small ViSNet with random weights."""
    torch.manual_seed(3)
    model = ViSNet(ViSNetConfig(hidden_channels=16, num_layers=2, num_heads=4, num_radial=8, cutoff_A=4.0))
    model.set_element_energies(torch.arange(20, dtype=torch.float64))
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_model(path, model, ModelCard(kind="correction", level_of_theory="none", force_field=FORCE_FIELD, config={}))
    return path
