"""Bins of variables, periodic or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.errors import InputError

_LEAST_BINS, _MOST_BINS = 8, 72


@dataclass(frozen=True, eq=False)
class Axis:
    """The bins of one variable."""

    name: str
    edges: Float64[np.ndarray, " edges"]
    period: float | None = None
    """None if it is not periodic."""

    @property
    def count(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    @property
    def centres(self) -> Float64[np.ndarray, " bins"]:
        """Middles of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2.0

    @property
    def widths(self) -> Float64[np.ndarray, " bins"]:
        """Of the bins."""
        return np.diff(self.edges)


def make_axes(
    values: Float64[np.ndarray, "frames variables"],
    names: Sequence[str],
    *,
    periods: Sequence[float | None],
    ranges: Sequence[tuple[float, float] | None] | None,
    bins: int | Sequence[int] | None,
    samples: float,
) -> tuple[Axis, ...]:
    """Even bins for each variable.

    Without a number of bins there are 2 n^(1/3) of one variable, 2 n^(1/4) in each direction of two, for n independent
    samples: the rule of Rice, which leaves a bin enough of them.

    Args:
        values: of the variables, of all frames.
        names: of the variables.
        periods: of each; None if it is not periodic.
        ranges: from and to; by default that of the values, or one period from -period/2.
        bins: number, in each direction.
        samples: number of independent ones.

    Raises:
        InputError: a range or a number of bins cannot be.
    """
    variables = values.shape[1]
    rule = int(np.clip(2.0 * samples ** (1.0 / (2 + variables)), _LEAST_BINS, _MOST_BINS))
    counts = [rule] * variables if bins is None else [bins] * variables if isinstance(bins, int) else list(bins)
    limits = [None] * variables if ranges is None else list(ranges)
    if len(counts) != variables or len(limits) != variables or min(counts) < 1:
        raise InputError(f"bins, ranges: expected positive numbers and pairs for {variables} variables, got {bins!r}")
    axes = []
    for column, name, period, limit, count in zip(values.T, names, periods, limits, counts, strict=True):
        low, high = limit if limit is not None else _range(column, period)
        if not low < high:
            raise InputError(f"{name}: expected a range that ascends, got {low:g} to {high:g}")
        axes.append(Axis(name, np.linspace(low, high, count + 1), period))
    return tuple(axes)


def bin_frames(values: Float64[np.ndarray, "frames variables"], axes: tuple[Axis, ...]) -> Int64[np.ndarray, " frames"]:
    """Number of the bin of each frame, the last variable fastest; the number of bins for frames outside."""
    place, outside = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    for column, axis in zip(values.T, axes, strict=True):
        low, high = axis.edges[0], axis.edges[-1]
        if axis.period is not None:
            column = low + np.mod(column - low, axis.period)
        own = np.clip(np.searchsorted(axis.edges, column, side="right") - 1, 0, axis.count - 1)
        outside |= ~((column >= low) & (column <= high))
        place = place * axis.count + own
    place[outside] = np.prod([axis.count for axis in axes])
    return place


def _range(column: Float64[np.ndarray, " frames"], period: float | None) -> tuple[float, float]:
    if period is not None:
        return -period / 2.0, period / 2.0
    low, high = float(column.min()), float(column.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
