"""A wall that keeps hydrogens out of contacts closer than any the model has seen.

The force field gives the hydrogens of hydroxyl groups no Lennard-Jones radius, and a learned energy means nothing where
there were no data: together they let such a hydrogen fall into another atom. Between atoms three bonds or more apart

    W = k (r_0 - r)^3   for r < r_0, else 0

with r_0 the closest contact in the training data of two atoms of these kinds, so that it changes no energy there.
Value, force and its slope are continuous. It belongs to the correction: the force field alone goes without.
"""

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.sparse import coo_array, csr_array, eye_array, triu
from scipy.spatial import KDTree

from fragmentation.topology import ProteinTopology

KINDS = ("HC", "HN", "HO", "HS", "CT", "CO", "CA", "N", "O", "S")
"""Hydrogen by the atom it is bound to; carbon with four neighbours, of a carbonyl, and any other; N, O, S."""
# fmt: off
CLOSEST_A = {
    # HC    HN    HO    HS    CT    CO    CA    N     O     S
    "HC": (1.66, 1.46, 1.69, 1.87, 2.28, 2.13, 2.27, 2.16, 1.92, 2.40),
    "HN": (1.46, 1.48, 1.61, 1.74, 2.01, 1.85, 1.93, 1.77, 1.54, 2.03),
    "HO": (1.69, 1.61, 1.96, 1.46, 2.25, 1.95, 2.29, 1.82, 1.46, 2.65),
    "HS": (1.87, 1.74, 1.46, 1.46, 2.68, 1.98, 1.85, 2.04, 1.61, 2.03),
}
"""By kind of hydrogen, in the order of `KINDS`: the closest contacts of atoms four bonds or more apart, Angstrom."""
CLOSEST_THREE_BONDS_A = {
    "HC": (1.84, 1.79, 1.76, 1.99, 2.19, 2.13, 2.19, 2.11, 2.04, 2.33),
    "HN": (1.79, 0.00, 0.00, 0.00, 2.03, 2.04, 2.66, 1.96, 1.95, 0.00),
    "HO": (1.76, 0.00, 0.00, 0.00, 1.93, 0.00, 2.09, 0.00, 1.84, 0.00),
    "HS": (1.99, 0.00, 0.00, 0.00, 2.25, 0.00, 0.00, 0.00, 0.00, 0.00),
}
"""The same three bonds apart, 0 where there are no such pairs; `scripts/closest_contacts.py` finds both tables."""
# fmt: on
STIFFNESS_EV_A3 = 100.0


class ShortRangeWall:
    """The wall between the atoms of one protein."""

    def __init__(self, topology: ProteinTopology) -> None:
        self._count = len(topology.atomic_numbers)
        self._kinds = contact_kinds(topology.atomic_numbers, topology.bonds)
        self._contact_A = _table(CLOSEST_A)
        self._reach_A = self._contact_A.max()
        bonds_apart = bonds_between(self._count, topology.bonds)
        first, second = bonds_apart.coords
        three = _table(CLOSEST_THREE_BONDS_A)[self._kinds[first], self._kinds[second]]
        # the last stands for no pair
        self._near = np.append(first * self._count + second, self._count**2)
        self._near_contact_A = np.append(np.where(bonds_apart.data == 3, three, 0.0), 0.0)

    def __call__(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float64[np.ndarray, "atoms 3"]]:
        """Energy (eV) and forces (eV/A) at positions in Angstrom."""
        forces = np.zeros((self._count, 3))
        if not np.isfinite(positions).all():
            return 0.0, forces  # the guard has the word
        first, second = KDTree(positions).query_pairs(self._reach_A, output_type="ndarray").T  # first < second
        key = first * self._count + second
        place = np.searchsorted(self._near, key)
        far = self._contact_A[self._kinds[first], self._kinds[second]]
        contacts = np.where(self._near[place] == key, self._near_contact_A[place], far)
        vectors = positions[first].astype(np.float64) - positions[second]
        distances = np.linalg.norm(vectors, axis=1)
        depth = np.maximum(contacts - distances, 0.0)
        push = (3.0 * STIFFNESS_EV_A3 * depth**2 / distances)[:, None] * vectors
        np.add.at(forces, first, push)
        np.add.at(forces, second, -push)
        return float(STIFFNESS_EV_A3 * np.sum(depth**3)), forces


def contact_limits_A(topology: ProteinTopology) -> Float64[np.ndarray, "atoms atoms"]:
    """Closest contact of any two atoms of a small molecule below which the wall acts; 0 within three bonds."""
    count = len(topology.atomic_numbers)
    kinds = contact_kinds(topology.atomic_numbers, topology.bonds)
    limits = _table(CLOSEST_A)[kinds[:, None], kinds[None, :]]
    near = bonds_between(count, topology.bonds).toarray() + np.eye(count, dtype=np.int64)
    return np.where(near + near.T > 0, 0.0, limits)


def contact_kinds(
    atomic_numbers: Int64[np.ndarray, " atoms"], bonds: Int64[np.ndarray, "bonds 2"]
) -> Int64[np.ndarray, " atoms"]:
    """Index into `KINDS` of each atom of H, C, N, O and S."""
    symbols = np.array(["", "H", "", "", "", "", "C", "N", "O", *[""] * 7, "S"])[atomic_numbers]
    neighbours: list[list[int]] = [[] for _ in symbols]
    for first, second in bonds.tolist():
        neighbours[first].append(second)
        neighbours[second].append(first)

    def kind(atom: int) -> str:
        around = neighbours[atom]
        if symbols[atom] == "H":
            return "H" + (symbols[around[0]] if around else "C")
        if symbols[atom] != "C":
            return symbols[atom]
        if len(around) == 4:
            return "CT"
        return "CO" if any(symbols[x] == "O" and len(neighbours[x]) == 1 for x in around) else "CA"

    return np.array([KINDS.index(kind(atom)) for atom in range(len(symbols))], np.int64)


def bonds_between(count: int, bonds: Int64[np.ndarray, "bonds 2"]) -> coo_array:
    """Sparse (atoms, atoms): the number of bonds between two atoms where it is 1 to 3, first < second, sorted."""
    first, second = bonds.T
    bonded = coo_array((np.ones(len(first), np.int64), (first, second)), shape=(count, count)).tocsr()
    one = bonded + bonded.T
    step = one + eye_array(count, format="csr")
    within = [(reach != 0).astype(np.int64) for reach in (one, step @ step, step @ step @ step)]
    # 3, 2 or 1 of them hold a pair that is 1, 2 or 3 bonds apart
    pairs = csr_array(triu(within[0] + within[1] + within[2], k=1))
    pairs.sort_indices()
    return coo_array((4 - pairs.data, pairs.nonzero()), shape=pairs.shape)


def _table(rows: dict[str, tuple[float, ...]]) -> Float64[np.ndarray, "kinds kinds"]:
    """Symmetric; 0 between heavy atoms."""
    table = np.zeros((len(KINDS), len(KINDS)))
    for kind, distances in rows.items():
        table[KINDS.index(kind)] = table[:, KINDS.index(kind)] = distances
    return table
