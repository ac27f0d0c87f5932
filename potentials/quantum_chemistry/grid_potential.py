"""The exchange-correlation potential over the basis functions that reach each block of the grid.

PySCF's own takes all functions of molecules of this size, on blocks far beyond the cache. The numbers are the same.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64
from pyscf import lib
from pyscf.dft.numint import NumInt

from potentials.quantum_chemistry.grid_blocks import functional_of_orbitals, grid_blocks, occupied_orbitals


class BlockIntegration(NumInt):
    """PySCF's numerical integration, with another potential for one density that knows its orbitals."""

    def nr_rks(self, mol: Any, grids: Any, xc_code: str, dms: Any, *arguments: Any, **options: Any) -> Any:
        """(electrons, energy, matrix of the potential) of a closed shell; the names are those that PySCF calls with."""
        coefficients: Any = getattr(dms, "mo_coeff", None)
        occupations: Any = getattr(dms, "mo_occ", None)
        if getattr(coefficients, "ndim", 0) != 2 or getattr(occupations, "ndim", 0) != 1:
            return super().nr_rks(mol, grids, xc_code, dms, *arguments, **options)
        if grids.coords is None:
            grids.build(with_non0tab=True)
        orbitals = occupied_orbitals(coefficients, occupations)
        electrons = energy = 0.0
        matrix = np.zeros((mol.nao, mol.nao))
        for block in grid_blocks(mol, grids):
            functions = self.eval_ao(block.part, block.points, deriv=1, non0tab=block.screening).transpose(0, 2, 1)
            of_points = functional_of_orbitals(
                self, xc_code, orbitals[:, block.functions] @ functions, weights=grids.weights[block.within]
            )
            electrons += float(of_points[0].sum())
            energy += float(of_points[1].sum())
            matrix[np.ix_(block.functions, block.functions)] += _half_matrix(functions, of_points[2])
        return electrons, energy, lib.hermi_sum(matrix)


def _half_matrix(
    functions: Float64[np.ndarray, "4 functions points"], potential: Float64[np.ndarray, "5 points"]
) -> Float64[np.ndarray, "functions functions"]:
    """What gives the matrix of the potential when its transpose is added."""
    weighted = 0.5 * potential[0] * functions[0]
    for axis in range(1, 4):
        weighted += potential[axis] * functions[axis]
    matrix = functions[0] @ weighted.T
    if potential[4].any():
        for axis in range(1, 4):
            matrix += functions[axis] @ (0.25 * potential[4] * functions[axis]).T
    return matrix
