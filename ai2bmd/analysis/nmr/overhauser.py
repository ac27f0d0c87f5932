"""Effective distances of nuclear Overhauser effects.

A cross peak of two groups of protons grows with the average of r^-6, or of r^-3 where the distance changes faster than
the molecule tumbles (Tropp, J. Chem. Phys. 72, 6035, 1980; its angular part is left out). The effective distance is

    n = 6:  r = (sum over pairs of <r^-6>)^(-1/6)
    n = 3:  r = (sum over pairs of <r^-3>^2)^(-1/6)

Cross relaxation of a pair goes as <r^-6> or as <r^-3>^2, and that of pairs adds up, as of ambiguous or equivalent
protons (Nilges, Proteins 17, 297, 1993). Tables whose distances were divided by the number of equivalent protons want
the mean over pairs. For n = 3 all motion in the trajectory is taken as faster than tumbling: it is a limit, and not
another way to average the same thing.
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
    """Sum or mean of r^-6 over the pairs of two groups, or r^-3 of each pair, for several pairs of groups."""

    def __init__(self, groups: Sequence[Groups], *, power: int = 6, pairs: Pairs = "sum") -> None:
        """Of groups of atoms that share none."""
        check_power(power)

        def inverse(chunk: Chunk) -> np.ndarray:
            if power == 6:
                return np.stack(
                    [inverse_powers(chunk.positions_A, *both, power=6, pairs=pairs) for both in groups], axis=1
                )
            return np.concatenate([_inverse_cubes(chunk.positions_A, *both) for both in groups], axis=1)

        super().__init__(inverse)


def _inverse_cubes(
    positions_A: Float[np.ndarray, "frames atoms 3"],
    first: Int64[np.ndarray, " first"],
    second: Int64[np.ndarray, " second"],
) -> Float64[np.ndarray, "frames pairs"]:
    vectors = positions_A[:, first, None].astype(np.float64) - positions_A[:, None, second]
    return (np.square(vectors).sum(-1) ** -1.5).reshape(len(positions_A), -1)


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
    if power == 6:
        return tuple(effective_distance([part[:, column] for part in values]) for column in range(len(groups)))
    ends = np.cumsum([len(one) * len(other) for one, other in groups])
    return tuple(
        distance_of_fast_motion([part[:, start:end] for part in values], pairs=pairs)
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    )


def distance_of_fast_motion(cubes: Sequence[Float[np.ndarray, "frames pairs"]], *, pairs: Pairs = "sum") -> Estimate:
    """Effective distance (A) from r^-3 of each pair in every frame of every run; the error to first order.

    Raises:
        InputError: no frame, or a value that is not finite.
    """
    averages = np.concatenate(list(cubes)).mean(0, dtype=np.float64)
    share = 1.0 if pairs == "sum" else 1.0 / len(averages)
    strength = share * float((averages**2).sum())
    change = mean([2.0 * share * np.asarray(part) @ averages for part in cubes])
    distance = strength ** (-1.0 / 6.0)
    return Estimate(distance, distance / 6.0 * change.error / strength, change.effective_samples, "A")


def check_power(power: int) -> None:
    """Raise an InputError if the power is none that a NOE has."""
    if power not in (3, 6):
        raise InputError(f"the distance of a NOE is an average of r^-6 or r^-3, not of r^-{power}")
