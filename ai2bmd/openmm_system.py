"""For OpenMM scripts: any topology and System of amber19/ff19SB in, the corrected System out.

The corrected System behaves like any other: integrators, barostats and constraints work on it, and it can be copied.
Its correction is a PythonForce, which OpenMM writes to XML as a pickle of everything behind it, the model included:
`XmlSerializer.serialize` works, but whoever reads the XML needs ai2bmd, and reading it can run any program, so do not
read such files of strangers. To store a corrected System, store the one before the correction and correct it again.
"""

import copy
from pathlib import Path

import openmm
from openmm import app

from ai2bmd.corrected_force import LAMBDA, NAME, add_correction
from ai2bmd.correction import DEFAULT_COUPLING, Coupling, model_correction
from ai2bmd.device import Device, torch_device
from ai2bmd.environment import FORCE_FIELD
from ai2bmd.errors import InputError
from ai2bmd.force_field_check import check_force_field, restore_terms
from ai2bmd.protein import protein_topology
from ai2bmd.shipped import default_model_path
from potentials.model_file import load_model


def correct_system(
    topology: app.Topology,
    system: openmm.System,
    *,
    model: Path | str | None = None,
    coupling: Coupling = DEFAULT_COUPLING,
    device: Device = "auto",
    parameter: str = LAMBDA,
    force_group: int = 0,
    flexible: bool = False,
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
        force_group: of the correction, 0 to 31, so that an integrator can evaluate it less often than the rest.
        flexible: give the protein's constrained bonds and angles their energy terms, which OpenMM leaves out, so that
            the constraints can be removed.

    Returns:
        A new System.

    Raises:
        InputError: topology and System do not belong together, the protein's parameters are not those of
            amber19/ff19SB, the System has a correction already, or a choice is unknown.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file is unusable.
    """
    _check_choices(topology, system, force_group)
    protein, atoms = protein_topology(topology)
    loaded = load_model(model if model is not None else default_model_path(), force_field=FORCE_FIELD)
    check = check_force_field(topology, system, atoms)
    chosen = torch_device(device)
    correction = model_correction(protein, loaded, charges=check.charges, coupling=coupling, device=chosen)
    corrected = copy.deepcopy(system)
    if flexible:
        restore_terms(corrected, check)
    add_correction(corrected, correction, atoms, parameter=parameter, force_group=force_group)
    return corrected


def _check_choices(topology: app.Topology, system: openmm.System, force_group: int) -> None:
    if topology.getNumAtoms() != system.getNumParticles():
        raise InputError(
            f"the topology has {topology.getNumAtoms()} atoms and the System {system.getNumParticles()} particles; "
            "give the topology that the System was made from, with its virtual sites (app.Modeller.addExtraParticles)"
        )
    if any(force.getName() == NAME for force in system.getForces()):
        raise InputError("the System is corrected already; give the one before the correction")
    if not 0 <= force_group < 32:
        raise InputError(f"force_group: expected 0 to 31, got {force_group}")
