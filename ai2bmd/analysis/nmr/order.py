"""Order parameters S2 of bonds: from moments in the molecular frame, or by iRED without one.

With the second moments T = <u u> of the directions of a bond

    S2 = 3/2 sum_ij T_ij^2 - 1/2

(Henry, Szabo, J. Chem. Phys. 82, 4753, 1985): the plateau of the internal correlation function. It is 1 of a rigid
bond, 0 of one that points everywhere alike, (cos a (1 + cos a) / 2)^2 of one that diffuses in a cone of half-angle a.

It needs a frame of the molecule; parts that move against each other have none in common. iRED (Prompers, Brueschweiler,
J. Am. Chem. Soc. 124, 4522, 2002) needs none: of the matrix M_ij = <P2(u_i . u_j)> the five largest eigenvalues belong
to tumbling, and S2_i = 1 - sum over the others of eigenvalue times squared component i. With few bonds those five take
of the internal motion too, and S2 is too large.

Both hold for motions that the trajectory samples. Relaxation only sees those faster than tumbling.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.nmr.bond_vectors import BondMoments, directions
from ai2bmd.analysis.stream import stride_for
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError

_TUMBLING = 5
_MOST_VALUES = 60_000_000


@dataclass(frozen=True)
class IRED:
    """Order parameters without a frame of the molecule."""

    order: tuple[Estimate, ...]
    """S2 of each bond."""
    eigenvalues: tuple[float, ...]
    """Falling."""

    @property
    def gap(self) -> float:
        """The fifth eigenvalue over the sixth: far above 1 where tumbling and internal motion can be told apart."""
        fifth, sixth = self.eigenvalues[_TUMBLING - 1 : _TUMBLING + 1]
        return fifth / max(sixth, 1e-12)


def order_parameters(moments: BondMoments) -> tuple[Estimate, ...]:
    """S2 of every bond; the error to first order, from blocks.

    A finite number of independent samples n makes S2 too large by about (1 - S2) / n.
    """
    tensors = moments.tensors
    values = 1.5 * np.square(tensors).sum((1, 2)) - 0.5
    slopes = moments.linear(3.0 * tensors)
    return tuple(
        Estimate(float(value), slope.error, slope.effective_samples)
        for value, slope in zip(values, slopes, strict=True)
    )


def ired(vectors: Sequence[Float[np.ndarray, "frames bonds 3"]], *, blocks: int = 20) -> IRED:
    """Order parameters by iRED.

    Args:
        vectors: directions of bonds in any frame, one array for each independent run.
        blocks: of each run, for the errors.

    Raises:
        InputError: fewer than seven bonds, whose matrix has too few eigenvalues, or no frames.
    """
    if not len(vectors) or any(not len(run) for run in vectors):
        raise InputError("there is no run of bond vectors, or one has no frame")
    if vectors[0].shape[1] < _TUMBLING + 2:
        raise InputError(
            f"iRED takes five modes for tumbling and needs at least {_TUMBLING + 2} bonds, not {vectors[0].shape[1]}; "
            "use order parameters in the frame of the molecule"
        )
    parts = [[_correlations(part) for part in np.array_split(run, min(blocks, len(run)))] for run in vectors]
    weights = np.array([len(part) for run in vectors for part in np.array_split(run, min(blocks, len(run)))])
    matrix = np.einsum("b,bij->ij", weights / weights.sum(), np.array([one for run in parts for one in run]))
    eigenvalues, modes = np.linalg.eigh(matrix)
    internal = modes[:, :-_TUMBLING] @ modes[:, :-_TUMBLING].T
    values = 1.0 - np.diag(internal @ matrix @ internal)
    series = [np.array([1.0 - np.diag(internal @ one @ internal) for one in run]) for run in parts]
    estimates = []
    for bond, value in enumerate(values):
        found = mean([run[:, bond] for run in series])
        estimates.append(Estimate(float(value), found.error, found.effective_samples))
    return IRED(tuple(estimates), tuple(eigenvalues[::-1].tolist()))


def ired_of(
    trajectories: Sequence[Trajectory], pairs: Int64[np.ndarray, "bonds 2"], *, most_values: int = _MOST_VALUES
) -> IRED:
    """By iRED, of bonds in trajectories; every so manieth frame where all would not fit into memory.

    Raises:
        InputError: fewer than seven bonds, or no frames.
    """
    every = stride_for(trajectories, max(1, most_values // (3 * len(pairs))))
    vectors = [
        np.concatenate(
            [directions(chunk.positions_A, pairs).astype(np.float32) for chunk in one.chunks(stride=every)]
            or [np.empty((0, len(pairs), 3), np.float32)]
        )
        for one in trajectories
    ]
    return ired([run for run in vectors if len(run)])


def _correlations(vectors: Float[np.ndarray, "frames bonds 3"]) -> Float64[np.ndarray, "bonds bonds"]:
    """<P2(u_i . u_j)>: the square of a product of vectors is the product of their dyads."""
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    dyads = np.einsum("fni,fnj->nfij", unit, unit).reshape(unit.shape[1], -1)
    return 1.5 * (dyads @ dyads.T) / len(unit) - 0.5
