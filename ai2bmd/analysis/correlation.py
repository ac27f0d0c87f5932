"""How far the frames of a trajectory are independent: autocorrelation, statistical inefficiency, equilibration.

A quantity of several runs is given as one array a run; runs are independent of each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.signal import correlate

Pieces = Sequence[Float[np.ndarray, " frames"]]
"""One series for each independent run."""

_STARTS, _BLOCKS = 30, 2000


@dataclass(frozen=True)
class Equilibration:
    """From where on a series is at rest."""

    start: int
    """First frame to use."""
    inefficiency: float
    """From there on, in frames."""
    effective_samples: float
    """From there on."""


def autocorrelation(pieces: Pieces) -> Float64[np.ndarray, " lags"]:
    """Normalised autocorrelation function of the fluctuation about the common mean, up to the longest run.

    Runs that disagree in their mean are correlated at every lag, as they should be: each tells little.
    """
    mean = np.concatenate(pieces).mean(dtype=np.float64)
    longest = max(len(piece) for piece in pieces)
    products, counts = np.zeros(longest), np.zeros(longest)
    for piece in pieces:
        fluctuation, frames = np.asarray(piece, dtype=np.float64) - mean, len(piece)
        products[:frames] += correlate(fluctuation, fluctuation, method="fft")[frames - 1 :]
        counts[:frames] += np.arange(frames, 0, -1)
    covariance = products / np.maximum(counts, 1.0)
    return covariance / covariance[0] if covariance[0] > 0.0 else np.eye(1, longest)[0]


def statistical_inefficiency(pieces: Pieces) -> float:
    """Number of frames that tell as much as one independent one, 1 + 2 sum of the autocorrelation; at least 1.

    The sum ends where neighbouring pairs of lags have no positive sum any more, and those sums are made to fall
    steadily: the initial monotone sequence of Geyer (Stat. Sci. 7, 473, 1992). Like Geyer's it holds for reversible
    dynamics. A constant series has inefficiency 1.
    """
    function = autocorrelation(pieces)
    pairs = function[: len(function) // 2 * 2].reshape(-1, 2).sum(1)
    if not len(pairs):
        return 1.0
    negative = np.flatnonzero(pairs <= 0.0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if len(negative) else len(pairs)])
    return float(min(max(1.0, 2.0 * pairs.sum() - 1.0), len(np.concatenate(pieces))))


def effective_samples(pieces: Pieces) -> float:
    """Number of independent samples in all runs together."""
    return sum(map(len, pieces)) / statistical_inefficiency(pieces)


def find_equilibration(series: Float[np.ndarray, " frames"]) -> Equilibration:
    """The start that leaves most independent samples (Chodera, J. Chem. Theory Comput. 12, 1799, 2016).

    Candidates are spread evenly over the series, and denser at its beginning. They are compared on means of blocks
    where the series is long, which changes the number of independent samples little.
    """
    length = -(-len(series) // _BLOCKS)
    blocks = np.asarray(series[: len(series) // length * length], dtype=np.float64).reshape(-1, length).mean(1)
    frames = len(blocks)
    early = np.geomspace(1, max(1, frames // 2), _STARTS // 2).astype(int) - 1
    starts = np.unique(np.concatenate([early, np.linspace(0, max(0, frames - 2), _STARTS).astype(int)]))
    samples = [(frames - start) / statistical_inefficiency([blocks[start:]]) for start in starts]
    start = int(starts[int(np.argmax(samples))]) * length
    inefficiency = statistical_inefficiency([series[start:]])
    return Equilibration(start, inefficiency, (len(series) - start) / inefficiency)
