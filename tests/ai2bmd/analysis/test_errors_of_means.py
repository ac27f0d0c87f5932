"""Statistical inefficiency and error bars against processes whose answer is known."""

import numpy as np
import pytest
from pymbar import timeseries
from scipy.signal import lfilter

from ai2bmd.analysis.correlation import (
    autocorrelation,
    effective_samples,
    find_equilibration,
    statistical_inefficiency,
)
from ai2bmd.analysis.errors_of_means import block_errors, bootstrap, mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.errors import InputError

MEMORY = 0.9
INEFFICIENCY = (1 + MEMORY) / (1 - MEMORY)


def autoregressive(frames: int, *, seed: int) -> np.ndarray:
    """x' = a x + noise of unit variance, from equilibrium: its inefficiency is (1 + a) / (1 - a)."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(size=frames)
    noise[0] /= np.sqrt(1 - MEMORY**2)
    return lfilter([1.0], [1.0, -MEMORY], noise)


def test_inefficiency_of_a_process_with_known_memory():
    pieces = [autoregressive(50_000, seed=seed) for seed in range(3)]
    assert statistical_inefficiency(pieces) == pytest.approx(INEFFICIENCY, rel=0.1)
    assert effective_samples(pieces) == pytest.approx(150_000 / INEFFICIENCY, rel=0.1)
    assert autocorrelation(pieces)[:6] == pytest.approx(MEMORY ** np.arange(6), abs=0.03)
    assert statistical_inefficiency([np.random.default_rng(0).normal(size=20_000)]) == pytest.approx(1.0, abs=0.15)


def test_inefficiency_as_pymbar_has_it():
    series = autoregressive(20_000, seed=5)
    assert statistical_inefficiency([series]) == pytest.approx(timeseries.statistical_inefficiency(series), rel=0.15)


def test_runs_that_disagree_tell_little():
    """Two long runs about different means are two samples, not thousands."""
    agreeing = [autoregressive(5_000, seed=seed) for seed in (1, 2)]
    apart = [agreeing[0] - 20.0, agreeing[1] + 20.0]
    assert effective_samples(agreeing) > 200
    assert effective_samples(apart) < 4


@pytest.mark.parametrize("frames", [400, 4_000])
def test_intervals_cover_the_mean(frames):
    """Of 200 repeats about 95 % must hold the true mean 0; without regard to memory far fewer do."""
    series = [autoregressive(frames, seed=100 + repeat) for repeat in range(200)]
    covered = sum(low <= 0.0 <= high for low, high in (mean([values]).interval() for values in series))
    assert covered >= 180
    naive = [Estimate(values.mean(), values.std() / np.sqrt(frames), frames).interval() for values in series]
    assert sum(low <= 0.0 <= high for low, high in naive) < 120


def test_blocks_and_bootstrap_agree_with_the_inefficiency():
    series = autoregressive(8_192, seed=3)
    error = mean([series]).error
    lengths, errors = block_errors(series)
    assert lengths[:3].tolist() == [1, 2, 4]
    assert errors[7] == pytest.approx(error, rel=0.35)
    assert errors[0] < 0.5 * error
    halves = [series[:5_000], series[5_000:]]
    means = bootstrap(
        [5_000, 3_192],
        lambda chosen: np.concatenate([half[index] for half, index in zip(halves, chosen, strict=True)]).mean(),
        inefficiency=INEFFICIENCY,
    )
    assert means.std() == pytest.approx(error, rel=0.3)


def test_equilibration_is_found_and_a_series_at_rest_kept():
    relaxing = autoregressive(6_000, seed=8)
    relaxing[:1500] += 40.0 * np.exp(-np.arange(1500) / 300.0)
    assert 500 <= find_equilibration(relaxing).start <= 2400
    assert find_equilibration(autoregressive(6_000, seed=9)).start < 1500


def test_too_few_samples_have_no_error_bar_and_no_interval():
    few = mean([np.arange(5.0)])
    assert np.isnan(few.error)
    assert few.interval() == (-np.inf, np.inf)
    assert str(few) == "2, error unknown"
    assert mean([np.full(10, 3.0)]).error == 0.0
    with pytest.raises(InputError, match="no frame"):
        mean([])
    with pytest.raises(InputError, match="1 of 3 values are not finite"):
        mean([np.array([1.0, np.nan, 2.0])])


def test_estimates_read_as_people_write_them():
    assert str(Estimate(1.23456, 0.0423, 50, "kcal/mol")) == "1.235 \N{PLUS-MINUS SIGN} 0.042 kcal/mol"
    assert str(Estimate(1234.5, 23.0, 50)) == "1234 \N{PLUS-MINUS SIGN} 23"
    low, high = Estimate(0.0, 1.0, 10).interval()
    assert high == pytest.approx(2.262, abs=1e-3)
    assert low == -high


def test_what_is_above_zero_is_known_to_a_factor():
    time = Estimate(12345.0, 3000.0, 20, "ps", "log")
    low, high = time.interval()
    assert low * high == pytest.approx(12345.0**2)
    assert high / 12345.0 == pytest.approx(np.exp(2.093024 * 3000.0 / 12345.0))  # t of 19 degrees of freedom
    assert str(time) == "12300 ps (95 %: 7420 to 20500)"
    assert str(Estimate(0.012, 0.005, 20, scale="log")) == "0.0120 (95 %: 0.00502 to 0.0287)"
    assert Estimate(5.0, float("nan"), 9, "ps", "log").interval() == (0.0, float("inf"))
    assert Estimate(5.0, 500.0, 3, "ps", "log").interval()[0] > 0.0
