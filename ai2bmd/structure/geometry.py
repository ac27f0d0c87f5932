"""Placing atoms by internal coordinates."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

Position = Float64[np.ndarray, " 3"]


class Internal(NamedTuple):
    """Distance to c (A), angle to b-c (degrees), dihedral about b-c from a (degrees)."""

    distance_A: float
    angle: float
    dihedral: float


def place(a: Position, b: Position, c: Position, internal: Internal) -> Position:
    """Position of an atom bonded to c (natural extension reference frame; Parsons et al., JCC 26, 1063, 2005)."""
    angle, dihedral = np.radians([internal.angle, internal.dihedral])
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    in_frame = internal.distance_A * np.array(
        [-np.cos(angle), np.sin(angle) * np.cos(dihedral), np.sin(angle) * np.sin(dihedral)]
    )
    return c + in_frame @ np.array([along, np.cross(normal, along), normal])


def dihedral(a: Position, b: Position, c: Position, d: Position) -> float:
    """Dihedral angle about b-c in degrees, -180 to 180 (IUPAC sign)."""
    axis = (c - b) / np.linalg.norm(c - b)
    first, second = a - b, d - c
    first, second = first - first @ axis * axis, second - second @ axis * axis
    return float(np.degrees(np.arctan2(np.cross(axis, first) @ second, first @ second)))
