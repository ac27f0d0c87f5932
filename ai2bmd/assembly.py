"""Environment and correction of one structure, put together: what the calculator and the run both start from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import openmm
import torch
from jaxtyping import Float64, Int64
from openmm import app

from ai2bmd.amoeba import build_amoeba
from ai2bmd.correction import Correction, Coupling, model_correction, whole_plan
from ai2bmd.environment import (
    FORCE_FIELD,
    Constraints,
    EnvironmentName,
    Solvent,
    build_environment,
    check_environment,
    partial_charges,
)
from ai2bmd.fragment_system import fragment_openmm_topology
from ai2bmd.protein import protein_topology
from ai2bmd.shipped import default_model_path
from fragmentation.topology import ProteinTopology
from potentials.model_file import ModelCard, load_model


@dataclass(frozen=True, eq=False)
class CorrectedSystem:
    """E(R) = E_env(R) + C(R) of one structure; `correction` and `card` are None with coupling off.

    `system` is the environment alone.
    """

    topology: app.Topology
    system: openmm.System
    protein: Int64[np.ndarray, " protein_atoms"]
    correction: Correction | None
    card: ModelCard | None


def corrected_system(
    topology: app.Topology,
    *,
    solvent: Solvent,
    coupling: Coupling | Literal["off"],
    model: Path | str | None,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    environment: EnvironmentName = "amber19",
    constraints: Constraints = "none",
    hydrogen_mass_u: float | None = None,
    memory_bytes: int | None = None,
) -> CorrectedSystem:
    """Build the environment and load the model for a prepared structure.

    Args:
        topology: with all hydrogens; with water and a periodic box for a water model.
        solvent: gas, gbn2 or a water model, one that the environment knows.
        coupling: units, whole, or off for the force field alone.
        model: model file; None takes the one that comes with the package.
        device: torch device of the model.
        dtype: float type of the model.
        environment: the force field of the whole system.
        constraints: see `build_environment`.
        hydrogen_mass_u: see `build_environment`.
        memory_bytes: see `model_correction`.

    Raises:
        InputError: the structure has no template in the force field, or a choice is unknown.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file is unusable or belongs to another force field.
    """
    protein, atoms = protein_topology(topology)
    system = environment_system(
        topology, environment=environment, solvent=solvent, constraints=constraints, hydrogen_mass_u=hydrogen_mass_u
    )
    if coupling == "off":
        return CorrectedSystem(topology, system, atoms, None, None)
    loaded = load_model(model if model is not None else default_model_path(), force_field=FORCE_FIELD)
    correction = model_correction(
        protein,
        loaded,
        charges=partial_charges(system)[atoms] if environment == "amber19" else amber_charges(protein),
        coupling=coupling,
        device=device,
        dtype=dtype,
        environment=environment,
        memory_bytes=memory_bytes,
    )
    return CorrectedSystem(topology, system, atoms, correction, loaded.card)


def environment_system(
    topology: app.Topology,
    *,
    environment: EnvironmentName,
    solvent: Solvent,
    constraints: Constraints = "none",
    hydrogen_mass_u: float | None = None,
) -> openmm.System:
    """The System of either environment, see `build_environment` and `build_amoeba`.

    Raises:
        InputError: the structure has no template, or a choice is unknown to the environment.
    """
    check_environment(environment, solvent, constraints=constraints)
    if environment == "amoeba2018":
        return build_amoeba(topology, solvent=solvent, hydrogen_mass_u=hydrogen_mass_u)
    return build_environment(topology, solvent=solvent, constraints=constraints, hydrogen_mass_u=hydrogen_mass_u)


def amber_charges(protein: ProteinTopology) -> Float64[np.ndarray, " atoms"]:
    """Partial charges (e) that amber19 gives a protein: the model's node features, whatever the environment.

    Raises:
        InputError: a residue has no template in amber19/ff19SB.
    """
    return partial_charges(build_environment(fragment_openmm_topology(whole_plan(protein)), solvent="gas"))
