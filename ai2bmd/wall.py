"""A wall that keeps hydrogens out of contacts closer than any the model has seen.

The force field gives the hydrogens of hydroxyl groups no Lennard-Jones radius, and a learned energy means nothing where
there were no data: together they let such a hydrogen fall into another atom. Between atoms four bonds or more apart

    W = k (r_0 - r)^3   for r < r_0, else 0

with r_0 the closest contact of each pair of elements in the training data, so that it changes no energy there. Value,
force and its slope are continuous.
"""

from itertools import product

import openmm
from openmm import app

CLOSEST_CONTACT_A = {(1, 1): 1.35, (1, 6): 1.80, (1, 7): 1.79, (1, 8): 1.45, (1, 16): 2.00}
"""By atomic numbers: minima over 36,000 conformations of the units at 300 to 550 K, four bonds or more apart."""
STIFFNESS_EV_A3 = 100.0
_KJ_MOL_NM3 = 96.48533212331002 * 1000.0  # of one eV/A^3


def short_range_wall(topology: app.Topology) -> openmm.CustomNonbondedForce:
    """The wall between all atoms of a system; without cutoff, pairs up to three bonds apart left out."""
    numbers = [atom.element.atomic_number if atom.element is not None else 0 for atom in topology.atoms()]
    kinds = sorted(set(numbers))
    force = openmm.CustomNonbondedForce(
        "step(contact - r) * stiffness * (contact - r)^3; contact = closest(kind1, kind2)"
    )
    contacts = [CLOSEST_CONTACT_A.get((min(pair), max(pair)), 0.0) / 10.0 for pair in product(kinds, kinds)]
    force.addTabulatedFunction("closest", openmm.Discrete2DFunction(len(kinds), len(kinds), contacts))
    force.addGlobalParameter("stiffness", STIFFNESS_EV_A3 * _KJ_MOL_NM3)
    force.addPerParticleParameter("kind")
    for number in numbers:
        force.addParticle([kinds.index(number)])
    force.createExclusionsFromBonds([(bond[0].index, bond[1].index) for bond in topology.bonds()], 3)
    force.setNonbondedMethod(openmm.CustomNonbondedForce.NoCutoff)
    force.setName("short-range wall")
    return force
