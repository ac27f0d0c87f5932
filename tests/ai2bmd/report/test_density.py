"""What a density does by nature, and what is a drift."""

import pytest

from ai2bmd.report.density import natural_fluctuation
from ai2bmd.report.equilibration import summarise
from ai2bmd.simulation.equilibration import Sample

SMALL_U, LARGE_U = 24_000.0, 24_000_000.0


def stage(*densities: float) -> list[Sample]:
    """A stage at 300 K with these densities, 1 ps apart."""
    return [
        Sample("settle", number, float(number + 1), 300.0, 300.0, density, -1.0, 0.0, 0.5, 0.0, 1.0)
        for number, density in enumerate(densities)
    ]


def test_fluctuation_of_a_small_box():
    """sqrt(kT kappa / V): 1.380649e-23 J/K 300 K 4.5e-10 /Pa / 39 nm3 = 0.0069 squared."""
    expected = (1.380649e-23 * 300.0 * 4.5e-10 / 39e-27) ** 0.5
    assert natural_fluctuation(39_000.0, temperature_K=300.0) == pytest.approx(expected, rel=1e-4)
    assert expected == pytest.approx(0.0069, abs=1e-4)


@pytest.mark.parametrize(
    ("mass_u", "densities", "converged"),
    [
        (SMALL_U, (1.0, 1.0, 1.0, 1.008), True),
        (LARGE_U, (1.0, 1.0, 1.0, 1.008), False),
        (SMALL_U, (0.9, 0.94, 0.98, 1.02), False),
        (None, (1.0, 1.0, 1.0, 1.008), False),
    ],
)
def test_a_change_is_judged_by_the_size_of_the_box(mass_u, densities, converged):
    (summary,) = summarise(stage(*densities), mass_u=mass_u)
    assert summary.converged is converged
    assert ("density" in summary.reason) is not converged
