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


@pytest.mark.parametrize("place", [0.05, 0.2, 0.4, 0.5, 0.7])
def test_one_transition_is_never_enough(place):
    """Wherever it falls: a run that leaves a state once looks like one that comes to rest."""
    step = np.where(np.arange(4_000) < place * 4_000, -4.0, 4.0)
    for seed in range(5):
        assert judge_mean("x", [series(4_000, seed=seed) + step]).grade != "good"
        alone = [series(4_000, seed=seed) + step, series(4_000, seed=seed + 50) + 4.0]
        assert judge_mean("x", alone).grade != "good"


def test_a_drift_of_two_deviations_takes_the_green_light_away():
    for seed in range(10):
        assert judge_mean("x", [series(4_000, seed=seed) + np.linspace(-1.0, 1.0, 4_000)]).grade != "good"


def test_few_frames_are_not_enough_however_independent_they_look():
    for seed in range(10):
        pieces = [np.random.default_rng(3 * seed + run).normal(size=25) for run in range(3)]
        assert judge_mean("x", pieces).grade != "good"


def test_a_short_way_to_rest_keeps_the_green_light():
    decay = 8.0 * np.exp(-np.arange(6_000) / 60.0)
    found = [judge_mean("x", [series(6_000, seed=seed) + decay]) for seed in range(10)]
    assert sum(verdict.grade == "good" for verdict in found) >= 8
    assert all(0 < verdict.equilibration_frames[0] < 1_200 for verdict in found)


def test_a_false_alarm_is_rare():
    """Of 100 sound sets of runs hardly one or two are called different."""
    verdicts = [judge_mean("x", [series(3_000, seed=10 * n + k) for k in range(3)]) for n in range(100)]
    assert sum("differ" in verdict.reason for verdict in verdicts) <= 5
    assert sum(verdict.grade != "good" for verdict in verdicts) <= 10


def test_numbers_without_a_series_are_judged_by_their_samples():
    assert judge_estimate("rate", Estimate(1.0, 0.1, 200.0)).grade == "good"
    assert judge_estimate("rate", Estimate(1.0, 0.1, 20.0)).grade == "look"
    assert judge_estimate("rate", Estimate(1.0, float("nan"), 200.0)).grade == "poor"


def test_what_changed_and_then_stood_still_is_not_called_constant():
    changing = np.repeat(np.random.default_rng(0).integers(2, size=20), 10)
    judged = judge_mean("open", [np.concatenate([changing, np.zeros(150)]) > 0.5])
    assert judged.grade == "poor"
    assert "too few changes" in judged.reason
    assert judged.estimate.value == pytest.approx(changing.sum() / 350)
    assert judge_mean("open", [np.zeros(150)]).grade == "look"
    assert str(judged).startswith("open: ")


def test_rare_events_are_not_enough_however_many_frames_there_are():
    values = np.zeros(5000)
    values[[700, 1900, 2500, 3300, 4100]] = 0.1
    judged = judge_mean("fraction in helix", [values])
    assert judged.estimate.effective_samples > 1000
    assert judged.grade == "look"
    assert "other than usual in 5 frames alone" in judged.reason
    values[::50] = 0.1
    assert judge_mean("fraction in helix", [np.random.default_rng(0).permutation(values)]).grade == "good"
