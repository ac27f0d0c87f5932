"""The engine: OpenMM integrates environment and correction; everything in and out is in A, ps and eV."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# (OpenMM makes its units when it is imported, and does not say that groups may be a set)
from dataclasses import dataclass, replace

import numpy as np
import openmm
import torch
from jaxtyping import Float, Int64
from openmm import app, unit

from ai2bmd.corrected_force import LAMBDA, add_correction
from ai2bmd.correction import Correction
from ai2bmd.device import openmm_platform
from ai2bmd.environment import EV_A_PER_KJ_MOL_NM, EV_PER_KJ_MOL
from ai2bmd.errors import InputError
from ai2bmd.frozen import freeze
from ai2bmd.integrators import (
    EngineSettings,
    make_barostat,
    make_integrator,
    seed_barostat,
    seed_integrator,
    velocity_seed,
)
from ai2bmd.sampling.sampler import EngineSimulation, Sampler

_BOLTZMANN_EV_K = 8.617333262e-5  # CODATA 2018
G_CM3_PER_U_A3 = 1.66053906660  # CODATA 2018


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What one stage of a simulation hands to the next."""

    positions_A: Float[np.ndarray, "atoms 3"]
    velocities_A_per_ps: Float[np.ndarray, "atoms 3"]
    box_A: Float[np.ndarray, "3 3"] | None
    """Box vectors as rows; None without a periodic box."""


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
    box_A: Float[np.ndarray, "3 3"] | None
    """Box vectors as rows; None without a periodic box."""
    volume_A3: float | None
    density_g_cm3: float | None
    wall_eV: float
    """Part of the correction: of contacts closer than any the model was trained on."""
    correction_std_eV: float | None = None
    """Expected error of the correction relative to the start; None for a model without committee."""
    force_std_eV_per_A: Float[np.ndarray, " protein_atoms"] | None = None
    """Expected length of the error of each protein atom's force; None where it was not computed."""
    energy_bias: float = 0.0
    """Of enhanced sampling: bias and walls; in no other energy."""

    @property
    def potential_energy(self) -> float:
        """Environment and correction together."""
        return self.energy_environment + self.energy_correction


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
        sampler: Sampler | None = None,
        frozen: Int64[np.ndarray, " frozen"] | None = None,
    ) -> None:
        """Set up integrator and context at the given positions, with zero velocities.

        Args:
            topology: of the whole system; kept for whoever names atoms.
            positions_A: start.
            system: from `build_environment`; correction and barostat are added to it.
            correction: None for the force field alone.
            protein: index of each protein atom in the system.
            settings: ensemble, step, temperature, seed.
            device: of torch; OpenMM takes the platform beside it.
            sampler: method of enhanced sampling that moves the system; None for plain dynamics.
            frozen: atoms that do not move.

        Raises:
            InputError: constant pressure without a periodic box, or substeps where there are virtual sites.
        """
        self.topology, self.settings, self.protein = topology, settings, protein
        self.periodic = system.usesPeriodicBoundaryConditions()
        if settings.substeps > 1 and any(
            system.isVirtualSite(particle) for particle in range(system.getNumParticles())
        ):
            raise InputError(
                f"substeps: expected 1 with virtual sites, got {settings.substeps}; OpenMM moves them at the end of a "
                "whole step only, and the system heats up; take water of three sites, such as tip3p"
            )
        self._platform = openmm_platform(device, threads=torch.get_num_threads())
        self.mass_u = float(masses(system).sum())
        if frozen is not None and len(frozen):
            freeze(system, frozen, topology)
        self.degrees_of_freedom = degrees_of_freedom(system)
        self.barostat: openmm.MonteCarloBarostat | None = None
        if settings.ensemble == "npt":
            if not self.periodic:
                raise InputError("ensemble: constant pressure (npt) needs explicit water; take nvt, or a --solvent")
            self.barostat = make_barostat(settings)
            system.addForce(self.barostat)
        self.coupled = add_correction(system, correction, protein) if correction is not None else None
        self.sampler = sampler
        if sampler is not None:
            sampler.add_to(system)
        groups = {force.getForceGroup() for force in system.getForces()}
        self.context = openmm.Context(system, make_integrator(settings, groups=groups), *self._platform)
        self.context.setPositions(positions_A / 10.0)
        self.context.computeVirtualSites()
        if sampler is not None:
            self._simulation = EngineSimulation(self.context, self._advance)
            sampler.attach(self._simulation)
            if self.coupled is not None:
                self.coupled.remember(sampler.replicas + 1)

    @property
    def exact(self) -> bool:
        """Whether the same start gives the same trajectory, bit for bit."""
        return self.platform_name == "CPU"

    @property
    def platform_name(self) -> str:
        """OpenMM's platform."""
        return self._platform[0].getName()

    def draw_velocities(self, settings: EngineSettings | None = None) -> None:
        """Velocities at random for the temperature of the settings, by default the engine's own."""
        chosen = settings or self.settings
        if self.sampler is not None:
            self.sampler.draw_velocities(velocity_seed(chosen), temperature_K=chosen.temperature_K)
            return
        self.context.setVelocitiesToTemperature(chosen.temperature_K, velocity_seed(chosen))

    def step(self, steps: int, *, divided_by: int = 1) -> None:
        """Advance by this many steps, each made of so many smaller ones; what is not finite the caller has to find."""
        if self.sampler is None:
            self._advance(steps, divided_by)
            return
        self._simulation.divided_by = divided_by
        self.sampler.step(steps)

    def _advance(self, steps: int, divided_by: int) -> None:
        integrator = self.context.getIntegrator()
        if divided_by == 1:
            integrator.step(steps)
            return
        before = self.context.getStepCount()
        integrator.setStepSize(self.settings.timestep_fs / 1000.0 / divided_by)
        try:
            integrator.step(steps * divided_by)
        finally:
            integrator.setStepSize(self.settings.timestep_fs / 1000.0)
        self.context.setStepCount(before + steps)

    def positions_A(self) -> Float[np.ndarray, "atoms 3"]:
        """Positions alone, which can be had when an energy cannot."""
        return self._positions_nm() * 10.0

    def state(self) -> EngineState:
        """The present instant; costs no evaluation of the model that the next step would not need."""
        state = self.context.getState(positions=True, velocities=True, forces=True, energy=True)
        kilojoule, nanometer = unit.kilojoule_per_mole, unit.nanometer
        bias = self._bias_eV()
        potential = state.getPotentialEnergy().value_in_unit(kilojoule) * EV_PER_KJ_MOL - bias
        correction = self.coupled.energy_eV if self.coupled is not None else 0.0
        kinetic = state.getKineticEnergy().value_in_unit(kilojoule) * EV_PER_KJ_MOL
        box_A = self._box_A(state)
        volume_A3 = None if box_A is None else float(np.linalg.det(box_A))
        return EngineState(
            step=self.context.getStepCount(),
            time_ps=state.getTime().value_in_unit(unit.picosecond),
            positions_A=state.getPositions(asNumpy=True).value_in_unit(nanometer) * 10.0,
            velocities_A_per_ps=state.getVelocities(asNumpy=True).value_in_unit(nanometer / unit.picosecond) * 10.0,
            forces_eV_per_A=state.getForces(asNumpy=True).value_in_unit(kilojoule / nanometer) * EV_A_PER_KJ_MOL_NM,
            energy_environment=potential - correction,
            energy_correction=correction,
            kinetic_energy=kinetic,
            temperature_K=2.0 * kinetic / (self.degrees_of_freedom * _BOLTZMANN_EV_K),
            box_A=box_A,
            volume_A3=volume_A3,
            density_g_cm3=None if volume_A3 is None else self.mass_u / volume_A3 * G_CM3_PER_U_A3,
            wall_eV=self.coupled.wall_eV if self.coupled is not None else 0.0,
            correction_std_eV=self.coupled.energy_std_eV if self.coupled is not None else None,
            energy_bias=bias,
        )

    def with_force_std(self, state: EngineState) -> EngineState:
        """The state with the spread of the forces, which takes several evaluations; as it is without a committee."""
        if self.coupled is None:
            return state
        spread = self.coupled.force_std(state.positions_A[self.protein], state.box_A)
        return replace(state, force_std_eV_per_A=spread)

    def _bias_eV(self) -> float:
        if self.sampler is None or not self.sampler.groups:
            return 0.0
        state = self.context.getState(energy=True, groups=set(self.sampler.groups))
        return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) * EV_PER_KJ_MOL

    def snapshot(self) -> Snapshot:
        """Positions, velocities and box, to go on from in another engine."""
        state = self.context.getState(positions=True, velocities=True)
        return Snapshot(
            state.getPositions(asNumpy=True).value_in_unit(unit.nanometer) * 10.0,
            state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond) * 10.0,
            self._box_A(state),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of the same atoms."""
        if snapshot.box_A is not None:
            self.context.setPeriodicBoxVectors(*(snapshot.box_A / 10.0))
        self.context.setPositions(snapshot.positions_A / 10.0)
        self.context.setVelocities(snapshot.velocities_A_per_ps / 10.0)

    def set_positions(self, positions_A: Float[np.ndarray, "atoms 3"]) -> None:
        """Replace the positions."""
        self.context.setPositions(positions_A / 10.0)

    def set_velocities(self, velocities_A_per_ps: Float[np.ndarray, "atoms 3"]) -> None:
        """Replace the velocities; the leapfrog of both integrators has them half a step before the positions."""
        self.context.setVelocities(velocities_A_per_ps / 10.0)

    def set_correction(self, fraction: float) -> None:
        """Scale the correction: 0 is the environment alone, 1 all of it."""
        if self.coupled is not None:
            self.context.setParameter(LAMBDA, fraction)

    def restart(self, snapshot: Snapshot, settings: EngineSettings) -> None:
        """Go on from a snapshot at time 0, with another seed, and with Langevin dynamics at another temperature.

        On CPU what follows depends on the snapshot and the settings alone, not on what the engine did before.
        """
        integrator = self.context.getIntegrator()
        seed_integrator(integrator, settings)
        if isinstance(integrator, openmm.LangevinMiddleIntegrator):
            integrator.setTemperature(settings.temperature_K)
            integrator.setFriction(settings.friction_per_ps)
        if self.barostat is not None:
            seed_barostat(self.barostat, settings)
            self.barostat.setDefaultTemperature(settings.temperature_K)
        self._reinitialise()
        if self.barostat is not None:
            self.context.setParameter(self.barostat.Temperature(), settings.temperature_K)
        self.context.setTime(0.0)
        self.context.setStepCount(0)
        self.restore(snapshot)
        if self.sampler is not None:
            self.sampler.begin()

    def save_checkpoint(self) -> bytes:
        """Positions, velocities, box, time and random numbers; on CPU a run continues from it bit for bit."""
        state = self.context.createCheckpoint()
        if self.sampler is None:
            return f"{self._fingerprint()} {len(state)}\n".encode() + state
        sampled = self.sampler.save()
        return f"{self._fingerprint()} {len(state)} {len(sampled)}\n".encode() + state + sampled

    def load_checkpoint(self, checkpoint: bytes) -> None:
        """Continue from `save_checkpoint` of the same system, integrator, platform and version.

        Raises:
            InputError: the checkpoint belongs to something else.
        """
        head, _, state = checkpoint.partition(b"\n")
        words, sampled = head.decode(errors="replace"), b""
        if self.sampler is not None:
            words, _, length = words.rpartition(" ")
            split = max(0, len(state) - int(length)) if length.isdigit() else 0
            state, sampled = state[:split], state[split:]
        # checked here, for OpenMM would read past the end of a wrong one without a word
        if words != f"{self._fingerprint()} {len(state)}":
            raise InputError("the checkpoint is cut off or of another system, integrator, platform or OpenMM version")
        try:
            self.context.loadCheckpoint(state)
        except openmm.OpenMMException as error:
            raise InputError(f"the checkpoint does not fit this system, platform or OpenMM version: {error}") from error
        if self.sampler is not None:
            self.sampler.load(sampled)

    def renew(self, checkpoint: bytes) -> None:
        """Bring the context to what a fresh process makes of this checkpoint, which it must be at.

        OpenMM's neighbour lists and its barostat carry something of the past that checkpoints do not. A run that does
        this at each checkpoint is the same, bit for bit, as one that was resumed there. On a GPU sums have no fixed
        order anyway, and it is not done.
        """
        if self.exact:
            self._reinitialise()
            self.load_checkpoint(checkpoint)

    def _reinitialise(self) -> None:
        if not self.exact:
            return  # takes seconds on a GPU
        parameters = dict(self.context.getParameters())
        self.context.reinitialize()
        for name, value in parameters.items():
            self.context.setParameter(name, value)

    def _fingerprint(self) -> str:
        integrator = type(self.context.getIntegrator()).__name__
        particles = self.context.getSystem().getNumParticles()
        return f"{integrator} {particles} {self.platform_name} {openmm.Platform.getOpenMMVersion()}"

    def _positions_nm(self) -> np.ndarray:
        return self.context.getState(positions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)

    def _box_A(self, state: openmm.State) -> Float[np.ndarray, "3 3"] | None:
        if not self.periodic:
            return None
        return state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer) * 10.0


def masses(system: openmm.System) -> Float[np.ndarray, " atoms"]:
    """Mass (u) of every particle; 0 for virtual sites and frozen atoms."""
    return np.array([system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())])


def degrees_of_freedom(system: openmm.System) -> int:
    """Three for each particle that has a mass, less one for each constraint."""
    moving = masses(system) > 0.0
    constraints = (system.getConstraintParameters(number)[:2] for number in range(system.getNumConstraints()))
    return 3 * int(moving.sum()) - sum(bool(moving[first] or moving[second]) for first, second in constraints)
