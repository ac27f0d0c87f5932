"""Entropy of harmonic molecules and of independent and coupled dihedrals, known exactly."""

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL
from ai2bmd.analysis.thermodynamics.dihedral_entropy import dihedral_entropy
from ai2bmd.analysis.thermodynamics.quasi_harmonic import entropies, entropy_of_frames
from ai2bmd.errors import InputError

R = 1000.0 * GAS_CONSTANT_KCAL
HC_PER_K_CM = 1.438776877
"""Second radiation constant: h c / k in K cm (CODATA 2018)."""


def quantum_oscillators(frequencies_per_cm: np.ndarray, temperature_K: float) -> float:
    """Entropy in cal/mol/K."""
    x = HC_PER_K_CM * frequencies_per_cm / temperature_K
    return float(R * (x / np.expm1(x) - np.log1p(-np.exp(-x))).sum())


def variance_u_A2(frequencies_per_cm: np.ndarray, temperature_K: float) -> np.ndarray:
    """kT/omega^2 of a classical oscillator of unit mass."""
    omega = 2.0 * np.pi * 2.99792458e10 * frequencies_per_cm
    return 1.380649e-23 * temperature_K / omega**2 / 1.66053906660e-47


def internal_modes(positions_A: np.ndarray) -> np.ndarray:
    """An orthonormal basis of all that neither moves nor turns a molecule of equal masses."""
    moves = [np.tile(axis, (len(positions_A), 1)).ravel() for axis in np.eye(3)]
    turns = [np.cross(positions_A - positions_A.mean(0), axis).ravel() for axis in np.eye(3)]
    left, _, _ = np.linalg.svd(np.array(moves + turns).T)
    return left[:, 6:]


def test_eigenvalues_give_the_entropy_of_quantum_oscillators():
    frequencies = np.array([30.0, 100.0, 400.0, 1500.0, 3000.0])
    for temperature_K in (280.0, 350.0):
        found, bound = entropies(variance_u_A2(frequencies, temperature_K), temperature_K)
        exact = quantum_oscillators(frequencies, temperature_K)
        assert found == pytest.approx(exact, rel=1e-6)
        assert exact < bound < 1.05 * exact
    assert found != pytest.approx(quantum_oscillators(2.0 * frequencies, 350.0), rel=0.05)


def test_light_and_heavy_atoms_have_their_known_entropy():
    """Springs between two heavy and two light atoms: superposed without masses, the result is three times too large."""
    generator, masses_u = np.random.default_rng(0), np.array([16.0, 1.0, 1.0, 12.0])
    reference = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0], [0.3, -0.5, 1.2]])
    hessian = np.zeros((12, 12))
    for first in range(4):
        for second in range(first):
            away = reference[first] - reference[second]
            stretch = np.zeros((4, 3))
            stretch[first], stretch[second] = away / np.linalg.norm(away), -away / np.linalg.norm(away)
            hessian += 300.0 * np.outer(stretch, stretch)  # kcal/mol/A^2
    root = np.sqrt(np.repeat(masses_u, 3))
    curvatures, modes = np.linalg.eigh(hessian / np.outer(root, root))
    variances = GAS_CONSTANT_KCAL * 300.0 / curvatures[6:]  # u A^2
    moved = (generator.normal(size=(8000, 6)) * np.sqrt(variances)) @ modes[:, 6:].T / root
    turns, _ = np.linalg.qr(generator.normal(size=(8000, 3, 3)))
    turns *= np.sign(np.linalg.det(turns))[:, None, None]
    frames = ((reference + moved.reshape(-1, 4, 3)) @ turns).astype(np.float32)
    found = entropy_of_frames(lambda: iter(np.array_split(frames, 9)), masses_u, 300.0, frames=len(frames))
    exact, bound = entropies(variances, 300.0)
    assert found.andricioaei_karplus.value == pytest.approx(exact, rel=0.05)
    assert found.schlitter.value == pytest.approx(bound, rel=0.03)


def test_a_harmonic_molecule_turning_in_space_has_its_known_entropy():
    generator, mass_u = np.random.default_rng(1), 12.0
    reference = 2.0 * generator.normal(size=(5, 3))
    modes, frequencies = internal_modes(reference), np.linspace(150.0, 900.0, 9)
    amplitudes = np.sqrt(variance_u_A2(frequencies, 300.0) / mass_u)
    moved = (generator.normal(size=(4000, 9)) * amplitudes) @ modes.T
    turns, _ = np.linalg.qr(generator.normal(size=(4000, 3, 3)))
    turns *= np.sign(np.linalg.det(turns))[:, None, None]
    frames = ((reference + moved.reshape(-1, 5, 3)) @ turns + generator.normal(size=(4000, 1, 3))).astype(np.float32)

    found = entropy_of_frames(lambda: iter(np.array_split(frames, 7)), np.full(5, mass_u), 300.0, frames=len(frames))
    exact = quantum_oscillators(frequencies, 300.0)
    value, error = found.andricioaei_karplus.value, found.andricioaei_karplus.error
    assert abs(value - exact) < max(3.0 * error, 0.01 * exact)
    assert error < 0.02 * exact
    assert found.schlitter.value > value
    np.testing.assert_allclose(np.sort(found.frequencies_per_cm), frequencies, rtol=0.08)
    assert "upper bound" in found.statement


def test_few_frames_do_not_determine_modes():
    frames = np.random.default_rng(2).normal(size=(20, 5, 3)).astype(np.float32)
    with pytest.raises(InputError, match="20 frames do not determine 18 modes, 36"):
        entropy_of_frames(lambda: iter([frames]), np.ones(8), 300.0, frames=20)
    with pytest.raises(InputError, match="expected 3 to 1000 atoms"):
        entropy_of_frames(lambda: iter([frames]), np.ones(2), 300.0, frames=20)


def test_errors_of_dihedral_entropy_cover_von_mises_dihedrals():
    """S = -R <ln p> of the von Mises distribution, by quadrature."""
    generator, inside = np.random.default_rng(3), 0
    grid = np.linspace(-np.pi, np.pi, 20_001)
    density = np.exp(3.0 * np.cos(grid))
    density /= np.trapezoid(density, grid)
    exact = -R * np.trapezoid(density * np.log(density), grid)
    for _ in range(100):
        runs = [np.degrees(generator.vonmises(2.0, 3.0, size=(1500, 1))) for _ in range(2)]
        low, high = dihedral_entropy(runs, bins=60).total.interval()
        inside += low < exact < high
    assert inside >= 88


def test_mutual_information_of_coupled_dihedrals():
    """The second angle is the first and a von Mises difference: I = S(uniform) - S(difference)."""
    generator = np.random.default_rng(4)
    first = generator.uniform(-180.0, 180.0, size=40_000)
    second = first + np.degrees(generator.vonmises(0.0, 2.0, size=40_000))
    third = generator.uniform(-180.0, 180.0, size=40_000)
    angles = np.stack([first, second, third], axis=1)
    found = dihedral_entropy([angles], bins=72, pairs=True)
    grid = np.linspace(-np.pi, np.pi, 20_001)
    density = np.exp(2.0 * np.cos(grid))
    density /= np.trapezoid(density, grid)
    exact = R * (np.log(2.0 * np.pi) + np.trapezoid(density * np.log(density), grid))
    assert found.mutual is not None
    assert found.mutual[0, 1] == pytest.approx(exact, abs=0.03)
    assert abs(found.mutual[0, 2]) < 0.02
    assert found.single == pytest.approx([R * np.log(2.0 * np.pi)] * 3, abs=0.01)
    apart = dihedral_entropy([angles], bins=72)
    assert apart.mutual is None
    assert apart.total.value - found.total.value == pytest.approx(exact, abs=0.06)
    with pytest.raises(InputError, match="too few for histograms"):
        dihedral_entropy([angles[:200]], bins=72, pairs=True)
