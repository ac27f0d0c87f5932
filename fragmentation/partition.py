"""Does a signed set of fragments count everything once? Net coefficients of members and of pairs of members."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64


def net_coefficients(
    fragments: Sequence[Sequence[int]], coefficients: Float64[np.ndarray, " fragments"]
) -> tuple[Int64[np.ndarray, "pairs 2"], Float64[np.ndarray, " pairs"]]:
    """Sum of the coefficients of the fragments that hold a pair, for each pair that shares a fragment.

    Args:
        fragments: members of each fragment (pieces of residues, or atoms), ascending.
        coefficients: of each fragment.

    Returns:
        pairs (i, j) with i <= j, a member on its own being (i, i), and the net coefficient of each.
    """
    count = 1 + max(members[-1] for members in fragments)
    keys, weights = [], []
    for members, coefficient in zip(fragments, coefficients, strict=True):
        ascending = np.asarray(members, dtype=np.int64)
        first, second = np.triu_indices(len(ascending))
        keys.append(ascending[first] * count + ascending[second])
        weights.append(np.full(len(first), coefficient))
    distinct, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    net = np.bincount(inverse, weights=np.concatenate(weights))
    return np.stack([distinct // count, distinct % count], axis=1), net
