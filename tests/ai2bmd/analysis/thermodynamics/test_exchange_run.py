"""Replica exchange of this program: what it left on disk, and its temperatures put together."""

from pathlib import Path

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import KCAL_PER_EV
from ai2bmd.analysis.thermodynamics.exchange_run import (
    ExchangeRun,
    join_exchange_runs,
    read_exchange_run,
    walk_inefficiency,
)
from ai2bmd.analysis.thermodynamics.metadynamics import read_metadynamics
from ai2bmd.errors import InputError
from ai2bmd.trajectory.reader import read_observables

SAMPLING = {
    "method": "replica-exchange",
    "temperatures": ["300 K", "330 K", "363 K"],
    "every": 10,
    "variables": [{"phi": "A 1"}],
}


def test_energies_are_those_of_the_trajectories_at_their_temperatures(tmp_path: Path, dipeptide_run):
    path = dipeptide_run(tmp_path / "run", time="300fs", save_every=10, sampling=SAMPLING)
    run = read_exchange_run(path)
    assert run.temperatures_K == (300.0, 330.0, 363.0)
    assert run.energies_kcal_mol.shape == run.variables["phi_A1_deg"].shape
    for number, file in enumerate(("trajectory", "trajectory-temperature-1", "trajectory-temperature-2")):
        stored = read_observables(path / f"{file}.h5")
        total = stored["energy_environment"] + stored["energy_correction"]
        np.testing.assert_allclose(run.energies_kcal_mol[number], total * KCAL_PER_EV, rtol=1e-6)
    assert (np.sort(run.replica, axis=0) == np.arange(3)[:, None]).all()
    assert len(set(run.replica[0])) > 1
    assert run.from_frame(10).energies_kcal_mol.shape[1] == run.energies_kcal_mol.shape[1] - 10
    with pytest.raises(InputError, match="no metadynamics"):
        read_metadynamics(path)
    with pytest.raises(InputError, match="not a run directory"):
        read_exchange_run(tmp_path)


def test_a_slow_structure_that_walks_through_temperatures_is_not_taken_for_many():
    """Replicas swap at every frame: at one temperature frames look independent, along replicas they are not."""
    generator, frames = np.random.default_rng(1), 4000
    slow = np.zeros((2, frames))
    for frame in range(1, frames):
        slow[:, frame] = 0.98 * slow[:, frame - 1] + generator.standard_normal(2)
    replica = np.array([generator.permutation(2) for _ in range(frames)]).T
    values = np.take_along_axis(slow, replica, axis=0)
    assert walk_inefficiency([values], [replica]) == pytest.approx(99.0, rel=0.4)
    energies = generator.normal(scale=2.0, size=(2, frames))
    run = ExchangeRun((300.0, 320.0), energies, replica, {"q": values})
    ensembles = join_exchange_runs([run])
    assert ensembles.mbar.samples.sum() < 0.03 * 2 * frames
    assert join_exchange_runs([ExchangeRun((300.0, 320.0), energies, replica, {})]).mbar.samples.sum() > frames
    with pytest.raises(InputError, match="the same temperatures"):
        join_exchange_runs([run, ExchangeRun((300.0, 321.0), energies, replica, {"q": values})])
    with pytest.raises(InputError, match="the same variables in each, got q and none"):
        join_exchange_runs([run, ExchangeRun((300.0, 320.0), energies, replica, {})])


def test_the_beginning_is_left_out_until_all_temperatures_are_at_rest():
    generator = np.random.default_rng(2)
    energies = generator.normal(size=(2, 1000))
    energies[1, :100] += 20.0 * np.exp(-np.arange(100) / 30.0)
    run = ExchangeRun((300.0, 320.0), energies, np.zeros((2, 1000), int), {"q": energies})
    kept = run.at_rest()
    assert 850 <= kept.energies_kcal_mol.shape[1] <= 980
    np.testing.assert_array_equal(kept.variables["q"], energies[:, -kept.energies_kcal_mol.shape[1] :])
