"""How a system is integrated: thermostat, barostat, time step, and how often the correction is evaluated."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import openmm
from openmm.mtsintegrator import MTSIntegrator, MTSLangevinIntegrator

from ai2bmd.corrected_force import FORCE_GROUP
from ai2bmd.errors import InputError

Ensemble = Literal["npt", "nvt", "nve"]
BAROSTAT_EVERY = 25
"""Steps between trial changes of the volume."""


@dataclass(frozen=True)
class EngineSettings:
    """How to integrate."""

    ensemble: Ensemble = "nvt"
    timestep_fs: float = 1.0
    substeps: int = 1
    """Steps of the environment within one time step; the correction is evaluated once."""
    temperature_K: float = 300.0
    friction_per_ps: float = 1.0
    pressure_bar: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Check.

        Raises:
            InputError: a value has no meaning.
        """
        for name in ("timestep_fs", "temperature_K", "friction_per_ps"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"{name}: expected a positive number, got {getattr(self, name)}")
        if self.ensemble not in ("npt", "nvt", "nve"):
            raise InputError(f"ensemble: expected npt, nvt or nve, got {self.ensemble!r}")
        if self.substeps < 1:
            raise InputError(f"substeps: expected a whole number from 1, got {self.substeps}")
        if self.seed < 0:
            raise InputError(f"seed: expected a whole number from 0, got {self.seed}")


def make_integrator(settings: EngineSettings, *, groups: Collection[int] = ()) -> openmm.Integrator:
    """The integrator of these settings.

    One step: leapfrog Verlet, or the Langevin middle scheme (Zhang et al., J. Phys. Chem. A 123, 6056, 2019). Several
    substeps: reversible multiple time stepping (Tuckerman, Berne and Martyna, J. Chem. Phys. 97, 1990, 1992), with
    Langevin dynamics in the BAOAB-RESPA scheme (Lagardere, Aviat and Piquemal, J. Phys. Chem. Lett. 10, 2593, 2019).

    Args:
        settings: ensemble, step, temperature, seed.
        groups: force groups of the system; those beside the environment's are evaluated once in a step.
    """
    step_ps = settings.timestep_fs / 1000.0
    outer = sorted({FORCE_GROUP, *groups} - {0})
    frequencies = [(0, settings.substeps), *((group, 1) for group in outer)]
    if settings.ensemble == "nve":
        return openmm.VerletIntegrator(step_ps) if settings.substeps == 1 else MTSIntegrator(step_ps, frequencies)
    thermostat = settings.temperature_K, settings.friction_per_ps
    if settings.substeps == 1:
        integrator = openmm.LangevinMiddleIntegrator(*thermostat, step_ps)
    else:
        integrator = MTSLangevinIntegrator(*thermostat, step_ps, frequencies)
    seed_integrator(integrator, settings)
    return integrator


def make_barostat(settings: EngineSettings) -> openmm.MonteCarloBarostat:
    """Isotropic Monte Carlo barostat (Chow and Ferguson, Comput. Phys. Commun. 91, 283, 1995)."""
    barostat = openmm.MonteCarloBarostat(settings.pressure_bar, settings.temperature_K, BAROSTAT_EVERY)
    seed_barostat(barostat, settings)
    return barostat


def seed_integrator(integrator: openmm.Integrator, settings: EngineSettings) -> None:
    """Make the thermostat's noise that of the settings' seed, from the next initialisation of its context on."""
    if isinstance(integrator, openmm.LangevinMiddleIntegrator | openmm.CustomIntegrator):  # the others have no noise
        integrator.setRandomNumberSeed(_seeds(settings.seed)[1])


def seed_barostat(barostat: openmm.MonteCarloBarostat, settings: EngineSettings) -> None:
    """Make the barostat's trials those of the settings' seed, from the next initialisation of its context on."""
    barostat.setRandomNumberSeed(_seeds(settings.seed)[2])


def velocity_seed(settings: EngineSettings) -> int:
    """Seed of velocities drawn at random."""
    return _seeds(settings.seed)[0]


def _seeds(seed: int) -> tuple[int, int, int]:
    """Independent seeds of velocities, thermostat and barostat; OpenMM takes 0 for "any", so it does not occur."""
    drawn = np.random.SeedSequence(seed).generate_state(3) % (2**31 - 1) + 1
    return tuple(drawn.tolist())
