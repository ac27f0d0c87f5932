"""Effective distances of nuclear Overhauser effects.

A cross peak of two groups of protons grows with the average of r^-6, or of r^-3 where the distance changes faster than
the molecule tumbles (Tropp, J. Chem. Phys. 72, 6035, 1980; its angular part is left out). The effective distance is

    r = (< sum over pairs of r^-n >)^(-1/n),    n = 6 or 3

The sum over all pairs of the two groups is how ambiguous or equivalent protons add up (Nilges, Proteins 17, 297, 1993);
tables whose distances were divided by the number of equivalent protons want the mean over pairs.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.series import SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream
from ai2bmd.errors import InputError

Pairs = Literal["sum", "mean"]
Groups = tuple[Int64[np.ndarray, " first"], Int64[np.ndarray, " second"]]


class InverseDistancesOf(SeriesOf):
    """Sum or mean of r^-n over the pairs of two groups, for several pairs of groups (A^-n)."""

    def __init__(self, groups: Sequence[Groups], *, power: int = 6, pairs: Pairs = "sum") -> None:
        """Of groups of atoms that share none."""
        check_power(power)

        def inverse(chunk: Chunk) -> np.ndarray:
            return np.stack([inverse_powers(chunk.positions_A, *both, power=power, pairs=pairs) for both in groups], 1)

        super().__init__(inverse)


def inverse_powers(
    positions_A: Float[np.ndarray, "frames atoms 3"],
    first: Int64[np.ndarray, " first"],
    second: Int64[np.ndarray, " second"],
    *,
    power: int = 6,
    pairs: Pairs = "sum",
) -> Float64[np.ndarray, " frames"]:
    """Sum or mean of r^-n over the pairs of two groups in each frame (A^-n).

    Raises:
        InputError: the groups share an atom.
    """
    if len(np.intersect1d(first, second)):
        raise InputError("the two groups of a distance share an atom; name two different groups")
    vectors = positions_A[:, first, None].astype(np.float64) - positions_A[:, None, second]
    powers = np.square(vectors).sum(-1) ** (-power / 2.0)
    return powers.sum((1, 2)) if pairs == "sum" else powers.mean((1, 2))


def effective_distance(pieces: Pieces, *, power: int = 6) -> Estimate:
    """Effective distance (A) from r^-n in every frame of every run; the error to first order.

    Raises:
        InputError: no frame, or a value that is not finite.
    """
    check_power(power)
    average = mean(pieces)
    if not average.value > 0.0:
        raise InputError("an average of inverse distances is above 0; give r^-n of every frame")
    distance = average.value ** (-1.0 / power)
    return Estimate(distance, distance / power * average.error / average.value, average.effective_samples, "A")


def noe_distances(
    source: Any, selections: Sequence[tuple[str, str]], *, power: int = 6, pairs: Pairs = "sum"
) -> tuple[Estimate, ...]:
    """Effective distances between groups of atoms along trajectories.

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis, or several.
        selections: the two groups of each distance, in MDAnalysis' language.
        power: 6, or 3.
        pairs: whether pairs of a distance are summed or averaged.

    Raises:
        InputError: a selection fits no atom, or two share one.
    """
    trajectories = as_trajectories(source)
    first = trajectories[0]
    groups = [(first.select(one), first.select(other)) for one, other in selections]
    if not groups:
        raise InputError("no distance was asked for; give pairs of selections")
    for (one, other), names in zip(groups, selections, strict=True):
        if len(np.intersect1d(one, other)):
            raise InputError(f"the selections {names[0]!r} and {names[1]!r} share an atom; name two different groups")
    collector = InverseDistancesOf(groups, power=power, pairs=pairs)
    stream(trajectories, [collector])
    values = collector.result(trajectories, "inverse distances", unit="").values
    return tuple(effective_distance([part[:, column] for part in values], power=power) for column in range(len(groups)))


def check_power(power: int) -> None:
    """Raise an InputError if the power is none that a NOE has."""
    if power not in (3, 6):
        raise InputError(f"the distance of a NOE is an average of r^-6 or r^-3, not of r^-{power}")
