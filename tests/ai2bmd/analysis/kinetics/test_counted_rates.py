"""Rates counted in a series against the exact mean first-passage times of diffusion in a double well."""

import numpy as np
import pytest

from ai2bmd.analysis.kinetics.counted_rates import counted_rates
from ai2bmd.errors import InputError

FRAME_PS = 2.0


@pytest.fixture(scope="module")
def series(double_well) -> np.ndarray:
    """100 runs."""
    return double_well.places[double_well.chain.run(frames=16_000, copies=100, seed=3)]


def test_intervals_cover_the_exact_time(double_well, series):
    """From one core until the other is reached; and a single threshold counts every recrossing."""
    exact = double_well.first_passage(-1.0, 1.0) * FRAME_PS
    rates = [counted_rates([run], low=-1.0, high=1.0, frame_ps=FRAME_PS) for run in series]
    intervals = [rate.leaving_low.interval_ps for rate in rates]
    assert sum(low <= exact <= high for low, high in intervals) >= 90
    symmetric = [rate.leaving_low.time_ps.interval() for rate in rates]
    assert sum(low <= exact <= high for low, high in symmetric) >= 88
    populations = [rate.population_high.interval() for rate in rates]
    assert sum(low <= 0.5 <= high for low, high in populations) >= 88
    naive = [counted_rates([run], low=-0.01, high=0.01, frame_ps=FRAME_PS).leaving_low.interval_ps for run in series]
    assert sum(low <= exact <= high for low, high in naive) < 20


def test_frames_belong_to_the_core_last_visited():
    run = np.array([0.5, 0.1, 0.5, 0.4, 0.9, 0.5, 0.3, 0.05])
    rates = counted_rates([run, run], low=0.1, high=0.9, frame_ps=1.0, names=("unfolded", "folded"))
    assert rates.assignment[0].tolist() == [-1, 0, 0, 0, 1, 1, 1, 0]
    assert rates.leaving_low.source == "unfolded"
    assert (rates.leaving_low.transitions, rates.leaving_low.dwelt_ps) == (2, 6.0)
    assert rates.leaving_low.time_ps.value == pytest.approx(3.0)
    assert np.isnan(rates.leaving_low.time_ps.error)


def test_nothing_happened_gives_a_lower_bound():
    rates = counted_rates([np.zeros(1000)], low=0.1, high=0.9, frame_ps=1.0)
    shortest, longest = rates.leaving_low.interval_ps
    assert shortest == pytest.approx(999 / 3.689, rel=1e-3)  # no event in t: rate below 3.689 / t
    assert longest == np.inf
    assert np.isnan(rates.leaving_high.rate_per_us.value)


def test_refusals():
    with pytest.raises(InputError, match="must be below"):
        counted_rates([np.zeros(10)], low=0.9, high=0.1, frame_ps=1.0)
    with pytest.raises(InputError, match="no frame is at or below"):
        counted_rates([np.full(10, 0.5)], low=0.1, high=0.9, frame_ps=1.0)
    with pytest.raises(InputError, match="not finite"):
        counted_rates([np.array([0.0, np.nan])], low=0.1, high=0.9, frame_ps=1.0)
