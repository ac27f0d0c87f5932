"""The gradient of the exchange-correlation energy on a molecule's grid, with all that moves with the atoms.

With orbitals psi_i = sum_m C_mi phi_m (occupation within C) on points of weights w, energy density f(rho, grad rho,
tau) and its derivatives v, v_y, v_tau, an atom that moves takes with it

    its basis functions   -2 sum_points w sum_{m of atom} (phi_m,x A_m + sum_y phi_m,xy B_my),
                          A_m = sum_i C_mi (v psi_i + sum_y v_y psi_i,y),
                          B_my = sum_i C_mi (v_y psi_i + v_tau psi_i,y / 2)
    its points            minus the same sum, over all m, on the points of the atom
    the weights           `potentials.quantum_chemistry.weight_gradient`

(Johnson, Gill and Pople, J. Chem. Phys. 98, 5612, 1993; tau as in Neumann, Nobes and Handy, Mol. Phys. 87, 1, 1996).
Everything is summed to atoms while a block of points is in the cache: no matrix of derivatives between basis functions
is made. Only functions that reach the block are evaluated, and the way over the occupied orbitals, a fifth as many as
basis functions, replaces the density matrix. For closed shells, and functionals without the Laplacian.
"""

from typing import Any

import numba
import numpy as np
from jaxtyping import Float64

from potentials.quantum_chemistry.grid_blocks import functional_of_orbitals, grid_blocks, occupied_orbitals
from potentials.quantum_chemistry.weight_gradient import weight_gradient

_FAST = {"reassoc", "contract", "nsz", "arcp"}


def grid_gradient(field: Any) -> Float64[np.ndarray, "atoms 3"]:
    """Derivatives of the exchange-correlation energy of a converged mean field, in Hartree/Bohr.

    It is the whole of the derivative on PySCF's grid as `field` has it, but for that of the orbitals, which the term of
    the energy-weighted density makes up for.

    Args:
        field: a restricted Kohn-Sham calculation of PySCF; exact exchange and non-local correlation are left out.
    """
    molecule, grids = field.mol, field.grids
    orbitals = occupied_orbitals(field.mo_coeff, field.mo_occ)
    atom_of = np.repeat(np.arange(molecule.natm), np.diff(molecule.aoslice_by_atom()[:, 2:], axis=1)[:, 0])
    moved, energies = np.zeros((3, len(grids.weights))), np.zeros(len(grids.weights))
    gradient = np.zeros((molecule.natm, 3))
    for block in grid_blocks(molecule, grids):
        functions = field._numint.eval_ao(block.part, block.points, deriv=2, non0tab=block.screening).transpose(0, 2, 1)
        coefficients = orbitals[:, block.functions]
        occupied_values = coefficients @ functions[:4]
        _, energies[block.within], potential = functional_of_orbitals(
            field._numint, field.xc, occupied_values, weights=grids.weights[block.within]
        )
        weighted = coefficients.T @ _weighted(occupied_values, potential)
        _sum_to_atoms(functions, weighted, atom_of[block.functions], gradient, moved[:, block.within])
    own = grids.atm_idx >= 0  # the rest fills up the last block
    owners = grids.atm_idx[own]
    points = [np.bincount(owners, row[own], minlength=molecule.natm) for row in moved]
    return gradient + np.transpose(points) + weight_gradient(grids, grids.coords[own], owners, energies=energies[own])


def _weighted(
    orbitals: Float64[np.ndarray, "4 orbitals points"], potential: Float64[np.ndarray, "5 points"]
) -> Float64[np.ndarray, "4 orbitals points"]:
    """Of A and B_y, what the orbitals are multiplied with."""
    result = potential[:4, None] * orbitals[0]
    result[0] += np.einsum("xp,xip->ip", potential[1:4], orbitals[1:])
    result[1:] += 0.5 * potential[4] * orbitals[1:]
    return result


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _sum_to_atoms(functions, weighted, atom_of, gradient, moved):  # pragma: no cover - compiled
    """Add the block's terms to `gradient` of the functions' atoms, and minus them to `moved` of the points."""
    for m in range(functions.shape[1]):
        x = y = z = 0.0
        a, bx, by, bz = weighted[0, m], weighted[1, m], weighted[2, m], weighted[3, m]
        dx, dy, dz = functions[1, m], functions[2, m], functions[3, m]
        xx, xy, xz = functions[4, m], functions[5, m], functions[6, m]
        yy, yz, zz = functions[7, m], functions[8, m], functions[9, m]
        for p in range(functions.shape[2]):
            along_x = 2.0 * (dx[p] * a[p] + xx[p] * bx[p] + xy[p] * by[p] + xz[p] * bz[p])
            along_y = 2.0 * (dy[p] * a[p] + xy[p] * bx[p] + yy[p] * by[p] + yz[p] * bz[p])
            along_z = 2.0 * (dz[p] * a[p] + xz[p] * bx[p] + yz[p] * by[p] + zz[p] * bz[p])
            x += along_x
            y += along_y
            z += along_z
            moved[0, p] += along_x
            moved[1, p] += along_y
            moved[2, p] += along_z
        gradient[atom_of[m], 0] -= x
        gradient[atom_of[m], 1] -= y
        gradient[atom_of[m], 2] -= z
