"""Holding the shape of each protein chain while water settles around it."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
import numpy as np
import openmm
from jaxtyping import Float, Int64
from openmm import unit

STIFFNESS = "shape_restraint"
"""Global parameter: k in kJ/mol/nm2."""
KJ_NM2_PER_KCAL_A2 = 418.4


def add_shape_restraint(
    system: openmm.System,
    positions_A: Float[np.ndarray, "atoms 3"],
    chains: list[Int64[np.ndarray, " chain_atoms"]],
) -> None:
    """Add k/2 sum_c N_c RMSD_c^2, the squared distances of each chain's atoms after its best superposition.

    It knows nothing of places and directions, so neither the barostat nor the tumbling of a chain works against it,
    and chains may lie in different periodic images.

    Args:
        system: changed in place.
        positions_A: of all atoms of the system, the shape to hold.
        chains: for each chain the atoms to hold, at least three.
    """
    terms = " + ".join(f"{len(atoms)}*rmsd{number}^2" for number, atoms in enumerate(chains))
    force = openmm.CustomCVForce(f"0.5*{STIFFNESS}*({terms})")
    force.addGlobalParameter(STIFFNESS, 0.0)
    for number, atoms in enumerate(chains):
        reference = openmm.RMSDForce(positions_A / 10.0 * unit.nanometer, [int(atom) for atom in atoms])
        force.addCollectiveVariable(f"rmsd{number}", reference)
    force.setName("shape restraint")
    system.addForce(force)
