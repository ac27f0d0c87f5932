"""The loss of a batch: force errors, energy errors less the offset of each composition."""

import dataclasses

import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from potentials.training.batching import Batch
from potentials.training.config import LossSettings
from potentials.visnet.model import ViSNet


@dataclasses.dataclass(frozen=True)
class Losses:
    """Terms of the loss, each a scalar in eV and Angstrom."""

    total: Tensor
    force: Tensor
    energy: Tensor


def energies_and_forces(
    model: ViSNet, batch: Batch, *, differentiable: bool
) -> tuple[Float64[Tensor, " molecules"], Float32[Tensor, "atoms 3"]]:
    """Energies (eV) and forces (eV/A); `differentiable` forces can be trained on, the others are cheaper."""
    positions = batch.positions.detach().requires_grad_()
    energies = model(
        batch.atomic_numbers, positions, batch.fragment_index, batch.charges, batch.edges, len(batch.sizes)
    )
    (gradient,) = torch.autograd.grad(energies.sum(), positions, create_graph=differentiable)
    return (energies if differentiable else energies.detach()), -gradient


def batch_losses(
    model: ViSNet,
    offsets: Float32[Tensor, " features"],
    batch: Batch,
    *,
    settings: LossSettings,
    counts: tuple[int, int],
) -> Losses:
    """Losses of a batch, as sums over it divided by `counts`, (molecules, atoms) of all processes together."""
    energies, forces = energies_and_forces(model, batch, differentiable=True)
    molecules, atoms = counts
    force = force_errors(forces - batch.forces, settings).sum() / atoms
    error = (energies - batch.energies).float() - batch.features @ offsets
    per_atom = error / batch.sizes
    energy = (
        torch.nn.functional.smooth_l1_loss(
            per_atom, torch.zeros_like(per_atom), beta=settings.energy_delta, reduction="sum"
        )
        / molecules
    )
    return Losses(settings.force_weight * force + settings.energy_weight * energy, force, energy)


def force_errors(difference: Float[Tensor, "atoms 3"], settings: LossSettings) -> Float[Tensor, " atoms"]:
    """Loss of each atom's force error (eV/A): its length, or that rounded off below `force_delta`."""
    # 1e-12: the gradient of a length is undefined at zero
    length = (difference.square().sum(dim=1) + 1e-12).sqrt()
    if settings.force == "norm":
        return length
    return torch.where(
        length < settings.force_delta, 0.5 * length.square() / settings.force_delta, length - 0.5 * settings.force_delta
    )
