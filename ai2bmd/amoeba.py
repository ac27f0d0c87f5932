"""AMOEBA as the environment: polarizable protein, water and ions of OpenMM's amoeba2018.xml, as an OpenMM System.

Parameters: Shi et al., J. Chem. Theory Comput. 9, 4046, 2013 (protein); Ren and Ponder, J. Phys. Chem. B 107, 5933,
2003 (water, flexible). Cutoffs are those that OpenMM's own benchmark of AMOEBA in water has. Induced dipoles are solved
to 1e-5 debye, which leaves 1e-5 of the forces and 1e-5 eV of the energy of a small protein.
"""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import functools
import io
from pathlib import Path
from xml.etree import ElementTree

import openmm
from openmm import app, unit

from ai2bmd.amoeba_terms import rewrite_terms
from ai2bmd.environment import Solvent, check_box, check_environment
from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label

NAME = "AMOEBA 2018"
_FILE = "amoeba2018.xml"
_ELECTROSTATIC_CUTOFF_NM = 0.7
"""Of the part of the Ewald sum that is done in real space."""
_VAN_DER_WAALS_CUTOFF_NM = 0.9
"""With the usual correction for what lies beyond."""
_EWALD_ERROR = 5e-4
INDUCED_DIPOLE_EPSILON_D = 1e-5
"""Where the iteration of the induced dipoles ends."""


_N_TERMINAL = ("NCYS", "NCYD", "NCYX", "NHIS", "NHID", "NHIE")
_N_TERMINAL_TYPES = {"N": "231", "H": "232", "H2": "232", "H3": "232"}
"""Of the NH3+ group, as in all other residues."""


def amoeba_force_field() -> app.ForceField:
    """OpenMM's file with a slip mended: it gives N-terminal cysteine and histidine the amide's N and H, and 0.24 e.

    A new one each time, for OpenMM's AMOEBA keeps parameters of the last molecule in it.
    """
    return app.ForceField(io.StringIO(_mended_file()))


@functools.cache
def _mended_file() -> str:
    tree = ElementTree.parse(Path(app.__file__).parent / "data" / _FILE)
    for residue in tree.iterfind("Residues/Residue"):
        if residue.get("name") in _N_TERMINAL:
            for atom in residue.iterfind("Atom"):
                atom.set("type", _N_TERMINAL_TYPES.get(atom.get("name", ""), atom.get("type", "")))
    return ElementTree.tostring(tree.getroot(), encoding="unicode")


def build_amoeba(
    topology: app.Topology,
    *,
    solvent: Solvent,
    hydrogen_mass_u: float | None = None,
) -> openmm.System:
    """A System of AMOEBA: the gas phase without cutoff, or AMOEBA's own water with PME. Nothing is constrained.

    Args:
        topology: all atoms; with periodic box vectors for water.
        solvent: gas or amoeba.
        hydrogen_mass_u: of the protein's hydrogens, taken from the atom they are bound to; None leaves masses alone.

    Raises:
        InputError: another solvent, a residue without template, no box where there must be one, or one too small.
    """
    check_environment("amoeba2018", solvent)
    periodic = solvent == "amoeba"
    if periodic:
        check_box(topology)
    field = amoeba_force_field()
    for residue in field.getUnmatchedResidues(topology):
        raise InputError(
            f"{residue_label(residue)}: its atoms fit no template of {NAME} ({_FILE}); choose another protonation "
            "state (--pH) or other --caps in `ai2bmd prepare`, or take --environment amber19"
        )
    system = field.createSystem(
        topology,
        nonbondedMethod=app.PME if periodic else app.NoCutoff,
        nonbondedCutoff=_ELECTROSTATIC_CUTOFF_NM * unit.nanometer,
        vdwCutoff=_VAN_DER_WAALS_CUTOFF_NM * unit.nanometer,
        ewaldErrorTolerance=_EWALD_ERROR,
        polarization="mutual",
        mutualInducedTargetEpsilon=INDUCED_DIPOLE_EPSILON_D,
        constraints=None,
        rigidWater=False,
        hydrogenMass=None if hydrogen_mass_u is None else hydrogen_mass_u * unit.dalton,
        removeCMMotion=False,
    )
    if hydrogen_mass_u is not None:
        _restore_water_masses(system, topology)
    rewrite_terms(system)
    return system


def _restore_water_masses(system: openmm.System, topology: app.Topology) -> None:
    """OpenMM makes the hydrogens of flexible water heavy too."""
    for residue in topology.residues():
        if residue.name == "HOH":
            for atom in residue.atoms():
                system.setParticleMass(atom.index, atom.element.mass)
