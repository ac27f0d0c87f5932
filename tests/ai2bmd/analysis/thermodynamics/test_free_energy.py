"""Free energy from frames: known potentials, errors that cover, bins that are left out, weights."""

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.free_energy import free_energy
from ai2bmd.errors import InputError

TEMPERATURE_K = 300.0
KT = thermal_energy(TEMPERATURE_K)
_MEMORY = 0.9


def correlated(frames: int, generator: np.random.Generator) -> np.ndarray:
    """A normal variable whose autocorrelation is 0.9^lag."""
    noise = generator.standard_normal(frames)
    values = np.empty(frames)
    values[0] = noise[0]
    for frame in range(1, frames):
        values[frame] = _MEMORY * values[frame - 1] + np.sqrt(1.0 - _MEMORY**2) * noise[frame]
    return values


def exact_normal(edges: np.ndarray) -> np.ndarray:
    """-kT ln of the mean density of a standard normal variable in each bin."""
    from scipy.stats import norm

    return -KT * np.log(np.diff(norm.cdf(edges)) / np.diff(edges))


def test_errors_cover_the_known_profile_of_correlated_frames():
    generator = np.random.default_rng(1)
    inside = {"bootstrap": 0, "blocks": 0}
    total = 0
    for _ in range(100):
        runs = [correlated(1500, generator) for _ in range(2)]
        found = free_energy(runs, TEMPERATURE_K, bins=13, ranges=[(-2.6, 2.6)])
        known = found.known
        away = np.abs(found.absolute_kcal_mol - exact_normal(found.axes[0].edges))[known]
        total += known.sum()
        inside["bootstrap"] += (away < 1.96 * found.error_kcal_mol[known]).sum()
        inside["blocks"] += (away < 1.96 * found.block_error_kcal_mol[known]).sum()
        assert (away < 5.0 * found.error_kcal_mol[known]).all()
    assert total > 1000
    for kind, number in inside.items():
        assert 0.88 <= number / total <= 0.98, kind


def test_treating_correlated_frames_as_independent_would_not_cover():
    generator = np.random.default_rng(2)
    inside = total = 0
    for _ in range(20):
        found = free_energy([correlated(3000, generator)], TEMPERATURE_K, bins=13, ranges=[(-2.6, 2.6)])
        share = np.exp(-found.absolute_kcal_mol / KT) * found.axes[0].widths
        naive = KT / np.sqrt(share * 3000.0)
        away = np.abs(found.absolute_kcal_mol - exact_normal(found.axes[0].edges))
        inside, total = inside + (away < 1.96 * naive)[found.known].sum(), total + found.known.sum()
    assert inside / total < 0.8


def test_a_periodic_profile_has_no_seam():
    generator = np.random.default_rng(3)
    angles = generator.vonmises(np.pi, 2.0, size=20_000)
    found = free_energy([np.degrees(angles)], TEMPERATURE_K, periods=[360.0], bins=36)
    shifted = free_energy([np.degrees(angles) + 720.0], TEMPERATURE_K, periods=[360.0], bins=36)
    centres = np.radians(found.axes[0].centres)
    exact = KT * 2.0 * (1.0 + np.cos(centres))  # -kT ln of exp(2 cos(x - pi)), lowest at +-pi
    away = found.energy_kcal_mol - exact
    away -= np.nanmean(away)
    assert np.nanmax(np.abs(away) / found.error_kcal_mol) < 4.5
    assert abs(found.energy_kcal_mol[0] - found.energy_kcal_mol[-1]) < 4.0 * found.error_kcal_mol[0]
    np.testing.assert_allclose(shifted.energy_kcal_mol, found.energy_kcal_mol, atol=1e-2)


def test_a_surface_is_the_sum_of_independent_profiles():
    generator = np.random.default_rng(4)
    samples = generator.standard_normal((40_000, 2)) * (1.0, 2.0)
    found = free_energy([samples], TEMPERATURE_K, bins=(12, 10), ranges=[(-2.0, 2.0), (-4.0, 4.0)])
    exact = (
        exact_normal(found.axes[0].edges)[:, None] + (exact_normal(found.axes[1].edges / 2.0) + KT * np.log(2.0))[None]
    )
    away = (found.absolute_kcal_mol - exact) / found.error_kcal_mol
    assert found.energy_kcal_mol.shape == (12, 10)
    assert found.known.all()
    assert (np.abs(away) < 1.96).mean() > 0.88
    assert np.abs(away).max() < 5.0


def test_weights_take_a_bias_back():
    generator = np.random.default_rng(5)
    samples = 0.7 + generator.standard_normal(20_000)  # a standard normal variable under the bias -0.7 kT x
    weights = np.exp(-0.7 * samples)
    found = free_energy([samples], TEMPERATURE_K, weights=[weights], bins=13, ranges=[(-2.6, 2.6)])
    away = (found.absolute_kcal_mol - exact_normal(found.axes[0].edges)) / found.error_kcal_mol
    assert found.known.all()
    assert np.abs(away).max() < 4.0
    biased = free_energy([samples], TEMPERATURE_K, bins=13, ranges=[(-2.6, 2.6)])
    assert np.nanmax(np.abs(biased.absolute_kcal_mol - exact_normal(biased.axes[0].edges))) > 0.5


def test_bins_without_enough_independent_samples_are_left_out():
    samples = np.random.default_rng(6).standard_normal(2000)
    found = free_energy([samples], TEMPERATURE_K, bins=20, ranges=[(-5.0, 5.0)])
    counts, _ = np.histogram(samples, found.axes[0].edges)
    assert not found.known[counts < 10].any()
    assert found.known[counts > 15].all()
    assert np.isnan(found.energy_kcal_mol[~found.known]).all()
    assert np.nanmin(found.energy_kcal_mol) == 0.0
    one_visit = np.concatenate([samples, np.full(200, 4.75)])  # 200 frames, but a single stay
    again = free_energy([one_visit], TEMPERATURE_K, bins=20, ranges=[(-5.0, 5.0)])
    assert not again.known[-1]


def test_few_independent_samples_and_wrong_shapes_are_refused():
    with pytest.raises(InputError, match=r"hold only .* independent samples.*simulate"):
        free_energy([np.linspace(0.0, 1.0, 500)], TEMPERATURE_K)
    with pytest.raises(InputError, match="expected one for each"):
        free_energy([np.zeros(5)], TEMPERATURE_K, weights=[np.ones(4)])
    with pytest.raises(InputError, match="1 or 2"):
        free_energy([np.zeros((5, 3))], TEMPERATURE_K)
    with pytest.raises(InputError, match="expected"):
        free_energy([], TEMPERATURE_K)
    with pytest.raises(InputError, match="not finite"):
        free_energy([np.array([0.0, np.nan, 1.0] * 20)], TEMPERATURE_K)
    with pytest.raises(InputError, match="positive temperature"):
        free_energy([np.random.default_rng(0).standard_normal(500)], -3.0)
