"""Residual dipolar couplings: known tensors come back, noise shows in Q, bonds that cannot tell are refused."""

import numpy as np
import pytest

from ai2bmd.analysis.nmr.bond_vectors import moments_of_vectors
from ai2bmd.analysis.nmr.dipolar import Alignment, fit_alignment, largest_coupling_Hz
from ai2bmd.errors import InputError

SAUPE = np.array([[4.0, 1.5, -2.0], [1.5, -9.0, 0.7], [-2.0, 0.7, 5.0]]) * 1e-4
N_H = largest_coupling_Hz("N", "H", 1.02)


def bonds(count: int, *, seed: int, frames: int = 40, spread: float = 0.2) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(1, count, 3)) + spread * generator.normal(size=(frames, count, 3))


def couplings(vectors: np.ndarray, largest_Hz: float = N_H) -> np.ndarray:
    """Straight from the definition, averaged over frames."""
    unit = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
    return largest_Hz * np.einsum("fni,ij,fnj->fn", unit, SAUPE, unit).mean(0)


def test_largest_couplings():
    """21.7 kHz of N-H at 1.04 A: Tolman, Flanagan, Kennedy, Prestegard, PNAS 92, 9279 (1995), in magnitude."""
    assert largest_coupling_Hz("N", "H", 1.04) == pytest.approx(21_700.0, rel=0.01)
    assert largest_coupling_Hz("C", "H", 1.09) == pytest.approx(-46_600.0, rel=0.01)
    with pytest.raises(InputError, match="known of H, C, N, not of 'S'"):
        largest_coupling_Hz("N", "S", 1.0)


def test_a_known_alignment_comes_back():
    vectors = bonds(30, seed=1)
    measured = couplings(vectors)
    found = fit_alignment(moments_of_vectors([vectors]), measured, largest_Hz=np.full(30, N_H))
    assert found.saupe == pytest.approx(SAUPE, abs=1e-12)
    assert found.q_factor < 1e-9
    assert [estimate.value for estimate in found.predicted] == pytest.approx(measured)
    assert np.abs(found.principal)[2] == pytest.approx(np.abs(np.linalg.eigvalsh(SAUPE)).max())
    x, y, z = found.principal
    assert found.asymmetry == pytest.approx(abs((x - y) / z))


@pytest.mark.parametrize(
    ("principal", "asymmetry", "rhombicity"),
    [((-1.0, -1.0, 2.0), 0.0, 0.0), ((-1.0, -3.0, 4.0), 0.5, 1 / 3), ((0.0, -1.0, 1.0), 1.0, 2 / 3)],
)
def test_asymmetry_and_rhombicity_are_two_conventions(principal, asymmetry, rhombicity):
    """eta is 1 at most, R = D_r / D_a = 2/3 eta."""
    found = Alignment(1e-4 * np.diag(principal), (), 0.0, 0.0)
    assert found.asymmetry == pytest.approx(asymmetry, abs=1e-12)
    assert found.rhombicity == pytest.approx(rhombicity, abs=1e-12)


def test_noise_shows_in_q():
    """Noise of a tenth of the couplings: Q near 0.1 less the share of the five fitted elements, Q_free above."""
    vectors = bonds(60, seed=2)
    exact = couplings(vectors)
    noise = 0.1 * np.sqrt(np.mean(exact**2)) * np.random.default_rng(3).normal(size=60)
    found = fit_alignment(moments_of_vectors([vectors]), exact + noise, largest_Hz=np.full(60, N_H))
    assert found.q_factor == pytest.approx(0.1 * np.sqrt(55 / 60), abs=0.02)
    assert found.q_factor < found.q_free < 0.14
    assert found.saupe == pytest.approx(SAUPE, abs=0.5e-4)


def test_couplings_of_another_molecule_do_not_fit():
    measured = couplings(bonds(40, seed=4))
    found = fit_alignment(moments_of_vectors([bonds(40, seed=5)]), measured, largest_Hz=np.full(40, N_H))
    assert found.q_factor > 0.7
    assert found.q_free > 0.9


def test_left_out_one_by_one():
    """Q_free by its formula, and by fitting again without each."""
    vectors = bonds(12, seed=6)
    measured = couplings(vectors) + np.random.default_rng(1).normal(size=12)
    found = fit_alignment(moments_of_vectors([vectors]), measured, largest_Hz=np.full(12, N_H))
    differences = []
    for left in range(12):
        others = np.arange(12) != left
        part = fit_alignment(moments_of_vectors([vectors[:, others]]), measured[others], largest_Hz=np.full(11, N_H))
        tensor = moments_of_vectors([vectors[:, [left]]]).tensors[0]
        differences.append(N_H * np.sum(part.saupe * tensor) - measured[left])
    expected = np.sqrt(np.mean(np.square(differences)) / np.mean(measured**2))
    assert found.q_free == pytest.approx(expected)


def test_errors_are_weights():
    vectors = bonds(20, seed=8)
    measured = couplings(vectors)
    measured[0] += 50.0
    errors = np.array([1e4, *[1.0] * 19])
    moments, largest = moments_of_vectors([vectors]), np.full(20, N_H)
    assert fit_alignment(moments, measured, largest_Hz=largest, errors_Hz=errors).saupe == pytest.approx(
        SAUPE, abs=1e-9
    )
    assert fit_alignment(moments, measured, largest_Hz=largest).saupe != pytest.approx(SAUPE, abs=1e-5)


def test_what_cannot_be_fitted_is_refused():
    vectors = bonds(8, seed=1)
    moments = moments_of_vectors([vectors])
    with pytest.raises(InputError, match="4 couplings of 8 bonds; an alignment has five unknowns"):
        fit_alignment(moments, np.zeros(4), largest_Hz=np.full(4, N_H))
    flat = vectors * np.array([1.0, 1.0, 0.0])
    with pytest.raises(InputError, match="point too much alike to tell the alignment"):
        fit_alignment(moments_of_vectors([flat]), couplings(flat), largest_Hz=np.full(8, N_H))
