"""The correction as an OpenMM force: a PythonForce on the protein's atoms, switched on by a global parameter."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
from collections import deque
from typing import NamedTuple

import numpy as np
import openmm
from jaxtyping import Float, Int64

from ai2bmd.correction import Correction
from ai2bmd.environment import EV_A_PER_KJ_MOL_NM, EV_PER_KJ_MOL
from ai2bmd.imaging import ProteinImaging

LAMBDA = "lambda_correction"
"""Global parameter: 0 is the environment alone, 1 environment and correction."""
FORCE_GROUP = 1
"""Of the correction, so that an integrator can evaluate it less often than the environment."""
NAME = "ab initio correction"
_KEPT = 2  # a barostat that rejects its trial goes back to the positions before


class CorrectionForce:
    """The PythonForce's function; evaluations at the last two sets of positions are remembered, not repeated."""

    def __init__(self, correction: Correction, *, periodic: bool, parameter: str = LAMBDA) -> None:
        """For one protein; in a periodic system it is made whole before the model sees it."""
        self._correction, self._parameter = correction, parameter
        self._imaging = ProteinImaging(correction.plan.n_atoms, correction.plan.protein_bonds) if periodic else None
        self._known: deque[tuple[np.ndarray, _Answer]] = deque(maxlen=_KEPT)
        self.energy_eV = 0.0
        """Of the last evaluation, times lambda."""
        self.wall_eV = 0.0
        """Of the last evaluation: see `CorrectionResult.wall_energy`."""
        self.energy_std_eV: float | None = None
        """Of the last evaluation, times lambda: see `CorrectionResult.energy_std`."""

    def remember(self, evaluations: int) -> None:
        """Keep at least this many evaluations; an engine that goes from replica to replica comes back to each."""
        self._known = deque(self._known, maxlen=max(_KEPT, evaluations))

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        """Energy (kJ/mol) and forces (kJ/mol/nm), times lambda; at lambda = 0 the model is not asked."""
        scale = state.getParameters()[self._parameter]
        positions = state.getPositions(asNumpy=True)._value
        if scale == 0.0:
            self.energy_eV = self.wall_eV = 0.0
            self.energy_std_eV = 0.0 if self._correction.has_members else None
            return 0.0, np.zeros_like(positions)
        box = state.getPeriodicBoxVectors(asNumpy=True)._value if self._imaging else None
        answer = self._evaluate(positions, box)
        self.energy_eV, self.wall_eV = scale * answer.energy * EV_PER_KJ_MOL, answer.wall_eV
        self.energy_std_eV = None if answer.energy_std_eV is None else scale * answer.energy_std_eV
        return scale * answer.energy, scale * answer.forces

    def force_std(
        self, positions_A: Float[np.ndarray, "atoms 3"], box_A: Float[np.ndarray, "3 3"] | None
    ) -> Float[np.ndarray, " atoms"] | None:
        """See `Correction.force_std`; None for a model without members.

        Args:
            positions_A: of the protein's atoms.
            box_A: box vectors as rows; None without a periodic box.
        """
        if not self._correction.has_members:
            return None
        if self._imaging and box_A is not None:
            positions_A = self._imaging(positions_A, box_A)
        return self._correction.force_std(positions_A)

    def _evaluate(
        self, positions_nm: Float[np.ndarray, "atoms 3"], box_nm: Float[np.ndarray, "3 3"] | None
    ) -> "_Answer":
        for seen, answer in self._known:
            if np.array_equal(seen, positions_nm):
                return answer
        positions_A = positions_nm * 10.0
        if self._imaging and box_nm is not None:
            positions_A = self._imaging(positions_A, box_nm * 10.0)
        result = self._correction.evaluate(positions_A)
        energy, forces = result.energy / EV_PER_KJ_MOL, result.forces / EV_A_PER_KJ_MOL_NM
        answer = _Answer(energy, forces, result.wall_energy, result.energy_std)
        self._known.append((positions_nm.copy(), answer))
        return answer


class _Answer(NamedTuple):
    """What the model says at one geometry, energies and forces in OpenMM's units."""

    energy: float
    forces: Float[np.ndarray, "atoms 3"]
    wall_eV: float
    energy_std_eV: float | None


def add_correction(
    system: openmm.System,
    correction: Correction,
    protein: Int64[np.ndarray, " protein_atoms"],
    *,
    parameter: str = LAMBDA,
    force_group: int = FORCE_GROUP,
) -> CorrectionForce:
    """Add the correction to a System, scaled by a global parameter that is 1 by default.

    Args:
        system: changed in place.
        correction: of the protein.
        protein: index in the system of each of its atoms.
        parameter: name of the global parameter.
        force_group: of the correction.

    Returns:
        The function behind the force; the caller keeps it only to read the energy.
    """
    periodic = system.usesPeriodicBoundaryConditions()
    function = CorrectionForce(correction, periodic=periodic, parameter=parameter)
    force = openmm.PythonForce(function, {parameter: 1.0})
    force.setParticles([int(atom) for atom in protein])
    force.setUsesPeriodicBoundaryConditions(periodic)
    force.setForceGroup(force_group)
    force.setName(NAME)
    system.addForce(force)
    return function
