"""Labels from any calculator that ASE knows by name."""

import ase
import numpy as np
from ase.calculators.calculator import CalculatorError, PropertyNotImplementedError, get_calculator_class

from potentials.errors import PotentialError
from potentials.quantum_chemistry.label import Engine, Label, QuantumChemistryError


def ase_engine(name: str) -> Engine:
    """An engine that runs ASE's calculator of this name with its default parameters, and the molecule's charge.

    Raises:
        PotentialError: ASE knows no such calculator, or what it runs on is missing.
    """
    try:
        kind = get_calculator_class(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise PotentialError(f"method: ase:{name} is no calculator that ASE can load here ({error})") from error

    def label(numbers: np.ndarray, positions_A: np.ndarray, charge: int) -> Label:
        takes_charge = "charge" in getattr(kind, "default_parameters", {})
        if charge and not takes_charge:
            raise PotentialError(f"method: ase:{name} takes no charge, and the molecule has {charge:+d} e")
        atoms = ase.Atoms(numbers, positions_A)
        try:
            atoms.calc = kind(charge=charge) if takes_charge else kind()
            energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        except (CalculatorError, NotImplementedError, RuntimeError, OSError) as error:
            raise QuantumChemistryError(f"ase:{name}: {' '.join(str(error).split())}") from error
        try:
            dipole = np.asarray(atoms.get_dipole_moment(), dtype=np.float64)
        except (PropertyNotImplementedError, NotImplementedError):
            dipole = np.full(3, np.nan)
        record = {"engine": f"ase:{name}", "version": ase.__version__, "converged": True}
        return Label(float(energy), np.asarray(forces, dtype=np.float64), dipole, record)

    return label
