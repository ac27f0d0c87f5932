"""A wall that keeps hydrogens out of contacts closer than any the model has seen.

The force field gives the hydrogens of hydroxyl groups no Lennard-Jones radius, and a learned energy means nothing where
there were no data: together they let such a hydrogen fall into another atom. Between atoms three bonds or more apart

    W = k (r_0 - r)^3   for r < r_0, else 0

with r_0 the closest contact of each pair of elements in the training data, so that it changes no energy there. Value,
force and its slope are continuous. It belongs to the correction: the force field alone goes without.
"""

import numpy as np
from jaxtyping import Float, Float64
from scipy.sparse import coo_array, eye_array
from scipy.spatial import KDTree

from fragmentation.topology import ProteinTopology

CLOSEST_CONTACT_A = {(1, 1): 1.35, (1, 6): 1.80, (1, 7): 1.79, (1, 8): 1.45, (1, 16): 2.00}
"""By atomic numbers: minima over 36,000 conformations of the units at 300 to 550 K, three bonds or more apart."""
STIFFNESS_EV_A3 = 100.0
_REACH_A = max(CLOSEST_CONTACT_A.values())


class ShortRangeWall:
    """The wall between the atoms of one protein."""

    def __init__(self, topology: ProteinTopology) -> None:
        numbers = topology.atomic_numbers
        self._count = len(numbers)
        self._kind = numbers
        self._contact_A = np.zeros((int(numbers.max()) + 1,) * 2)
        for (first, second), distance in CLOSEST_CONTACT_A.items():
            if second < len(self._contact_A):
                self._contact_A[first, second] = self._contact_A[second, first] = distance
        self._near = _pairs_within_two_bonds(topology)

    def __call__(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float64[np.ndarray, "atoms 3"]]:
        """Energy (eV) and forces (eV/A) at positions in Angstrom."""
        forces = np.zeros((self._count, 3))
        if not np.isfinite(positions).all():
            return 0.0, forces  # the guard has the word
        first, second = KDTree(positions).query_pairs(_REACH_A, output_type="ndarray").T
        keys = np.minimum(first, second) * self._count + np.maximum(first, second)
        found = self._near[np.minimum(np.searchsorted(self._near, keys), len(self._near) - 1)]
        first, second = first[found != keys], second[found != keys]
        vectors = positions[first].astype(np.float64) - positions[second]
        distances = np.linalg.norm(vectors, axis=1)
        depth = np.maximum(self._contact_A[self._kind[first], self._kind[second]] - distances, 0.0)
        push = (3.0 * STIFFNESS_EV_A3 * depth**2 / distances)[:, None] * vectors
        np.add.at(forces, first, push)
        np.add.at(forces, second, -push)
        return float(STIFFNESS_EV_A3 * np.sum(depth**3)), forces


def _pairs_within_two_bonds(topology: ProteinTopology) -> np.ndarray:
    """Sorted keys, low * atoms + high, of the pairs that the wall leaves alone; the last stands for no pair."""
    count = len(topology.atomic_numbers)
    first, second = topology.bonds.T
    bonded = coo_array((np.ones(len(first)), (first, second)), shape=(count, count)).tocsr()
    step = bonded + bonded.T + eye_array(count, format="csr")
    low, high = (step @ step).nonzero()
    inside = low < high
    return np.append(np.sort(low[inside] * count + high[inside]), count * count)
