"""A small untrained model on chignolin in either coupling."""

import numpy as np
import pytest
import torch
from openmm import app

from ai2bmd.correction import Correction, model_correction
from ai2bmd.environment import FORCE_FIELD, build_environment, partial_charges
from ai2bmd.protein import protein_topology
from potentials.model_file import LoadedModel, ModelCard
from potentials.visnet import ViSNet, ViSNetConfig


@pytest.fixture(scope="session")
def small_model() -> LoadedModel:
    """A ViSNet with random weights that is made smooth and weak enough to run dynamics with."""
    torch.manual_seed(3)
    model = ViSNet(ViSNetConfig(hidden_channels=16, num_layers=2, num_heads=4, num_radial=8, cutoff_A=4.0))
    return LoadedModel(model.eval(), ModelCard("correction", "none", FORCE_FIELD, config={}))


@pytest.fixture(params=["units", "whole"])
def corrected(request, chignolin, small_model) -> tuple[app.Topology, np.ndarray, Correction]:
    """Chignolin and its correction in float64."""
    topology, positions = chignolin
    protein, atoms = protein_topology(topology)
    charges = partial_charges(build_environment(topology, solvent="gas"))[atoms]
    return (
        topology,
        positions,
        model_correction(
            protein,
            small_model,
            charges=charges,
            coupling=request.param,
            device=torch.device("cpu"),
            dtype=torch.float64,
        ),
    )
