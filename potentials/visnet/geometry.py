"""Geometry of edges: distances, cutoff envelopes, radial functions and real spherical harmonics."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from potentials.edge_operations import gather
from potentials.neighbours import Edges
from potentials.visnet.config import ViSNetConfig


def edge_vectors(positions: Tensor, edges: Edges) -> tuple[Float[Tensor, "edges"], Float[Tensor, "edges 3"]]:
    """Distance (A) and unit vector from target to source; both zero for an atom's edge to itself."""
    vectors = gather(positions, edges, from_source=True) - gather(positions[edges.targets], edges, from_source=False)
    own = edges.own
    squared = vectors.square().sum(dim=1)
    distances = torch.where(own, 1.0, squared).sqrt()
    return torch.where(own, 0.0, distances), vectors / distances[:, None]


def smooth_envelope(distances: Tensor, cutoff_A: float) -> Tensor:
    """1 - 10 u^3 + 15 u^4 - 6 u^5 with u = r / cutoff: value and two derivatives vanish at the cutoff."""
    u = (distances / cutoff_A).clamp(max=1.0)
    return 1.0 + u**3 * (-10.0 + u * (15.0 - 6.0 * u))


def cosine_envelope(distances: Tensor, cutoff_A: float) -> Tensor:
    """(cos(pi r / cutoff) + 1) / 2, the envelope of the original ViSNet; its second derivative jumps at the cutoff."""
    return 0.5 * (torch.cos(distances * (math.pi / cutoff_A)) + 1.0) * (distances < cutoff_A)


def spherical_harmonics(unit_vectors: Float[Tensor, "edges 3"], lmax: int) -> Tensor:
    """Real spherical harmonics of degree 1..lmax, each degree normalised to 1: (edges, lmax (lmax + 2)).

    Order and axes are those of ViSNet: x, y, z; then sqrt(3) x z, sqrt(3) x y, y^2 - (x^2 + z^2) / 2, sqrt(3) y z,
    sqrt(3) / 2 (z^2 - x^2). The zero vector of an atom's own edge gives zero.
    """
    if lmax == 1:
        return unit_vectors
    x, y, z = unit_vectors.unbind(dim=1)
    root3 = math.sqrt(3.0)
    degree2 = (
        root3 * x * z,
        root3 * x * y,
        y * y - 0.5 * (x * x + z * z),
        root3 * y * z,
        0.5 * root3 * (z * z - x * x),
    )
    return torch.cat([unit_vectors, torch.stack(degree2, dim=1)], dim=1)


class RadialFunctions(nn.Module):
    """envelope(r) exp(-beta (exp(-alpha r) - mu_k)^2), alpha = 5 / cutoff (Unke and Meuwly, JCTC 15, 3678, 2019)."""

    means: Tensor

    def __init__(self, config: ViSNetConfig) -> None:
        super().__init__()
        start = math.exp(-config.cutoff_A)
        self.alpha = 5.0 / config.cutoff_A
        self.beta = (2.0 / config.num_radial * (1.0 - start)) ** -2
        self.register_buffer("means", torch.linspace(start, 1.0, config.num_radial))

    def forward(self, distances: Tensor, envelope: Tensor) -> Float[Tensor, "edges radial"]:
        """Radial features of every edge."""
        offset = torch.exp(-self.alpha * distances)[:, None] - self.means
        return envelope[:, None] * torch.exp(-self.beta * offset.square())
