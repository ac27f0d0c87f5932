"""The engine: split of energies, checkpoints, seeds, settings."""

import dataclasses

import numpy as np
import openmm
import pytest
import torch

from ai2bmd.assembly import corrected_system
from ai2bmd.engine import Engine
from ai2bmd.environment import ForceFieldEnergy, build_environment
from ai2bmd.errors import InputError
from ai2bmd.integrators import EngineSettings
from ai2bmd.minimisation import minimise
from ai2bmd.solvation import Solvation, solvate

CPU = torch.device("cpu")


@pytest.fixture
def engine(chignolin, random_model):
    """Builds engines of chignolin in GBn2."""

    def build(*, coupling="whole", **settings):
        topology, positions = chignolin
        built = corrected_system(topology, solvent="gbn2", coupling=coupling, model=random_model, device=CPU)
        return Engine(
            topology,
            positions,
            built.system,
            correction=built.correction,
            protein=built.protein,
            settings=EngineSettings(**settings),
            device=CPU,
        )

    return build


def test_energy_is_split_and_forces_are_of_the_sum(engine, chignolin, random_model):
    topology, positions = chignolin
    state = engine().state()
    environment, forces = ForceFieldEnergy(build_environment(topology, solvent="gbn2"))(positions)
    built = corrected_system(topology, solvent="gbn2", coupling="whole", model=random_model, device=CPU)
    correction = built.correction.evaluate(positions)
    assert state.energy_environment == pytest.approx(environment, abs=1e-3)
    assert state.energy_correction == pytest.approx(correction.energy, abs=1e-3)
    np.testing.assert_allclose(state.forces_eV_per_A, forces + correction.forces, atol=2e-3)


def test_coupling_off_is_the_force_field_alone(engine):
    state = engine(coupling="off").state()
    assert state.energy_correction == 0.0
    assert state.energy_environment == pytest.approx(engine().state().energy_environment, abs=1e-4)


def test_a_checkpoint_continues_bit_for_bit(engine):
    first = engine(timestep_fs=0.5)
    first.draw_velocities()
    first.step(3)
    checkpoint = first.save_checkpoint()
    first.step(5)
    second = engine(timestep_fs=0.5)
    second.load_checkpoint(checkpoint)
    assert second.state().step == 3
    second.step(5)
    for field in dataclasses.fields(first.state()):
        np.testing.assert_array_equal(getattr(first.state(), field.name), getattr(second.state(), field.name))


def test_looking_at_the_state_does_not_disturb(engine):
    runs = []
    for looks in (0, 3):
        run = engine(timestep_fs=0.5)
        run.draw_velocities()
        for _ in range(4):
            run.step(1)
            for _ in range(looks):
                run.state()
        runs.append(run.state().positions_A)
    np.testing.assert_array_equal(*runs)


def test_seeds_decide_the_noise(engine):
    ends = []
    for seed in (0, 0, 1):
        run = engine(seed=seed, coupling="off")
        run.draw_velocities()
        run.step(5)
        ends.append(run.state().positions_A)
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.abs(ends[0] - ends[2]).max() > 1e-3


def test_minimisation_lowers_the_energy(engine):
    run = engine()
    before = run.state()
    minimise(run, steps=50, corrected_steps=5)
    after = run.state()
    assert after.potential_energy < before.potential_energy - 0.1
    assert np.isfinite(after.positions_A).all()


@pytest.mark.parametrize("damage", ["cut off", "other integrator"])
def test_checkpoint_that_does_not_fit(damage, engine):
    checkpoint = engine(coupling="off", ensemble="nve" if damage == "other integrator" else "nvt").save_checkpoint()
    if damage == "cut off":
        checkpoint = checkpoint[: len(checkpoint) // 2]
    with pytest.raises(InputError, match="the checkpoint is cut off or of another system, integrator"):
        engine(coupling="off").load_checkpoint(checkpoint)


@pytest.fixture
def water_engine(chignolin):
    """Builds engines of chignolin in a small box of water, without correction."""
    topology, positions = chignolin

    def build(water, **settings):
        solvated = solvate(topology, positions, Solvation(water, padding_A=2.0, salt_M=0.0, box="cube"))
        system = build_environment(solvated.topology, solvent=water, constraints="h-bonds")
        return Engine(
            solvated.topology,
            solvated.positions_A,
            system,
            correction=None,
            protein=np.arange(topology.getNumAtoms()),
            settings=EngineSettings(timestep_fs=2.0, **settings),
            device=CPU,
        )

    return build


def _energy_gained(start, constant):
    """Part of the kinetic energy by which the total moves in 1 ps, from a start at 300 K."""
    minimise(start, steps=100)
    start.draw_velocities()
    start.step(200)
    constant.restore(start.snapshot())
    constant.step(20)
    energies = []
    for _ in range(10):
        constant.step(50)
        state = constant.state()
        energies.append(state.potential_energy + state.kinetic_energy)
    return np.ptp(energies) / state.kinetic_energy


def test_multiple_time_steps_keep_the_energy_of_water_with_three_sites(water_engine):
    start = water_engine("tip3p", friction_per_ps=10.0)
    assert _energy_gained(start, water_engine("tip3p", ensemble="nve", substeps=2)) < 0.005


def test_multiple_time_steps_are_refused_with_virtual_sites(water_engine, monkeypatch):
    with pytest.raises(InputError, match="substeps: expected 1 with virtual sites, got 2"):
        water_engine("opc", ensemble="nve", substeps=2)
    start = water_engine("opc", friction_per_ps=10.0)
    monkeypatch.setattr(openmm.System, "isVirtualSite", lambda system, particle: False)  # why it is refused
    assert _energy_gained(start, water_engine("opc", ensemble="nve", substeps=2)) > 0.03


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timestep_fs": 0.0}, "timestep_fs: expected a positive number, got 0.0"),
        ({"temperature_K": float("nan")}, "temperature_K: expected a positive number, got nan"),
        ({"friction_per_ps": -1.0}, "friction_per_ps: expected a positive number, got -1.0"),
        ({"ensemble": "npt"}, "constant pressure .npt. needs explicit water"),
        ({"ensemble": "nph"}, "ensemble: expected npt, nvt or nve, got 'nph'"),
        ({"substeps": 0}, "substeps: expected a whole number from 1, got 0"),
        ({"seed": -3}, "seed: expected a whole number from 0, got -3"),
    ],
)
def test_settings_without_meaning(settings, message, engine):
    with pytest.raises(InputError, match=message):
        engine(coupling="off", **settings)
