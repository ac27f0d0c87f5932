"""Counted transitions between the states of discrete trajectories, kept by block so that they can be resampled.

The frames of all runs, one run after the other, are cut into blocks of equal length. A transition belongs to the
block of its first frame and never leaves its run. Errors come from giving every block a random weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int, Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ai2bmd.analysis.kinetics.resampling import FEWEST_BLOCKS, block_count, block_weights
from ai2bmd.errors import InputError

StateRuns = Sequence[Int[np.ndarray, " frames"]]
"""The state of each frame, one array for each independent run; negative where a frame belongs to none."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """Counts within the largest set of states that can all be reached from each other."""

    lags: Int64[np.ndarray, " lags"]
    """Number of frames between the ends of a transition; several where lags were drawn at random."""
    shares: Float64[np.ndarray, " lags"]
    """How often each lag was used; sums to 1."""
    states: Int64[np.ndarray, " states"]
    """Which states of the trajectories are in the set."""
    blocks: Float64[np.ndarray, "blocks states states"]
    """Overlapping windows from the row's state to the column's, in each block of frames."""
    share_of_frames: float
    """Part of the frames that is in the set."""

    @property
    def lag(self) -> float:
        """Mean lag in frames."""
        return float(self.lags @ self.shares)

    @property
    def counts(self) -> Float64[np.ndarray, "states states"]:
        """Of all blocks."""
        return self.blocks.sum(0)

    @property
    def enough_blocks(self) -> bool:
        """Whether the spread of the blocks can give an error."""
        return len(self.blocks) >= FEWEST_BLOCKS

    def timescale(self, eigenvalues: Float[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
        """Relaxation times in frames: t with mean of exp(-lag / t) over the lags = eigenvalue; nan from 0 downwards."""
        values = np.asarray(eigenvalues, dtype=np.float64)
        usable = np.where((values > 0.0) & (values < 1.0), values, np.nan)
        if len(self.lags) == 1:
            return -self.lags[0] / np.log(usable)
        grid = np.geomspace(0.01 * self.lag, 1e6 * self.lag, 4000)
        means = np.exp(-self.lags / grid[:, None]) @ self.shares
        return np.exp(np.interp(usable, means, np.log(grid), left=np.nan, right=np.nan))

    def resample(self, repeats: int, *, seed: int = 0) -> Float64[np.ndarray, "repeats states states"]:
        """Counts with random weights of the blocks.

        The same seed gives blocks the same weights at every lag, so that differences between lags have errors too.
        """
        return np.tensordot(block_weights(repeats, len(self.blocks), seed=seed), self.blocks, axes=1)


def count_transitions(trajectories: StateRuns, *, lag: int, longest_lag: int | None = None) -> Transitions:
    """Count every window of a lag.

    Args:
        trajectories: state of each frame.
        lag: frames between the ends of a transition.
        longest_lag: that the blocks have to suit, so that they are the same at several lags.

    Raises:
        InputError: no run is longer than the lag, or no two states are connected both ways.
    """
    check_lag(trajectories, lag=lag)
    pairs = [np.arange(max(0, len(run) - lag)) for run in trajectories]
    ends = [first + lag for first in pairs]
    lags, shares = np.array([lag]), np.ones(1)
    return gather(trajectories, pairs, ends, lags=lags, shares=shares, longest_lag=longest_lag or lag)


def check_lag(trajectories: StateRuns, *, lag: int) -> None:
    """Raise InputError if no run is longer than a lag."""
    longest = max(map(len, trajectories), default=0)
    if lag < 1:
        raise InputError(f"a lag time of {lag} frames; it must be 1 frame or more")
    if longest <= lag:
        raise InputError(
            f"the lag time is {lag} frames, but the longest of {len(trajectories)} runs has only {longest}; "
            "take a shorter lag time or longer runs"
        )


def gather(
    trajectories: StateRuns,
    firsts: list[Int64[np.ndarray, " pairs"]],
    lasts: list[Int64[np.ndarray, " pairs"]],
    *,
    lags: Int64[np.ndarray, " lags"],
    shares: Float64[np.ndarray, " lags"],
    longest_lag: int,
) -> Transitions:
    """Counts of given pairs of frames of each run.

    Raises:
        InputError: no two states are connected both ways.
    """
    total = sum(map(len, trajectories))
    blocks = block_count(total, longest_lag)
    starts = np.cumsum([0, *map(len, trajectories)])[:-1]
    block, before, after = (
        np.concatenate(columns)
        for columns in (
            [(start + first) * blocks // total for start, first in zip(starts, firsts, strict=True)],
            [run[first] for run, first in zip(trajectories, firsts, strict=True)],
            [run[last] for run, last in zip(trajectories, lasts, strict=True)],
        )
    )
    inside = (before >= 0) & (after >= 0)
    block, before, after = block[inside], before[inside].astype(np.int64), after[inside].astype(np.int64)
    states = _largest_connected(before, after)
    position = np.full(int(max(run.max(initial=0) for run in trajectories)) + 1, -1)
    position[states] = np.arange(len(states))
    inside = (position[before] >= 0) & (position[after] >= 0)
    index = np.ravel_multi_index(
        (block[inside], position[before[inside]], position[after[inside]]), (blocks, len(states), len(states))
    )
    counts = np.bincount(index, minlength=blocks * len(states) ** 2).reshape(blocks, len(states), len(states))
    within = sum(int((position[run[run >= 0]] >= 0).sum()) for run in trajectories)
    return Transitions(lags, shares, states, counts.astype(np.float64), within / total)


def _largest_connected(
    before: Int64[np.ndarray, " pairs"], after: Int64[np.ndarray, " pairs"]
) -> Int64[np.ndarray, " states"]:
    """States that can all be reached from each other; of several such sets that with most transitions inside."""
    if not len(before):
        raise InputError("no transition could be counted; no two frames one lag time apart belong to a state")
    size = int(max(before.max(), after.max())) + 1
    graph = coo_array((np.ones(len(before)), (before, after)), shape=(size, size)).tocsr()
    _, component = connected_components(graph, connection="strong")
    inside = component[before] == component[after]
    best = np.bincount(component[before[inside]], minlength=component.max() + 1).argmax()
    states = np.flatnonzero(component == best)
    if len(states) < 2:
        raise InputError(
            "no two states are connected both ways: the runs never return to a state once they have left it; "
            "longer runs, or fewer states, are needed"
        )
    return states
