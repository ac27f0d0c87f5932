"""The guard: tells a geometry or a velocity that cannot be, and names the atoms."""

import math
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii
from jaxtyping import Bool, Float, Int64
from openmm import app

from ai2bmd.engine import EngineState
from ai2bmd.labels import atom_label
from ai2bmd.protein import atomic_numbers


@dataclass(frozen=True)
class Limits:
    """Beyond these a run is broken, not hot; ordinary dynamics at 300 K stays far inside (forces below 15 eV/A)."""

    temperature_K: float
    force_eV_per_A: float = 50.0
    shortest_bond: float = 0.6
    """In units of the sum of covalent radii (Cordero et al., Dalton Trans. 2008, 2832)."""
    longest_bond: float = 1.5
    wall_eV: float = 1.0
    """Energy of contacts closer than any in the training data; ordinary dynamics stays below 0.2 eV."""

    force_std_eV_per_A: float = math.inf
    """Expected error of an atom's force, by the spread of a committee."""

    @classmethod
    def at(cls, temperature_K: float, *, force_std_eV_per_A: float = math.inf) -> "Limits":
        """Limits of a run at this temperature; wide, for a few atoms fluctuate much."""
        return cls(temperature_K=3.0 * temperature_K + 300.0, force_std_eV_per_A=force_std_eV_per_A)


class Guard:
    """Checks of one system, prepared once."""

    def __init__(
        self,
        topology: app.Topology,
        limits: Limits,
        protein: Int64[np.ndarray, " protein_atoms"] | None = None,
    ) -> None:
        """For a system; `protein`, the atoms that the model is for, are all atoms if nothing else is said."""
        self._protein = np.arange(topology.getNumAtoms()) if protein is None else protein
        self._topology, self._limits = topology, limits
        self._names = [atom_label(atom) for atom in topology.atoms()]
        numbers = atomic_numbers(topology)
        self._bonds = np.array([(bond[0].index, bond[1].index) for bond in topology.bonds()]).reshape(-1, 2)
        self._usual_A = covalent_radii[numbers[self._bonds]].sum(axis=1)

    def problem(self, state: EngineState) -> str | None:
        """What is wrong with a state, or None."""
        for what, values in (
            ("position", state.positions_A),
            ("velocity", state.velocities_A_per_ps),
            ("force", state.forces_eV_per_A),
        ):
            if not np.isfinite(values).all():
                return (
                    f"the {what} of {self._list(np.asarray(~np.isfinite(values).all(axis=1)))} is not a finite number"
                )
        return (
            self._bond_problem(state.positions_A) or self._energy_problem(state) or self._extrapolation_problem(state)
        )

    def _bond_problem(self, positions_A: Float[np.ndarray, "atoms 3"]) -> str | None:
        first, second = self._bonds.T
        lengths = np.linalg.norm(positions_A[first] - positions_A[second], axis=1)
        ratio = lengths / self._usual_A
        wrong = (ratio < self._limits.shortest_bond) | (ratio > self._limits.longest_bond)
        if not wrong.any():
            return None
        worst = int(np.argmax(np.where(wrong, np.abs(np.log(np.maximum(ratio, 1e-9))), -1.0)))
        return (
            f"the bond between {self._names[first[worst]]} and {self._names[second[worst]]} is {lengths[worst]:.2f} A "
            f"long (usual: {self._usual_A[worst]:.2f} A)"
        )

    def _energy_problem(self, state: EngineState) -> str | None:
        forces = np.linalg.norm(state.forces_eV_per_A, axis=1)
        largest = int(np.argmax(forces))
        if forces[largest] > self._limits.force_eV_per_A:
            return (
                f"the force on {self._names[largest]} is {forces[largest]:.3g} eV/A "
                f"(limit: {self._limits.force_eV_per_A:g})"
            )
        energies = (state.energy_environment, state.energy_correction, state.kinetic_energy)
        if not np.isfinite(energies).all():
            return "the energy is not a finite number"
        if state.wall_eV > self._limits.wall_eV:
            return (
                "atoms are closer to each other than any the model was trained on "
                f"(wall energy {state.wall_eV:.2f} eV, limit: {self._limits.wall_eV:g} eV)"
            )
        if state.temperature_K > self._limits.temperature_K:
            fastest = int(np.argmax(np.linalg.norm(state.velocities_A_per_ps, axis=1)))
            return (
                f"the temperature is {state.temperature_K:.0f} K (limit: {self._limits.temperature_K:.0f} K), "
                f"the fastest atom {self._names[fastest]}"
            )
        return None

    def _extrapolation_problem(self, state: EngineState) -> str | None:
        spread = state.force_std_eV_per_A
        if spread is None or spread.max() <= self._limits.force_std_eV_per_A:
            return None
        worst = int(np.argmax(spread))
        return (
            f"the model does not know such a geometry: it expects an error of {spread[worst]:.2f} eV/A of the force on "
            f"{self._names[self._protein[worst]]} (limit max_force_std: {self._limits.force_std_eV_per_A:g})"
        )

    def _list(self, chosen: Bool[np.ndarray, " atoms"]) -> str:
        names = [self._names[atom] for atom in np.flatnonzero(chosen)]
        return names[0] if len(names) == 1 else f"{names[0]} (and {len(names) - 1} more)"
