"""How much memory an evaluation with forces takes, and how to divide it so that it fits.

The rule is linear in atoms and edges. Its numbers were measured on proteins of 2,000 to 8,000 atoms with cutoffs of
3.2 to 6 A (peak of the process, float32, 64 channels, 3 layers, lmax 2); for other models they are scaled by what the
arrays are made of.
"""

import sys
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from potentials.errors import PotentialError
from potentials.neighbours import Edges
from potentials.visnet.config import ViSNetConfig

_LARGEST_ARRAY_BYTES = 30 * 2**20
"""Below the 32 MiB from which on glibc maps arrays of their own."""
_FEWEST_EDGES = 1000
"""Of a block; smaller ones take hardly less memory."""


@dataclass(frozen=True)
class MemoryRule:
    """Bytes that an evaluation takes."""

    per_atom: float
    per_edge: float
    """When all edges are done at once."""
    per_kept_edge: float
    """When they are done in blocks, of every edge."""
    per_block_edge: float
    """When they are done in blocks, of the edges of one block."""
    most_block_edges: int = sys.maxsize
    """A block of more is slow: glibc fetches larger arrays from the system anew each time, zeroed page by page."""

    @classmethod
    def of(cls, config: ViSNetConfig, dtype: torch.dtype, device: torch.device) -> "MemoryRule":
        """The rule of a model; off the CPU whole (edges, components, channels) arrays are made."""
        channels, layers = config.hidden_channels * dtype.itemsize, config.num_layers
        components = config.lmax * (config.lmax + 2)
        per_atom = 10.4 * layers * (components + 1) * channels
        if device.type == "cpu":
            widest = 2 * channels  # bytes per edge of the filters and gates of a layer
            return cls(
                per_atom, 17.4 * layers * channels, 4.0 * channels, 24.0 * channels, _LARGEST_ARRAY_BYTES // widest
            )
        return cls(per_atom, 27.5 * layers * channels, 7.0 * channels, (40.0 + 8.0 * components) * channels)

    def bytes(self, atoms: int, edges: int, blocks: int = 1) -> int:
        """Of a molecule, or of several at once."""
        of_edges = edges * self.per_edge
        if blocks > 1:
            of_edges = edges * self.per_kept_edge + -(-edges // blocks) * self.per_block_edge
        return round(atoms * self.per_atom + of_edges)

    def blocks(self, atoms: int, edges: int, limit_bytes: int) -> int:
        """The fewest blocks that keep within a limit.

        Raises:
            PotentialError: no number of blocks does.
        """
        if self.bytes(atoms, edges) <= limit_bytes:
            return 1
        most = max(2, edges // _FEWEST_EDGES)
        left = limit_bytes - atoms * self.per_atom - edges * self.per_kept_edge
        if left <= 0 or (blocks := max(2, int(np.ceil(edges * self.per_block_edge / left)))) > most:
            raise PotentialError(
                f"memory: {limit_bytes / 1e9:.2f} GB is too little for the model on a molecule of {atoms} atoms, which "
                f"takes {self.bytes(atoms, edges, most) / 1e9:.2f} GB at least; allow more, or use another device"
            )
        return blocks


@dataclass(frozen=True)
class Part:
    """Molecules evaluated together."""

    molecules: slice
    atoms: slice
    blocks: int
    """Into which the edges are divided."""
    recompute: bool
    """Whether the blocks' intermediate values are computed again, to save memory."""
    memory_bytes: int


def divide(
    edges: Edges, first_atom: Int[np.ndarray, " molecules_plus_1"], rule: MemoryRule, limit_bytes: int
) -> list[Part]:
    """Divide a batch into parts that keep within a limit, one after the other.

    Whole molecules stay together as far as they fit, which costs nothing; one that does not fit is done in blocks.

    Args:
        edges: of the whole batch, on CPU.
        first_atom: atoms of molecule k are `first_atom[k]:first_atom[k + 1]`.
        rule: what atoms and edges take.
        limit_bytes: of a part.

    Raises:
        PotentialError: a molecule takes more in whatever number of blocks.
    """
    first_edge = edges.first_edge.numpy()[first_atom]
    taken = first_atom * rule.per_atom + first_edge * rule.per_edge
    parts, begin, last = [], 0, len(first_atom) - 1
    while begin < last:
        end = max(begin + 1, int(np.searchsorted(taken, taken[begin] + limit_bytes, side="right")) - 1)
        counts = int(first_atom[end] - first_atom[begin]), int(first_edge[end] - first_edge[begin])
        blocks = rule.blocks(*counts, limit_bytes)
        atoms = slice(int(first_atom[begin]), int(first_atom[end]))
        memory = rule.bytes(*counts, blocks)
        fewest = -(-counts[1] // rule.most_block_edges)
        parts.append(Part(slice(begin, end), atoms, max(blocks, fewest), blocks > 1, memory))
        begin = end
    return parts
