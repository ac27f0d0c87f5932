"""How the weights of a molecule's integration grid change when its atoms move.

Becke's partition (J. Chem. Phys. 88, 2547, 1988) gives the point r of atom a the share q_a of its volume,

    q_a = P_a / sum_b P_b,    P_b = prod_{c != b} s(nu_bc),    nu_bc = mu_bc + a_bc (1 - mu_bc^2),
    mu_bc = (r_b - r_c) / R_bc,    s(nu) = (1 - p(p(p(nu)))) / 2,    p(x) = (3 x - x^3) / 2,

with a_bc of the atoms' radii (Treutler and Ahlrichs, J. Chem. Phys. 102, 346, 1995). The gradient of a sum over points
e with given energies (weights included) is needed, not that of each weight, so all is summed at once:

    dE = sum_points e sum_b (delta_ab - q_b) sum_c  (d ln s / d mu)_bc  d mu_bc

The share of all but the few atoms next to a point is nothing in double precision; a product of cell functions ends
where that is certain, and only atoms with a share count as b. A point takes some hundred cell functions instead of
atoms^2 with a vector for each atom.

| symbol | in the code |
|---|---|
| r_b, R_bc | `distance`, 1 / `inverse_distance` |
| a_bc | `adjustment` |
| P_b, q_b | `cell`, `share` |
| d ln s / d mu | `slope` |
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba
import numpy as np
from jaxtyping import Float64, Integer
from pyscf import lib
from pyscf.dft import gen_grid

_NO_SHARE = 1e-15
"""A share, and a change of it, that is nothing in double precision."""
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def weight_gradient(
    grids: Any,
    points_Bohr: Float64[np.ndarray, "points 3"],
    owners: Integer[np.ndarray, " points"],
    *,
    energies: Float64[np.ndarray, " points"],
) -> Float64[np.ndarray, "atoms 3"]:
    """Derivatives of the sum of `energies`, each proportional to the weight of its point, with respect to the atoms.

    Args:
        grids: PySCF's, whose partition it is.
        points_Bohr: points of the grid.
        owners: of each point, the atom that it moves with.
        energies: what each point adds to the integral, in any unit; the result is in that unit per Bohr.

    Raises:
        NotImplementedError: the partition is not Becke's.
    """
    if grids.becke_scheme is not gen_grid.original_becke:
        raise NotImplementedError("grids.becke_scheme: expected original_becke, whose derivatives are known here")
    centres = np.ascontiguousarray(grids.mol.atom_coords())
    distances = np.linalg.norm(centres[:, None] - centres, axis=2)
    inverse = np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > 0)
    partition = centres, inverse, _adjustment(grids), np.argsort(distances, axis=1)
    bounds = np.linspace(0, len(points_Bohr), lib.num_threads() + 1).astype(int)
    parts = [slice(*pair) for pair in pairwise(bounds)]
    points = np.ascontiguousarray(points_Bohr)
    with ThreadPoolExecutor(len(parts)) as pool:
        sums = list(pool.map(lambda part: _sums(*partition, points[part], owners[part], energies[part]), parts))
    per_pair = np.sum([pairs for _, pairs in sums], axis=0)
    along = (per_pair * inverse)[:, :, None] * (centres[:, None] - centres)
    return np.sum([atoms for atoms, _ in sums], axis=0) + along.sum(axis=1) - along.sum(axis=0)


def _adjustment(grids: Any) -> Float64[np.ndarray, "atoms atoms"]:
    """a_bc: what the adjustment of a midpoint, mu = 0, gives."""
    atoms = range(grids.mol.natm)
    if grids.radii_adjust is None or grids.atomic_radii is None:
        return np.zeros((len(atoms), len(atoms)))
    adjust = grids.radii_adjust(grids.mol, grids.atomic_radii)
    return np.array([[adjust(b, c, 0.0) for c in atoms] for b in atoms])


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _cell(mu, adjustment):  # pragma: no cover - compiled
    """(s, ds/dmu)."""
    nu = mu + adjustment * (1.0 - mu * mu)
    once = 0.5 * nu * (3.0 - nu * nu)
    twice = 0.5 * once * (3.0 - once * once)
    thrice = 0.5 * twice * (3.0 - twice * twice)
    steepness = (1.0 - nu * nu) * (1.0 - once * once) * (1.0 - twice * twice)
    return 0.5 * (1.0 - thrice), -27.0 / 16.0 * steepness * (1.0 - 2.0 * adjustment * mu)


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _cells(distance, inverse_distance, adjustment, nearest_first, cell):  # pragma: no cover - compiled
    """Fill `cell` with P_b, 0 where it is nothing; their sum."""
    order = nearest_first[np.argmin(distance)]
    total = 0.0
    for b in range(distance.shape[0]):
        product = 1.0
        for c in order:
            if c != b:
                product *= _cell((distance[b] - distance[c]) * inverse_distance[b, c], adjustment[b, c])[0]
                if product < _NO_SHARE:
                    product = 0.0
                    break
        cell[b] = product
        total += product
    return total


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _sums(
    centres, inverse_distance, adjustment, nearest_first, points, owners, energies
):  # pragma: no cover - compiled
    """Derivatives by way of r_b, (atoms, 3), and with respect to R_bc, (atoms, atoms)."""
    atoms = centres.shape[0]
    gradient, per_pair = np.zeros((atoms, 3)), np.zeros((atoms, atoms))
    distance, cell, per_distance = np.empty(atoms), np.empty(atoms), np.empty(atoms)
    for point in range(points.shape[0]):
        for b in range(atoms):
            dx = points[point, 0] - centres[b, 0]
            dy = points[point, 1] - centres[b, 1]
            dz = points[point, 2] - centres[b, 2]
            distance[b] = np.sqrt(dx * dx + dy * dy + dz * dz)
        total = _cells(distance, inverse_distance, adjustment, nearest_first, cell)
        owner = owners[point]
        if cell[owner] == 0.0:
            continue  # neither has the point a weight
        per_distance[:] = 0.0
        for b in range(atoms):
            if cell[b] == 0.0:
                continue
            weight_change = (1.0 if b == owner else 0.0) - cell[b] / total
            if abs(weight_change) < _NO_SHARE:
                continue
            factor, own = energies[point] * weight_change, 0.0
            for c in range(atoms):  # c = b adds nothing: its inverse distance is 0
                inverse = inverse_distance[b, c]
                mu = (distance[b] - distance[c]) * inverse
                value, slope = _cell(mu, adjustment[b, c])
                change = factor * slope / value * inverse
                own += change
                per_distance[c] -= change
                per_pair[b, c] -= change * mu
            per_distance[b] += own
        for b in range(atoms):
            if b == owner or per_distance[b] == 0.0:
                continue  # the distance from the owner, which the point moves with, does not change
            for axis in range(3):
                step = per_distance[b] * (points[point, axis] - centres[b, axis]) / distance[b]
                gradient[b, axis] -= step
                gradient[owner, axis] += step
    return gradient, per_pair
