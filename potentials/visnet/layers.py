"""One round of vector-scalar interactive message passing.

Symbols (Wang et al. 2024, section 'ViSNet'): x scalar and vec vector features of atoms, f features of edges,
d spherical harmonics of edges, q k v query, key and value. Edges run from source j to target i.

Two identities make a layer cheaper without changing a number. Projections of vec act on channels only, so they are
applied to atoms, not to edges. And the vector rejections of the edge update, w - (w.d) d with d.d = lmax at both ends,
have the product a.b + (lmax - 2) (a.d)(b.d): for lmax = 2 it is a.b alone, for lmax = 1 the second term remains.
In the first layer vec is zero, so everything that multiplies it is left out.

Where atoms come closer or lie further apart than in any training data, the radial filters are arbitrary; as a layer
multiplies several of its inputs, three of them turn ten times too much into ten million times. So the vectors that a
layer hands on are limited in length. All else is then limited too: scalars are normalised at each layer's entry.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from potentials.edge_operations import aggregate, contract_components, gather, outer_sum, pair_dot, segment_sum
from potentials.neighbours import Edges
from potentials.visnet.activation import silu
from potentials.visnet.attention import attention_message
from potentials.visnet.blockwise import EdgeFeatures, in_blocks, joined
from potentials.visnet.config import ViSNetConfig


def limited(
    vec: Float[Tensor, "atoms components channels"], limit: float
) -> Float[Tensor, "atoms components channels"]:
    """Vectors made shorter than `limit`: v (1 + (|v| / limit)^4)^(-1/4), which leaves v as it is while it is short."""
    relative = vec.square().sum(dim=1, keepdim=True) / limit**2
    return vec * (1 + relative.square()) ** -0.25


def blocks(out_blocks: int, channels: int, *, bias: bool = True) -> nn.Linear:
    """Linear map to several blocks of channels at once, each initialised as a map of its own (Xavier uniform)."""
    layer = nn.Linear(channels, out_blocks * channels, bias=bias)
    for weight in layer.weight.data.split(channels):
        nn.init.xavier_uniform_(weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class MessageLayer(nn.Module):
    """Updates of x, vec and f from one exchange of messages."""

    def __init__(self, config: ViSNetConfig, *, is_first: bool, is_last: bool) -> None:
        super().__init__()
        channels = config.hidden_channels
        self.is_first, self.lmax, self.num_heads = is_first, config.lmax, config.num_heads
        self.vector_limit = config.vector_limit
        self.smooth = config.envelope == "smooth"
        self.updates_edges = not (is_first or is_last)  # with vec = 0 the first layer's edge update vanishes
        self.norm = nn.LayerNorm(channels)
        self.query_key_value = blocks(3, channels)
        self.message_filter = blocks(2, channels)
        self.vector_gate = blocks(1 if is_first else 2, channels)
        self.output = blocks(1 if is_first else 3, channels)
        self.edge_filter = blocks(1, channels) if self.updates_edges else None
        if not is_first:
            self.vector_mix = blocks(5 if self.updates_edges else 3, channels, bias=False)

    def forward(
        self,
        x: Float[Tensor, "atoms channels"],
        vec: Float[Tensor, "atoms components channels"] | None,
        features: Sequence[EdgeFeatures],
        blocks: Sequence[Edges],
        *,
        recompute: bool,
    ) -> tuple[Tensor, Tensor, list[EdgeFeatures]]:
        """x, vec and the features of the blocks' edges after this layer; `vec` is None before the first."""
        q, k, v = (part.contiguous() for part in self.query_key_value(self.norm(x)).chunk(3, dim=1))
        mixed = [] if vec is None else list(self.vector_mix(vec).chunk(5 if self.updates_edges else 3, dim=2))
        ends = [part.contiguous() for part in mixed[3:]]
        sums, vectors, updated = [], [], []
        for edges, here in zip(blocks, features, strict=True):
            at_target = [part[edges.targets] for part in (q, *ends[:1])]
            scalar, vector, f = in_blocks(
                self._messages, at_target, (k, v, *ends[1:]), vec, *here, edges, recompute=recompute
            )
            sums.append(scalar)
            vectors.append(vector)
            updated.append(here._replace(f=f))
        update, message = self.output(joined(sums)), joined(vectors)
        if vec is None:
            return x + update, self._limited(message), updated
        o1, o2, o3 = update.chunk(3, dim=1)
        x = x + (mixed[0] * mixed[1]).sum(dim=1) * o2 + o3
        return x, self._limited(vec + mixed[2] * o1[:, None, :] + message), updated

    def _limited(self, vec: Tensor) -> Tensor:
        return vec if self.vector_limit is None else limited(vec, self.vector_limit)

    def _messages(
        self,
        at_target: Sequence[Tensor],
        at_source: Sequence[Tensor],
        vec: Tensor | None,
        f: Float[Tensor, "edges channels"],
        d: Float[Tensor, "edges components"],
        envelope: Float[Tensor, "edges"],
        edges: Edges,
    ) -> tuple[Float[Tensor, "targets channels"], Float[Tensor, "targets components channels"], Tensor]:
        """Sums of the scalar and vector messages that reach the target atoms, and the edges' new f."""
        (q, *ends), (k, v, *others) = at_target, at_source
        filters = silu(self.message_filter(f))
        product = pair_dot(q[:, None, :], k[:, None, :], edges)
        value = gather(v, edges, from_source=True)
        message = attention_message(product, filters, value, envelope, self.num_heads)
        gate = silu(self.vector_gate(message), envelope if self.smooth else None)
        scalar = segment_sum(message, edges)
        if vec is None:
            return scalar, outer_sum(gate, d, edges), f
        source_gate, direction_gate = gate.chunk(2, dim=1)
        vector = aggregate(source_gate, vec, edges) + outer_sum(direction_gate, d, edges)
        if self.edge_filter is None:
            return scalar, vector, f
        return scalar, vector, f + silu(self.edge_filter(f)) * self._edge_product(ends[0], others[0], d, edges)

    def _edge_product(self, at_target: Tensor, at_source: Tensor, d: Tensor, edges: Edges) -> Tensor:
        """Product of the two vector rejections (ViSNet's dihedral information), see the module's docstring."""
        product = pair_dot(at_target, at_source, edges)
        if self.lmax == 2:
            return product
        along_target = contract_components(at_target, d, edges)
        along_source = contract_components(at_source, d[edges.leaving], edges.turned)[edges.arriving]
        return product - along_target * along_source


class GatedOutput(nn.Module):
    """Gated equivariant block (Schuett et al., PaiNN, ICML 2021): vectors enter the scalars through their norms."""

    def __init__(self, channels: int, out_channels: int, *, activate: bool) -> None:
        super().__init__()
        self.activate, self.out_channels = activate, out_channels
        self.norm_map = nn.Linear(channels, channels, bias=False)
        self.vector_map = nn.Linear(channels, out_channels, bias=False) if activate else None
        self.hidden = nn.Linear(2 * channels, channels)
        self.output = nn.Linear(channels, 2 * out_channels if activate else out_channels)
        for layer in (self.norm_map, self.vector_map, self.hidden, self.output):
            if layer is not None:
                nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.hidden.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, vec: Tensor) -> tuple[Tensor, Tensor]:
        """(atoms, out_channels) scalars and, unless this is the last block, gated vectors."""
        out = self.output(self.features(x, vec))
        if self.vector_map is None:
            return out, vec
        x, gate = out.split(self.out_channels, dim=1)
        return silu(x), gate[:, None, :] * self.vector_map(vec)

    def features(self, x: Tensor, vec: Tensor) -> Float[Tensor, "atoms channels"]:
        """What the last linear map of the block acts on."""
        lengths = _length(linear(vec, self.norm_map.weight))
        return silu(self.hidden(torch.cat([x, lengths], dim=1)))


def _length(vec: Tensor) -> Tensor:
    """Norm over components; the tiny constant keeps derivatives finite where a lone atom has no vectors."""
    return (vec.square().sum(dim=1) + 1e-16).sqrt()
