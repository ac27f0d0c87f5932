"""The engine: OpenMM integrates the environment, and a PythonForce adds the correction on the protein's atoms."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
import os
from dataclasses import dataclass
from typing import ClassVar, Literal

import ase
import numpy as np
import openmm
import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import LBFGS
from jaxtyping import Float, Int64
from openmm import app, unit

from ai2bmd.corrected_force import add_correction
from ai2bmd.correction import Correction
from ai2bmd.device import openmm_platform
from ai2bmd.environment import EV_A_PER_KJ_MOL_NM, EV_PER_KJ_MOL, energy_and_forces
from ai2bmd.errors import InputError

Ensemble = Literal["nvt", "nve"]
_BOLTZMANN_EV_K = 8.617333262e-5  # CODATA 2018
_HEATING_FRICTION_PER_PS = 20.0  # strong, so that a fraction of a picosecond reaches the temperature


@dataclass(frozen=True)
class EngineState:
    """The system at one instant; energies in eV."""

    step: int
    time_ps: float
    positions_A: Float[np.ndarray, "atoms 3"]
    velocities_A_per_ps: Float[np.ndarray, "atoms 3"]
    forces_eV_per_A: Float[np.ndarray, "atoms 3"]
    energy_environment: float
    energy_correction: float
    kinetic_energy: float
    temperature_K: float

    @property
    def potential_energy(self) -> float:
        """Environment and correction together."""
        return self.energy_environment + self.energy_correction


@dataclass(frozen=True)
class EngineSettings:
    """How to integrate."""

    ensemble: Ensemble = "nvt"
    timestep_fs: float = 1.0
    temperature_K: float = 300.0
    friction_per_ps: float = 1.0
    seed: int = 1


class Engine:
    """A running simulation."""

    def __init__(
        self,
        topology: app.Topology,
        positions_A: Float[np.ndarray, "atoms 3"],
        system: openmm.System,
        *,
        correction: Correction | None,
        protein: Int64[np.ndarray, " protein_atoms"],
        settings: EngineSettings,
        device: torch.device,
    ) -> None:
        """Set up integrator and context at the given positions, with zero velocities.

        Args:
            topology: of the whole system; kept for whoever names atoms.
            positions_A: start.
            system: from `build_environment`; the correction is added to it.
            correction: None for the force field alone.
            protein: index of each protein atom in the system.
            settings: ensemble, step, temperature, seed.
            device: of torch; OpenMM takes the platform beside it.

        Raises:
            InputError: a setting has no meaning.
        """
        self.topology, self.settings, self.system = topology, settings, system
        self._platform = openmm_platform(device, threads=torch.get_num_threads())
        self._degrees_of_freedom = 3 * system.getNumParticles()
        self._environment_only = _copy(system)
        self._coupled = add_correction(system, correction, protein) if correction is not None else None
        self._context = self._new_context(_integrator(settings))
        self._context.setPositions(positions_A / 10.0)

    @property
    def platform_name(self) -> str:
        """OpenMM's platform."""
        return self._platform[0].getName()

    def minimise(self, *, steps: int = 500, corrected_steps: int = 30) -> None:
        """Relax in the environment alone, then with the correction in steps so small that it stays within its data.

        OpenMM's minimiser tries steps of Angstroms, where a learned energy means nothing and may be a deep false
        minimum; ASE's bounds them.
        """
        context = openmm.Context(self._environment_only, openmm.VerletIntegrator(0.001), *self._platform)
        context.setPositions(self._positions_nm())
        openmm.LocalEnergyMinimizer.minimize(context, 10, steps)
        self._context.setPositions(context.getState(positions=True).getPositions(asNumpy=True))
        if self._coupled is not None and corrected_steps:
            atoms = ase.Atoms(f"X{self.system.getNumParticles()}", self._positions_nm() * 10.0)
            atoms.calc = _ContextCalculator(self._context)
            LBFGS(atoms, logfile=os.devnull, maxstep=0.02).run(fmax=0.05, steps=corrected_steps)
            self._context.setPositions(atoms.positions / 10.0)

    def heat(self, *, steps: int = 200) -> None:
        """Bring the system to temperature: random velocities, then strongly coupled Langevin dynamics."""
        settings = self.settings
        velocity_seed, heating_seed, _ = _seeds(settings.seed)
        self._context.setVelocitiesToTemperature(settings.temperature_K, velocity_seed)
        if steps == 0:
            return
        integrator = openmm.LangevinMiddleIntegrator(
            settings.temperature_K, _HEATING_FRICTION_PER_PS, settings.timestep_fs / 1000.0
        )
        integrator.setRandomNumberSeed(heating_seed)
        context = self._new_context(integrator)
        context.setPositions(self._positions_nm())
        context.setVelocitiesToTemperature(settings.temperature_K, velocity_seed)
        integrator.step(steps)
        state = context.getState(positions=True, velocities=True)
        self._context.setPositions(state.getPositions(asNumpy=True))
        self._context.setVelocities(state.getVelocities(asNumpy=True))

    def step(self, steps: int) -> None:
        """Advance; positions that are not finite are left for the caller to find."""
        self._context.getIntegrator().step(steps)

    def positions_A(self) -> Float[np.ndarray, "atoms 3"]:
        """Positions alone, which can be had when an energy cannot."""
        return self._positions_nm() * 10.0

    def state(self) -> EngineState:
        """The present instant; costs no evaluation of the model that the next step would not need."""
        state = self._context.getState(positions=True, velocities=True, forces=True, energy=True)
        kilojoule, nanometer = unit.kilojoule_per_mole, unit.nanometer
        potential = state.getPotentialEnergy().value_in_unit(kilojoule) * EV_PER_KJ_MOL
        correction = self._coupled.energy_eV if self._coupled is not None else 0.0
        kinetic = state.getKineticEnergy().value_in_unit(kilojoule) * EV_PER_KJ_MOL
        return EngineState(
            step=self._context.getStepCount(),
            time_ps=state.getTime().value_in_unit(unit.picosecond),
            positions_A=state.getPositions(asNumpy=True).value_in_unit(nanometer) * 10.0,
            velocities_A_per_ps=state.getVelocities(asNumpy=True).value_in_unit(nanometer / unit.picosecond) * 10.0,
            forces_eV_per_A=state.getForces(asNumpy=True).value_in_unit(kilojoule / nanometer) * EV_A_PER_KJ_MOL_NM,
            energy_environment=potential - correction,
            energy_correction=correction,
            kinetic_energy=kinetic,
            temperature_K=2.0 * kinetic / (self._degrees_of_freedom * _BOLTZMANN_EV_K),
        )

    def set_positions(self, positions_A: Float[np.ndarray, "atoms 3"]) -> None:
        """Replace the positions."""
        self._context.setPositions(positions_A / 10.0)

    def set_velocities(self, velocities_A_per_ps: Float[np.ndarray, "atoms 3"]) -> None:
        """Replace the velocities; the leapfrog of both integrators has them half a step before the positions."""
        self._context.setVelocities(velocities_A_per_ps / 10.0)

    def save_checkpoint(self) -> bytes:
        """Positions, velocities, time and random numbers; on CPU a run continues from it bit for bit."""
        return self._context.createCheckpoint()

    def load_checkpoint(self, checkpoint: bytes) -> None:
        """Continue from `save_checkpoint` of the same system, platform and version.

        Raises:
            InputError: the checkpoint belongs to something else.
        """
        if len(checkpoint) != len(self.save_checkpoint()):  # OpenMM would read past its end without a word
            raise InputError("the checkpoint is cut off or of another system, integrator, platform or OpenMM version")
        try:
            self._context.loadCheckpoint(checkpoint)
        except openmm.OpenMMException as error:
            raise InputError(f"the checkpoint does not fit this system, platform or OpenMM version: {error}") from error

    def _new_context(self, integrator: openmm.Integrator) -> openmm.Context:
        return openmm.Context(self.system, integrator, *self._platform)

    def _positions_nm(self) -> np.ndarray:
        return self._context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)


class _ContextCalculator(Calculator):
    """Energy and forces of an OpenMM context for ASE's optimisers."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, context: openmm.Context) -> None:
        super().__init__()
        self._context = context

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute both."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        assert self.atoms is not None  # just set
        self._context.setPositions(self.atoms.positions / 10.0)
        energy, forces = energy_and_forces(self._context)
        self.results = {"energy": energy, "forces": forces}


def _integrator(settings: EngineSettings) -> openmm.Integrator:
    """Langevin middle scheme (Zhang et al., J. Phys. Chem. A 123, 6056, 2019), or leapfrog Verlet."""
    for name in ("timestep_fs", "temperature_K", "friction_per_ps"):
        if not 0 < getattr(settings, name) < np.inf:
            raise InputError(f"{name}: expected a positive number, got {getattr(settings, name)}")
    if settings.ensemble == "nve":
        return openmm.VerletIntegrator(settings.timestep_fs / 1000.0)
    if settings.ensemble != "nvt":
        raise InputError(f"ensemble: expected nvt or nve, got {settings.ensemble!r}")
    integrator = openmm.LangevinMiddleIntegrator(
        settings.temperature_K, settings.friction_per_ps, settings.timestep_fs / 1000.0
    )
    *_, seed = _seeds(settings.seed)
    integrator.setRandomNumberSeed(seed)
    return integrator


def _seeds(seed: int) -> tuple[int, int, int]:
    """Independent seeds of start velocities, heating and production; OpenMM takes 0 for "any", so it does not occur."""
    if seed < 0:
        raise InputError(f"seed: expected a whole number from 0, got {seed}")
    drawn = np.random.SeedSequence(seed).generate_state(3) % (2**31 - 1) + 1
    return tuple(drawn.tolist())


def _copy(system: openmm.System) -> openmm.System:
    return openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
