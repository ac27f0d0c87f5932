"""Quantum chemistry as an ASE calculator, for optimisation and vibrations; what was computed can be kept on disk."""

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from potentials.quantum_chemistry.label import label_molecule


class QuantumChemistryCalculator(Calculator):
    """Energy (eV), forces (eV/A) and dipole (e A) of closed-shell molecules by any method of `label_molecule`."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "dipole"]

    def __init__(self, method: str, *, charge: int = 0, cache: Path | None = None) -> None:
        """Choose a method.

        Args:
            method: see `label_molecule`.
            charge: total charge of the molecules, e.
            cache: folder of results, which a calculation of the same method, atoms, positions and charge is read from.
        """
        super().__init__()
        self.method, self.charge, self._cache = method, charge, cache

    def calculate(self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        """Compute, or read, all properties.

        Raises:
            QuantumChemistryError: the calculation failed.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None  # set by ASE
        self.results = self._kept(self.atoms) or self._computed(self.atoms)

    def _computed(self, atoms: Atoms) -> dict[str, Any]:
        label = label_molecule(atoms.numbers, atoms.positions, self.charge, self.method)
        results = {"energy": label.energy_eV, "forces": label.forces_eV_A, "dipole": label.dipole_eA}
        if self._cache is not None:
            self._cache.mkdir(parents=True, exist_ok=True)
            unfinished = self._cache / f"{uuid.uuid4().hex}.tmp"
            with unfinished.open("wb") as file:
                np.savez(file, **results)
            os.replace(unfinished, self._file(self._cache, atoms))
        return results

    def _kept(self, atoms: Atoms) -> dict[str, Any] | None:
        if self._cache is None or not self._file(self._cache, atoms).is_file():
            return None
        with np.load(self._file(self._cache, atoms)) as kept:
            return {"energy": float(kept["energy"]), "forces": kept["forces"], "dipole": kept["dipole"]}

    def _file(self, folder: Path, atoms: Atoms) -> Path:
        words = f"{self.method} {self.charge}".encode()
        content = words + atoms.numbers.astype("<i8").tobytes() + atoms.positions.astype("<f8").tobytes()
        return folder / f"{hashlib.sha256(content).hexdigest()[:32]}.npz"
