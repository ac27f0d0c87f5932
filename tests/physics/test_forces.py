"""The forces of the combined energy are its exact gradient, caps included, and obey Newton's third law."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from ai2bmd.environment import ForceFieldEnergy, build_environment
from fragmentation.caps import PlanTensors, expand


def five_point_slope(energy, positions, direction, *, step):
    """Derivative along a direction to fourth order in the step, but for pairs that cross the cutoff in it."""
    values = [energy(positions + factor * step * direction) for factor in (-2, -1, 1, 2)]
    return np.dot(values, (1, -8, 8, -1)) / (12 * step)


def total_energy(topology, correction):
    """E = E_env + C and its forces."""
    environment = ForceFieldEnergy(build_environment(topology, solvent="gas"))

    def evaluate(positions):
        energy, forces = environment(positions)
        result = correction.evaluate(positions)
        return energy + result.energy, forces + result.forces

    return evaluate


def test_finite_differences(corrected):
    topology, positions, correction = corrected
    evaluate = total_energy(topology, correction)
    _, forces = evaluate(positions)
    generator = np.random.default_rng(2)
    for _ in range(3):
        direction = generator.normal(size=positions.shape)
        slope = five_point_slope(lambda at: evaluate(at)[0], positions, direction, step=1e-4)
        assert -np.vdot(forces, direction) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("corrected", ["units"], indirect=True)
def test_finite_differences_at_the_atoms_of_a_cut(corrected):
    """Atom by atom where a cap's force flows back, where an error would drown in a sum over all atoms."""
    _, positions, correction = corrected
    plan = correction.plan
    caps = np.flatnonzero(plan.toward >= 0)[:3]
    forces = correction.evaluate(positions).forces
    for atom in {int(atom) for cap in caps for atom in (plan.source[cap], plan.toward[cap])}:
        direction = np.zeros_like(positions)
        direction[atom] = (0.6, 0.0, 0.8)
        slope = five_point_slope(lambda at: correction.evaluate(at).energy, positions, direction, step=1e-3)
        assert -forces[atom] @ direction[atom] == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_net_force_and_torque_vanish(corrected):
    topology, positions, correction = corrected
    _, forces = total_energy(topology, correction)(positions)
    centred = positions - positions.mean(axis=0)
    assert np.abs(forces).max() > 0.5
    assert np.abs(forces.sum(axis=0)).max() < 1e-8
    assert np.abs(np.cross(centred, forces).sum(axis=0)).max() < 1e-8


@pytest.mark.parametrize("corrected", ["units"], indirect=True)
def test_a_force_dropped_from_the_caps_is_noticed(corrected):
    """Negative control: forces on the caps that end on the kept atom alone, as in rigid caps, leave a torque."""
    _, positions, correction = corrected
    plan = correction.plan
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), torch.from_numpy(positions))
    _, gradients = correction._potential(expanded)
    signed = gradients.numpy() * plan.coefficients[plan.fragment_index][:, None]
    forces = np.zeros_like(positions)
    np.add.at(forces, plan.source, -signed)
    torque = np.cross(positions - positions.mean(axis=0), forces).sum(axis=0)
    assert np.abs(torque).max() > 1e-3


def test_rotation_and_translation(corrected):
    _, positions, correction = corrected
    result = correction.evaluate(positions)
    rotation = Rotation.from_euler("xyz", [0.4, -1.2, 2.0]).as_matrix()
    moved = correction.evaluate(positions @ rotation.T + [3.0, -20.0, 7.0])
    assert moved.energy == pytest.approx(result.energy, rel=1e-10)
    np.testing.assert_allclose(moved.forces, result.forces @ rotation.T, atol=1e-9)


def test_the_input_is_left_as_it_is(corrected):
    _, positions, correction = corrected
    before = positions.copy()
    correction.evaluate(positions)
    np.testing.assert_array_equal(positions, before)
