"""The shift of a free energy of unfolding by another level, of energy differences with memory, known exactly."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.level_reweighting import second_cumulant
from ai2bmd.analysis.thermodynamics.state_shift import state_shift
from ai2bmd.errors import InputError

KT = thermal_energy(300.0)
FOLDED, UNFOLDED = 0.5 * KT, 0.3 * KT
"""Spread of dE in each state; the folded one loses 1.5 kcal/mol besides."""
EXACT = -(UNFOLDED**2) / (2.0 * KT) - (1.5 - FOLDED**2 / (2.0 * KT))


def remembered(frames: int, memory: float, generator: np.random.Generator) -> np.ndarray:
    """Normal, of variance 1 and autocorrelation memory^lag."""
    noise = generator.normal(size=frames)
    noise[1:] *= np.sqrt(1.0 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise)


def runs(generator: np.random.Generator, *, memory: float, leave: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Energy differences, and 1 for folded frames; a state is left with a chance in every frame."""
    changes, folded = [], []
    for _ in range(2):
        own = np.cumsum(generator.random(3_000) < leave) % 2
        noise = remembered(3_000, memory, generator)
        changes.append(np.where(own == 1, FOLDED, UNFOLDED) * noise + 1.5 * own)
        folded.append(own.astype(float))
    return changes, folded


@pytest.mark.parametrize("cumulant", [False, True])
@pytest.mark.parametrize(("memory", "leave"), [(0.5, 0.02), (0.9, 0.2), (0.9, 0.02)])
def test_intervals_cover_the_exact_shift(memory, leave, cumulant):
    """100 repeats, of visits that are longer and shorter than the memory of dE; one standard error must not do."""
    generator, covered, halved = np.random.default_rng(1), 0, 0
    for _ in range(100):
        found = state_shift(*runs(generator, memory=memory, leave=leave), 300.0, cumulant=cumulant)
        low, high = found.interval()
        covered += low <= EXACT <= high
        halved += abs(found.value - EXACT) <= found.error
    assert 88 <= covered <= 99, covered
    assert halved < 85


def test_what_both_states_share_cancels():
    """Of visits that are short against the memory, errors of the states each taken for itself are far too large."""
    generator, values, errors, apart = np.random.default_rng(2), [], [], []
    for _ in range(40):
        changes, folded = runs(generator, memory=0.97, leave=0.3)
        found = state_shift(changes, folded, 300.0, cumulant=True)
        values.append(found.value)
        errors.append(found.error)
        each = [
            second_cumulant([change[own == state] for change, own in zip(changes, folded, strict=True)], 300.0)
            for state in (0.0, 1.0)
        ]
        apart.append(np.hypot(*(one.error for one in each)))
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)
    assert np.mean(apart) > 1.6 * np.mean(errors)


def test_refusals():
    generator = np.random.default_rng(3)
    changes, folded = runs(generator, memory=0.5, leave=0.02)
    with pytest.raises(InputError, match="no unfolded frame"):
        state_shift(changes, [np.ones(3_000)] * 2, 300.0)
    wide = [change * 20.0 for change in changes]
    with pytest.raises(InputError, match="reweighting unfolded frames to the other level: after reweighting"):
        state_shift(wide, folded, 300.0)
    assert np.isfinite(state_shift(wide, folded, 300.0, cumulant=True).error)
