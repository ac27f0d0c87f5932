"""The most likely transition matrix with detailed balance, of many count matrices at once.

Likelihood of counts c under pi_i T_ij = pi_j T_ji (Prinz et al., J. Chem. Phys. 134, 174105, 2011): with
s_ij = c_ij + c_ji and c_i the row sums of c, the flux is x_ij = s_ij / (q_i + q_j), where the q fulfil

    sum over j of s_ij q_i / (q_i + q_j) = c_i.

In u = ln q that is the score of a Bradley-Terry model: concave, with one solution up to a constant if the states are
connected both ways, so Newton's method finds it in a few steps where the usual iteration of x needs thousands.
"""

import numpy as np
from jaxtyping import Float64

from ai2bmd.errors import InputError

_TOLERANCE = 1e-9
_STEPS = 100
_LONGEST_STEP = 2.0
_NUMBERS = 4_000_000
"""In one array of matrices that are solved together."""


def reversible(
    counts: Float64[np.ndarray, "*many states states"],
) -> tuple[Float64[np.ndarray, "*many states states"], Float64[np.ndarray, "*many states"]]:
    """Transition matrices and their stationary distributions.

    Args:
        counts: of states that are connected both ways.

    Raises:
        InputError: there is no such matrix, for the states are not connected both ways.
    """
    size = counts.shape[-1]
    flat = counts.reshape(-1, size, size)
    matrices, stationaries = np.empty(flat.shape), np.empty(flat.shape[:2])
    every = max(1, _NUMBERS // size**2)
    for first in range(0, len(flat), every):
        batch = slice(first, first + every)
        matrices[batch], stationaries[batch] = _solve(flat[batch])
    return matrices.reshape(counts.shape), stationaries.reshape(counts.shape[:-1])


def _solve(
    counts: Float64[np.ndarray, "many states states"],
) -> tuple[Float64[np.ndarray, "many states states"], Float64[np.ndarray, "many states"]]:
    rows, both = counts.sum(2), counts + counts.swapaxes(1, 2)
    total = rows.sum(1)[:, None]
    logarithms = np.zeros(rows.shape)
    for _ in range(_STEPS):
        share = 1.0 / (1.0 + np.exp(logarithms[:, None, :] - logarithms[:, :, None]))  # q_i / (q_i + q_j)
        missing = rows - (both * share).sum(2)
        if (np.abs(missing) < _TOLERANCE * total).all():
            break
        weights = both * share * (1.0 - share)
        curvature = -weights
        diagonal = np.arange(rows.shape[1])
        curvature[:, diagonal, diagonal] += weights.sum(2)
        curvature += total[:, :, None] / rows.shape[1] ** 2  # holds the free constant where it is
        try:
            step = np.linalg.solve(curvature, missing[..., None])[..., 0]
        except np.linalg.LinAlgError:
            raise InputError("the states are not connected by transitions both ways") from None
        logarithms += step * np.minimum(1.0, _LONGEST_STEP / np.abs(step).max(1, keepdims=True).clip(1e-300))
    else:
        raise InputError("no reversible model fits the counts; the states are not connected by transitions both ways")
    relative = np.exp(logarithms - logarithms.max(1, keepdims=True))
    flux = both / (relative[:, :, None] + relative[:, None, :])
    flux_sums = flux.sum(2)
    return flux / flux_sums[:, :, None], flux_sums / flux_sums.sum(1, keepdims=True)
