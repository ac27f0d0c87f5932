"""Farthest-point selection over the environments of atoms: what is chosen is least like what is known.

A model's energy is a sum over atoms, so what it can learn from a frame is new environments. The distance of an atom to
what is known is that to the nearest known environment of its element; that of a frame is the root of the mean square
over its atoms. It does not change when equivalent atoms change places, one odd atom counts, and frames of different
molecules can be compared; none of which the mean of the environments of a frame could do.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.spatial.distance import cdist

_CHUNK = 4000
"""Known environments compared at a time."""


@dataclass(frozen=True, eq=False)
class Environments:
    """Of the atoms of one frame or more."""

    elements: Int64[np.ndarray, " atoms"]
    features: Float64[np.ndarray, "atoms channels"]


def choose_farthest(
    pool: Sequence[Environments],
    known: Environments | None,
    *,
    count: int,
    weights: Float64[np.ndarray, " frames"] | None = None,
    kinds: Sequence[Hashable] | None = None,
) -> list[int]:
    """Frames of the pool, the next always the one farthest from all that is known and chosen.

    Where frames are of several kinds, the next is of the kind that is most behind its share of the pool: the farthest
    of all are the most distorted, and chosen without regard to kinds they would be all there is.

    Channels are in units of their standard deviation over the pool. Of an element of which nothing is known, the pool's
    mean environment is.

    Args:
        pool: frames to choose from.
        known: environments that need not be chosen again.
        count: of frames.
        weights: factors on the distances, positive.
        kinds: of each frame; None for one.

    Returns:
        Numbers of the frames as they were chosen; all, when the pool has no more than `count`.
    """
    elements = np.concatenate([frame.elements for frame in pool])
    features = np.concatenate([frame.features for frame in pool])
    frame_of = np.repeat(np.arange(len(pool)), [len(frame.elements) for frame in pool])
    scale = features.std(axis=0)
    scale = np.maximum(scale, 1e-6 * scale.max() + np.finfo(np.float64).tiny)
    factors = np.ones(len(pool)) if weights is None else weights
    names = list(dict.fromkeys(kinds or ()))
    kind_of = np.array([names.index(kind) for kind in kinds]) if kinds else np.zeros(len(pool), np.int64)
    first = _usual(elements, features)
    nearest = _distances(elements, features, first if known is None else _completed(known, first), scale)
    chosen: list[int] = []
    while len(chosen) < min(count, len(pool)):
        squares = np.bincount(frame_of, nearest**2) / np.bincount(frame_of)
        score = np.sqrt(squares) * factors
        score[chosen] = -1.0
        score[~_of_next_kind(kind_of, chosen)] = -1.0
        chosen.append(int(score.argmax()))
        nearest = np.minimum(nearest, _distances(elements, features, pool[chosen[-1]], scale))
    return chosen


def _of_next_kind(kind_of: Int64[np.ndarray, " frames"], chosen: list[int]) -> Bool[np.ndarray, " frames"]:
    """Frames of the kind that is most behind its share, among those of which there are more."""
    there = np.bincount(kind_of)
    taken = np.bincount(kind_of[chosen], minlength=len(there))
    behind = there / len(kind_of) * (len(chosen) + 1) - taken
    behind[taken == there] = -np.inf
    return kind_of == behind.argmax()


def _usual(elements: np.ndarray, features: np.ndarray) -> Environments:
    """The mean environment of each element."""
    kinds = np.unique(elements)
    return Environments(kinds, np.stack([features[elements == kind].mean(axis=0) for kind in kinds]))


def _completed(known: Environments, usual: Environments) -> Environments:
    """What is known, and the mean environment of the elements of which nothing is."""
    missing = ~np.isin(usual.elements, known.elements)
    return Environments(
        np.append(known.elements, usual.elements[missing]), np.vstack([known.features, usual.features[missing]])
    )


def _distances(elements: np.ndarray, features: np.ndarray, others: Environments, scale: np.ndarray) -> np.ndarray:
    """(atoms,) distance to the nearest of the others of the same element, infinite without any."""
    nearest = np.full(len(elements), np.inf)
    for kind in np.unique(elements):
        mine = elements == kind
        theirs = others.features[others.elements == kind] / scale
        for begin in range(0, len(theirs), _CHUNK):
            distances = cdist(features[mine] / scale, theirs[begin : begin + _CHUNK]).min(axis=1)
            nearest[mine] = np.minimum(nearest[mine], distances)
    return nearest
