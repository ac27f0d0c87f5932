"""GFN2-xTB (Bannwarth, Ehlert and Grimme, J. Chem. Theory Comput. 15, 1652, 2019) with tblite, for quick trials."""

import importlib.metadata

import numpy as np
from ase.units import Bohr, Hartree

from potentials.errors import PotentialError
from potentials.quantum_chemistry.label import Label, QuantumChemistryError


def gfn2_label(numbers: np.ndarray, positions_A: np.ndarray, charge: int) -> Label:
    """Label of a molecule about its centre of mass.

    Raises:
        PotentialError: tblite is not installed.
        QuantumChemistryError: the SCF does not converge.
    """
    try:
        from tblite.exceptions import TBLiteRuntimeError
        from tblite.interface import Calculator
    except ImportError as error:
        raise PotentialError("method: gfn2-xtb needs tblite; install it with: pip install tblite") from error
    calculator = Calculator("GFN2-xTB", numbers, positions_A / Bohr, charge=float(charge))
    calculator.set("verbosity", 0)
    try:
        result = calculator.singlepoint()
    except TBLiteRuntimeError as error:
        raise QuantumChemistryError(f"gfn2-xtb: {' '.join(str(error).split())}") from error
    return Label(
        energy_eV=float(result.get("energy")) * Hartree,
        forces_eV_A=-np.asarray(result.get("gradient")) * Hartree / Bohr,
        dipole_eA=np.asarray(result.get("dipole")) * Bohr,
        record={"engine": "tblite", "version": importlib.metadata.version("tblite"), "converged": True},
    )
