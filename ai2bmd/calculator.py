"""The ASE calculator: energy and forces of a prepared protein, for ASE's optimisers, dynamics and vibrations."""

from pathlib import Path
from typing import ClassVar, Literal, get_args

import ase
import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols

from ai2bmd.assembly import corrected_system
from ai2bmd.correction import DEFAULT_COUPLING, Coupling
from ai2bmd.device import Device, torch_device
from ai2bmd.environment import EnvironmentName, ForceFieldEnergy, ImplicitSolvent
from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label
from ai2bmd.structure import read_prepared

Spread = Literal["forces", "energy"]
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class AI2BMDCalculator(Calculator):
    """E(R) = E_env(R) + C(R) of one protein.

    `results` holds energy (eV), forces (atoms, 3) in eV/A, energy_environment, energy_correction (eV) and
    fragment_energies (fragments,) in eV. Where the model has a committee, also forces_std (atoms,), the expected length
    of the error of each atom's force in eV/A; energy_std, the expected error of the energy relative to that of the
    prepared structure, in eV; and energy_members (members,) in eV: the differences of the members between any two
    geometries have the spread of the energy difference.
    """

    implemented_properties: ClassVar[list[str]] = [
        "energy",
        "forces",
        "energy_environment",
        "energy_correction",
        "fragment_energies",
        "energy_std",
        "energy_members",
        "forces_std",
    ]

    def __init__(
        self,
        prepared: Path | str,
        *,
        solvent: ImplicitSolvent = "gas",
        coupling: Coupling = DEFAULT_COUPLING,
        model: Path | str | None = None,
        device: Device = "auto",
        dtype: str = "float32",
        environment: EnvironmentName = "amber19",
        spread: Spread = "forces",
    ) -> None:
        """Read a prepared structure and set up environment and model.

        Args:
            prepared: PDB file from `ai2bmd prepare`.
            solvent: gas or, with amber19, gbn2 (implicit water); explicit water is for `ai2bmd run`.
            coupling: units or whole, see the README.
            model: model file; None takes the one that comes with the package.
            device: auto, cpu or cuda.
            dtype: float32 or float64, of the model.
            environment: force field that is corrected, amber19 or amoeba2018.
            spread: of a committee; forces computes forces_std each time, which takes several times as long as the
                forces; energy leaves it until it is asked for by `get_property("forces_std")`.

        Raises:
            InputError, FragmentationError, PotentialError: the structure, a choice or the model is unusable.
        """
        super().__init__()
        if dtype not in _DTYPES:
            raise InputError(f"dtype: expected float32 or float64, got {dtype!r}")
        if coupling not in ("units", "whole"):
            raise InputError(f"coupling: expected units or whole, got {coupling!r}")
        if spread not in get_args(Spread):
            raise InputError(f"spread: expected forces or energy, got {spread!r}")
        if solvent not in get_args(ImplicitSolvent):
            raise InputError(
                f"solvent: expected gas or gbn2, got {solvent!r}; explicit water is for `ai2bmd run --solvent`"
            )
        structure = read_prepared(prepared)
        built = corrected_system(
            structure.topology,
            solvent=solvent,
            coupling=coupling,
            model=model,
            device=torch_device(device),
            dtype=_DTYPES[dtype],
            environment=environment,
        )
        assert built.correction is not None  # the coupling is not off
        self.correction, self.card = built.correction, built.card
        self._protein, self._environment = built.protein, ForceFieldEnergy(built.system)
        self._labels = [atom_label(atom) for atom in structure.topology.atoms()]
        numbers = [atom.element.atomic_number for atom in structure.topology.atoms()]
        self._numbers = np.array(numbers)
        self._start = structure.positions_A.copy()
        self.correction.refer_to(self._start[self._protein])
        self._spread = spread

    @property
    def prepared_atoms(self) -> ase.Atoms:
        """The prepared structure as ASE atoms, with this calculator attached."""
        return ase.Atoms(self._numbers, self._start, calculator=self)

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute all results; ASE calls this when positions have changed.

        Raises:
            InputError: the atoms are not those of the prepared structure, a position is not finite, or a spread is
                asked for and the model has no committee.
        """
        properties = properties or ["energy"]
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None  # just set
        self._check(self.atoms)
        positions = self.atoms.get_positions()
        environment, forces = self._environment(positions)
        correction = self.correction.evaluate(positions[self._protein])
        forces[self._protein] += correction.forces
        self.results = {
            "energy": environment + correction.energy,
            "forces": forces,
            "energy_environment": environment,
            "energy_correction": correction.energy,
            "fragment_energies": correction.fragment_energies,
        }
        if correction.member_energies is not None:
            members = environment + correction.member_energies
            self.results |= {"energy_std": correction.energy_std, "energy_members": members}
        if "forces_std" in properties or (self._spread == "forces" and self.correction.has_members):
            self.results["forces_std"] = np.zeros(len(positions))
            self.results["forces_std"][self._protein] = self.correction.force_std(positions[self._protein])

    def _check(self, atoms: ase.Atoms) -> None:
        if len(atoms) != len(self._numbers):
            raise InputError(
                f"atoms: expected the {len(self._numbers)} atoms of the prepared structure, got {len(atoms)}; "
                "start from `calculator.prepared_atoms`"
            )
        undefined = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
        if len(undefined):
            raise InputError(
                f"atoms: expected finite positions, got {atoms.positions[undefined[0]]} for "
                f"{self._labels[undefined[0]]}; start from `calculator.prepared_atoms`, or take shorter steps"
            )
        different = np.flatnonzero(atoms.numbers != self._numbers)
        if len(different):
            first = different[0]
            raise InputError(
                f"atoms: number {first} is {atoms.symbols[first]}, but the prepared structure has "
                f"{chemical_symbols[self._numbers[first]]} there ({self._labels[first]}); "
                "keep the order of the prepared file or start from `calculator.prepared_atoms`"
            )
