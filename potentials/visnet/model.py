"""ViSNet: atomic numbers, positions and partial charges of a batch of molecules in, one energy per molecule out."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from potentials.edge_operations import aggregate, gather
from potentials.neighbours import Edges
from potentials.visnet.activation import silu
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.geometry import (
    RadialFunctions,
    cosine_envelope,
    edge_vectors,
    smooth_envelope,
    spherical_harmonics,
)
from potentials.visnet.layers import GatedOutput, MessageLayer


class ViSNet(nn.Module):
    """Equivariant graph network of Wang et al. (Nat. Commun. 15, 313, 2024).

    Energies are relative to `element_energies` (eV, per atomic number, float64): the network predicts the small rest,
    which is summed over atoms in float64.
    """

    element_energies: Tensor

    def __init__(self, config: ViSNetConfig) -> None:
        super().__init__()
        self.config = config
        channels, elements = config.hidden_channels, config.max_atomic_number
        self.embedding = nn.Embedding(elements, channels)
        self.charge_embedding = _charge_embedding(channels) if config.charge_features else None
        self.radial = RadialFunctions(config)
        self.neighbour_embedding = nn.Embedding(elements, channels)
        self.neighbour_filter = nn.Linear(config.num_radial, channels)
        self.neighbour_combine = nn.Linear(2 * channels, channels)
        self.edge_embedding = nn.Linear(config.num_radial, channels)
        for layer in (self.neighbour_filter, self.neighbour_combine, self.edge_embedding):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        count = config.num_layers
        self.layers = nn.ModuleList(
            MessageLayer(config, is_first=number == 0, is_last=number == count - 1) for number in range(count)
        )
        self.norm = nn.LayerNorm(channels)
        self.gated = GatedOutput(channels, channels // 2, activate=True)
        self.energy = GatedOutput(channels // 2, 1, activate=False)
        self.register_buffer("element_energies", torch.zeros(elements, dtype=torch.float64))

    def set_element_energies(self, energies: Float[Tensor, "elements"]) -> None:
        """Set the reference energy (eV) of each atomic number."""
        self.element_energies.copy_(energies)

    def _apply(self, fn, recurse: bool = True):
        """Conversions such as `.to(float32)` leave the reference energies in float64."""
        references = self.element_energies
        module = super()._apply(fn, recurse)
        self.element_energies = references.to(self.element_energies.device)
        return module

    def forward(
        self,
        atomic_numbers: Int[Tensor, "atoms"],
        positions: Float[Tensor, "atoms 3"],
        fragment_index: Int[Tensor, "atoms"],
        charges: Float[Tensor, "atoms"],
        edges: Edges,
        n_fragments: int,
    ) -> Float[Tensor, "fragments"]:
        """Energy of each molecule in eV, float64.

        Args:
            atomic_numbers: element of each atom.
            positions: Angstrom; differentiate the energies with respect to them for forces.
            fragment_index: molecule of each atom, ascending.
            charges: partial charges of the force field, e.
            edges: from `build_edges` or `NeighbourList` with this model's `config.cutoff_A`.
            n_fragments: number of molecules.
        """
        atomic_energies = self.atomic_energies(atomic_numbers, positions, charges, edges).to(torch.float64)
        atomic_energies = atomic_energies + self.element_energies[atomic_numbers]
        total = atomic_energies.new_zeros(n_fragments)
        return total.index_add(0, fragment_index, atomic_energies)

    def atomic_energies(
        self, atomic_numbers: Tensor, positions: Tensor, charges: Tensor, edges: Edges
    ) -> Float[Tensor, "atoms"]:
        """The network's share of each atom in eV, without the reference energies."""
        cutoff = self.config.cutoff_A
        distances, directions = edge_vectors(positions, edges)
        envelope = (smooth_envelope if self.config.envelope == "smooth" else cosine_envelope)(distances, cutoff)
        radial = self.radial(distances, envelope)
        x = self._embed(atomic_numbers, charges.to(positions.dtype), radial, envelope, edges)
        f = gather(x, edges, from_source=True) + gather(x, edges, from_source=False)
        f = f * self.edge_embedding(radial)
        d = spherical_harmonics(directions, self.config.lmax)
        vec = None
        for layer in self.layers:
            x, vec, f = layer(x, vec, f, d, envelope, edges)
        x, vec = self.gated(self.norm(x), vec)
        return self.energy(x, vec)[0].squeeze(1)

    def _embed(self, atomic_numbers: Tensor, charges: Tensor, radial: Tensor, envelope: Tensor, edges: Edges) -> Tensor:
        """Atom features from element, charge and the elements around it."""
        x = self.embedding(atomic_numbers)
        if self.charge_embedding is not None:
            x = x + self.charge_embedding(charges[:, None])
        others = envelope * (edges.source != edges.target)
        weights = self.neighbour_filter(radial) * others[:, None]
        around = aggregate(weights, self.neighbour_embedding(atomic_numbers)[:, None, :], edges).squeeze(1)
        return self.neighbour_combine(torch.cat([x, around], dim=1))


class _ChargeEmbedding(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, channels)
        self.output = nn.Linear(channels, channels)

    def forward(self, charges: Tensor) -> Tensor:
        return self.output(silu(self.hidden(charges)))


def _charge_embedding(channels: int) -> nn.Module:
    return _ChargeEmbedding(channels)
