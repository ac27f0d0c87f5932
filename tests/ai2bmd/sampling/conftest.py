"""A molecule of one torsion, whose free energy is known, and an engine that samples it."""

from collections.abc import Callable

import numpy as np
import openmm
import pytest
import torch
from openmm import app

from ai2bmd.engine import Engine
from ai2bmd.integrators import EngineSettings
from ai2bmd.sampling.sampler import Sampler

BARRIER_KJ = 8.0


@pytest.fixture
def torsion_engine() -> Callable[..., Engine]:
    """`torsion_engine(sampler)`: four atoms; V(theta) = 8 kJ/mol (1 + cos(2 theta - 1)) + 3 kJ/mol (1 + cos theta)."""

    def build(sampler: Sampler | None, **settings) -> Engine:
        system, topology = openmm.System(), app.Topology()
        residue = topology.addResidue("XXX", topology.addChain())
        for number in range(4):
            system.addParticle(20.0)
            topology.addAtom(f"C{number}", app.element.carbon, residue)
        bonds, angles, torsions = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce()
        for first in range(3):
            bonds.addBond(first, first + 1, 0.15, 5e4)
        for first in range(2):
            angles.addAngle(first, first + 1, first + 2, 2.0, 500.0)
        torsions.addTorsion(0, 1, 2, 3, 2, 1.0, BARRIER_KJ)
        torsions.addTorsion(0, 1, 2, 3, 1, 0.0, 3.0)
        for force in (bonds, angles, torsions):
            system.addForce(force)
        positions_A = 1.5 * np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, -0.7, 0.7]])
        chosen = EngineSettings(**{"timestep_fs": 2.0, "friction_per_ps": 5.0, "seed": 7} | settings)
        engine = Engine(
            topology,
            positions_A,
            system,
            correction=None,
            protein=np.arange(4),
            settings=chosen,
            device=torch.device("cpu"),
            sampler=sampler,
        )
        engine.restart(engine.snapshot(), chosen)
        engine.draw_velocities()
        return engine

    return build


@pytest.fixture
def torsion_kJ() -> Callable[[np.ndarray], np.ndarray]:
    """The potential of the torsion by its angle in degrees."""

    def potential(angle_deg: np.ndarray) -> np.ndarray:
        theta = np.radians(angle_deg)
        return BARRIER_KJ * (1 + np.cos(2 * theta - 1.0)) + 3.0 * (1 + np.cos(theta))

    return potential
