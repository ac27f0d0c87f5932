"""Power spectra of series of several runs, with errors: windows of equal length, averaged (Welch, IEEE Trans. Audio
Electroacoust. 15, 70, 1967).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.signal import get_window

from ai2bmd.errors import InputError

CM_PER_FS = 2.99792458e-5
"""Speed of light."""
WINDOW = "Hann"
_WIDTH = 1.4406
"""Full width at half height of the power of a line, in units of the inverse length of a Hann window."""
_OVERLAP = 1.028
"""Neighbouring windows overlap by half and are not quite independent."""
_FEWEST = 4
_VALUES = 4_000_000


@dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """One-sided: its integral over wavenumbers is the mean square of the series."""

    wavenumbers_cm1: Float64[np.ndarray, " bins"]
    density: Float64[np.ndarray, " bins"]
    """Summed over the components, per cm^-1."""
    windows: Float64[np.ndarray, "windows bins"]
    """Of each window; they overlap by half."""
    resolution_cm1: float
    """Full width at half height of a sharp line."""

    def error(self, values: Float64[np.ndarray, "windows *rest"]) -> Float64[np.ndarray, "*rest"]:
        """Standard error of the mean over windows; nan below four."""
        if len(values) < _FEWEST:
            return np.full(values.shape[1:], np.nan)
        return values.std(0, ddof=1) * np.sqrt(_OVERLAP / len(values))


def power_spectrum(
    runs: Sequence[Float[np.ndarray, "frames components"]],
    *,
    frame_fs: float,
    resolution_cm1: float,
    weights: Float[np.ndarray, " components"] | None = None,
    centre: Callable[[np.ndarray], np.ndarray] | None = None,
) -> PowerSpectrum:
    """Spectrum of weighted components, summed.

    Args:
        runs: one array for each independent run.
        frame_fs: time between frames.
        resolution_cm1: full width of a line; sets the length of the windows.
        weights: of the squares of the components.
        centre: takes from each window what shall not count, such as its mean.

    Raises:
        InputError: no run is as long as a window, or a value is not finite.
    """
    if not (frame_fs > 0.0 and resolution_cm1 > 0.0):
        raise InputError(f"frames {frame_fs} fs apart and a resolution of {resolution_cm1} cm^-1; both must be above 0")
    length = max(4, 2 * round(_WIDTH / (resolution_cm1 * CM_PER_FS * frame_fs) / 2))
    longest = max(map(len, runs), default=0)
    if longest < length:
        raise InputError(
            f"a resolution of {resolution_cm1:g} cm^-1 needs runs of {length * frame_fs / 1000.0:.3g} ps; the longest "
            f"has {longest * frame_fs / 1000.0:.3g} ps. Take a coarser resolution"
        )
    window = np.asarray(get_window("hann", length)).reshape(-1, 1)
    scale = 2.0 * frame_fs * CM_PER_FS / float((window**2).sum())
    density = [
        scale * _squares(run, first, window, weights, centre)
        for run in runs
        for first in range(0, len(run) - length + 1, length // 2)
    ]
    spectra = np.array(density)
    spectra[:, [0, -1]] /= 2.0  # these have no negative counterpart
    if not np.isfinite(spectra).all():
        raise InputError("the series has values that are not finite; leave those frames out")
    width = CM_PER_FS * frame_fs
    return PowerSpectrum(np.fft.rfftfreq(length, width), spectra.mean(0), spectra, _WIDTH / (length * width))


def _squares(
    run: Float[np.ndarray, "frames components"],
    first: int,
    window: Float64[np.ndarray, "length 1"],
    weights: Float[np.ndarray, " components"] | None,
    centre: Callable[[np.ndarray], np.ndarray] | None,
) -> Float64[np.ndarray, " bins"]:
    """Weighted squares of the transform of one window, a few components at a time."""
    length, every = len(window), max(1, _VALUES // len(window))
    result = np.zeros(length // 2 + 1)
    for begin in range(0, run.shape[1], every):
        piece = np.asarray(run[first : first + length, begin : begin + every], dtype=np.float64)
        piece = piece if centre is None else centre(piece)
        squares = np.abs(np.fft.rfft(piece * window, axis=0)) ** 2
        result += squares.sum(1) if weights is None else squares @ weights[begin : begin + every]
    return result
