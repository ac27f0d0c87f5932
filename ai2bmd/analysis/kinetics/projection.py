"""The slow directions of features: TICA, or VAMP for dynamics out of equilibrium.

TICA: Pérez-Hernández et al., J. Chem. Phys. 139, 015102, 2013; VAMP: Wu, Noé, J. Nonlinear Sci. 30, 23, 2020.
Components are scaled by their eigenvalues (kinetic map), so that distances mean time.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from ai2bmd.analysis.kinetics.features import Features
from ai2bmd.errors import InputError

Method = Literal["tica", "vamp"]
_CHUNK = 20_000
_VARIANCE = 0.95
_MOST_DIMENSIONS = 5
"""Clusters in more dimensions are far apart."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Frames in slow coordinates."""

    method: Method
    lag: int
    """In frames."""
    runs: tuple[Float32[np.ndarray, "frames components"], ...]
    eigenvalues: Float64[np.ndarray, " all"]
    """Autocorrelation (TICA) or singular value (VAMP) of each direction at the lag, the slowest first."""
    kinetic_variance: float
    """Part of the sum of squared eigenvalues that the components hold."""
    correlations: Float64[np.ndarray, "components features"]
    """Of each component with each feature: what it means."""


def project(
    features: Features, *, lag: int | None = None, dimensions: int | None = None, method: Method = "tica"
) -> Projection:
    """Find slow components.

    Args:
        features: of all runs.
        lag: in frames; a twentieth of the longest run, at most a thousandth of all frames, if None.
        dimensions: of the result; as many as hold 95 % of the kinetic variance, at most 5, if None.
        method: "tica" or "vamp".

    Raises:
        InputError: no run is longer than the lag, or no direction of the features can be told from noise.
    """
    from deeptime.decomposition import TICA, VAMP

    kinds = {"tica": TICA, "vamp": VAMP}
    if method not in kinds:
        raise InputError(f"projection {method!r}; choose tica or vamp")
    longest = max(map(len, features.runs))
    lag = max(1, min(longest // 20, features.frames // 1000)) if lag is None else lag
    if not 1 <= lag < longest:
        raise InputError(
            f"a lag time of {lag} frames for the projection; the longest run has {longest}, give 1 or more"
        )
    covariances = kinds[method].covariance_estimator(lagtime=lag)
    for run in features.runs:
        for first in range(0, len(run) - lag, _CHUNK):
            last = min(first + _CHUNK, len(run) - lag)
            before, after = run[first:last], run[first + lag : last + lag]
            covariances.partial_fit((before.astype(np.float64), after.astype(np.float64)))
    model = kinds[method](lagtime=lag, scaling="kinetic_map").fit(covariances).fetch_model()
    eigenvalues = np.asarray(model.singular_values, dtype=np.float64)
    shares = np.cumsum(eigenvalues**2) / (eigenvalues**2).sum()
    if dimensions is None:
        dimensions = min(int(np.searchsorted(shares, _VARIANCE)) + 1, _MOST_DIMENSIONS)
    dimensions = max(1, min(dimensions, len(eigenvalues)))
    model.dim = dimensions
    runs = tuple(_transform(model, run) for run in features.runs)
    return Projection(method, lag, runs, eigenvalues, float(shares[dimensions - 1]), _correlations(runs, features.runs))


def _transform(model, run: Float32[np.ndarray, "frames features"]) -> Float32[np.ndarray, "frames components"]:
    chunks = [run[first : first + _CHUNK].astype(np.float64) for first in range(0, len(run), _CHUNK)]
    return np.concatenate([np.asarray(model.transform(chunk), dtype=np.float32) for chunk in chunks])


def _correlations(
    components: tuple[Float32[np.ndarray, "frames components"], ...],
    features: tuple[Float32[np.ndarray, "frames features"], ...],
) -> Float64[np.ndarray, "components features"]:
    every = max(1, sum(map(len, features)) // _CHUNK)
    left = np.concatenate([run[::every] for run in components]).astype(np.float64)
    right = np.concatenate([run[::every] for run in features]).astype(np.float64)
    left, right = (values - values.mean(0) for values in (left, right))
    norms = np.outer(np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0))
    return np.where(norms > 0.0, left.T @ right / np.where(norms > 0.0, norms, 1.0), 0.0)
