"""The traffic light: green for what suffices, and each reason for another colour when it is there."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.sufficiency import judge_estimate, judge_mean


def series(frames: int, *, seed: int, memory: float = 0.9) -> np.ndarray:
    return lfilter([np.sqrt(1 - memory**2)], [1.0, -memory], np.random.default_rng(seed).normal(size=frames))


def test_long_runs_that_agree_are_good():
    verdict = judge_mean("radius of gyration", [series(5_000, seed=seed) for seed in (1, 2, 3)], unit="A")
    assert verdict.grade == "good"
    assert "runs agree" in verdict.reason
    assert verdict.estimate.unit == "A"
    low, high = verdict.estimate.interval()
    assert low < 0.0 < high


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([series(60, seed=0)], "too few"),
        ([series(600, seed=1)], "rough"),
        ([series(4_000, seed=1) - 1.0, series(4_000, seed=2) + 1.0], "differ from each other|too few"),
        ([series(4_000, seed=1) + np.linspace(-5.0, 5.0, 4_000)], "second half|too few"),
    ],
)
def test_each_reason_takes_the_green_light_away(pieces, reason):
    verdict = judge_mean("quantity", pieces)
    assert verdict.grade != "good"
    assert any(part in verdict.reason for part in reason.split("|"))


def test_a_false_alarm_is_rare():
    """Of 100 sound sets of runs hardly one or two are called different."""
    verdicts = [judge_mean("x", [series(3_000, seed=10 * n + k) for k in range(3)]) for n in range(100)]
    assert sum("differ" in verdict.reason for verdict in verdicts) <= 5


def test_numbers_without_a_series_are_judged_by_their_samples():
    assert judge_estimate("rate", Estimate(1.0, 0.1, 200.0)).grade == "good"
    assert judge_estimate("rate", Estimate(1.0, 0.1, 20.0)).grade == "look"
    assert judge_estimate("rate", Estimate(1.0, float("nan"), 200.0)).grade == "poor"
