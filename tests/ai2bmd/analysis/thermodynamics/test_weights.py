"""Weights of frames: how many frames they leave, means with errors that cover, refusal."""

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.weights import boltzmann_weights, check_weights, weighted_mean
from ai2bmd.errors import InputError


def test_effective_samples_of_a_normal_exponent():
    """Kish of exp(s x), x normal: N exp(-s^2)."""
    exponents = np.random.default_rng(1).standard_normal(100_000)
    weights = boltzmann_weights([exponents[:60_000], exponents[60_000:]])
    assert weights.kish == pytest.approx(100_000 * np.exp(-1.0), rel=0.05)
    assert [len(run) for run in weights.runs] == [60_000, 40_000]
    assert weights.joined.sum() == pytest.approx(1.0)
    check_weights(weights, what="x", cure="more")
    shifted = boltzmann_weights([exponents[:60_000] + 5000.0, exponents[60_000:] + 5000.0])
    np.testing.assert_allclose(shifted.joined, weights.joined, rtol=1e-9)


def test_errors_of_weighted_means_cover():
    """The mean of x under exp(x/2) is 1/2."""
    generator, inside = np.random.default_rng(2), 0
    for _ in range(100):
        runs = [generator.standard_normal(400) for _ in range(2)]
        low, high = weighted_mean(runs, boltzmann_weights([0.5 * run for run in runs])).interval()
        inside += low < 0.5 < high
    assert 88 <= inside <= 99


def test_heavy_frames_are_refused():
    exponents = 4.0 * np.random.default_rng(3).standard_normal(2000)
    with pytest.raises(InputError, match=r"2000 frames count as .* independent samples .* simulate longer"):
        check_weights(boltzmann_weights([exponents]), what="x", cure="simulate longer")
    with pytest.raises(InputError, match="1 of 3 that are no number"):
        boltzmann_weights([np.array([0.0, np.nan, 1.0])])
    with pytest.raises(InputError, match=r"expected those of \[3\] frames"):
        weighted_mean([np.zeros(2)], boltzmann_weights([np.zeros(3)]))
