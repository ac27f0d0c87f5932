"""ViSNet: atomic numbers, positions and partial charges of a batch of molecules in, one energy per molecule out."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from potentials.edge_operations import aggregate, gather
from potentials.neighbours import Edges
from potentials.visnet.activation import silu
from potentials.visnet.blockwise import EdgeFeatures, in_blocks, joined
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

    Energies are relative to `element_energies` (eV, per atomic number and member, float64): the network predicts the
    small rest, which is summed over atoms in float64. A committee's energy is the mean of its members.
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
        self.energy = GatedOutput(channels // 2, config.members, activate=False)
        self.register_buffer("element_energies", torch.zeros(elements, config.members, dtype=torch.float64))

    def set_element_energies(self, energies: Float[Tensor, "elements"]) -> None:
        """Set the reference energy (eV) of each atomic number, the same for all members."""
        self.element_energies.copy_(energies[:, None])

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
        edges: Edges | Sequence[Edges],
        n_fragments: int,
        recompute: bool = False,
    ) -> Float[Tensor, "fragments"]:
        """Energy of each molecule in eV, float64.

        Args:
            atomic_numbers: element of each atom.
            positions: Angstrom; differentiate the energies with respect to them for forces.
            fragment_index: molecule of each atom, ascending.
            charges: partial charges of the force field, e.
            edges: from `build_edges` or `NeighbourList` with this model's `config.cutoff_A`; or the same divided by
                `edge_blocks.split`.
            n_fragments: number of molecules.
            recompute: compute what belongs to a block of edges again for the gradient instead of keeping it, which
                takes less memory and half as much time again.
        """
        energies = self.member_energies(
            atomic_numbers, positions, fragment_index, charges, edges, n_fragments, recompute
        )
        return energies.mean(dim=1)

    def member_energies(
        self,
        atomic_numbers: Int[Tensor, "atoms"],
        positions: Float[Tensor, "atoms 3"],
        fragment_index: Int[Tensor, "atoms"],
        charges: Float[Tensor, "atoms"],
        edges: Edges | Sequence[Edges],
        n_fragments: int,
        recompute: bool = False,
    ) -> Float[Tensor, "fragments members"]:
        """Energy of each molecule by each member of the committee, as `forward`."""
        blocks = [edges] if isinstance(edges, Edges) else edges
        features = self.last_features(atomic_numbers, positions, charges, blocks, recompute=recompute)
        atomic_energies = self.energy.output(features).to(torch.float64) + self.element_energies[atomic_numbers]
        total = atomic_energies.new_zeros(n_fragments, self.config.members)
        return total.index_add(0, fragment_index, atomic_energies)

    def last_features(
        self,
        atomic_numbers: Tensor,
        positions: Tensor,
        charges: Tensor,
        blocks: Sequence[Edges],
        *,
        recompute: bool = False,
    ) -> Float[Tensor, "atoms last_channels"]:
        """What the last layer, a linear map to the energy of each atom, acts on."""
        geometry = [in_blocks(self._geometry, positions, edges, recompute=recompute) for edges in blocks]
        x = self.embedding(atomic_numbers)
        if self.charge_embedding is not None:
            x = x + self.charge_embedding(charges.to(positions.dtype)[:, None])
        elements = self.neighbour_embedding(atomic_numbers)[:, None, :]
        around = [
            in_blocks(self._around, radial, envelope, elements, edges, recompute=recompute)
            for edges, (radial, _, envelope) in zip(blocks, geometry, strict=True)
        ]
        x = self.neighbour_combine(torch.cat([x, joined(around)], dim=1))
        features = [
            EdgeFeatures(in_blocks(self._first_features, x, radial, edges, recompute=recompute), d, envelope)
            for edges, (radial, d, envelope) in zip(blocks, geometry, strict=True)
        ]
        vec = None
        for layer in self.layers:
            x, vec, features = layer(x, vec, features, blocks, recompute=recompute)
        x, vec = self.gated(self.norm(x), vec)
        return self.energy.features(x, vec)

    def _geometry(self, positions: Tensor, edges: Edges) -> tuple[Tensor, Tensor, Tensor]:
        """Radial functions, spherical harmonics and cutoff function of every edge."""
        distances, directions = edge_vectors(positions, edges)
        envelope = smooth_envelope if self.config.envelope == "smooth" else cosine_envelope
        values = envelope(distances, self.config.cutoff_A)
        return self.radial(distances, values), spherical_harmonics(directions, self.config.lmax), values

    def _around(self, radial: Tensor, envelope: Tensor, elements: Tensor, edges: Edges) -> Tensor:
        """What the elements around each target atom add to its features."""
        weights = self.neighbour_filter(radial) * (envelope * ~edges.own)[:, None]
        return aggregate(weights, elements, edges).squeeze(1)

    def _first_features(self, x: Tensor, radial: Tensor, edges: Edges) -> Tensor:
        """Features of the edges from those of both ends."""
        f = gather(x, edges, from_source=True) + gather(x[edges.targets], edges, from_source=False)
        return f * self.edge_embedding(radial)


class _ChargeEmbedding(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, channels)
        self.output = nn.Linear(channels, channels)

    def forward(self, charges: Tensor) -> Tensor:
        return self.output(silu(self.hidden(charges)))


def _charge_embedding(channels: int) -> nn.Module:
    return _ChargeEmbedding(channels)
