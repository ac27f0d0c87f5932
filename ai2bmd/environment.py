"""The environment: the classical energy of the whole system as an OpenMM System (section 2 of the design)."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
from typing import Literal

import numpy as np
import openmm
from jaxtyping import Float, Float64
from openmm import app, unit

from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label

FORCE_FIELD = "amber19/ff19SB"
Solvent = Literal["gas", "gbn2"]
FORCE_FIELD_FILE = "amber19/protein.ff19SB.xml"
_FILES = {"gas": (FORCE_FIELD_FILE,), "gbn2": (FORCE_FIELD_FILE, "implicit/gbn2.xml")}

EV_PER_KJ_MOL = 1.0 / 96.48533212331002
"""CODATA 2018: 1 eV = 96.485 kJ/mol."""
EV_A_PER_KJ_MOL_NM = EV_PER_KJ_MOL / 10.0


def build_environment(topology: app.Topology, *, solvent: Solvent) -> openmm.System:
    """A System of amber19/ff19SB in the gas phase or in implicit solvent (GBn2; Nguyen et al., JCTC 9, 2020, 2013).

    No cutoff, no constraints, no removal of the centre of mass' motion.

    Raises:
        InputError: unknown solvent, or a residue without template.
    """
    if solvent not in _FILES:
        raise InputError(f"solvent: expected gas or gbn2, got {solvent!r}")
    force_field = app.ForceField(*_FILES[solvent])
    for residue in force_field.getUnmatchedResidues(topology):
        raise InputError(
            f"{residue_label(residue)}: its atoms fit no template of {FORCE_FIELD}; "
            "run `ai2bmd prepare` on the structure"
        )
    return force_field.createSystem(
        topology, nonbondedMethod=app.NoCutoff, constraints=None, rigidWater=False, removeCMMotion=False
    )


def partial_charges(system: openmm.System) -> Float64[np.ndarray, " atoms"]:
    """Charge (e) of every atom."""
    force = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    parameters = (force.getParticleParameters(atom)[0] for atom in range(force.getNumParticles()))
    return np.array([charge.value_in_unit(unit.elementary_charge) for charge in parameters])


class ForceFieldEnergy:
    """Energy and forces of a System, in double precision, where no integrator is at work."""

    def __init__(self, system: openmm.System) -> None:
        platform = openmm.Platform.getPlatformByName("Reference")
        self._context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)

    def __call__(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float64[np.ndarray, "atoms 3"]]:
        """Energy (eV) and forces (eV/A) at positions in Angstrom."""
        self._context.setPositions(np.asarray(positions, dtype=np.float64) / 10.0)
        return energy_and_forces(self._context)


def energy_and_forces(context: openmm.Context) -> tuple[float, Float64[np.ndarray, "atoms 3"]]:
    """Energy (eV) and forces (eV/A) of a context at its positions."""
    state = context.getState(energy=True, forces=True)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return energy * EV_PER_KJ_MOL, forces * EV_A_PER_KJ_MOL_NM
