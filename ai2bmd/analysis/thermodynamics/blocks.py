"""Sums over blocks of frames, and the errors that blocks give to ratios of such sums.

Everything here that is a ratio of sums over frames (a mean, the share of a bin, with or without weights) gets its error
from the same blocks: long enough to be independent, and never across the seam between two runs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.correlation import Pieces, statistical_inefficiency
from ai2bmd.errors import InputError

_INEFFICIENCIES = 5.0
"""Length of a block: what is left of correlations between neighbours then matters little."""
_MOST_BLOCKS, _FEWEST_BLOCKS = 100, 10
_FEWEST_SAMPLES = 8.0


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which block each frame is in, of all runs joined."""

    index: Int64[np.ndarray, " frames"]
    count: int
    inefficiency: float
    """Statistical, in frames."""

    @property
    def effective_samples(self) -> float:
        """Number of independent samples in all runs together."""
        return len(self.index) / self.inefficiency

    def sums(
        self,
        bins: Int64[np.ndarray, " frames"],
        weights: Float[np.ndarray, " frames"],
        *,
        count: int,
    ) -> Float64[np.ndarray, "blocks bins"]:
        """Sum of the weights of the frames in each of `count` bins, by block."""
        flat = np.bincount(self.index * count + bins, weights, minlength=self.count * count)
        return flat.reshape(self.count, count)


def divide(series: Iterable[Pieces], *, what: str) -> Blocks:
    """Blocks for runs whose slowest quantity decides how long they must be.

    Args:
        series: the quantities; of each, one array a run.
        what: a name for what the frames are to tell, for errors.

    Raises:
        InputError: all runs together have too few independent samples for any error.
    """
    frames, inefficiency = [], 1.0
    for pieces in series:
        frames = [len(piece) for piece in pieces]
        if not sum(frames):
            break
        if not all(np.isfinite(piece).all() for piece in pieces):
            raise InputError(f"{what}: a value is not finite; leave those frames out")
        inefficiency = max(inefficiency, statistical_inefficiency(pieces))
    if not sum(frames):
        raise InputError(f"{what}: there is no frame; give runs with frames")
    samples = sum(frames) / inefficiency
    if samples < _FEWEST_SAMPLES:
        runs = f"{len(frames)} runs hold" if len(frames) > 1 else "one run hold"
        raise InputError(
            f"{what}: {sum(frames)} frames in {runs} only {samples:.1f} independent samples, and {_FEWEST_SAMPLES:g} "
            f"are the least that tell an error; simulate {_FEWEST_SAMPLES / samples:.0f} times as long or more"
        )
    length = max(_INEFFICIENCIES * inefficiency, sum(frames) / _MOST_BLOCKS)
    length = max(1.0, min(length, sum(frames) / _FEWEST_BLOCKS))
    return _blocks(frames, length, inefficiency)


def memory_series(
    runs: Sequence[Float[np.ndarray, "frames variables"]], periods: Sequence[float | None]
) -> Iterator[Pieces]:
    """What tells how fast variables forget; of periodic ones cosine and sine. One by one, for they may be many."""
    for number, period in enumerate(periods):
        values = [run[:, number] for run in runs]
        if period is None:
            yield values
        else:
            yield [np.cos(2.0 * np.pi / period * value) for value in values]
            yield [np.sin(2.0 * np.pi / period * value) for value in values]


def _blocks(frames: list[int], length: float, inefficiency: float) -> Blocks:
    indices, count = [], 0
    for number in frames:
        own = max(1, round(number / length)) if number else 0
        indices.append(count + np.arange(number) * own // max(number, 1))
        count += own
    return Blocks(np.concatenate(indices).astype(np.int64), count, inefficiency)


def share_errors(sums: Float64[np.ndarray, "blocks bins"]) -> Float64[np.ndarray, " bins"]:
    """Relative standard error of each bin's share of the sum over all bins, from the spread of blocks.

    Infinite for an empty bin.
    """
    total, blocks = sums.sum(0), len(sums)
    share = total / total.sum()
    deviations = sums - share * sums.sum(1, keepdims=True)
    variance = (deviations**2).sum(0) / total.sum() ** 2 * blocks / max(blocks - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0.0, np.sqrt(variance) / share, np.inf)


def ratio_error(above: Float64[np.ndarray, " blocks"], below: Float64[np.ndarray, " blocks"]) -> float:
    """Standard error of sum(above)/sum(below), from the spread of blocks."""
    blocks, ratio = len(above), above.sum() / below.sum()
    variance = ((above - ratio * below) ** 2).sum() / below.sum() ** 2 * blocks / max(blocks - 1, 1)
    return float(np.sqrt(variance))


def resampled_sums(
    sums: Float64[np.ndarray, "blocks bins"], *, repeats: int, seed: int = 0
) -> Float64[np.ndarray, "repeats bins"]:
    """Sums over as many blocks drawn with replacement (Efron, Ann. Stat. 7, 1, 1979).

    Their standard deviation is that of the total; of few blocks it is made unbiased by sqrt(blocks/(blocks - 1)).
    """
    blocks = len(sums)
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1.0 / blocks), size=repeats)
    return drawn.astype(np.float64) @ sums


def bootstrap_scale(blocks: int) -> float:
    """What standard deviations of resampled blocks are to be multiplied by."""
    return float(np.sqrt(blocks / max(blocks - 1, 1)))
