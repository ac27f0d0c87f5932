"""Correlation times, diffusion and spectra of processes whose answer is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ai2bmd.analysis.kinetics.correlation_times import correlation_function
from ai2bmd.analysis.kinetics.diffusion import diffusion, finite_size_correction
from ai2bmd.analysis.kinetics.power_spectrum import power_spectrum
from ai2bmd.analysis.kinetics.spectra import (
    KB_U_A2_PS2_K,
    infrared_from_charges,
    infrared_from_dipoles,
    vibrational_density,
)
from ai2bmd.analysis.kinetics.unwrapping import unwrapped
from ai2bmd.errors import InputError

TIME_PS = 20.0
CM_PER_PS = 0.0299792458
TEMPERATURE_K = 300.0


def decaying(frames: int, *, seed: int) -> np.ndarray:
    """x' = a x + noise: autocorrelation exp(-t / 20 ps) with frames 1 ps apart."""
    memory = np.exp(-1.0 / TIME_PS)
    noise = np.random.default_rng(seed).normal(size=frames)
    noise[0] /= np.sqrt(1.0 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)


def oscillator(wavenumber_cm1: float, *, frames: int, frame_fs: float, phase: float = 0.3) -> np.ndarray:
    """Velocity (A/ps) of 1 u with energy kT in one direction: positions (frames, 1, 3)."""
    speed = np.sqrt(2.0 * KB_U_A2_PS2_K * TEMPERATURE_K)
    angle = 2.0 * np.pi * CM_PER_PS * wavenumber_cm1 * np.arange(frames) * frame_fs / 1000.0
    velocity = np.zeros((frames, 1, 3))
    velocity[:, 0, 0] = speed * np.cos(angle + phase)
    return velocity


def test_correlation_time_covers_the_exact_one():
    """Of 200 correlation times, where blocks are short and errors rough."""
    found = [correlation_function([decaying(4_000, seed=seed)], frame_ps=1.0) for seed in range(100)]
    for times in ([one.time_ps for one in found], [one.integral_ps for one in found]):
        covered = sum(low <= TIME_PS <= high for low, high in (time.interval() for time in times))
        assert covered >= 90
        assert sum(abs(time.value - TIME_PS) <= time.error / 2.0 for time in times) < 60
    assert found[0].values[0] == 1.0
    assert found[0].time_ps.effective_samples == 25.0  # blocks; there are 100 relaxation times


def test_correlation_stays_within_runs_and_takes_vectors():
    runs = [decaying(2_000, seed=seed) for seed in range(10)]
    found = correlation_function(runs, frame_ps=1.0, longest_ps=60.0)
    products = [sum((run[: 2_000 - lag] * run[lag:]).sum() for run in runs) for lag in range(61)]
    direct = np.array(products) / (2_000 - np.arange(61))
    assert found.values == pytest.approx(direct / direct[0], abs=0.01)
    angle = np.cumsum(np.random.default_rng(0).normal(0.0, 0.2, size=20_000))  # <cos difference> = exp(-0.02 t)
    vectors = np.column_stack([np.cos(angle), np.sin(angle)])
    assert correlation_function([vectors], frame_ps=1.0).time_ps.value == pytest.approx(50.0, rel=0.15)
    with pytest.raises(InputError, match="never changes"):
        correlation_function([np.ones(100)], frame_ps=1.0)
    with pytest.raises(InputError, match="longer runs"):
        correlation_function([np.ones(3)], frame_ps=1.0)
    assert np.isnan(correlation_function([decaying(100, seed=1)], frame_ps=1.0).time_ps.error)


def test_diffusion_coefficient_covers_the_exact_one():
    """Steps of variance 2 D dt in each direction."""
    exact, generator, covered, normal = 0.25, np.random.default_rng(1), 0, 0
    for _ in range(100):
        walk = np.cumsum(generator.normal(0.0, np.sqrt(2.0 * exact * 0.5), size=(2_000, 3, 3)), axis=0)
        found = diffusion([walk], frame_ps=0.5)
        low, high = found.coefficient_A2_ps.interval()
        covered += low <= exact <= high
        normal += len(found.remarks) == 1
    assert covered >= 88
    assert normal >= 90
    assert found.coefficient_A2_ps.error < 0.1 * exact


def test_diffusion_through_a_periodic_box_with_noise_and_drift():
    generator = np.random.default_rng(2)
    walk = np.cumsum(generator.normal(0.0, 0.5, size=(4_000, 50, 3)), axis=0)  # D = 0.125
    noisy = walk + generator.normal(0.0, 1.0, size=walk.shape)
    box = np.array([20.0, 20.0, 20.0])
    wrapped = diffusion([noisy % box], frame_ps=1.0, box_A=box)
    plain = diffusion([noisy], frame_ps=1.0)
    assert wrapped.coefficient_A2_ps.value == pytest.approx(plain.coefficient_A2_ps.value, rel=1e-6)
    assert plain.coefficient_A2_ps.value == pytest.approx(0.125, rel=0.1)  # the noise is in the offset, not the slope
    jumping = diffusion([noisy % box], frame_ps=1.0)
    assert abs(jumping.coefficient_A2_ps.value - 0.125) > 0.1  # negative control: jumps not undone
    drifting = walk + np.array([0.3, 0.0, 0.0]) * np.arange(4_000)[:, None, None]
    assert any("drift or free flight" in remark for remark in diffusion([drifting], frame_ps=1.0).remarks)
    still = diffusion([drifting], frame_ps=1.0, drift="remove")
    assert still.coefficient_A2_ps.value == pytest.approx(0.125, rel=0.1)
    with pytest.raises(InputError, match="more often"):
        diffusion([generator.uniform(0.0, 20.0, size=(200, 5, 3))], frame_ps=1.0, box_A=box)
    with pytest.raises(InputError, match="keep or remove"):
        diffusion([walk], frame_ps=1.0, drift="perhaps")


def test_jumps_in_boxes_of_any_shape_are_undone():
    """A truncated octahedron that breathes; with the wrong box (negative control) the walk is another."""
    generator = np.random.default_rng(4)
    walk = np.cumsum(generator.normal(0.0, 0.5, size=(3_000, 4, 3)), axis=0)
    shape = np.array([[1.0, 0.0, 0.0], [1 / 3, 0.9428, 0.0], [-1 / 3, 0.4714, 0.8165]])
    boxes = 20.0 * shape * (1.0 + 0.01 * generator.random((3_000, 1, 1)))
    images = np.floor(walk @ np.linalg.inv(boxes))
    wrapped = walk - images @ boxes
    found = unwrapped(wrapped, boxes)
    assert (np.diff(images, axis=0) != 0.0).any()
    whole = diffusion([found], frame_ps=1.0).coefficient_A2_ps
    assert whole.value == pytest.approx(0.125, rel=0.2)
    fixed = unwrapped(walk - np.floor(walk @ np.linalg.inv(boxes[0])) @ boxes[0], np.repeat(boxes[:1], 3_000, axis=0))
    assert fixed - fixed[0] == pytest.approx(walk - walk[0], abs=1e-9)
    wrong = unwrapped(wrapped, 2.0 * boxes)
    assert abs(wrong - wrong[0] - (walk - walk[0])).max() > 10.0
    with pytest.raises(InputError, match="no periodic box"):
        unwrapped(walk, np.zeros((3_000, 3, 3)))
    with pytest.raises(InputError, match="more often"):
        unwrapped(generator.uniform(0.0, 20.0, size=(100, 4, 3)), boxes[:100])


def test_finite_size_correction():
    """Of water at 298 K in a box of 25 A: kT xi / (6 pi eta L) = 0.0277 A^2/ps (2.77e-10 m^2/s)."""
    value = finite_size_correction(temperature_K=298.0, viscosity_mPa_s=0.89, edge_A=25.0)
    assert value == pytest.approx(0.0278, abs=2e-4)


def test_density_of_states_of_an_oscillator():
    """A line in place, of the stated width, whose integral is one degree of freedom."""
    velocities = oscillator(1650.0, frames=20_000, frame_fs=2.0)
    spectrum = vibrational_density([velocities], np.ones(1), frame_fs=2.0, temperature_K=TEMPERATURE_K)
    assert spectrum.peak_cm1() == pytest.approx(1650.0, abs=0.5)
    assert spectrum.integral.value == pytest.approx(1.0, abs=2e-3)
    assert spectrum.resolution_cm1 == pytest.approx(10.0, rel=0.01)
    fine = np.interp(np.arange(1600.0, 1700.0, 0.1), spectrum.wavenumbers_cm1, spectrum.density)
    assert (fine > fine.max() / 2.0).sum() * 0.1 == pytest.approx(10.0, abs=3.5)
    heavy = vibrational_density([velocities], np.full(1, 4.0), frame_fs=2.0, temperature_K=TEMPERATURE_K)
    assert heavy.integral.value == pytest.approx(4.0, abs=1e-2)  # negative control: the mass matters


def test_density_of_states_integrates_to_the_degrees_of_freedom():
    """Maxwell's velocities of five atoms of different mass: by equipartition 15, within errors."""
    masses, generator = np.array([1.008, 12.011, 14.007, 15.999, 32.06]), np.random.default_rng(3)
    speeds = np.sqrt(KB_U_A2_PS2_K * TEMPERATURE_K / masses)[:, None]
    runs = [generator.normal(size=(6_000, 5, 3)) * speeds for _ in range(2)]
    found = vibrational_density(runs, masses, frame_fs=2.0, temperature_K=TEMPERATURE_K)
    assert abs(found.integral.value - 15.0) < 4.0 * found.integral.error < 0.6
    warmer = vibrational_density(runs, masses, frame_fs=2.0, temperature_K=2.0 * TEMPERATURE_K)
    assert warmer.integral.value == pytest.approx(found.integral.value / 2.0)


def test_spectrum_of_noise_covers_its_density():
    """White noise of unit variance: the same density everywhere, integral 1."""
    noise = [np.random.default_rng(seed).normal(size=(20_000, 1)) for seed in range(100)]
    covered = 0
    for series in noise:
        found = power_spectrum([series], frame_fs=1.0, resolution_cm1=300.0)
        exact = 2.0 * CM_PER_PS / 1000.0
        at = 20
        covered += abs(found.density[at] - exact) < 1.96 * found.error(found.windows)[at]
    assert covered >= 88
    assert found.density.sum() * found.wavenumbers_cm1[1] == pytest.approx(1.0, abs=0.05)


def test_too_slow_sampling_is_told():
    velocities = oscillator(3300.0, frames=4_000, frame_fs=8.0)
    spectrum = vibrational_density([velocities], np.ones(1), frame_fs=8.0, temperature_K=TEMPERATURE_K)
    assert "wrong places" in spectrum.remarks[0]
    folded = abs(3300.0 - 2.0 * spectrum.highest_cm1)
    assert spectrum.peak_cm1() == pytest.approx(folded, abs=2.0)
    with pytest.raises(InputError, match="coarser resolution"):
        vibrational_density([velocities[:100]], np.ones(1), frame_fs=8.0, temperature_K=TEMPERATURE_K)


def test_infrared_intensity_is_that_of_quantum_chemistry():
    """A normal mode with dipole derivative 1 e / sqrt(u): 42.2561 km/mol for each (D/A)^2/u, so 974.9."""
    velocities = oscillator(1650.0, frames=20_000, frame_fs=1.0)
    charged = infrared_from_charges([velocities], np.ones(1), frame_fs=1.0, temperature_K=TEMPERATURE_K)
    assert charged.peak_cm1() == pytest.approx(1650.0, abs=0.5)
    assert charged.integral.value == pytest.approx(42.2561 * 4.80320**2, rel=5e-3)
    rate = 2.0 * np.pi * CM_PER_PS * 1650.0
    angle = rate * np.arange(20_000) * 1e-3 + 0.3
    dipoles = np.zeros((20_000, 3))
    dipoles[:, 0] = np.sqrt(2.0 * KB_U_A2_PS2_K * TEMPERATURE_K) / rate * np.sin(angle) + 7.0
    found = infrared_from_dipoles([dipoles], frame_fs=1.0, temperature_K=TEMPERATURE_K)
    assert found.integral.value == pytest.approx(charged.integral.value, rel=5e-3)
    x = 1650.0 / (0.6950348 * TEMPERATURE_K)
    for name, factor in (("standard", 2.0 * np.tanh(x / 2.0) / x), ("schofield", 2.0 * np.sinh(x / 2.0) / x)):
        other = infrared_from_dipoles([dipoles], frame_fs=1.0, temperature_K=TEMPERATURE_K, quantum_correction=name)
        assert other.integral.value == pytest.approx(factor * found.integral.value, rel=0.02)
        assert other.quantum_correction == name
    with pytest.raises(InputError, match="choose one of harmonic"):
        infrared_from_dipoles([dipoles], frame_fs=1.0, temperature_K=TEMPERATURE_K, quantum_correction="best")
