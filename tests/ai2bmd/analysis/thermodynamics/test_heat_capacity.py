"""Heat capacity of harmonic oscillators, known exactly."""

import numpy as np
import pytest

from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.analysis.thermodynamics.heat_capacity import heat_capacity
from ai2bmd.errors import InputError

OSCILLATORS = 20


def test_errors_cover_the_heat_capacity_of_harmonic_oscillators():
    """R/2 for each coordinate and each momentum."""
    generator, inside = np.random.default_rng(1), 0
    for _ in range(100):
        runs = [thermal_energy(300.0) * generator.gamma(OSCILLATORS / 2.0, size=300) for _ in range(2)]
        found = heat_capacity(runs, 300.0, degrees_of_freedom=OSCILLATORS)
        low, high = found.interval()
        inside += low < OSCILLATORS * GAS_CONSTANT_KCAL < high
    assert 88 <= inside <= 99
    assert found.unit == "kcal/mol/K"


def test_the_zero_of_energy_does_not_matter():
    energies = np.random.default_rng(2).normal(size=500)
    first, second = heat_capacity([energies], 300.0), heat_capacity([energies - 1e6], 300.0)
    assert second.value == pytest.approx(first.value, rel=1e-6)
    assert second.error == pytest.approx(first.error, rel=1e-6)


def test_few_independent_energies_are_refused():
    with pytest.raises(InputError, match="independent energies"):
        heat_capacity([np.linspace(0.0, 1.0, 100)], 300.0)
