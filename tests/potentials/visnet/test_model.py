"""ViSNet's symmetries, smoothness and batching."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from potentials.errors import PotentialError
from potentials.neighbours import build_edges
from potentials.visnet import ViSNet, ViSNetConfig
from potentials.visnet.layers import limited

CONFIG = ViSNetConfig(hidden_channels=16, num_layers=3, num_heads=4, num_radial=8, cutoff_A=3.5)


def _model(config: ViSNetConfig = CONFIG) -> ViSNet:
    torch.manual_seed(4)
    model = ViSNet(config).double()
    for parameter in model.parameters():  # biases too: at zero they would hide a missing envelope
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def _molecule(atoms: int = 14) -> tuple[Tensor, Tensor, Tensor]:
    generator = np.random.default_rng(8)
    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), axis=-1).reshape(-1, 3)[:atoms] * 1.5
    positions = torch.tensor(grid + generator.normal(scale=0.15, size=grid.shape))
    return (
        torch.tensor(generator.choice([1, 6, 7, 8], size=atoms)),
        positions,
        torch.tensor(generator.normal(size=atoms)),
    )


def _evaluate(model: ViSNet, numbers: Tensor, positions: Tensor, charges: Tensor, index: Tensor | None = None):
    index = torch.zeros(len(numbers), dtype=torch.int64) if index is None else index
    moving = positions.clone().requires_grad_()
    edges = build_edges(positions.numpy(), index.numpy(), model.config.cutoff_A)
    energies = model(numbers, moving, index, charges, edges, int(index[-1]) + 1)
    return energies.detach(), -torch.autograd.grad(energies.sum(), moving)[0]


@pytest.mark.parametrize("lmax", [1, 2])
@pytest.mark.parametrize("envelope", ["smooth", "cosine"])
def test_rotation_reflection_translation_permutation(lmax, envelope):
    model = _model(dataclasses.replace(CONFIG, lmax=lmax, envelope=envelope))
    numbers, positions, charges = _molecule()
    energy, forces = _evaluate(model, numbers, positions, charges)
    rotation = -torch.tensor(Rotation.from_euler("xyz", [0.3, 1.1, -0.7]).as_matrix())
    turned_energy, turned_forces = _evaluate(model, numbers, positions @ rotation.T + 7.0, charges)
    torch.testing.assert_close(turned_energy, energy, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(turned_forces, forces @ rotation.T, rtol=1e-8, atol=1e-9)
    order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(0))
    permuted_energy, permuted_forces = _evaluate(model, numbers[order], positions[order], charges[order])
    torch.testing.assert_close(permuted_energy, energy, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(permuted_forces, forces[order], rtol=1e-8, atol=1e-9)
    assert forces.sum(dim=0).abs().max() < 1e-9
    assert torch.linalg.cross(positions, forces).sum(dim=0).abs().max() < 1e-8


def test_mirror_images_differ_from_a_distortion():
    """Negative control of the symmetries: a molecule of another shape has another energy."""
    model, (numbers, positions, charges) = _model(), _molecule()
    energy, _ = _evaluate(model, numbers, positions, charges)
    other, _ = _evaluate(model, numbers, positions * torch.tensor([1.0, 1.0, 1.05]), charges)
    assert (energy - other).abs().item() > 1e-3


def test_forces_are_the_gradient():
    model, (numbers, positions, charges) = _model(), _molecule()
    _, forces = _evaluate(model, numbers, positions, charges)
    direction = torch.tensor(np.random.default_rng(0).normal(size=positions.shape))
    h = 1e-4
    plus, _ = _evaluate(model, numbers, positions + h * direction, charges)
    minus, _ = _evaluate(model, numbers, positions - h * direction, charges)
    slope = ((plus - minus) / (2 * h)).item()
    assert abs(slope + (forces * direction).sum().item()) < 1e-6 * max(1.0, abs(slope))


def test_a_batch_equals_its_molecules():
    model, (numbers, positions, charges) = _model(), _molecule()
    sizes = (14, 5, 1)
    index = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    together = [torch.cat([part[:size] for size in sizes]) for part in (numbers, positions, charges)]
    energies, forces = _evaluate(model, *together, index)
    first = 0
    for number, size in enumerate(sizes):
        energy, force = _evaluate(model, numbers[:size], positions[:size], charges[:size])
        torch.testing.assert_close(energies[number : number + 1], energy, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(forces[first : first + size], force, rtol=1e-9, atol=1e-10)
        first += size


@pytest.mark.parametrize("envelope, smooth", [("smooth", True), ("cosine", False)])
def test_smoothness_through_the_cutoff(envelope, smooth):
    """Force and its derivative are continuous as an atom leaves; the original envelope is the control."""
    model = _model(dataclasses.replace(CONFIG, envelope=envelope))
    numbers, positions, charges = _molecule(6)

    def forces(distance_A: float) -> Tensor:
        leaving = positions.clone()
        leaving[5] = positions[0] + torch.tensor([-distance_A, 0.0, 0.0])
        return _evaluate(model, numbers, leaving, charges)[1]

    h = 1e-3
    values = [forces(CONFIG.cutoff_A + n * h) for n in (-2, -1, -1e-6, 1e-6, 1, 2)]
    jump = (values[3] - values[2]).abs().max().item()
    slopes = (values[2] - values[1]) / h, (values[4] - values[3]) / h
    bend = (slopes[1] - slopes[0]).abs().max().item()
    assert (jump < 1e-6 and bend < 0.1) is smooth, (jump, bend)


def test_reference_energies_are_added_in_float64():
    model, (numbers, positions, charges) = _model().float(), _molecule()
    before, _ = _evaluate(model, numbers, positions.float(), charges)
    model.set_element_energies(torch.full((CONFIG.max_atomic_number,), -1.0e5, dtype=torch.float64))
    after, _ = _evaluate(model, numbers, positions.float(), charges)
    assert after.dtype == torch.float64
    assert abs((after - before).item() + 14e5) < 1e-7


def test_charges_matter_and_impossible_shapes_are_refused(unchecked):
    model, (numbers, positions, charges) = _model(), _molecule()
    energy, _ = _evaluate(model, numbers, positions, charges)
    assert (_evaluate(model, numbers, positions, charges * 0)[0] - energy).abs().item() > 1e-3
    for wrong in ({"hidden_channels": 30}, {"lmax": 3}, {"cutoff_A": 0.0}, {"envelope": "step"}, {"num_layers": 0}):
        with pytest.raises(PotentialError, match=next(iter(wrong))):
            dataclasses.replace(CONFIG, **wrong)


def test_vectors_are_limited_and_short_ones_untouched():
    generator = torch.Generator().manual_seed(1)
    vec = torch.randn(5, 8, 3, generator=generator, dtype=torch.float64) * torch.logspace(-3, 8, 5)[:, None, None]
    lengths = limited(vec, 4.0).square().sum(dim=1).sqrt()
    assert lengths.max() <= 4.0
    short = vec[:1]
    torch.testing.assert_close(limited(short, 4.0), short, rtol=1e-9, atol=0)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))[0]
    turned = torch.einsum("ij,ajc->aic", rotation, vec)
    torch.testing.assert_close(limited(turned, 4.0), torch.einsum("ij,ajc->aic", rotation, limited(vec, 4.0)))


def test_energies_stay_bounded_where_filters_are_wild():
    """Filters a hundred times too large, as they may be at distances that no training saw."""

    def largest(limit: float | None) -> float:
        model = _model(dataclasses.replace(CONFIG, vector_limit=limit))
        energy, _ = _evaluate(model, *_molecule())
        for layer in model.layers:
            layer.message_filter.weight.data.mul_(100.0)
        wild, forces = _evaluate(model, *_molecule())
        assert torch.isfinite(forces).all()
        return ((wild - energy).abs().max() / energy.abs().max()).item()

    assert largest(4.0) < 100.0
    assert largest(None) > 1e6
