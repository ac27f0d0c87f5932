"""The environment: the classical energy of the whole system as an OpenMM System (section 2 of the design).

Here is amber19/ff19SB, which the models correct; AMOEBA is in `amoeba.py`.
"""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
from typing import Literal, get_args

import numpy as np
import openmm
from jaxtyping import Float, Float64
from openmm import app, unit

from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label

FORCE_FIELD = "amber19/ff19SB"
EnvironmentName = Literal["amber19", "amoeba2018"]
ImplicitSolvent = Literal["gas", "gbn2"]
WaterModel = Literal["opc", "tip3p-fb", "tip4p-fb", "tip3p", "spce", "amoeba"]
Solvent = Literal["gas", "gbn2", "opc", "tip3p-fb", "tip4p-fb", "tip3p", "spce", "amoeba"]
WATER_MODELS: tuple[WaterModel, ...] = get_args(WaterModel)
SOLVENTS: dict[EnvironmentName, tuple[Solvent, ...]] = {
    "amber19": ("gas", "gbn2", "opc", "tip3p-fb", "tip4p-fb", "tip3p", "spce"),
    "amoeba2018": ("gas", "amoeba"),
}
Constraints = Literal["none", "h-bonds"]
FORCE_FIELD_FILE = "amber19/protein.ff19SB.xml"
_SOLVENT_FILES: dict[Solvent, str | None] = {
    "gas": None,
    "gbn2": "implicit/gbn2.xml",
    "opc": "amber19/opc.xml",
    "tip3p-fb": "amber19/tip3pfb.xml",
    "tip4p-fb": "amber19/tip4pfb.xml",
    "tip3p": "amber19/tip3p.xml",
    "spce": "amber19/spce.xml",
}
"""The files of the water models hold the ions that belong to them."""
_NONBONDED_CUTOFF_NM = 0.9

EV_PER_KJ_MOL = 1.0 / 96.48533212331002
"""CODATA 2018: 1 eV = 96.485 kJ/mol."""
EV_A_PER_KJ_MOL_NM = EV_PER_KJ_MOL / 10.0


def check_environment(environment: EnvironmentName, solvent: Solvent, *, constraints: Constraints = "none") -> None:
    """Make sure that an environment knows a solvent, and constraints.

    Raises:
        InputError: it does not, or a name is unknown.
    """
    if environment not in SOLVENTS:
        raise InputError(f"environment: expected one of {', '.join(SOLVENTS)}, got {environment!r}")
    if solvent not in SOLVENTS[environment]:
        others = [name for name, solvents in SOLVENTS.items() if solvent in solvents]
        if not others:
            raise InputError(f"solvent: expected one of {', '.join(SOLVENTS[environment])}, got {solvent!r}")
        raise InputError(
            f"solvent: environment {environment} has no {solvent}; take --solvent "
            f"{' or '.join(SOLVENTS[environment])}, or --environment {others[0]}"
        )
    if environment == "amoeba2018" and constraints != "none":
        raise InputError(
            f"constraints: expected none with environment amoeba2018, whose protein and water are made to be flexible, "
            f"got {constraints}"
        )


def force_field(solvent: Solvent) -> app.ForceField:
    """amber19/ff19SB with the parameters of a solvent.

    Raises:
        InputError: unknown solvent.
    """
    check_environment("amber19", solvent)
    file = _SOLVENT_FILES[solvent]
    return app.ForceField(FORCE_FIELD_FILE, *([file] if file else []))


def build_environment(
    topology: app.Topology,
    *,
    solvent: Solvent,
    constraints: Constraints = "none",
    hydrogen_mass_u: float | None = None,
) -> openmm.System:
    """A System of amber19/ff19SB: gas phase, implicit (GBn2; Nguyen et al., JCTC 9, 2020, 2013) or explicit water.

    Without water there is no cutoff. In water electrostatics are by PME, Lennard-Jones interactions end at 9 A with
    the usual correction for what lies beyond, water is rigid. The motion of the centre of mass is not removed.

    Args:
        topology: all atoms; with periodic box vectors for explicit water.
        solvent: gas, gbn2 or a water model.
        constraints: of the protein: none, or bonds to hydrogen at fixed length.
        hydrogen_mass_u: of the protein's hydrogens, taken from the atom they are bound to; None leaves masses alone.

    Raises:
        InputError: unknown solvent, a residue without template, no box where there must be one, or one too small.
    """
    field = force_field(solvent)
    for residue in field.getUnmatchedResidues(topology):
        raise InputError(
            f"{residue_label(residue)}: its atoms fit no template of {FORCE_FIELD} with solvent {solvent}; "
            "run `ai2bmd prepare` on the structure"
        )
    periodic = solvent in WATER_MODELS
    if periodic:
        check_box(topology)
    return field.createSystem(
        topology,
        nonbondedMethod=app.PME if periodic else app.NoCutoff,
        nonbondedCutoff=_NONBONDED_CUTOFF_NM * unit.nanometer,
        constraints={"none": None, "h-bonds": app.HBonds}[constraints],
        rigidWater=periodic,
        hydrogenMass=None if hydrogen_mass_u is None else hydrogen_mass_u * unit.dalton,
        removeCMMotion=False,
    )


def check_box(topology: app.Topology) -> None:
    """Make sure that the periodic box has room for interactions up to their cutoff.

    Raises:
        InputError: no box where there must be one, or one too small.
    """
    vectors = topology.getPeriodicBoxVectors()
    if vectors is None:
        raise InputError("explicit water needs a structure with a periodic box; give one made by solvation")
    narrowest = min(vectors[axis][axis].value_in_unit(unit.nanometer) for axis in range(3))
    if narrowest < 2.0 * _NONBONDED_CUTOFF_NM:
        raise InputError(
            f"the periodic box is {narrowest * 10:.1f} A wide, less than twice the cutoff of interactions "
            f"({_NONBONDED_CUTOFF_NM * 10:g} A); take a larger --padding"
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

    def __reduce__(self) -> tuple:
        """Pickled as its System, for a Context cannot be."""
        return ForceFieldEnergy, (self._context.getSystem(),)


def energy_and_forces(context: openmm.Context) -> tuple[float, Float64[np.ndarray, "atoms 3"]]:
    """Energy (eV) and forces (eV/A) of a context at its positions."""
    state = context.getState(energy=True, forces=True)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return energy * EV_PER_KJ_MOL, forces * EV_A_PER_KJ_MOL_NM
