"""The gradient of a converged mean field on CPU: PySCF's, but for the exchange-correlation part."""

from typing import Any

import numpy as np
from jaxtyping import Float64
from pyscf import lib
from pyscf.df.grad import rks

from potentials.quantum_chemistry.grid_gradient import grid_gradient

_BUFFERS_MB = 1200


def nuclear_gradient(field: Any) -> Float64[np.ndarray, "atoms 3"]:
    """Derivatives of the energy, in Hartree/Bohr, the response of grid and auxiliary basis included.

    Args:
        field: a restricted Kohn-Sham calculation with density fitting, not on a GPU, without non-local correlation.
    """
    gradient = _Gradient(field)
    gradient.grid_response = True
    return gradient.kernel()


class _Gradient(rks.Gradients):
    """PySCF asks `get_veff` for the potential's derivatives, and adds to each atom what they are tagged with."""

    def get_veff(self, mol: Any = None, dm: Any = None) -> Any:
        """Derivatives of Coulomb and exact exchange, tagged with the parts that are sums for each atom already."""
        numerical = self.base._numint
        if not numerical.libxc.is_hybrid_xc(self.base.xc):
            self.base.with_df.reset()  # only exchange needs the integrals that it keeps, which may fill half the memory
            self.max_memory = lib.current_memory()[0] + _BUFFERS_MB
            coulomb: Any = self.get_j(mol, dm)
            return self._tagged(coulomb, coulomb.aux)
        range_separation, long_range, short_range = numerical.rsh_and_hybrid_coeff(self.base.xc)
        exchange: Any
        coulomb, exchange = self.get_jk(mol, dm)
        potential, auxiliary = coulomb - 0.5 * short_range * exchange, coulomb.aux - 0.5 * short_range * exchange.aux
        if range_separation:
            exchange = self.get_k(mol, dm, omega=range_separation)
            potential -= 0.5 * (long_range - short_range) * exchange
            auxiliary -= 0.5 * (long_range - short_range) * exchange.aux
        return self._tagged(potential, auxiliary)

    def _tagged(self, potential: Any, auxiliary: np.ndarray) -> Any:
        return lib.tag_array(potential, aux=auxiliary.sum(axis=(0, 1)), exc1_grid=grid_gradient(self.base))
