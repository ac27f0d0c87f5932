"""Atoms that do not move: OpenMM's integrators leave those without mass where they are."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
import openmm
from jaxtyping import Int64
from numpy import ndarray
from openmm import app, unit

from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label


def freeze(system: openmm.System, frozen: Int64[ndarray, " frozen"], topology: app.Topology) -> None:
    """Take the mass of atoms, which keeps them where they are, and the constraints among them.

    Raises:
        InputError: a constraint holds a frozen atom to one that is not, or nothing is left to move.
    """
    still, names = set(frozen.tolist()), list(topology.atoms())
    among = []
    for number in range(system.getNumConstraints()):
        first, second, _ = system.getConstraintParameters(number)
        if first in still and second in still:
            among.append(number)
        elif first in still or second in still:
            inside, outside = (first, second) if first in still else (second, first)
            raise InputError(
                f"frozen: {atom_label(names[inside])} is frozen, and a constraint holds {atom_label(names[outside])} "
                "to it, which is not; choose whole groups of a heavy atom with its hydrogens (of water, molecules), "
                "or `constraints: none` for the protein"
            )
    for number in reversed(among):
        system.removeConstraint(number)
    for atom in still:
        system.setParticleMass(atom, 0.0)
    masses_u = [system.getParticleMass(number).value_in_unit(unit.dalton) for number in range(system.getNumParticles())]
    if not any(masses_u):
        raise InputError("frozen: no atom is left to move; choose fewer")
