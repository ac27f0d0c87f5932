"""Energies and forces equal those of torch_geometric's ViSNet with the same weights."""

import pytest
import torch
from torch import Tensor
from torch_geometric.nn.models import ViSNet as ReferenceViSNet

from potentials.neighbours import Edges, build_edges
from potentials.visnet import ViSNet, ViSNetConfig
from potentials.visnet.weights import load_torch_geometric


class _GivenNeighbours(torch.nn.Module):
    """Replaces the reference's neighbour search, whose compiled helper is not on PyPI."""

    def __init__(self, edges: Edges) -> None:
        super().__init__()
        self.edges = edges

    def forward(self, positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        index = torch.stack([self.edges.source, self.edges.target])
        vectors = positions[index[0]] - positions[index[1]]
        own = index[0] == index[1]
        lengths = torch.zeros(len(own), dtype=positions.dtype)
        lengths[~own] = vectors[~own].norm(dim=1)
        return index, lengths, vectors


def molecules() -> tuple[Tensor, Tensor, Tensor]:
    """Three random clouds of atoms no closer than real ones: elements, positions, molecule index."""
    generator = torch.Generator().manual_seed(3)
    grid = torch.cartesian_prod(*[torch.arange(3.0)] * 3) * 1.4
    clouds = [grid[: 9 + 6 * n] + 0.2 * torch.randn(9 + 6 * n, 3, generator=generator) for n in range(3)]
    numbers = torch.tensor([1, 6, 7, 8, 16])[torch.randint(5, (sum(map(len, clouds)),), generator=generator)]
    index = torch.cat([torch.full((len(cloud),), n) for n, cloud in enumerate(clouds)])
    return numbers, torch.cat(clouds), index


@pytest.mark.parametrize("lmax", [1, 2])
# In float64 the rest is the rounding of the reference's radial constants, which it keeps in float32.
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.float64, 1e-8)])
def test_energies_and_forces_agree(lmax, dtype, tolerance):
    torch.manual_seed(11)
    numbers, positions, index = molecules()
    positions = positions.to(dtype)
    edges = build_edges(positions.numpy(), index.numpy(), 5.0)
    reference = ReferenceViSNet(lmax=lmax, hidden_channels=64, num_layers=3, cutoff=5.0, derivative=True).to(dtype)
    for parameter in reference.parameters():  # random biases too, or forgetting one would go unseen
        torch.nn.init.normal_(parameter, std=0.15)
    reference.representation_model.distance = _GivenNeighbours(edges)
    ours = ViSNet(
        ViSNetConfig(
            lmax=lmax,
            cutoff_A=5.0,
            envelope="cosine",
            charge_features=False,
            vector_limit=None,
            max_atomic_number=100,
            num_layers=3,
        )
    ).to(dtype)
    load_torch_geometric(ours, reference.state_dict())
    expected, expected_forces = reference(numbers, positions.clone(), index)
    moving = positions.clone().requires_grad_()
    energies = ours(numbers, moving, index, torch.zeros(len(index), dtype=dtype), edges, 3)
    (gradient,) = torch.autograd.grad(energies.sum(), moving)
    assert torch.isfinite(expected).all()
    assert expected_forces.abs().max() > 1e-3
    scale = expected.abs().max()
    assert ((energies - expected.squeeze(1)).abs().max() / scale).item() < tolerance
    assert ((-gradient - expected_forces).abs().max() / expected_forces.abs().max()).item() < tolerance
