"""Work on edges done block by block: the memory of one block instead of that of all edges, the same numbers.

What a layer computes on edges, dozens of values per channel, is needed again for its gradient. Of a block only what
goes in is kept; the rest is computed a second time when the gradient comes by (Chen et al., arXiv:1604.06174). Where
there is memory enough nothing is computed twice.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint


class EdgeFeatures(NamedTuple):
    """What is kept of every edge of a block from layer to layer."""

    f: Float[Tensor, "edges channels"]
    """Learned features."""
    d: Float[Tensor, "edges components"]
    """Spherical harmonics of the direction."""
    envelope: Float[Tensor, "edges"]
    """Cutoff function."""


def in_blocks(function: Callable[..., Any], *arguments: object, recompute: bool) -> Any:
    """`function(*arguments)`; with `recompute` its intermediate values are not kept for the gradient."""
    if not recompute:
        return function(*arguments)
    return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """The rows of all blocks."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
