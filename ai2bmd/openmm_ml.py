"""The correction for OpenMM-ML: `MLPotential("ai2bmd")`, found by the entry point in the group `openmmml.potentials`.

With the name come the two ways of OpenMM-ML. `createMixedSystem(topology, system, atoms)` corrects the protein, all of
its atoms, in a System of amber19/ff19SB. `createSystem(topology)` makes that System for a protein alone. Unlike a
potential that stands for itself, this one keeps the force field's terms within the protein and adds to them.

OpenMM-ML removes constraints within the protein unless told `removeConstraints=False`; the bonds then get the energy
terms that OpenMM leaves out for constrained ones, and a time step of 1 fs is called for. What can be done with the
Systems, and what not, is told in `ai2bmd.openmm_system`.
"""

# pyright: reportMissingImports=false
# (openmmml is an optional dependency)
from collections.abc import Iterable
from pathlib import Path

import openmm
from openmm import app
from openmmml.mlpotential import MLPotentialImpl, MLPotentialImplFactory

from ai2bmd.corrected_force import LAMBDA
from ai2bmd.correction import DEFAULT_COUPLING, Coupling
from ai2bmd.device import Device
from ai2bmd.environment import ImplicitSolvent, build_environment
from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label
from ai2bmd.openmm_system import correct_system
from ai2bmd.protein import protein_topology

_EMBEDDING = "mechanical"
_INTERPOLATE = "lambda_interpolate"


class AI2BMDPotentialFactory(MLPotentialImplFactory):
    """Makes the potential."""

    def createImpl(
        self,
        name: str,
        *,
        modelPath: Path | str | None = None,
        coupling: Coupling = DEFAULT_COUPLING,
        device: Device = "auto",
    ) -> MLPotentialImpl:
        """See `correct_system` for the arguments, and what it raises."""
        return AI2BMDPotential(modelPath, coupling, device)


class AI2BMDPotential(MLPotentialImpl):
    """The correction of the protein of a System.

    Interactions within the protein become those of the model, which are the force field's and the correction; all
    others stay with the force field: mechanical embedding.
    """

    def __init__(self, model: Path | str | None, coupling: Coupling, device: Device) -> None:
        """Keep the choices until there is a System."""
        self._choices = {"model": model, "coupling": coupling, "device": device}

    def getSupportedEmbeddings(self) -> list[str]:
        """Mechanical embedding, done here: the force field's terms within the protein stay, for the model is added."""
        return [_EMBEDDING]

    def createMixedSystem(
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: list[int],
        forceGroup: int,
        interpolate: bool,
        embedding: str,
        returnInfo: bool = False,
    ) -> openmm.System:
        """Correct the protein of a System; with `interpolate` by the part that `lambda_interpolate` says.

        Raises:
            InputError: `atoms` are not those of the protein, or see `correct_system`.
        """
        _check_atoms(topology, atoms)
        parameter = _INTERPOLATE if interpolate else LAMBDA
        # not told here whether the constraints are to go
        return correct_system(
            topology, system, parameter=parameter, force_group=forceGroup, flexible=True, **self._choices
        )

    def addForces(
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: Iterable[int] | None,
        forceGroup: int,
        *,
        solvent: ImplicitSolvent = "gas",
    ) -> None:
        """Put amber19/ff19SB, in the gas phase or implicit water (gbn2), and the correction into an empty System.

        Raises:
            InputError: there is something besides the protein, or see `correct_system`.
        """
        if atoms is not None or len(protein_topology(topology)[1]) != topology.getNumAtoms():
            raise InputError(
                "createSystem makes a protein in the gas phase or implicit water; for one in explicit water, or with a "
                "ligand, make a System with amber19/ff19SB and give it to createMixedSystem"
            )
        if solvent not in ("gas", "gbn2"):
            raise InputError(f"solvent: expected gas or gbn2, got {solvent!r}; for explicit water createMixedSystem")
        environment = build_environment(topology, solvent=solvent)
        corrected = correct_system(topology, environment, force_group=forceGroup, **self._choices)
        for force in corrected.getForces():
            system.addForce(force.__copy__())


def _check_atoms(topology: app.Topology, atoms: list[int]) -> None:
    protein, given = set(protein_topology(topology)[1].tolist()), set(atoms)
    if given == protein:
        return
    fault = min(given ^ protein)
    names = {atom.index: atom_label(atom) for atom in topology.atoms()}
    what = f"{names[fault]} is not among them" if fault in protein else f"{names.get(fault, fault)} is not of it"
    raise InputError(
        f"atoms: the model corrects the whole protein, {len(protein)} atoms, and was given {len(given)}: {what}; "
        "give all atoms of the amino acids and caps, and nothing else"
    )
