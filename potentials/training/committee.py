"""A committee from a trained model: last layers drawn from what the training data leave undecided.

With the network fixed, forces are linear in the last weights w, F = G w. Data whose residuals have the variance s^2
leave w the covariance s^2 (G^T G)^-1 (Bigi, Chong, Ceriotti, Grasselli, Mach. Learn.: Sci. Technol. 5, 045018, 2024).
Members are drawn from it in mutually orthogonal directions that add up to zero, so that the committee predicts exactly
what the model did. Where the training data say little of what a geometry asks of w, members disagree.
"""

import dataclasses

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from potentials.training.batching import Batch, TrainingSet
from potentials.training.config import CommitteeSettings
from potentials.training.preparation import spread
from potentials.visnet.committee import with_members
from potentials.visnet.model import ViSNet

_ATOMS_PER_BATCH = 1000
_RIDGE = 1e-6
"""Of the mean diagonal element; a weight that no force depends on would be undecided altogether."""


@dataclasses.dataclass
class _Sums:
    """Over the training molecules."""

    normal: Float64[Tensor, "channels channels"]
    """G^T G."""
    squared_residual: float
    force_components: int
    features: Float64[Tensor, "elements channels"]
    """Of the atoms of each element."""
    atoms: Float64[Tensor, " elements"]


def make_committee(model: ViSNet, training: TrainingSet, settings: CommitteeSettings, *, seed: int) -> ViSNet:
    """A committee of `settings.members` whose mean is the model.

    Args:
        model: with one member, on its device.
        training: what it was trained on.
        settings: number of members, and of molecules that are looked at.
        seed: of the draw.
    """
    sums = _sums(model, training, settings.molecules)
    variance = sums.squared_residual / sums.force_components
    ridge = _RIDGE * sums.normal.trace() / len(sums.normal) + torch.finfo(torch.float64).tiny
    normal = sums.normal + ridge * torch.eye(len(sums.normal), dtype=torch.float64)
    values, directions = torch.linalg.eigh(normal)
    # only the shape is taken from the formula, for n forces are far from n independent pieces of knowledge; the size is
    # such that on the training data the spread is as large as the residuals
    root = directions * (variance * sums.force_components / len(normal) / values).sqrt()
    deviations = _directions(settings.members, len(normal), seed=seed) @ root.T
    # what members think of an element on the whole is no disagreement on a geometry
    usual = sums.features / sums.atoms.clamp(min=1.0)[:, None]
    return with_members(model, deviations, -usual @ deviations.T)


def _directions(members: int, channels: int, *, seed: int) -> Float64[Tensor, "members channels"]:
    """Random, of variance one over members and draws; they add up to zero, and their components are orthogonal."""
    generator = np.random.default_rng(seed)
    drawn = generator.normal(size=(members, channels))
    left, _, right = np.linalg.svd(drawn - drawn.mean(axis=0), full_matrices=False)
    rank = min(members - 1, channels)
    return torch.from_numpy(left[:, :rank] @ right[:rank]) * np.sqrt((members - 1) * channels / rank)


def _sums(model: ViSNet, training: TrainingSet, most_molecules: int) -> _Sums:
    chosen = spread(np.arange(len(training.molecules)), most_molecules)
    channels = model.config.hidden_channels // 2
    elements = model.config.max_atomic_number
    sums = _Sums(
        torch.zeros(channels, channels, dtype=torch.float64),
        0.0,
        0,
        torch.zeros(elements, channels, dtype=torch.float64),
        torch.zeros(elements, dtype=torch.float64),
    )
    part = np.cumsum(training.molecules.sizes[chosen]) // _ATOMS_PER_BATCH
    device = model.element_energies.device
    for number in np.unique(part):
        batch = training.batch(chosen[part == number], model.config.cutoff_A, device=device)
        _add(sums, model, batch)
    return sums


def _add(sums: _Sums, model: ViSNet, batch: Batch) -> None:
    """Add a batch: forces of each last feature, residuals, features of each element."""
    positions = batch.positions.detach().requires_grad_()
    features = model.last_features(batch.atomic_numbers, positions, batch.charges, [batch.edges])
    weight = model.energy.output.weight.detach()[0]
    forces = torch.stack(
        [-torch.autograd.grad(total, positions, retain_graph=True)[0].reshape(-1) for total in features.sum(dim=0)],
        dim=1,
    )
    residual = (forces @ weight - batch.forces.reshape(-1)).double()
    forces = forces.double()
    sums.normal += (forces.T @ forces).cpu()
    sums.squared_residual += residual.square().sum().item()
    sums.force_components += len(residual)
    numbers = batch.atomic_numbers.cpu()
    sums.features.index_add_(0, numbers, features.detach().double().cpu())
    sums.atoms.index_add_(0, numbers, torch.ones(len(numbers), dtype=torch.float64))
