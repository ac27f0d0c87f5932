"""Bonded terms of OpenMM's AMOEBA in another form: the same energies and forces, without what troubles a run.

- Two terms take OpenMM seconds to compile whenever a Context is made, which is at each checkpoint of a run on CPU.
- The torsion-torsion term reads beyond its table, and the process dies, at an angle of 180 degrees, as extended chains
  have it.
"""

import numpy as np
import openmm


def rewrite_terms(system: openmm.System) -> None:
    """Put the other forms in the place of OpenMM's."""
    for force in system.getForces():
        _shorten(force)
    for number, force in reversed(list(enumerate(system.getForces()))):
        if isinstance(force, openmm.AmoebaTorsionTorsionForce):
            maps = _as_maps(force)
            system.removeForce(number)
            system.addForce(maps)


# Terms of a flat centre 2 with the neighbours 1, 3 and 4. OpenMM writes them with the Cartesian components of all four
# atoms. The same from angles: 2 is seen from 4 at the angle a to the line 4-1, in a plane turned by d against 1, 3, 4,
# and so at the angle asin(sin a sin d) to that plane. The triangle 1, 2, 3 is turned about its side 1-3 by d; its
# projection has the angles atan(tan a cos d) there.
_THETA = {
    "AmoebaOutOfPlaneBendForce": "57.2957795130823*abs(asin(sin(angle(p2,p4,p1))*sin(dihedral(p2,p4,p1,p3))))",
    "AmoebaInPlaneAngleForce": "180-57.2957795130823*(atan(tan(angle(p2,p1,p3))*c)+atan(tan(angle(p2,p3,p1))*c));"
    "c=cos(dihedral(p2,p1,p3,p4))",
}
"""By OpenMM's name of the force: angle (degrees) between the bond 2-4 and the plane 1, 3, 4; and between 1 and 3 at the
projection of 2 on that plane, for angles at 1 and 3 below 90 degrees: a centre between its neighbours has 30."""


def _shorten(force: openmm.Force) -> None:
    theta = _THETA.get(force.getName())
    if theta is not None and isinstance(force, openmm.CustomCompoundBondForce):
        energy, definition, _ = force.getEnergyFunction().partition("theta =")
        if definition:  # an OpenMM that writes it otherwise keeps its own
            force.setEnergyFunction(f"{energy}theta = {theta}")


def _as_maps(force: openmm.AmoebaTorsionTorsionForce) -> openmm.CMAPTorsionForce:
    """Both are bicubic splines through the same table; a D-amino acid would take it mirrored, but there are none."""
    maps = openmm.CMAPTorsionForce()
    maps.setName(force.getName())
    for number in range(force.getNumTorsionTorsionGrids()):
        table = np.array(force.getTorsionTorsionGrid(number))[:-1, :-1, 2]  # from -180 degrees; the last is the first
        half = len(table) // 2
        maps.addMap(len(table), np.roll(table, (half, half), axis=(0, 1)).T.ravel().tolist())
    for term in range(force.getNumTorsionTorsions()):
        *atoms, _, number = force.getTorsionTorsionParameters(term)
        maps.addTorsion(number, *atoms[:4], *atoms[1:])
    return maps
