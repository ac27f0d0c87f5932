"""Many small states: the frames of a projection by their nearest of some centres."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int32

from ai2bmd.errors import InputError

Clustering = Literal["kmeans", "regular"]
_FIT_FRAMES = 20_000
_ITERATIONS = 50
_FEWEST, _MOST = 10, 200
_CHUNK = 50_000


@dataclass(frozen=True, eq=False)
class Microstates:
    """The state of each frame."""

    method: Clustering
    centres: Float32[np.ndarray, "states components"]
    runs: tuple[Int32[np.ndarray, " frames"], ...]


def cluster_frames(
    runs: Sequence[Float32[np.ndarray, "frames components"]],
    *,
    count: int | None = None,
    method: Clustering = "kmeans",
    spacing: float | None = None,
    seed: int = 1,
) -> Microstates:
    """Divide the space.

    Args:
        runs: components of each frame.
        count: of centres for k-means; half the root of the number of frames, 10 to 200, if None.
        method: "kmeans" fits centres to at most 20,000 evenly spread frames; "regular" takes frames `spacing` apart.
        spacing: of regular centres, in units of the components.
        seed: of the first centres of k-means.

    Raises:
        InputError: fewer frames than centres, no spacing for regular centres, or more than 1000 of them.
    """
    total = sum(map(len, runs))
    sample = np.concatenate([run[:: max(1, -(-total // _FIT_FRAMES))] for run in runs]).astype(np.float32)
    if method == "kmeans":
        model = _kmeans(sample, total, count, seed)
    elif method == "regular":
        model = _regular(sample, spacing)
    else:
        raise InputError(f"clustering {method!r}; choose kmeans or regular")
    states = tuple(_assign(model, np.asarray(run, dtype=np.float32)) for run in runs)
    return Microstates(method, np.asarray(model.cluster_centers, dtype=np.float32), states)


def _kmeans(sample: Float32[np.ndarray, "frames components"], total: int, count: int | None, seed: int) -> Any:
    from deeptime.clustering import KMeans

    different = len(np.unique(sample, axis=0))
    if count is None:
        count = int(np.clip(np.sqrt(total) / 2.0, _FEWEST, _MOST))
        if different < count:
            raise InputError(
                f"{total} frames, {different} of them different, are too few for the {count} states that a Markov "
                "model has at least unless told otherwise; give longer runs"
            )
    if not 2 <= count <= different:
        raise InputError(
            f"{count} states from {len(sample)} frames, {different} of them different; "
            "give 2 or more states, and no more than frames"
        )
    estimator: Any = KMeans(count, max_iter=_ITERATIONS, tolerance=1e-4, n_jobs=1)
    estimator.fixed_seed = seed
    return estimator.fit(sample).fetch_model()


def _regular(sample: Float32[np.ndarray, "frames components"], spacing: float | None) -> Any:
    import warnings

    from deeptime.clustering import RegularSpace

    if spacing is None or not spacing > 0.0:
        raise InputError(
            f"a spacing of {spacing} for regular centres; give a number above 0, in units of the components"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = RegularSpace(dmin=spacing, max_centers=1000, n_jobs=1).fit(sample).fetch_model()
    if caught:
        raise InputError(f"a spacing of {spacing} gives more than 1000 states; take a larger one")
    return model


def _assign(model, run: Float32[np.ndarray, "frames components"]) -> Int32[np.ndarray, " frames"]:
    chunks = [run[first : first + _CHUNK] for first in range(0, len(run), _CHUNK)]
    return np.concatenate([np.asarray(model.transform(chunk, n_jobs=1), dtype=np.int32) for chunk in chunks])
