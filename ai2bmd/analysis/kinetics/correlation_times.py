"""How long a quantity remembers itself: autocorrelation functions with errors, and the time of their decay.

Angles are given as vectors of cosine and sine: the function is then that of cos(angle(t) - angle(0)) about its mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.signal import correlate

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.resampling import FEWEST_BLOCKS, REPEATS, block_count, block_weights, spread
from ai2bmd.errors import InputError

_FEWEST_SAMPLES = 4.0
_GRID = 400
_LOWEST = 0.1
"""The fit ends where the function first falls below: beyond is noise."""


@dataclass(frozen=True, eq=False)
class CorrelationFunction:
    """Normalised, of the fluctuation about the mean of all runs."""

    lags_ps: Float64[np.ndarray, " lags"]
    values: Float64[np.ndarray, " lags"]
    errors: Float64[np.ndarray, " lags"]
    """Standard errors; nan where the data do not suffice."""
    fitted: Float64[np.ndarray, " lags"]
    """amplitude exp(-lag / time)."""
    amplitude: float
    """Below 1 where part of the memory is lost faster than the frames follow."""
    time_ps: Estimate
    """Of the fit, down to a tenth."""
    integral_ps: Estimate
    """Up to where the function crosses zero, or with the tail of the fit: also of a decay that is not exponential."""


def correlation_function(
    runs: Sequence[Float[np.ndarray, "..."]], *, frame_ps: float, longest_ps: float | None = None
) -> CorrelationFunction:
    """Of a series, or of vectors (frames, components) by their scalar product.

    Args:
        runs: one array for each independent run.
        frame_ps: time between frames.
        longest_ps: last lag; a hundredth of all frames, at most half of the longest run, if None.

    Raises:
        InputError: too few frames, a value that is not finite, or a quantity that never changes.
    """
    arrays = [np.asarray(run, dtype=np.float64).reshape(len(run), -1) for run in runs if len(run)]
    longest, total = max(map(len, arrays), default=0), sum(map(len, arrays))
    lags = min(longest // 2, max(5, total // 100)) if longest_ps is None else round(longest_ps / frame_ps)
    if not 2 <= lags < longest:
        raise InputError(
            f"a correlation function up to {lags} frames from runs of up to {longest}; longer runs are needed"
        )
    if not all(np.isfinite(run).all() for run in arrays):
        raise InputError("the series has values that are not finite; leave those frames out")
    mean = np.concatenate(arrays).mean(0)
    products, counts = _blocks([run - mean for run in arrays], lags)
    if not products[:, 0].sum() > 0.0:
        raise InputError("the quantity never changes; it has no correlation function")
    values = _normalised(products.sum(0), counts.sum(0))
    weights = block_weights(REPEATS, len(products))
    copies = _normalised(weights @ products, weights @ counts)
    times = np.arange(lags + 1) * frame_ps
    (amplitude, *_), (time, *sampled) = np.array([_fit(times, copy[None]) for copy in (values, *copies)])[..., 0].T
    samples = min(total * frame_ps / (2.0 * time), float(len(products)))
    enough = len(products) >= FEWEST_BLOCKS and samples >= _FEWEST_SAMPLES
    areas = np.array([_integral(times, copy, own) for copy, own in zip(copies, sampled, strict=True)])
    # blocks remember each other for about two correlation times, and their spread lacks as much of the variance
    widen = 1.0 / np.sqrt(1.0 - min(0.5, 2.0 * time * len(products) / (total * frame_ps)))
    trusted = len(products) if enough else 0
    errors = widen * copies.std(0, ddof=1) if enough else np.full(len(times), np.nan)
    return CorrelationFunction(
        lags_ps=times,
        values=values,
        errors=errors,
        fitted=amplitude * np.exp(-times / time),
        amplitude=amplitude,
        time_ps=_estimate(time, widen * np.array(sampled), samples, trusted),
        integral_ps=_estimate(_integral(times, values, time), widen * areas, samples, trusted),
    )


def _blocks(
    runs: list[Float64[np.ndarray, "frames components"]], lags: int
) -> tuple[Float64[np.ndarray, "blocks lags"], Float64[np.ndarray, "blocks lags"]]:
    """Sums and numbers of products of two frames, by the block of the first one."""
    total = sum(map(len, runs))
    count = block_count(total, lags)
    products, counts = np.zeros((count, lags + 1)), np.zeros((count, lags + 1))
    offset = 0
    for run in runs:
        block = (offset + np.arange(len(run))) * count // total
        offset += len(run)
        for number in np.unique(block):
            first, last = np.searchsorted(block, [number, number + 1])
            ahead = run[first : last + lags]
            for early, both in zip(run[first:last].T, ahead.T, strict=True):
                padded = np.pad(both, (0, last - first + lags - len(both)))
                products[number] += correlate(padded, early, mode="valid", method="fft")
            counts[number] += np.clip(len(run) - np.arange(lags + 1) - first, 0, last - first)
    return products, counts


def _normalised(products: Float64[np.ndarray, "*many lags"], counts: Float64[np.ndarray, "*many lags"]) -> np.ndarray:
    covariance = products / np.maximum(counts, 1e-300)
    return covariance / covariance[..., :1]


def _fit(
    times_ps: Float64[np.ndarray, " lags"], values: Float64[np.ndarray, "many lags"]
) -> tuple[Float64[np.ndarray, " many"], Float64[np.ndarray, " many"]]:
    """Amplitudes and times of exponentials, by least squares over the first lags.

    For each time of a fine grid the amplitude follows; the best time is refined by a parabola.
    """
    below = np.flatnonzero(values[0] < _LOWEST)
    last = max(4, int(below[0]) if len(below) else values.shape[1])
    grid = np.geomspace(0.2 * times_ps[1], 50.0 * times_ps[-1], _GRID)
    basis = np.exp(-times_ps[:last] / grid[:, None])
    squares = (basis**2).sum(1)
    amplitudes = values[:, :last] @ basis.T / squares
    explained = amplitudes**2 * squares
    best = np.clip(explained.argmax(1), 1, _GRID - 2)
    rows = np.arange(len(values))
    before, at, after = (explained[rows, best + step] for step in (-1, 0, 1))
    bend = before - 2.0 * at + after
    shift = np.where(bend < 0.0, 0.5 * (before - after) / np.where(bend < 0.0, bend, 1.0), 0.0).clip(-1.0, 1.0)
    return amplitudes[rows, best], grid[best] * (grid[1] / grid[0]) ** shift


def _integral(times_ps: Float64[np.ndarray, " lags"], values: Float64[np.ndarray, " lags"], time_ps: float) -> float:
    """Area up to the first crossing of zero, or with the tail of the fit where there is none."""
    crossing = np.flatnonzero(values <= 0.0)
    if not len(crossing):
        return float(np.trapezoid(values, times_ps) + values[-1] * time_ps)
    return float(np.trapezoid(values[: crossing[0]], times_ps[: crossing[0]]))


def _estimate(value: float, copies: Float64[np.ndarray, " repeats"], samples: float, blocks: int) -> Estimate:
    """The error is that of a time one error longer: it grows with the time, and a time that came out short would
    otherwise have too short an error as well."""
    error = spread(copies, blocks=blocks) if blocks else float("nan")
    return Estimate(float(value), error * (1.0 + error / value) if value > 0.0 else error, float(samples), "ps", "log")
