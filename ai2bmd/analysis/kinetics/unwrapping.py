"""Positions in a periodic box made continuous: for displacements, that must not jump when a particle leaves it.

Displacements from frame to frame, each to the nearest image, are added up (von Bülow, Bullerjahn, Hummer, J. Chem.
Phys. 153, 021101, 2020): also right where the box changes its size, as at constant pressure.
"""

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.errors import InputError

_LONGEST = 0.2
"""Root mean square of a step, in lengths of the shortest edge, above which the nearest image is often the wrong one."""


def unwrapped(
    positions_A: Float[np.ndarray, "frames particles 3"], boxes_A: Float[np.ndarray, "frames 3 3"]
) -> Float64[np.ndarray, "frames particles 3"]:
    """Continuous positions, from the first frame on.

    Args:
        positions_A: of one run.
        boxes_A: vectors of the box as rows, of each frame; of any shape.

    Raises:
        InputError: there is no box in a frame, or particles move too far from frame to frame.
    """
    boxes = np.asarray(boxes_A, np.float64)
    if not (np.abs(np.linalg.det(boxes)) > 0.0).all():
        raise InputError("some frames have no periodic box; give a trajectory with its boxes")
    positions = np.asarray(positions_A, np.float64)
    steps = np.diff(positions, axis=0)
    images = np.round(steps @ np.linalg.inv(boxes[1:]))
    steps -= images @ boxes[1:]
    shortest = float(np.linalg.norm(boxes, axis=2).min())
    if len(steps) and np.sqrt((steps**2).sum(2).mean()) > _LONGEST * shortest:
        raise InputError("particles cross a good part of the box between frames; write frames more often")
    return np.concatenate([positions[:1], positions[:1] + np.cumsum(steps, axis=0)])
