"""What a label takes of a machine's memory, so that no more are computed at the same time than fit into it.

For density functionals with PySCF: the process with its libraries; the integrals of density fitting, of each range of a
range-separated functional; buffers, by which they and the gradient are computed; and for exact exchange in the gradient
about as much as the integrals again. The estimate is above each of the measured peaks, which docs/labelling.md has, by
up to a half.
"""

import functools
import os

import numpy as np

from potentials.quantum_chemistry.methods import METHODS, Method

_PROCESS_BYTES = 430e6
_BUFFER_BYTES = 800e6
_BUFFERS = 3
"""As large as the integrals, at most."""
_FROM_DISK_BYTES = 4e9
"""What PySCF takes where it keeps the integrals on disk."""


def integrals_bytes(functions: int, auxiliary: int) -> float:
    """Of density fitting: one number for each auxiliary function and pair of basis functions."""
    return 4.0 * auxiliary * functions * (functions + 1)


def most_kept_integrals_bytes() -> float:
    """Half of the machine's memory; larger ones are computed anew for every Coulomb matrix, or kept on disk."""
    return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def label_memory_bytes(atomic_numbers: np.ndarray, method: str) -> int:
    """About the most that `potentials.label_molecule` takes, with the process that it is called in.

    Of methods that are not density functionals only the process: GFN2-xTB needs little more, and of ASE's calculators
    nothing is known. The memory of a GPU does not count.
    """
    functional = METHODS.get(method.lower())
    if functional is None:
        return int(_PROCESS_BYTES)
    numbers, counts = np.unique(np.asarray(atomic_numbers), return_counts=True)
    of_elements = [_basis_functions(functional, int(number)) for number in numbers]
    functions, auxiliary = (counts @ of_elements).tolist()
    return int(_PROCESS_BYTES + _calculation_bytes(functional, functions, auxiliary))


def _calculation_bytes(functional: Method, functions: int, auxiliary: int) -> float:
    from pyscf.dft.numint import NumInt

    integrals = integrals_bytes(functions, auxiliary)
    if integrals > most_kept_integrals_bytes():
        return _FROM_DISK_BYTES
    range_separation, _, exchange = NumInt().rsh_and_hybrid_coeff(functional.functional)
    times = 1 + bool(range_separation) + bool(range_separation or exchange)
    return times * integrals + min(_BUFFERS * integrals, _BUFFER_BYTES)


@functools.cache
def _basis_functions(functional: Method, number: int) -> tuple[int, int]:
    """Of an atom: orbital, and auxiliary ones."""
    from ase.data import chemical_symbols
    from pyscf import gto
    from pyscf.df.addons import make_auxmol

    atom = gto.M(atom=[(chemical_symbols[number], (0.0, 0.0, 0.0))], basis=functional.basis, spin=None, verbose=0)
    return int(atom.nao), int(make_auxmol(atom, functional.auxiliary_basis).nao)
