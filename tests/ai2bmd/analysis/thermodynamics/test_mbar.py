"""Ensembles put together: against exact integrals, and against pymbar's own errors."""

import numpy as np
import pymbar
import pytest

from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.analysis.thermodynamics.ensemble_estimates import ensemble_mean
from ai2bmd.analysis.thermodynamics.mbar import solve, thin
from ai2bmd.analysis.thermodynamics.temperatures import join_temperatures
from ai2bmd.analysis.thermodynamics.umbrella import Windows, read_windows, umbrella_sampling
from ai2bmd.errors import InputError

TEMPERATURE_K = 300.0
KT = thermal_energy(TEMPERATURE_K)


def double_well(x: np.ndarray) -> np.ndarray:
    """kcal/mol: a barrier of 4 between minima at -1 and 1 that differ."""
    return 4.0 * (x**2 - 1.0) ** 2 + 0.4 * x


def draw(energy: np.ndarray, grid: np.ndarray, frames: int, kT: float, generator: np.random.Generator) -> np.ndarray:
    """Samples of exp(-energy/kT) on a fine grid, spread over its cells."""
    weights = np.exp(-(energy - energy.min()) / kT)
    chosen = generator.choice(len(grid), size=frames, p=weights / weights.sum())
    return grid[chosen] + (grid[1] - grid[0]) * (generator.random(frames) - 0.5)


GRID = np.linspace(-2.2, 2.2, 4401)
CENTRES = np.linspace(-1.6, 1.6, 9)
WINDOWS = Windows(CENTRES[:, None], np.full((9, 1), 15.0), ("x",), (None,))


def umbrella_runs(generator: np.random.Generator, frames: int = 300) -> list[list[np.ndarray]]:
    return [[draw(double_well(GRID) + 7.5 * (GRID - centre) ** 2, GRID, frames, KT, generator)] for centre in CENTRES]


def test_free_energies_of_harmonic_windows_are_the_exact_integrals():
    """Windows on a harmonic potential: f_k - f_0 in closed form; errors cover in 100 repeats."""
    generator, inside = np.random.default_rng(1), 0
    stiffness, centres = np.array([0.0, 2.0, 4.0, 4.0]), np.array([0.0, 0.5, 1.0, -1.5])
    windows = Windows(centres[:, None], stiffness[:, None], ("x",), (None,))
    whole = 3.0 + stiffness  # kcal/mol/A^2, potential and bias
    middle = stiffness * centres / whole
    least = 0.5 * 3.0 * middle**2 + 0.5 * stiffness * (middle - centres) ** 2
    exact = least / KT + 0.5 * np.log(whole / whole[0])
    for _ in range(100):
        runs = [[m + np.sqrt(KT / k) * generator.standard_normal(150)] for m, k in zip(middle, whole, strict=True)]
        mbar = umbrella_sampling(runs, windows, TEMPERATURE_K).mbar
        inside += np.abs(mbar.reduced_free_energies - exact)[1:] < 1.96 * mbar.errors[1:]
    assert (inside >= 88).all(), inside


def test_the_unbiased_profile_of_umbrella_windows_covers_the_known_potential():
    generator, away, repeats = np.random.default_rng(2), [], 20
    for _ in range(repeats):
        found = umbrella_sampling(umbrella_runs(generator), WINDOWS, TEMPERATURE_K).free_energy(bins=30)
        edges = found.axes[0].edges
        boltzmann = np.exp(-double_well(GRID) / KT)
        share, _ = np.histogram(GRID, edges, weights=boltzmann)
        exact = -KT * np.log(share / boltzmann.sum() / np.diff(edges))
        away.append(((found.absolute_kcal_mol - exact) / found.error_kcal_mol)[found.known])
        assert found.known.sum() > 20
    inside = (np.abs(np.concatenate(away)) < 1.96).mean()
    assert 0.88 <= inside <= 0.99


@pytest.mark.filterwarnings("ignore:Unknown solver options")  # pymbar's, to scipy
def test_errors_are_those_of_pymbar():
    generator = np.random.default_rng(3)
    runs = umbrella_runs(generator, 80)
    found = umbrella_sampling(runs, WINDOWS, TEMPERATURE_K).mbar
    kept = found.keep([run[0] for run in runs])
    reduced = WINDOWS.energies_kcal_mol(kept[:, None]) / KT
    theirs = pymbar.MBAR(reduced, found.samples)
    differences = theirs.compute_free_energy_differences()
    np.testing.assert_allclose(found.reduced_free_energies, differences["Delta_f"][0], atol=1e-5)
    np.testing.assert_allclose(found.errors, differences["dDelta_f"][0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.overlap, theirs.compute_overlap()["matrix"], atol=1e-5)
    mean = ensemble_mean(found, kept**2, np.zeros(len(kept)), what="unbiased")
    expected = theirs.compute_expectations(kept**2, u_kn=np.zeros(len(kept)))
    assert mean.value == pytest.approx(expected["mu"][0], rel=1e-5)
    assert mean.error == pytest.approx(expected["sigma"][0], rel=1e-3)


def test_correlated_frames_are_thinned():
    generator, values = np.random.default_rng(4), np.zeros(6000)
    for frame in range(1, 6000):
        values[frame] = 0.9 * values[frame - 1] + generator.standard_normal()
    thinned = thin([[values[:4000], values[4000:]]])
    assert thinned.inefficiency == pytest.approx(19.0, rel=0.25)
    assert len(thinned.kept) == pytest.approx(6000 / thinned.inefficiency, abs=2)
    assert 4000 in thinned.kept  # a run starts anew
    assert len(thin([[values]], least=50.0).kept) == 120


def test_windows_that_do_not_overlap_are_refused_by_name():
    generator = np.random.default_rng(5)
    centres = np.array([0.0, 0.3, 8.0, 8.3])
    windows = Windows(centres[:, None], np.full((4, 1), 20.0), ("x",), (None,))
    runs = [[centre + np.sqrt(KT / 20.0) * generator.standard_normal(400)] for centre in centres]
    with pytest.raises(InputError, match=r"2 groups that do not overlap \(window 0, window 1; window 2, window 3"):
        umbrella_sampling(runs, windows, TEMPERATURE_K)


def test_windows_that_hardly_overlap_are_named():
    generator = np.random.default_rng(6)
    centres = np.array([0.0, 0.82])
    windows = Windows(centres[:, None], np.full((2, 1), 20.0), ("x",), (None,))
    runs = [[centre + np.sqrt(KT / 20.0) * generator.standard_normal(3000)] for centre in centres]
    found = umbrella_sampling(runs, windows, TEMPERATURE_K).mbar
    assert found.warnings
    assert "not to be trusted" in found.warnings[0]
    assert not umbrella_sampling(umbrella_runs(generator), WINDOWS, TEMPERATURE_K).mbar.warnings


def test_harmonic_oscillators_at_several_temperatures():
    """Mean energy 3/2 kT of three oscillators, heat capacity 3/2 R, at temperatures simulated and between them."""
    generator, temperatures_K = np.random.default_rng(7), (280.0, 310.0, 345.0, 380.0)
    energy_inside = capacity_inside = 0
    for _ in range(100):
        energies = [[thermal_energy(t) * generator.gamma(1.5, size=250)] for t in temperatures_K]
        ensembles = join_temperatures(energies, temperatures_K)
        absolute = [own[0] for own in energies]
        mean = ensembles.mean(absolute, 330.0, unit="kcal/mol")
        energy_inside += mean.interval()[0] < 1.5 * thermal_energy(330.0) < mean.interval()[1]
        capacity = ensembles.heat_capacity(330.0, degrees_of_freedom=3)
        capacity_inside += capacity.interval()[0] < 3.0 * GAS_CONSTANT_KCAL < capacity.interval()[1]
    assert energy_inside >= 88
    assert capacity_inside >= 88
    values, covariance = ensembles.means(absolute, (300.0, 330.0))
    assert values[1] == pytest.approx(mean.value)
    assert covariance[1, 1] == pytest.approx(mean.error**2)
    assert 0.0 < covariance[0, 1] < np.sqrt(covariance[0, 0] * covariance[1, 1])
    with pytest.raises(InputError, match=r"3 K: only .* belong to it"):
        ensembles.mean(absolute, 3.0)


def test_too_few_frames_and_wrong_numbers_are_refused():
    with pytest.raises(InputError, match="two temperatures or more"):
        join_temperatures([[np.zeros(3)]], (300.0,))
    drift = np.linspace(0.0, 1.0, 400)
    with pytest.raises(InputError, match=r"310 K: its 400 frames hold .* independent ones"):
        join_temperatures([[np.random.default_rng(0).standard_normal(400)], [drift]], (300.0, 310.0))
    with pytest.raises(InputError, match="expected runs of each of the 9 windows"):
        umbrella_sampling([[np.zeros(3)]], WINDOWS, TEMPERATURE_K)
    with pytest.raises(InputError, match="not finite"):
        solve([np.full((1, 20), np.nan)], [thin([[np.random.default_rng(0).standard_normal(20)]])], names=["one"])


def test_a_table_of_windows_is_read(tmp_path):
    table = tmp_path / "windows.csv"
    table.write_text("file,phi_centre,phi_stiffness\na.csv,-170,0.02\nb.csv,170,0.02\n")
    windows, files = read_windows(table, periods={"phi": 360.0})
    assert files == ("a.csv", "b.csv")
    np.testing.assert_allclose(windows.energies_kcal_mol(np.array([[175.0]])), [[0.01 * 225.0], [0.01 * 25.0]])
    table.write_text("file,phi_centre\na.csv,3\n")
    with pytest.raises(InputError, match="missing: phi_stiffness"):
        read_windows(table)
    table.write_text("file,phi_centre,phi_stiffness\na.csv,3,soft\n")
    with pytest.raises(InputError, match="no number"):
        read_windows(table)
    with pytest.raises(InputError, match="cannot be read"):
        read_windows(tmp_path / "absent.csv")
