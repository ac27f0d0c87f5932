"""One function for every engine: atomic numbers, positions, charge and method in, a label out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from jaxtyping import Float, Float64, Integer

from potentials.errors import PotentialError

_CLOSEST_A = 0.4  # no two nuclei of a molecule worth labelling are closer


class QuantumChemistryError(PotentialError):
    """A calculation that gave no result, such as an SCF that does not converge; the text says what was tried."""


@dataclass(frozen=True, eq=False)
class Label:
    """What a calculation says of one molecule.

    Attributes:
        energy_eV: total energy, as the method defines it.
        forces_eV_A: minus its gradient.
        dipole_eA: dipole moment about the centre of mass; not a number where the engine gives none.
        record: provenance, in plain values: method, engine, version, convergence, seconds.
    """

    energy_eV: float
    forces_eV_A: Float64[np.ndarray, "atoms 3"]
    dipole_eA: Float64[np.ndarray, "3"]
    record: dict[str, Any] = field(default_factory=dict)


Engine = Callable[[np.ndarray, np.ndarray, int], Label]
"""(atomic numbers, positions about the centre of mass in Angstrom, charge in e) to a label."""


def label_molecule(
    atomic_numbers: Integer[np.ndarray, " atoms"], positions_A: Float[np.ndarray, "atoms 3"], charge: int, method: str
) -> Label:
    """Energy, forces and dipole of a closed-shell molecule.

    Args:
        atomic_numbers: of each atom.
        positions_A: in Angstrom.
        charge: total charge in e.
        method: a name in `METHODS` (PySCF, or GPU4PySCF where it and a GPU are there), `gfn2-xtb` (tblite), or
            `ase:NAME` for an ASE calculator with its default parameters.

    Raises:
        PotentialError: the molecule or the method's name makes no sense.
        QuantumChemistryError: the calculation failed.
    """
    numbers = np.asarray(atomic_numbers, dtype=np.int64)
    positions = np.asarray(positions_A, dtype=np.float64)
    _check(numbers, positions, charge)
    masses = atomic_masses[numbers]
    started = time.perf_counter()
    label = _engine(method)(numbers, positions - masses @ positions / masses.sum(), charge)
    if not (np.isfinite(label.energy_eV) and np.isfinite(label.forces_eV_A).all()):
        raise QuantumChemistryError(f"{method}: energy or forces are not finite")
    seconds = round(time.perf_counter() - started, 3)
    return replace(label, record={"method": method, "charge": int(charge), **label.record, "seconds": seconds})


def _engine(method: str) -> Engine:
    # engines are imported when they are asked for: PySCF takes a second, tblite is optional
    if method.startswith("ase:"):
        from potentials.quantum_chemistry.ase_engine import ase_engine

        return ase_engine(method.removeprefix("ase:"))
    if method.lower() == "gfn2-xtb":
        from potentials.quantum_chemistry.tight_binding import gfn2_label

        return gfn2_label
    from potentials.quantum_chemistry.density_functional import density_functional_engine
    from potentials.quantum_chemistry.methods import find_method

    return density_functional_engine(find_method(method))


def _check(numbers: np.ndarray, positions: np.ndarray, charge: int) -> None:
    if numbers.ndim != 1 or not len(numbers) or positions.shape != (len(numbers), 3):
        raise PotentialError(
            f"positions_A: expected one row of three numbers for each of {numbers.size} atoms, got {positions.shape}"
        )
    if not np.isfinite(positions).all():
        atom = int(np.flatnonzero(~np.isfinite(positions).all(axis=1))[0])
        raise PotentialError(f"positions_A: of atom {atom} ({_symbol(numbers[atom])}) are not finite")
    if not ((numbers >= 1) & (numbers < len(chemical_symbols))).all():
        raise PotentialError(f"atomic_numbers: {sorted(set(numbers.tolist()))} are not all elements")
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2) + np.diag(np.full(len(numbers), np.inf))
    if distances.min() < _CLOSEST_A:
        first, second = np.unravel_index(int(distances.argmin()), distances.shape)
        raise PotentialError(
            f"positions_A: atoms {first} ({_symbol(numbers[first])}) and {second} ({_symbol(numbers[second])}) are "
            f"{distances.min():.2f} A apart; expected Angstrom, and more than {_CLOSEST_A} A"
        )
    electrons = int(numbers.sum()) - charge
    if electrons <= 0 or electrons % 2:
        raise PotentialError(
            f"charge: {charge:+d} leaves {electrons} electrons, and only closed shells are labelled; check the charge "
            "and the hydrogens"
        )


def _symbol(number: np.integer) -> str:
    return chemical_symbols[int(number)]
