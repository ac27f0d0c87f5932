"""Losses: forces are the energy's gradient, the energy term ignores offsets, Huber joins smoothly."""

from pathlib import Path

import numpy as np
import pytest
import torch

from potentials.training.batching import TrainingSet, plain_set
from potentials.training.config import LossSettings, TrainingConfig
from potentials.training.dataset import load_units
from potentials.training.losses import batch_losses, energies_and_forces, force_errors
from potentials.training.references import nuisance_features
from potentials.visnet.model import ViSNet

CPU = torch.device("cpu")


def test_offsets_absorb_a_constant_of_a_unit(data_folder: Path, config: TrainingConfig) -> None:
    torch.manual_seed(0)
    model = ViSNet(config.visnet())
    units = load_units(data_folder / "units.h5")
    features = nuisance_features(units)
    constants = np.array([5.0, -7.0])
    chosen, settings = np.arange(0, 80, 9), LossSettings()
    losses = []
    for offsets in (np.zeros(features.shape[1]), np.concatenate([constants, np.zeros(features.shape[1] - 2)])):
        shifted = TrainingSet(units, units.target_energies("full") - features @ offsets, units.forces, features)
        batch = shifted.batch(chosen, model.config.cutoff_A, device=CPU)
        counts = (len(chosen), len(batch.positions))
        losses.append(batch_losses(model, torch.tensor(offsets).float(), batch, settings=settings, counts=counts))
    assert losses[0].energy.item() == pytest.approx(losses[1].energy.item(), abs=1e-5)
    uncorrected = batch_losses(model, torch.zeros(features.shape[1]), batch, settings=settings, counts=counts)
    assert abs(uncorrected.energy.item() - losses[0].energy.item()) > 0.1


def test_training_and_evaluation_give_the_same_forces(data_folder: Path, config: TrainingConfig) -> None:
    model = ViSNet(config.visnet())
    batch = plain_set(load_units(data_folder / "units.h5"), "full").batch(np.arange(5), 4.5, device=CPU)
    energies, forces = energies_and_forces(model, batch, differentiable=True)
    same_energies, same_forces = energies_and_forces(model, batch, differentiable=False)
    assert forces.requires_grad
    assert not same_forces.requires_grad
    torch.testing.assert_close(same_energies, energies.detach())
    torch.testing.assert_close(same_forces, forces.detach())


def test_huber_is_smooth_and_parallel_to_the_norm() -> None:
    settings = LossSettings(force="huber", force_delta=0.1)
    x = torch.linspace(1e-3, 0.3, 300, dtype=torch.float64).requires_grad_()
    error = force_errors(torch.stack([x, 0 * x, 0 * x], dim=1), settings)
    (slope,) = torch.autograd.grad(error.sum(), x)
    torch.testing.assert_close(slope, (x.detach() / 0.1).clamp(max=1.0), atol=1e-6, rtol=1e-4)
