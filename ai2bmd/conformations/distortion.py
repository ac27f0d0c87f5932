"""Stretched and compressed bonds, bent angles: what dynamics seldom visits and a potential must know all the same."""

import numpy as np
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from ai2bmd.conformations.torsions import Turn, far_side
from fragmentation.topology import ProteinTopology

Positions = Float64[np.ndarray, "atoms 3"]
_BOND_FACTORS = (0.88, 1.18)
"""Range of the length of a bond relative to what it was: about 1 eV on a C-C bond at either end."""
_LARGEST_BEND_DEGREES = 18.0
_MOST_CHANGES = 3
_NOISE_A = 0.02
"""Standard deviation of each coordinate, so that rings, which have no bond to stretch alone, are distorted too."""


class Distortion:
    """Draws distorted copies of conformations of one molecule."""

    def __init__(self, protein: ProteinTopology) -> None:
        self._bonds = _sides(protein)
        self._angles = [
            (turn, other) for turn in self._bonds for other in protein.neighbours[turn.first] if other != turn.second
        ]

    def distorted(self, positions_A: Positions, generator: np.random.Generator) -> Positions:
        """A copy with one to three bonds stretched or compressed, as many angles bent, and noise on all atoms."""
        result = positions_A
        for number in generator.choice(len(self._bonds), generator.integers(1, _MOST_CHANGES + 1), replace=False):
            result = _stretched(result, self._bonds[number], generator.uniform(*_BOND_FACTORS))
        for number in generator.choice(len(self._angles), generator.integers(1, _MOST_CHANGES + 1), replace=False):
            degrees = generator.uniform(-_LARGEST_BEND_DEGREES, _LARGEST_BEND_DEGREES)
            result = _bent(result, *self._angles[number], degrees=degrees)
        return result + generator.normal(0.0, _NOISE_A, result.shape)


def _sides(protein: ProteinTopology) -> list[Turn]:
    """Every bond outside rings, its smaller side to be moved."""
    found = []
    for first, second in protein.bonds.tolist():
        sides = [far_side(protein, first, second), far_side(protein, second, first)]
        if sides[0] is not None and sides[1] is not None:
            found.append(min((side for side in sides if side is not None), key=lambda side: len(side.moving)))
    return found


def _stretched(positions_A: Positions, bond: Turn, factor: float) -> Positions:
    result = positions_A.copy()
    result[bond.moving] += (factor - 1.0) * (positions_A[bond.second] - positions_A[bond.first])
    return result


def _bent(positions_A: Positions, bond: Turn, other: int, *, degrees: float) -> Positions:
    """The angle other - first - second opened, the far side moving with the second atom."""
    centre = positions_A[bond.first]
    normal = np.cross(positions_A[other] - centre, positions_A[bond.second] - centre)
    rotation = Rotation.from_rotvec(np.radians(degrees) * normal / np.linalg.norm(normal))
    result = positions_A.copy()
    result[bond.moving] = rotation.apply(positions_A[bond.moving] - centre) + centre
    return result
