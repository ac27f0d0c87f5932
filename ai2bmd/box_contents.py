"""How much water and how many ions a box will hold, known before it is built, and whether this machine can hold it."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
from typing import cast

import numpy as np
import openmm
from openmm import unit

from ai2bmd.device import machine_memory_bytes
from ai2bmd.environment import WaterModel, build_environment
from ai2bmd.errors import InputError
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.solvation import (
    BOX_VECTORS,
    MOLECULES_PER_A3_MOLAR,
    SITES,
    WATER_NUMBER_DENSITY_A3,
    image_distance_A,
)
from ai2bmd.structure.files import PreparedStructure

BYTES_PER_ENVIRONMENT_ATOM = 12_000
"""Topology, System and Context in Python and OpenMM, measured on boxes of 5,000 to 50,000 atoms."""
_PROTEIN_A3_PER_U = 1.21
"""Partial specific volume of 0.73 cm3/g (Harpaz, Gerstein and Chothia, Structure 2, 641, 1994)."""
_AREA_A2, _AREA_POWER = 6.3, 0.73
"""Accessible surface of a folded protein from its mass (Miller et al., J. Mol. Biol. 196, 641, 1987)."""
_GAP_AT_BOX_A2, _GAP_AT_PROTEIN_A2 = 0.0091, 0.045
"""Molecules missing per area where the filled box meets its images and the protein, fitted to boxes made by OpenMM."""


def solvent_molecules(prepared: PreparedStructure, settings: RunSettings) -> tuple[int, int]:
    """(water molecules, ions) that solvation will put around a protein, within a few percent."""
    if not settings.explicit:
        return 0, 0
    edge_A = image_distance_A(prepared.positions_A, padding_A=settings.padding_A)
    box_A3 = edge_A**3 * float(np.linalg.det(BOX_VECTORS[settings.box]))
    box_A2 = 6.0 * box_A3 / edge_A  # cells that touch a sphere of the radius edge / 2 with all their faces
    masses = [atom.element.mass.value_in_unit(unit.dalton) for atom in prepared.topology.atoms()]
    water_A3 = box_A3 - _PROTEIN_A3_PER_U * sum(masses)
    protein_A2 = _AREA_A2 * sum(masses) ** _AREA_POWER
    molecules = WATER_NUMBER_DENSITY_A3 * water_A3 - _GAP_AT_BOX_A2 * box_A2 - _GAP_AT_PROTEIN_A2 * protein_A2
    charge = build_environment(prepared.topology, solvent="gas")
    force = next(force for force in charge.getForces() if isinstance(force, openmm.NonbondedForce))
    net = sum(force.getParticleParameters(i)[0].value_in_unit(unit.elementary_charge) for i in range(len(masses)))
    pairs = round(settings.salt_M * MOLECULES_PER_A3_MOLAR * water_A3)
    ions = 2 * pairs + abs(round(net))
    return round(molecules) - ions, ions


def system_atoms(prepared: PreparedStructure, settings: RunSettings) -> int:
    """Protein, water with its virtual sites, and ions, within a few percent."""
    waters, ions = solvent_molecules(prepared, settings)
    sites = SITES[cast(WaterModel, settings.solvent)] if settings.explicit else 0
    return prepared.topology.getNumAtoms() + sites * waters + ions


def check_box(atoms: int, settings: RunSettings) -> None:
    """This machine can hold a system of so many atoms.

    Raises:
        InputError: it has not the memory.
    """
    needed, present = atoms * BYTES_PER_ENVIRONMENT_ATOM, machine_memory_bytes()
    if needed > present:
        raise InputError(
            f"the box would hold about {atoms:,} atoms and take {needed / 2**30:.0f} GiB of memory, of which this "
            f"machine has {present / 2**30:.1f} GiB: take a --padding smaller than {settings.padding_A:g} A, or a "
            "structure that is less stretched out"
        )
