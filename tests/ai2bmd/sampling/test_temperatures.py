"""Replica exchange and simulated tempering of a molecule whose mean energy at each temperature is known."""

import numpy as np
import pytest

from ai2bmd.sampling.replica_exchange import ReplicaExchangeSampler
from ai2bmd.sampling.settings import ReplicaExchange, SimulatedTempering
from ai2bmd.sampling.temperatures import GAS_CONSTANT_KJ
from ai2bmd.sampling.tempering import TemperingSampler

TEMPERATURES_K = (300.0, 450.0, 675.0)
KELVIN = [f"{temperature_K} K" for temperature_K in TEMPERATURES_K]
EV_PER_KJ = 1.0 / 96.48533212331002
FAST = {"friction_per_ps": 40.0}


@pytest.fixture
def known(torsion_kJ):
    """Mean energy (kJ/mol) and logarithm of the configurational integral at each temperature.

    Three bonds and two angles are springs, each with kT/2; the torsion is integrated.
    """
    potential = torsion_kJ(np.linspace(-180.0, 180.0, 2000, endpoint=False))
    means, logarithms = [], []
    for temperature_K in TEMPERATURES_K:
        kT = GAS_CONSTANT_KJ * temperature_K
        weights = np.exp(-potential / kT)
        means.append(2.5 * kT + float((potential * weights).sum() / weights.sum()))
        logarithms.append(2.5 * np.log(kT) + float(np.log(weights.mean())))
    return np.array(means), np.array(logarithms)


def exchange_of(**more) -> ReplicaExchangeSampler:
    values = {"method": "replica-exchange", "temperatures": KELVIN, "every": 10}
    return ReplicaExchangeSampler(ReplicaExchange.model_validate(values | more), (), seed=5)


def tempering_of(**more) -> TemperingSampler:
    values = {"method": "simulated-tempering", "temperatures": KELVIN, "every": 10}
    return TemperingSampler(SimulatedTempering.model_validate(values | more), (), seed=5)


def test_replicas_have_the_mean_energy_of_their_temperatures(torsion_engine, known):
    sampler = exchange_of()
    torsion_engine(sampler, **FAST).step(7_000)
    rows = np.array(sampler.take_exchanges())
    indices, energies_kJ = rows[:, 2:5].astype(int), rows[:, 5:8] / EV_PER_KJ
    before = np.vstack([[0, 1, 2], indices[:-1]])  # energies were taken before the exchange of the same row
    means = np.array([energies_kJ[before == index].mean() for index in range(3)])
    assert means == pytest.approx(known[0], rel=0.12)
    assert energies_kJ.mean(0) != pytest.approx(known[0], rel=0.12)  # by replica, not by temperature
    for replica in range(3):
        assert set(indices[:, replica]) == {0, 1, 2}
    assert all(sorted(row) == [0, 1, 2] for row in indices.tolist())
    attempted, accepted = rows[:, 8:10].sum(0), rows[:, 10:12].sum(0)
    assert (attempted > 500).all()
    assert (accepted / attempted > 0.3).all()
    assert (accepted / attempted < 0.95).all()


def test_tempering_with_the_right_weights_is_as_often_at_each_temperature(torsion_engine, known):
    sampler = tempering_of(weights=(-known[1]).tolist())
    engine = torsion_engine(sampler, **FAST)
    indices, energies_kJ = [], []
    for _ in range(2_000):
        engine.step(10)
        state = engine.state()
        indices.append(sampler.rows(state)[0][0])
        energies_kJ.append(state.potential_energy / EV_PER_KJ)
    shares = np.bincount(indices, minlength=3) / len(indices)
    assert shares == pytest.approx([1 / 3] * 3, abs=0.1)
    means = [np.mean(np.array(energies_kJ)[np.array(indices) == index]) for index in range(3)]
    assert means == pytest.approx(known[0], rel=0.12)


def test_tempering_with_wrong_weights_is_not(torsion_engine, known):
    sampler = tempering_of(weights=(-known[1] + [3.0, 0.0, 0.0]).tolist())
    engine = torsion_engine(sampler, **FAST)
    indices = [engine.step(10) or sampler.rows(engine.state())[0][0] for _ in range(300)]
    assert np.bincount(indices, minlength=3)[0] > 0.7 * len(indices)


def test_tempering_finds_weights_itself(torsion_engine):
    sampler = tempering_of()
    engine = torsion_engine(sampler, **FAST)
    indices = [engine.step(10) or sampler.rows(engine.state())[0][0] for _ in range(300)]
    assert set(indices) == {0, 1, 2}


@pytest.mark.parametrize("make", [exchange_of, tempering_of], ids=["replica exchange", "tempering"])
@pytest.mark.parametrize("substeps", [1, 2], ids=["plain", "multiple time steps"])
def test_what_it_remembers_comes_back_bit_for_bit(torsion_engine, make, substeps):
    engine = torsion_engine(make(), substeps=substeps)
    engine.step(33)
    checkpoint = engine.save_checkpoint()
    engine.renew(checkpoint)
    engine.step(60)
    expected = engine.save_checkpoint()
    again = torsion_engine(make(), substeps=substeps)
    again.step(25)  # which it has to forget
    again.load_checkpoint(checkpoint)
    again.renew(checkpoint)
    again.step(60)
    assert again.save_checkpoint() == expected


@pytest.mark.parametrize("substeps", [1, 2], ids=["plain", "multiple time steps"])
def test_kinetic_energies_follow_the_temperatures(torsion_engine, substeps):
    sampler = exchange_of(every=1000)
    engine = torsion_engine(sampler, substeps=substeps, **FAST)
    kinetic = np.zeros(3)
    for _ in range(150):
        engine.step(10)
        assert sampler.look(engine, lambda state: None) is None
        kinetic += [view.state.temperature_K for view in sampler.views()]
    assert kinetic / 150 == pytest.approx(TEMPERATURES_K, rel=0.15)


def test_the_engine_shows_the_lowest_temperature(torsion_engine):
    sampler = exchange_of()
    engine = torsion_engine(sampler)
    for _ in range(10):
        engine.step(10)
        state = engine.state()
        sampler.look(engine, lambda state: None)
        np.testing.assert_array_equal(sampler.views()[0].state.positions_A, state.positions_A)
        np.testing.assert_array_equal(engine.positions_A(), state.positions_A)


def test_what_is_wrong_with_a_replica_is_found_and_stays_in_sight(torsion_engine):
    sampler = exchange_of(every=1000)
    engine = torsion_engine(sampler)
    engine.step(10)
    assert sampler.look(engine, lambda state: None) is None
    good_A = sampler.views()[2].state.positions_A
    engine.step(10)
    count = iter([None, "too hot"])
    problem = sampler.look(engine, lambda state: next(count))
    assert problem == "(replica 2 at 675 K) too hot"
    np.testing.assert_array_equal(sampler.before_A, good_A)
    assert np.abs(engine.positions_A() - good_A).max() < 1.0
    assert np.abs(engine.positions_A() - sampler.views()[0].state.positions_A).max() > 0.0
