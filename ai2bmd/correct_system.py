"""For OpenMM scripts: any topology and System of amber19/ff19SB in, the corrected System out."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
from pathlib import Path

import numpy as np
import openmm
from jaxtyping import Float64, Int64
from openmm import app, unit

from ai2bmd.corrected_force import LAMBDA, NAME, add_correction
from ai2bmd.correction import DEFAULT_COUPLING, Coupling, model_correction
from ai2bmd.device import Device, torch_device
from ai2bmd.environment import FORCE_FIELD, build_environment
from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label
from ai2bmd.protein import protein_topology
from ai2bmd.shipped import default_model_path
from potentials.model_file import load_model

_CHARGE_E = 1e-4
_SIGMA_NM = 1e-5
_EPSILON_KJ_MOL = 1e-4


def correct_system(
    topology: app.Topology,
    system: openmm.System,
    *,
    model: Path | str | None = None,
    coupling: Coupling = DEFAULT_COUPLING,
    device: Device = "auto",
    parameter: str = LAMBDA,
    force_group: int = 0,
) -> openmm.System:
    """Add the ab initio correction of the protein to a System.

    The System may hold water, ions, ligands, several chains, constraints, heavy hydrogens, a barostat; explicit or
    implicit solvent. The protein must be described by amber19/ff19SB, which the model corrects.

    Args:
        topology: of the System, virtual sites included.
        system: is left as it is.
        model: model file; None takes the one that comes with the package.
        coupling: units or whole, see the README.
        device: of the model: auto, cpu or cuda.
        parameter: global parameter that scales the correction: 0 off, 1 (its default) on.
        force_group: of the correction, so that an integrator can evaluate it less often than the rest.

    Returns:
        A new System.

    Raises:
        InputError: topology and System do not belong together, the protein's parameters are not those of
            amber19/ff19SB, or the System has a correction already.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file is unusable.
    """
    if topology.getNumAtoms() != system.getNumParticles():
        raise InputError(
            f"the topology has {topology.getNumAtoms()} atoms and the System {system.getNumParticles()} particles; "
            "give the topology that the System was made from, with its virtual sites (app.Modeller.addExtraParticles)"
        )
    if any(force.getName() == NAME for force in system.getForces()):
        raise InputError("the System is corrected already")
    protein, atoms = protein_topology(topology)
    charges = _check_force_field(topology, system, atoms)
    loaded = load_model(model if model is not None else default_model_path(), force_field=FORCE_FIELD)
    chosen = torch_device(device)
    correction = model_correction(protein, loaded, charges=charges, coupling=coupling, device=chosen)
    corrected = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    add_correction(corrected, correction, atoms, parameter=parameter, force_group=force_group)
    return corrected


def _check_force_field(
    topology: app.Topology, system: openmm.System, atoms: Int64[np.ndarray, " protein_atoms"]
) -> Float64[np.ndarray, " protein_atoms"]:
    """Compare charges and Lennard-Jones parameters with those of amber19/ff19SB; returns the charges (e)."""
    found = _parameters(system)[atoms]
    expected = _parameters(build_environment(_protein_alone(topology, atoms), solvent="gas"))
    wrong = np.abs(found - expected) > [_CHARGE_E, _SIGMA_NM, _EPSILON_KJ_MOL]
    wrong[:, 1] &= expected[:, 2] > 0  # without a well the radius means nothing
    if wrong.any():
        place = int(np.flatnonzero(wrong.any(axis=1))[0])
        atom = list(topology.atoms())[atoms[place]]
        what = "charge" if wrong[place, 0] else "Lennard-Jones parameters"
        raise InputError(
            f"{atom_label(atom)}: its {what} ({_words(found[place])}) is not that of {FORCE_FIELD} "
            f"({_words(expected[place])}), which the model corrects; make the System with amber19/protein.ff19SB.xml"
        )
    return expected[:, 0]


def _words(parameters: Float64[np.ndarray, " 3"]) -> str:
    charge, sigma, epsilon = parameters
    return f"{charge:.4f} e, sigma {sigma:.5f} nm, epsilon {epsilon:.5f} kJ/mol"


def _parameters(system: openmm.System) -> Float64[np.ndarray, "atoms 3"]:
    """Charge (e), sigma (nm) and epsilon (kJ/mol) of every atom."""
    force = next((force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)), None)
    if force is None:
        raise InputError("the System has no NonbondedForce; the model corrects amber19/ff19SB, make the System with it")
    units = unit.elementary_charge, unit.nanometer, unit.kilojoule_per_mole
    return np.array(
        [
            [value.value_in_unit(one) for value, one in zip(force.getParticleParameters(atom), units, strict=True)]
            for atom in range(force.getNumParticles())
        ]
    )


def _protein_alone(topology: app.Topology, atoms: Int64[np.ndarray, " protein_atoms"]) -> app.Topology:
    chosen = set(atoms.tolist())
    modeller = app.Modeller(topology, np.zeros((topology.getNumAtoms(), 3)) * unit.nanometer)
    modeller.delete([atom for atom in topology.atoms() if atom.index not in chosen])
    alone = modeller.topology
    alone.setPeriodicBoxVectors(None)
    return alone
