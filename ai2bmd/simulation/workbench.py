"""Everything a run works with, built from its directory alone, so that start and resume see the same digits."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import openmm
import torch
from jaxtyping import Float64, Int64
from openmm import app, unit

from ai2bmd.analysis.superposition import superposed_atoms
from ai2bmd.assembly import CorrectedSystem, corrected_system
from ai2bmd.device import openmm_platform, torch_device
from ai2bmd.engine import Engine, Snapshot, masses
from ai2bmd.frozen import freeze
from ai2bmd.imaging import SystemImaging
from ai2bmd.integrators import EngineSettings
from ai2bmd.protein import atomic_numbers, protein_topology
from ai2bmd.sampling.methods import check_sampling, make_sampler
from ai2bmd.sampling.sampler import Sampler
from ai2bmd.sampling.variables import Molecule, hold_together
from ai2bmd.simulation.checkpoint import Identity, identify
from ai2bmd.simulation.equilibration import Watch
from ai2bmd.simulation.guard import Guard, Limits
from ai2bmd.simulation.restraints import HeldAtoms, add_restraints, find_held_atoms
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.sampling_files import references
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.simulation.shape_restraint import add_shape_restraint
from ai2bmd.structure.files import PreparedStructure, read_prepared, read_written


@dataclass(frozen=True, eq=False)
class Workbench:
    """A structure with its environment and correction, ready to make engines."""

    settings: RunSettings
    prepared: PreparedStructure
    corrected: CorrectedSystem
    positions_A: Float64[np.ndarray, "atoms 3"]
    """Of the whole system, where everything starts."""
    imaging: SystemImaging
    guard: Guard
    identity: Identity
    device: torch.device
    references: dict[str, Path]
    """Files of the structures that collective variables are compared with, by their names in the settings."""
    progress_shown: bool = True
    """Whether there is a bar on a terminal."""

    @property
    def topology(self) -> app.Topology:
        """Of the whole system."""
        return self.corrected.topology

    @property
    def has_error_bars(self) -> bool:
        """Whether the model is a committee, which tells its error."""
        return self.corrected.correction is not None and self.corrected.correction.has_members

    @cached_property
    def solvent(self) -> Int64[np.ndarray, " solvent_atoms"]:
        """Index of each atom that is not protein; virtual sites are no atoms."""
        atoms = atomic_numbers(self.topology) > 0
        atoms[self.corrected.protein] = False
        return np.flatnonzero(atoms)

    def engine(self, settings: EngineSettings, restrained: bool) -> Engine:
        """A new engine at the start; with the means to hold the protein's shape, if asked for."""
        system = self._system()
        if restrained:
            heavy = masses(system) > 3.5
            chains = [atoms[heavy[atoms]] for atoms in self.imaging.chains]
            add_shape_restraint(system, self.positions_A, [atoms for atoms in chains if len(atoms) > 2])
        return self._engine(system, settings)

    def production_engine(self) -> Engine:
        """A new engine at the start, moved by the method of sampling if the settings have one."""
        system, sampling = self._system(), self.settings.sampling
        if sampling is None:
            return self._engine(system, self.settings.engine)
        sampler = make_sampler(
            sampling, self._molecule, temperature_K=self.settings.temperature_K, seed=self.settings.seed
        )
        return self._engine(system, self.settings.engine, sampler)

    def check(self) -> None:
        """Make sure, before anything slow, that what production needs can be made.

        Raises:
            InputError: the settings name something that the structure does not have.
        """
        freeze(self._system(), self.held.frozen, self.topology)
        if self.settings.sampling is not None:
            check_sampling(self.settings.sampling, self._molecule)

    @property
    def _molecule(self) -> Molecule:
        return Molecule(self.topology, self.positions_A, self.corrected.protein, self.references)

    def in_one_piece(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot with the protein's chains next to each other, as methods of sampling need it.

        Where atoms are held they have been so all the time, water and ions among them included.
        """
        if len(self.held.all):
            return snapshot
        return replace(snapshot, positions_A=self.imaging(snapshot.positions_A, snapshot.box_A))

    @cached_property
    def held(self) -> HeldAtoms:
        """Atoms that the settings restrain or freeze.

        Raises:
            InputError: a selection fits none.
        """
        return find_held_atoms(self.settings.restraints or (), self.settings.frozen, self.topology, self.positions_A)

    def _system(self) -> openmm.System:
        """The environment, with restraints; what is held or sampled is one molecule for OpenMM."""
        system = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(self.corrected.system))
        held = self.held.all
        if len(held) or self.settings.sampling is not None:
            others = np.setdiff1d(held, self.corrected.protein)
            hold_together(system, [*self.imaging.chains, *others[:, None]])
        add_restraints(system, self.held, self.positions_A)
        return system

    def _engine(self, system: openmm.System, settings: EngineSettings, sampler: Sampler | None = None) -> Engine:
        return Engine(
            self.topology,
            self.positions_A,
            system,
            correction=self.corrected.correction,
            protein=self.corrected.protein,
            settings=settings,
            device=self.device,
            sampler=sampler,
            frozen=self.held.frozen,
        )

    def watch(self) -> Watch:
        """What is looked at during equilibration."""
        protein, atoms = protein_topology(self.topology)
        chosen, _ = superposed_atoms(protein)
        return Watch(atoms[chosen], self.positions_A, self.imaging, self.guard.problem)


def open_workbench(directory: RunDirectory, settings: RunSettings) -> Workbench:
    """Build everything from the files of a run directory.

    Raises:
        InputError: the structure or a setting cannot be used.
        FragmentationError: the protein cannot be cut.
        PotentialError: the model file cannot be used.
    """
    prepared = read_prepared(directory.prepared)
    torch.set_num_threads(settings.threads)
    device = torch_device(settings.device)
    topology, positions_A = prepared.topology, prepared.positions_A
    if settings.explicit:
        file = read_written(directory.system)
        topology = file.topology
        positions_A = np.array(file.positions.value_in_unit(unit.angstrom), dtype=np.float64)
    corrected = corrected_system(
        topology,
        solvent=settings.solvent,
        coupling=settings.coupling,
        model=settings.model,
        device=device,
        environment=settings.environment,
        constraints=settings.constraints,
        hydrogen_mass_u=settings.hydrogen_mass_u,
        memory_bytes=settings.memory_bytes,
    )
    if corrected.correction is not None:
        corrected.correction.refer_to(positions_A[corrected.protein])
    highest_K = max(settings.temperature_K, *getattr(settings.sampling, "temperatures_K", (0.0,)))
    if corrected.card:
        directory.model_card.write_text(json.dumps(asdict(corrected.card), indent=1) + "\n")
    platform = openmm_platform(device, threads=settings.threads)[0].getName()
    structure = directory.system if settings.explicit else directory.prepared
    return Workbench(
        settings=settings,
        prepared=prepared,
        corrected=corrected,
        positions_A=positions_A,
        imaging=SystemImaging(topology, corrected.protein),
        guard=Guard(
            topology, Limits.at(highest_K, force_std_eV_per_A=settings.max_force_std_eV_per_A), corrected.protein
        ),
        identity=identify(
            structure, settings, model_sha256=corrected.card.sha256 if corrected.card else None, platform=platform
        ),
        device=device,
        references=references(directory, settings),
    )
