"""The engine: OpenMM integrates the environment, and a PythonForce adds the correction on the protein's atoms."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import openmm
import torch
from jaxtyping import Float, Int64
from openmm import app, unit

from ai2bmd.correction import Correction
from ai2bmd.device import openmm_platform
from ai2bmd.environment import EV_A_PER_KJ_MOL_NM, EV_PER_KJ_MOL
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
        self._coupled = _CoupledCorrection(correction) if correction is not None else None
        self._platform = openmm_platform(device, threads=torch.get_num_threads())
        self._degrees_of_freedom = 3 * system.getNumParticles()
        if self._coupled is not None:
            self._environment_only = _copy(system)
            force = openmm.PythonForce(self._coupled)
            force.setParticles([int(atom) for atom in protein])
            force.setName("ab initio correction")
            system.addForce(force)
        self._context = self._new_context(_integrator(settings))
        self._context.setPositions(positions_A / 10.0)

    @property
    def platform_name(self) -> str:
        """OpenMM's platform."""
        return self._platform[0].getName()

    def minimise(self, *, steps: int = 500, corrected_steps: int = 30) -> None:
        """Relax in the environment alone, then briefly with the correction."""
        if self._coupled is not None:
            context = openmm.Context(self._environment_only, openmm.VerletIntegrator(0.001), *self._platform)
            context.setPositions(self._positions_nm())
            openmm.LocalEnergyMinimizer.minimize(context, 10.0, steps)
            self._context.setPositions(context.getState(positions=True).getPositions(asNumpy=True))
            steps = corrected_steps
        openmm.LocalEnergyMinimizer.minimize(self._context, 10.0, steps)

    def heat(self, *, steps: int = 200) -> None:
        """Bring the system to temperature: random velocities, then strongly coupled Langevin dynamics."""
        settings = self.settings
        self._context.setVelocitiesToTemperature(settings.temperature_K, settings.seed)
        if steps == 0:
            return
        integrator = openmm.LangevinMiddleIntegrator(
            settings.temperature_K, _HEATING_FRICTION_PER_PS, settings.timestep_fs / 1000.0
        )
        integrator.setRandomNumberSeed(settings.seed)
        context = self._new_context(integrator)
        context.setPositions(self._positions_nm())
        context.setVelocitiesToTemperature(settings.temperature_K, settings.seed)
        integrator.step(steps)
        state = context.getState(positions=True, velocities=True)
        self._context.setPositions(state.getPositions(asNumpy=True))
        self._context.setVelocities(state.getVelocities(asNumpy=True))

    def step(self, steps: int) -> None:
        """Advance; positions that are not finite are left for the caller to find."""
        self._context.getIntegrator().step(steps)

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

    def set_velocities(self, velocities_A_per_ps: Float[np.ndarray, "atoms 3"]) -> None:
        """Replace the velocities."""
        self._context.setVelocities(velocities_A_per_ps / 10.0)

    def save_checkpoint(self) -> bytes:
        """Positions, velocities, time and random numbers; on CPU a run continues from it bit for bit."""
        return self._context.createCheckpoint()

    def load_checkpoint(self, checkpoint: bytes) -> None:
        """Continue from `save_checkpoint` of the same system, platform and version.

        Raises:
            InputError: the checkpoint belongs to something else.
        """
        try:
            self._context.loadCheckpoint(checkpoint)
        except openmm.OpenMMException as error:
            raise InputError(f"the checkpoint does not fit this system, platform or OpenMM version: {error}") from error

    def _new_context(self, integrator: openmm.Integrator) -> openmm.Context:
        return openmm.Context(self.system, integrator, *self._platform)

    def _positions_nm(self) -> np.ndarray:
        return self._context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)


class _CoupledCorrection:
    """The PythonForce's function; an evaluation at positions just seen is remembered, not repeated."""

    def __init__(self, correction: Correction) -> None:
        self._correction = correction
        self._positions: np.ndarray | None = None
        self._answer = (0.0, np.empty((0, 3)))
        self.energy_eV = 0.0

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        positions = state.getPositions(asNumpy=True)._value
        if self._positions is None or not np.array_equal(positions, self._positions):
            result = self._correction.evaluate(positions * 10.0)
            self.energy_eV = result.energy
            self._answer = (result.energy / EV_PER_KJ_MOL, result.forces / EV_A_PER_KJ_MOL_NM)
            self._positions = positions.copy()
        return self._answer


def _integrator(settings: EngineSettings) -> openmm.Integrator:
    """Langevin middle scheme (Zhang et al., J. Phys. Chem. A 123, 6056, 2019), or leapfrog Verlet."""
    for name in ("timestep_fs", "temperature_K"):
        if not getattr(settings, name) > 0:
            raise InputError(f"{name}: expected a positive number, got {getattr(settings, name)}")
    if settings.ensemble == "nve":
        return openmm.VerletIntegrator(settings.timestep_fs / 1000.0)
    if settings.ensemble != "nvt":
        raise InputError(f"ensemble: expected nvt or nve, got {settings.ensemble!r}")
    integrator = openmm.LangevinMiddleIntegrator(
        settings.temperature_K, settings.friction_per_ps, settings.timestep_fs / 1000.0
    )
    integrator.setRandomNumberSeed(settings.seed)
    return integrator


def _copy(system: openmm.System) -> openmm.System:
    return openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
