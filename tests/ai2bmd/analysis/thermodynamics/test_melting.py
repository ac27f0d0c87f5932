"""Folding and melting of two-state proteins whose melting temperature, enthalpy and heat capacity are known."""

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.analysis.thermodynamics.exchange_melting import melting_of_exchange
from ai2bmd.analysis.thermodynamics.exchange_run import ExchangeRun
from ai2bmd.analysis.thermodynamics.folding import (
    Stability,
    assign_folded,
    stability_of_ensembles,
    stability_of_runs,
    unfolding_free_energy,
)
from ai2bmd.analysis.thermodynamics.melting import fit_melting
from ai2bmd.analysis.thermodynamics.temperatures import join_temperatures
from ai2bmd.errors import InputError

MELTING_K, ENTHALPY, CHANGE = 335.0, 22.0, 0.45
TEMPERATURES_K = np.linspace(295.0, 375.0, 9)


def unfolding(temperature_K: np.ndarray, *, change: float = CHANGE) -> np.ndarray:
    """Free energy of unfolding, kcal/mol, by the Gibbs-Helmholtz equation."""
    ratio = temperature_K / MELTING_K
    return ENTHALPY * (1.0 - ratio) + change * (temperature_K - MELTING_K - temperature_K * np.log(ratio))


def folded_share(temperature_K: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-unfolding(temperature_K) / (GAS_CONSTANT_KCAL * temperature_K)))


def test_melting_of_a_known_protein_is_covered(two_state_chains):
    """100 proteins, nine temperatures, 2,000 frames of which every tenth or so is independent."""
    shares = np.broadcast_to(folded_share(TEMPERATURES_K), (100, len(TEMPERATURES_K)))
    chains = two_state_chains(shares, frames=2000, memory=0.8, generator=np.random.default_rng(1))
    inside, determined = np.zeros(3, int), 0
    for protein in chains:
        found = fit_melting(stability_of_runs([[chain] for chain in protein], TEMPERATURES_K.tolist()))
        estimates = (found.temperature, found.enthalpy, found.heat_capacity_change)
        for number, (estimate, truth) in enumerate(zip(estimates, (MELTING_K, ENTHALPY, CHANGE), strict=True)):
            inside[number] += estimate.interval()[0] < truth < estimate.interval()[1]
        determined += found.heat_capacity_determined
    assert (inside >= 88).all(), inside
    assert determined > 50


def test_a_wrong_enthalpy_would_not_be_covered(two_state_chains):
    chains = two_state_chains(folded_share(TEMPERATURES_K), frames=2000, memory=0.8, generator=np.random.default_rng(2))
    found = fit_melting(stability_of_runs([[chain] for chain in chains], TEMPERATURES_K.tolist()))
    assert not found.enthalpy.interval()[0] < 1.5 * ENTHALPY < found.enthalpy.interval()[1]


def test_exact_free_energies_give_exact_parameters():
    exact = Stability(TEMPERATURES_K, unfolding(TEMPERATURES_K), 0.01 * np.eye(9), 1000.0)
    found = fit_melting(exact)
    assert found.temperature.value == pytest.approx(MELTING_K, abs=1e-3)
    assert found.enthalpy.value == pytest.approx(ENTHALPY, abs=1e-3)
    assert found.heat_capacity_change.value == pytest.approx(CHANGE, abs=1e-5)
    assert found.reduced_chi2 == pytest.approx(0.0, abs=1e-9)
    values, errors = found.curve(np.array([300.0, MELTING_K]))
    assert values == pytest.approx([unfolding(np.array([300.0]))[0], 0.0], abs=1e-4)
    assert errors[1] == pytest.approx(found.temperature.error * ENTHALPY / MELTING_K, rel=1e-3)
    assert found.statement == ""


def test_a_narrow_range_does_not_determine_the_heat_capacity_and_says_so():
    temperatures_K = np.linspace(330.0, 340.0, 5)
    found = fit_melting(Stability(temperatures_K, unfolding(temperatures_K), 0.01 * np.eye(5), 1000.0))
    assert not found.heat_capacity_determined
    assert "does not determine the heat-capacity change" in found.statement
    assert found.heat_capacity_change.error > CHANGE
    few = fit_melting(Stability(temperatures_K[::2], unfolding(temperatures_K[::2]), 0.01 * np.eye(3), 1000.0))
    assert np.isnan(few.heat_capacity_change.value)
    assert "3 temperatures" in few.statement
    beyond = np.array([340.0, 345.0, 350.0])
    assert "extrapolated" in fit_melting(Stability(beyond, unfolding(beyond), 0.01 * np.eye(3), 1e3)).statement


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(InputError, match="does not go from positive to negative"):
        fit_melting(Stability(np.array([300.0, 310.0]), np.array([3.0, 4.0]), 0.01 * np.eye(2), 10.0))
    with pytest.raises(InputError, match="two are the least"):
        fit_melting(Stability(np.array([300.0]), np.array([3.0]), 0.01 * np.eye(1), 10.0))
    with pytest.raises(InputError, match="an error above 0"):
        fit_melting(Stability(np.array([300.0, 310.0]), np.array([1.0, -1.0]), np.zeros((2, 2)), 10.0))


def test_errors_of_the_free_energy_of_unfolding_cover(two_state_chains):
    chains = two_state_chains(np.full((100, 2), 0.7), frames=1500, memory=0.9, generator=np.random.default_rng(3))
    exact, inside = thermal_energy(300.0) * np.log(0.7 / 0.3), 0
    for runs in chains:
        low, high = unfolding_free_energy(list(runs), 300.0).interval()
        inside += low < exact < high
    assert 88 <= inside <= 99


def test_a_state_hardly_seen_gives_no_number():
    folded = np.ones(1000)
    folded[500:502] = 0.0
    with pytest.raises(InputError, match=r"the unfolded state has .* independent samples"):
        unfolding_free_energy([folded], 300.0)
    chain = (np.random.default_rng(4).random(1000) < 0.4).astype(float)
    found = stability_of_runs([[folded], [chain], [chain]], [300.0, 340.0, 350.0])
    assert found.temperatures_K.tolist() == [340.0, 350.0]
    assert "300 K" in found.left_out[0]
    with pytest.raises(InputError, match="no temperature with both states"):
        stability_of_runs([[folded]], [300.0])


def test_assignment_with_a_margin_counts_no_recrossing():
    rmsd = np.array([1.0, 2.9, 3.1, 2.9, 3.1, 4.5, 3.1, 2.9, 1.5])
    assert assign_folded([rmsd], 3.0, folded="below")[0].tolist() == [1, 1, 0, 1, 0, 0, 0, 1, 1]
    assert assign_folded([rmsd], 3.0, folded="below", margin=1.0)[0].tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 1]
    assert assign_folded([1.0 - rmsd / 5.0], 0.4, folded="above")[0].tolist() == [1, 1, 0, 1, 0, 0, 0, 1, 1]
    with pytest.raises(InputError, match="below or above"):
        assign_folded([rmsd], 3.0, folded="inside")  # pyright: ignore[reportArgumentType]


def test_ensembles_put_together_know_the_stability_of_a_two_state_model():
    """States with energies of normal distribution: 12 kcal/mol and 12/330 kcal/mol/K between them, no change of dCp."""
    generator, inside = np.random.default_rng(5), np.zeros(3, int)
    temperatures_K, gap, melting_K = np.linspace(300.0, 360.0, 7), 12.0, 330.0
    exact = gap * (1.0 - temperatures_K / melting_K)
    for _ in range(60):
        energies, folded = [], []
        for temperature_K, difference in zip(temperatures_K, exact, strict=True):
            kT = thermal_energy(temperature_K)
            state = (generator.random(400) < 1.0 / (1.0 + np.exp(-difference / kT))).astype(float)
            bath = kT * generator.gamma(20.0, size=400)
            energies.append([bath + gap * (1.0 - state)])
            folded.append(state)
        ensembles = join_temperatures(energies, temperatures_K.tolist())
        stability = stability_of_ensembles(ensembles, folded)
        away = np.abs(stability.unfolding_kcal_mol - exact)[[1, 3, 5]]
        inside += away < 1.96 * stability.errors_kcal_mol[[1, 3, 5]]
        found = fit_melting(stability)
        assert abs(found.temperature.value - melting_K) < 4.5 * found.temperature.error
        assert abs(found.enthalpy.value - gap) < 4.5 * found.enthalpy.error
    assert (inside >= 51).all(), inside


def test_melting_of_replica_exchange_in_one_line():
    """Two states as above, at each temperature; three replicas of frames that swap at random."""
    generator, temperatures_K, gap, melting_K = np.random.default_rng(6), (315.0, 330.0, 345.0), 14.0, 330.0
    energies, values = [], []
    for temperature_K in temperatures_K:
        kT = thermal_energy(temperature_K)
        share = 1.0 / (1.0 + np.exp(-gap * (1.0 - temperature_K / melting_K) / kT))
        state = (generator.random(2000) < share).astype(float)
        energies.append(kT * generator.gamma(10.0, size=2000) + gap * (1.0 - state))
        values.append(np.where(state == 1.0, 1.0, 5.0) + generator.normal(scale=0.3, size=2000))
    replica = np.array([generator.permutation(3) for _ in range(2000)]).T
    run = ExchangeRun(temperatures_K, np.array(energies), replica, {"rmsd_A": np.array(values)})
    found = melting_of_exchange([run], "rmsd_A", 3.0, folded="below")
    assert abs(found.temperature.value - melting_K) < 4.0 * found.temperature.error < 8.0
    assert abs(found.enthalpy.value - gap) < 4.0 * found.enthalpy.error < 4.0
    twice = melting_of_exchange([run, run.from_frame(1000)], "rmsd_A", 3.0, folded="below")
    assert twice.temperature.error < found.temperature.error
    with pytest.raises(InputError, match=r"looked at \(rmsd_A\), got 'q'"):
        melting_of_exchange([run], "q", 0.5, folded="above")
    with pytest.raises(InputError, match="does not go from positive to negative"):
        melting_of_exchange([run], "rmsd_A", 3.0, folded="above")
