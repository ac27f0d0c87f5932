"""The correction for OpenMM-ML: `MLPotential("ai2bmd")`, found by the entry point in the group `openmmml.potentials`.

With the name come the two ways of OpenMM-ML: `createMixedSystem(topology, system, atoms)` corrects the protein in a
System of amber19/ff19SB, `createSystem(topology)` makes that System for a protein alone, in the gas phase.
"""

# pyright: reportMissingImports=false
# (openmmml is an optional dependency)
from collections.abc import Iterable
from pathlib import Path

import openmm
from openmm import app
from openmmml.mlpotential import MLPotentialImpl, MLPotentialImplFactory

from ai2bmd.correct_system import correct_system
from ai2bmd.corrected_force import LAMBDA
from ai2bmd.correction import DEFAULT_COUPLING, Coupling
from ai2bmd.device import Device
from ai2bmd.environment import build_environment
from ai2bmd.errors import InputError
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
        """Correct the protein of a System.

        Raises:
            InputError: `atoms` are not those of the protein, or see `correct_system`.
        """
        protein = protein_topology(topology)[1].tolist()
        if sorted(atoms) != protein:
            raise InputError(
                f"atoms: the model corrects the whole protein, {len(protein)} atoms, and was given {len(set(atoms))} "
                "others or fewer; give all atoms of the amino acids and caps, and nothing else"
            )
        parameter = _INTERPOLATE if interpolate else LAMBDA
        return correct_system(topology, system, parameter=parameter, force_group=forceGroup, **self._choices)

    def addForces(
        self, topology: app.Topology, system: openmm.System, atoms: Iterable[int] | None, forceGroup: int
    ) -> None:
        """Put amber19/ff19SB in the gas phase and the correction into an empty System.

        Raises:
            InputError: there is something besides the protein, or see `correct_system`.
        """
        if atoms is not None or len(protein_topology(topology)[1]) != topology.getNumAtoms():
            raise InputError(
                "createSystem makes a protein in the gas phase; for one in water make a System with amber19/ff19SB "
                "and a water model, and give it to createMixedSystem"
            )
        environment = build_environment(topology, solvent="gas")
        corrected = correct_system(topology, environment, force_group=forceGroup, **self._choices)
        while corrected.getNumForces():
            force = corrected.getForce(0)
            system.addForce(force.__copy__())
            corrected.removeForce(0)
