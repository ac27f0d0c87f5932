"""Atoms held near their places in the prepared structure, and atoms that do not move at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openmm
import pydantic
from jaxtyping import Float, Int64
from openmm import app

from ai2bmd.atom_selection import select_atoms
from ai2bmd.simulation.quantities import Stiffness
from ai2bmd.simulation.shape_restraint import KJ_NM2_PER_KCAL_A2


class Restraint(pydantic.BaseModel):
    """Holds atoms with k/2 times their squared distance from their places in the prepared structure."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    atoms: str = pydantic.Field(min_length=1)
    """Selection of MDAnalysis."""
    stiffness: Stiffness = pydantic.Field(default=10.0, gt=0)
    """k."""


@dataclass(frozen=True, eq=False)
class HeldAtoms:
    """The atoms of the settings, found in the system."""

    restrained: tuple[tuple[Int64[np.ndarray, " chosen"], float], ...]
    """Atoms of each restraint, and k (kcal/mol/A2)."""
    frozen: Int64[np.ndarray, " frozen"]

    @property
    def all(self) -> Int64[np.ndarray, " held"]:
        """Restrained or frozen."""
        return np.unique(np.concatenate([self.frozen, *(atoms for atoms, _ in self.restrained)]))


def find_held_atoms(
    restraints: Sequence[Restraint],
    frozen: str | None,
    topology: app.Topology,
    positions_A: Float[np.ndarray, "atoms 3"],
) -> HeldAtoms:
    """The atoms that selections name.

    Raises:
        InputError: a selection cannot be understood, or no atom fits it.
    """
    still = np.zeros(0, dtype=np.int64)
    if frozen is not None:
        still = select_atoms(topology, positions_A, frozen, setting="frozen")
    chosen = [
        (select_atoms(topology, positions_A, restraint.atoms, setting="restraints"), restraint.stiffness)
        for restraint in restraints
    ]
    return HeldAtoms(tuple((np.setdiff1d(atoms, still), stiffness) for atoms, stiffness in chosen), still)


def add_restraints(system: openmm.System, held: HeldAtoms, positions_A: Float[np.ndarray, "atoms 3"]) -> None:
    """Add the springs. Places are relative to the middle of the frozen atoms, else to that of all restrained atoms.

    So they turn with nothing but go along wherever the molecules are moved as a whole: neither a barostat nor a
    periodic image works against them.

    Args:
        system: changed in place; the molecules that are held must be one for OpenMM, see `hold_together`.
        held: which atoms.
        positions_A: of all atoms, the places.
    """
    if not len(held.all):
        return
    middle = held.frozen if len(held.frozen) else held.all
    centre_A = positions_A[middle].mean(0)
    force = openmm.CustomCentroidBondForce(2, "0.5*k*((x2-x1-x0)^2+(y2-y1-y0)^2+(z2-z1-z0)^2)")
    for name in ("k", "x0", "y0", "z0"):
        force.addPerBondParameter(name)
    force.addGroup(middle.tolist(), [1.0] * len(middle))
    for atoms, stiffness in held.restrained:
        for atom in atoms.tolist():
            place_nm = (positions_A[atom] - centre_A) / 10.0
            group = force.addGroup([atom], [1.0])
            force.addBond([0, group], [stiffness * KJ_NM2_PER_KCAL_A2, *place_nm.tolist()])
    if force.getNumBonds():
        force.setName("restraints")
        system.addForce(force)
