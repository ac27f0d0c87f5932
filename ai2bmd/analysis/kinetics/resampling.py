"""The Bayesian bootstrap (Rubin, Ann. Stat. 9, 130, 1981): blocks of frames with random weights.

No block ever loses its whole weight, so that states stay connected and no sum is empty.
"""

import numpy as np
from jaxtyping import Float64

REPEATS = 100
BLOCKS = 50
FEWEST_BLOCKS = 10
"""Below so many blocks their spread says little of the error."""
WINDOWS_PER_BLOCK = 4
"""Windows of neighbouring blocks overlap by one window; blocks are at least so many times longer."""


def block_count(frames: int, window: int) -> int:
    """Into how many blocks to cut frames of which windows of a length are taken."""
    return int(np.clip(frames // (WINDOWS_PER_BLOCK * window), 1, BLOCKS))


def block_weights(repeats: int, blocks: int, *, seed: int = 0) -> Float64[np.ndarray, "repeats blocks"]:
    """Of mean 1; the same seed gives the same weights."""
    weights = np.random.default_rng(seed).exponential(size=(repeats, blocks))
    return weights / weights.mean(1, keepdims=True)


def spread_of_logarithm(sampled: Float64[np.ndarray, " repeats"], *, blocks: int) -> float:
    """Standard error of the logarithm of what is above 0, such as a time; copies that are not have no value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(sampled)
    return spread(np.where(np.isfinite(logarithms), logarithms, np.nan), blocks=blocks)


def spread(sampled: Float64[np.ndarray, " repeats"], *, blocks: int) -> float:
    """Standard error, from the quantiles that hold two thirds: a single runaway copy does not rule it.

    Exponential weights of few blocks scatter too little, by the root of (blocks - 1) / (blocks + 1); that is mended.
    Not a number where more than a tenth of the copies have no value.
    """
    finite = sampled[np.isfinite(sampled)]
    if blocks < 2 or len(finite) < 0.9 * len(sampled):
        return float("nan")
    low, high = np.quantile(finite, [0.1587, 0.8413])
    return float(high - low) / 2.0 * float(np.sqrt((blocks + 1) / (blocks - 1)))
