"""A word about time steps longer than any that was measured to conserve energy; none about the defaults."""

import re

import pytest

from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.simulation.stability import stability_warning


def warning(**values):
    return stability_warning(make_settings(values, where="test"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"solvent": "opc"},
        {"solvent": "opc", "hydrogen_mass": None},
        {"solvent": "opc", "constraints": "none"},
        {"environment": "amoeba2018"},
        {"solvent": "opc", "coupling": "off", "timestep": "4 fs"},
        {"constraints": "h-bonds", "timestep": "2 fs"},
    ],
)
def test_what_conserves_energy(values):
    assert warning(**values) is None


@pytest.mark.parametrize(
    ("values", "longest", "cure"),
    [
        ({"timestep": "4 fs"}, "flexible bonds: 1 fs", "--constraints h-bonds"),
        ({"timestep": "3 fs"}, "flexible bonds: 1 fs", "--constraints h-bonds"),
        ({"timestep": "2 fs", "coupling": "off"}, "flexible bonds: 1 fs", "--constraints h-bonds"),
        ({"timestep": "4 fs", "constraints": "h-bonds"}, "constrained: 2 fs", "--hydrogen-mass 3u"),
        ({"timestep": "4 fs", "solvent": "opc"}, "hydrogens of 3 u: 3 fs", "take a shorter --timestep$"),
        ({"timestep": "5 fs", "solvent": "opc", "coupling": "off"}, "without correction: 4 fs", "shorter --timestep$"),
        ({"timestep": "2 fs", "environment": "amoeba2018"}, "flexible bonds: 1 fs", "shorter --timestep$"),
        ({"timestep": "4 fs", "substeps": 2}, "flexible bonds and substeps: 2 fs, 0.5 fs", "--constraints h-bonds"),
        ({"timestep": "2 fs", "substeps": 2}, "flexible bonds and substeps: 2 fs, 0.5 fs", "--constraints h-bonds"),
        ({"timestep": "4 fs", "substeps": 8}, "flexible bonds and substeps: 2 fs, 0.5 fs", "--constraints h-bonds"),
        (
            {"timestep": "6 fs", "substeps": 3, "constraints": "h-bonds"},
            "constrained and substeps: 4 fs, 2 fs of the force field",
            "shorter --timestep",
        ),
        ({"timestep": "4 fs", "substeps": 2, "coupling": "off"}, "flexible bonds: 1 fs", "--constraints h-bonds"),
    ],
)
def test_what_does_not(values, longest, cure):
    told = warning(**values)
    assert longest in told
    assert re.search(cure, told)


def test_multiple_time_steps_that_conserve_energy():
    assert warning(timestep="2 fs", substeps=4) is None
    assert warning(timestep="4 fs", substeps=2, constraints="h-bonds") is None
    assert warning(timestep="2 fs", substeps=2, coupling="off") is None


def test_a_run_says_it(tmp_path, chignolin, quick_settings):
    said = []
    for timestep in ("1fs", "2fs"):
        settings = make_settings(quick_settings | {"timestep": timestep}, where="test")
        start_run(chignolin, settings, output=tmp_path / timestep, name="test", say=said.append)
    assert [line for line in said if line.startswith("Warning: a timestep of 2 fs")]
    assert sum(line.startswith("Warning") for line in said) == 1
