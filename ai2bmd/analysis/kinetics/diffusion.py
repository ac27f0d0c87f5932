"""Mean square displacement and the diffusion coefficient.

D is the slope of the mean square displacement between two lag times, divided by 2 for each dimension: what particles do
faster than the first lag (vibration in a cage, noise) shifts the line but not its slope.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.resampling import (
    FEWEST_BLOCKS,
    REPEATS,
    block_count,
    block_weights,
    spread,
    spread_of_logarithm,
)
from ai2bmd.errors import InputError

_LAGS = 25
_NORMAL = 0.1
"""An exponent so far from 1 is not diffusion."""
_BOLTZMANN_J_K = 1.380649e-23
_HASIMOTO = 2.837297


@dataclass(frozen=True, eq=False)
class Diffusion:
    """Of all particles together."""

    lags_ps: Float64[np.ndarray, " lags"]
    displacement_A2: Float64[np.ndarray, " lags"]
    """Mean square."""
    errors_A2: Float64[np.ndarray, " lags"]
    """Standard errors; nan where the data do not suffice."""
    coefficient_A2_ps: Estimate
    """1 A^2/ps is 1e-4 cm^2/s. Effective samples: windows of the last lag, times particles."""
    exponent: Estimate
    """Of time in the displacement between both lags: 1 for diffusion, 2 for free flight or drift, less in a cage."""
    fit_ps: tuple[float, float]
    """The two lags."""
    remarks: tuple[str, ...]

    @property
    def normal(self) -> bool:
        """Whether the displacement grows in proportion to time, within errors: otherwise there is no coefficient."""
        return _is_normal(self.exponent)


def diffusion(
    runs_A: Sequence[Float[np.ndarray, "frames particles dimensions"]],
    *,
    frame_ps: float,
    fit_ps: tuple[float, float] | None = None,
    box_A: Float[np.ndarray, " dimensions"] | None = None,
    drift: str = "keep",
) -> Diffusion:
    """Of particles that do the same, such as water oxygens.

    Args:
        runs_A: positions, one array for each independent run.
        frame_ps: time between frames.
        fit_ps: lags between which the slope is taken; a tenth of the last one, and the last, if None. The last is a
            two-hundredth of all frames, at most a quarter of the longest run.
        box_A: edges of a rectangular periodic box, to undo jumps across it; None for positions that do not jump.
        drift: "keep", or "remove" to take displacements relative to the mean of all particles. Take it with many
            particles: one part in their number of the diffusion goes with it.

    Raises:
        InputError: too few frames, lags in the wrong order, or frames too far apart to undo jumps.
    """
    if drift not in ("keep", "remove"):
        raise InputError(f"drift {drift!r}; choose keep or remove")
    runs = [_prepared(np.asarray(run), box_A, drift) for run in runs_A if len(run) > 1]
    longest, total = max(map(len, runs), default=0), sum(map(len, runs))
    if fit_ps is None:
        last = min(longest // 4, max(10, total // 200))
        first = max(1, last // 10)
    else:
        first, last = (round(time / frame_ps) for time in fit_ps)
    if not 1 <= first < last < longest:
        raise InputError(
            f"a slope between {first} and {last} frames from runs of up to {longest}; give fit_ps in order, within the "
            "longest run, and at least one frame apart"
        )
    lags = np.unique(np.concatenate([[1, first, last], np.geomspace(1, last, _LAGS).round().astype(int)]))
    sums, counts = _blocks(runs, lags)
    weights = block_weights(REPEATS, len(sums))
    particles, dimensions = runs[0].shape[1:]
    enough = len(sums) >= FEWEST_BLOCKS
    samples = particles * sum(len(run) // last for run in runs)
    values, copies = sums.sum(0) / counts.sum(0), (weights @ sums) / (weights @ counts)
    at = np.searchsorted(lags, [first, last])
    slopes = [(curves[..., at[1]] - curves[..., at[0]]) / ((last - first) * frame_ps) for curves in (values, copies)]
    exponents = [np.log(curves[..., at[1]] / curves[..., at[0]]) / np.log(last / first) for curves in (values, copies)]
    error = spread(exponents[1], blocks=len(sums)) if enough else float("nan")
    exponent = Estimate(float(exponents[0]), error, float(samples))
    return Diffusion(
        lags_ps=lags * frame_ps,
        displacement_A2=values,
        errors_A2=copies.std(0, ddof=1) if enough else np.full(len(lags), np.nan),
        coefficient_A2_ps=_coefficient(
            float(slopes[0]), slopes[1], dimensions, blocks=len(sums) if enough else 0, samples=samples
        ),
        exponent=exponent,
        fit_ps=(first * frame_ps, last * frame_ps),
        remarks=_remarks(exponent, box_A, drift),
    )


def _coefficient(
    slope: float, copies: Float64[np.ndarray, " repeats"], dimensions: int, *, blocks: int, samples: int
) -> Estimate:
    """By its logarithm; a slope that is not above 0 is no diffusion, and has no error."""
    error = slope * spread_of_logarithm(copies, blocks=blocks) if blocks and slope > 0.0 else float("nan")
    half = 2.0 * dimensions
    return Estimate(float(slope / half), float(error / half), float(samples), "\u00c5\u00b2/ps", "log")


def finite_size_correction(*, temperature_K: float, viscosity_mPa_s: float, edge_A: float) -> float:
    """To add (A^2/ps) to a coefficient in a cubic periodic box (Yeh, Hummer, J. Phys. Chem. B 108, 15873, 2004)."""
    viscosity, edge_m = viscosity_mPa_s * 1e-3, edge_A * 1e-10
    m2_s = _HASIMOTO * _BOLTZMANN_J_K * temperature_K / (6.0 * np.pi * viscosity * edge_m)
    return float(m2_s * 1e20 / 1e12)


def _prepared(
    run_A: Float[np.ndarray, "frames particles dimensions"], box_A: Float[np.ndarray, " dimensions"] | None, drift: str
) -> Float64[np.ndarray, "frames particles dimensions"]:
    if run_A.ndim != 3:
        raise InputError(f"positions of shape {run_A.shape}; (frames, particles, dimensions) is needed")
    if not np.isfinite(run_A).all():
        raise InputError("some positions are not finite; leave those frames out")
    positions = run_A.astype(np.float64)
    if box_A is not None:
        steps = np.diff(positions, axis=0)
        steps -= np.round(steps / box_A) * box_A
        if (np.sqrt((steps**2).mean((0, 1))) > 0.2 * np.asarray(box_A)).any():
            raise InputError("particles cross a good part of the box between frames; write frames more often")
        positions[1:] = positions[0] + np.cumsum(steps, axis=0)
    if drift == "remove":
        if positions.shape[1] < 2:
            raise InputError("one particle has no drift apart from itself; keep the drift")
        positions -= positions.mean(1, keepdims=True)
    return positions


def _blocks(
    runs: list[Float64[np.ndarray, "frames particles dimensions"]], lags: np.ndarray
) -> tuple[Float64[np.ndarray, "blocks lags"], Float64[np.ndarray, "blocks lags"]]:
    """Sums over windows of the squared displacement, averaged over particles, by the block of the first frame."""
    total, starts = sum(map(len, runs)), np.cumsum([0, *map(len, runs)])
    count = block_count(total, int(lags[-1]))
    sums, counts = np.zeros((count, len(lags))), np.zeros((count, len(lags)))
    for start, run in zip(starts, runs, strict=False):
        block = (start + np.arange(len(run))) * count // total
        for column, lag in enumerate(lags):
            if lag < len(run):
                squares = np.einsum("fpd,fpd->f", *(2 * (run[lag:] - run[:-lag],))) / run.shape[1]
                sums[:, column] += np.bincount(block[:-lag], squares, minlength=count)
                counts[:, column] += np.bincount(block[:-lag], minlength=count)
    return sums, counts


def _is_normal(exponent: Estimate) -> bool:
    return bool(abs(exponent.value - 1.0) <= _NORMAL + 2.0 * np.nan_to_num(exponent.error))


def _remarks(exponent: Estimate, box_A: Float[np.ndarray, " dimensions"] | None, drift: str) -> tuple[str, ...]:
    remarks = []
    if not _is_normal(exponent):
        what = "drift or free flight" if exponent.value > 1.0 else "a cage, or a trap"
        remarks.append(f"The displacement grows with time to the power {exponent.value:.2f}: {what}, not diffusion.")
    if box_A is not None:
        remarks.append(
            "A periodic box makes the coefficient too small; the finite-size correction is not applied here."
        )
    if drift == "keep":
        remarks.append("The drift of all particles together is part of the displacement.")
    return tuple(remarks)
