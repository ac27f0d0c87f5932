"""Dynamics: energy conservation and its order, momentum, reversibility, units of time, thermal distributions."""

import ase.units
import numpy as np
import openmm
import pytest
import torch
from openmm import app
from scipy.stats import kstest

from ai2bmd.assembly import corrected_system
from ai2bmd.correction import CorrectionResult
from ai2bmd.engine import Engine
from ai2bmd.integrators import EngineSettings
from ai2bmd.minimisation import minimise
from potentials.model_file import save_model

CPU = torch.device("cpu")
SPRING = 2.0  # eV/A^2
PARTICLES = 200
MASS = 12.011
EV_PER_AMU_A2_PS2 = ase.units._amu * 1e4 / ase.units._e  # amu (A/ps)^2 in eV


class Wells:
    """Every particle in a harmonic well at its own place, as a correction."""

    def __init__(self, centres):
        self.centres = centres

    def evaluate(self, positions):
        offset = positions - self.centres
        return CorrectionResult(0.5 * SPRING * np.sum(offset**2), -SPRING * offset, np.zeros(1))


@pytest.fixture
def wells():
    """Engine of carbon atoms that only the correction acts on."""

    def build(settings, *, displacement=0.0):
        topology, system = app.Topology(), openmm.System()
        chain = topology.addChain()
        for _ in range(PARTICLES):
            topology.addAtom("C", app.element.carbon, topology.addResidue("C", chain))
            system.addParticle(MASS)
        centres = np.random.default_rng(0).uniform(0, 20, (PARTICLES, 3))
        particles = np.arange(PARTICLES)
        start = centres + np.array([displacement, 0, 0])
        return centres, Engine(
            topology, start, system, correction=Wells(centres), protein=particles, settings=settings, device=CPU
        )

    return build


@pytest.fixture
def protein(chignolin, small_model, tmp_path):
    """Engine of chignolin in vacuum with a small random model, minimised and heated."""
    save_model(tmp_path / "small.safetensors", small_model.model, small_model.card)

    def build(settings):
        topology, positions = chignolin
        built = corrected_system(
            topology, solvent="gas", coupling="units", model=tmp_path / "small.safetensors", device=CPU
        )
        return Engine(
            topology,
            positions,
            built.system,
            correction=built.correction,
            protein=built.protein,
            settings=settings,
            device=CPU,
        )

    return build


def heat(engine, protein, *, steps):
    """Minimise, and bring to 300 K by strongly damped Langevin dynamics."""
    hot = protein(EngineSettings(friction_per_ps=20.0))
    minimise(hot, steps=200, corrected_steps=5)
    hot.draw_velocities()
    hot.step(steps)
    engine.restore(hot.snapshot())


def run_energies(engine, start, *, steps):
    """Total energy after every step from a given start."""
    engine.set_positions(start.positions_A)
    engine.set_velocities(start.velocities_A_per_ps)
    energies = []
    for _ in range(steps):
        engine.step(1)
        state = engine.state()
        energies.append(state.potential_energy + state.kinetic_energy)
    return np.array(energies)


def test_energy_error_falls_with_the_square_of_the_step(protein):
    engine = protein(EngineSettings(ensemble="nve", timestep_fs=0.25))
    heat(engine, protein, steps=100)
    start = engine.state()
    errors = []
    for timestep_fs in (0.25, 0.5, 1.0):
        engine = protein(EngineSettings(ensemble="nve", timestep_fs=timestep_fs))
        errors.append(run_energies(engine, start, steps=round(50 / timestep_fs)).std())
    order = np.polyfit(np.log([0.25, 0.5, 1.0]), np.log(errors), 1)[0]
    assert order == pytest.approx(2.0, abs=0.35)
    assert errors[1] < 0.02  # eV, of a molecule with 6 eV of kinetic energy


def test_momentum_is_conserved_and_time_can_be_turned(protein):
    engine = protein(EngineSettings(ensemble="nve", timestep_fs=0.5))
    heat(engine, protein, steps=20)
    masses = np.array([atom.element.mass._value for atom in engine.topology.atoms()])
    before = engine.state()
    engine.step(40)
    after = engine.state()
    momentum = [masses @ state.velocities_A_per_ps for state in (before, after)]
    scale = (masses[:, None] * np.abs(after.velocities_A_per_ps)).sum()
    assert np.abs(momentum[1] - momentum[0]).max() < 1e-5 * scale
    # leapfrog: turned velocities half a step later are where they came from
    engine.set_velocities(-(after.velocities_A_per_ps + acceleration(after, masses) * 0.5e-3))
    engine.step(40)
    assert np.abs(engine.state().positions_A - before.positions_A).max() < 5e-3
    assert np.abs(after.positions_A - before.positions_A).max() > 0.05


def acceleration(state, masses):
    """A/ps^2."""
    return state.forces_eV_per_A / (masses[:, None] * EV_PER_AMU_A2_PS2)


def test_period_of_an_oscillator_in_femtoseconds(wells):
    """Units of length, energy, mass and time at once: T = 2 pi sqrt(m / k)."""
    period_fs = 2 * np.pi * np.sqrt(MASS / SPRING) / ase.units.fs
    centres, engine = wells(EngineSettings(ensemble="nve", timestep_fs=period_fs / 400), displacement=0.1)
    engine.step(100)
    assert np.abs(engine.state().positions_A - centres).max() < 1e-3  # a quarter of a period: through the middle
    engine.step(300)
    np.testing.assert_allclose(engine.state().positions_A - centres, [[0.1, 0, 0]] * PARTICLES, atol=1e-3)
    assert engine.state().time_ps == pytest.approx(period_fs / 1000)


def test_langevin_positions_and_velocities_are_thermal(wells):
    temperature_K = 320.0
    settings = EngineSettings(temperature_K=temperature_K, friction_per_ps=50.0, timestep_fs=2.0, seed=5)
    centres, engine = wells(settings)
    engine.draw_velocities()
    engine.step(500)
    offsets, velocities = [], []
    for _ in range(20):
        engine.step(50)
        state = engine.state()
        offsets.append(state.positions_A - centres)
        velocities.append(state.velocities_A_per_ps)
    thermal = ase.units.kB * temperature_K
    width = np.sqrt(thermal / SPRING)
    speed = np.sqrt(thermal / (MASS * EV_PER_AMU_A2_PS2))
    assert np.var(offsets) == pytest.approx(width**2, rel=0.05)
    assert np.var(velocities) == pytest.approx(speed**2, rel=0.05)
    assert kstest(np.ravel(offsets[-1]) / width, "norm").pvalue > 1e-3
    assert kstest(np.ravel(velocities[-1]) / speed, "norm").pvalue > 1e-3
    # negative control: 10 % off in temperature is seen
    assert not np.isclose(np.var(offsets), 1.1 * width**2, rtol=0.05)


def test_heating_reaches_the_temperature(protein):
    engine = protein(EngineSettings(temperature_K=300.0))
    heat(engine, protein, steps=150)
    assert 220 < engine.state().temperature_K < 380
