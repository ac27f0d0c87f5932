"""Relaxing a structure: with OpenMM in the environment alone, then with the correction in small steps."""

import os
from typing import ClassVar

import ase
import openmm
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import LBFGS

from ai2bmd.engine import Engine, masses
from ai2bmd.environment import energy_and_forces

_LONGEST_STEP_A = 0.02


def minimise(engine: Engine, *, steps: int, corrected_steps: int = 0) -> None:
    """Relax in the environment alone, then with the correction in steps so small that it stays within its data.

    OpenMM's minimiser tries steps of Angstroms, where a learned energy means nothing and may be a deep false minimum;
    ASE's bounds them, but knows no constraints, so it is for systems without.

    Args:
        engine: moved to the minimum; velocities stay.
        steps: of OpenMM.
        corrected_steps: of ASE's, correction included.
    """
    engine.set_correction(0.0)
    openmm.LocalEnergyMinimizer.minimize(engine.context, 10, steps)
    engine.set_correction(1.0)
    if engine.coupled is not None and corrected_steps:
        positions_A = engine.positions_A()
        atoms = ase.Atoms(f"X{len(positions_A)}", positions_A)
        atoms.calc = _ContextCalculator(engine.context)
        LBFGS(atoms, logfile=os.devnull, maxstep=_LONGEST_STEP_A).run(fmax=0.05, steps=corrected_steps)
        engine.set_positions(atoms.positions)


class _ContextCalculator(Calculator):
    """Energy and forces of an OpenMM context for ASE's optimisers."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, context: openmm.Context) -> None:
        super().__init__()
        self._context = context
        self._frozen = masses(context.getSystem()) == 0.0

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute both."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        assert self.atoms is not None  # just set
        self._context.setPositions(self.atoms.positions / 10.0)
        energy, forces = energy_and_forces(self._context)
        forces[self._frozen] = 0.0
        self.results = {"energy": energy, "forces": forces}
