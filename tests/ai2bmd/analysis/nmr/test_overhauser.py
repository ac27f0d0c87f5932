"""Effective distances of the NOE: two states, ambiguous protons, error bars, trajectories."""

import MDAnalysis as mda
import numpy as np
import pytest

from ai2bmd.analysis.nmr.overhauser import (
    distance_of_fast_motion,
    effective_distance,
    inverse_powers,
    noe_distances,
)
from ai2bmd.errors import InputError


@pytest.mark.parametrize("power", [3, 6])
def test_two_states(power):
    """A quarter of the time at 2 A, else at 6 A: the near state decides, and the mean distance of 5 A does not."""
    distances = np.array([2.0, 6.0, 6.0, 6.0] * 50)
    found = effective_distance([distances**-power], power=power)
    exact = ((2.0**-power + 3.0 * 6.0**-power) / 4.0) ** (-1.0 / power)
    assert found.value == pytest.approx(exact)
    assert found.value < 3.2
    assert found.unit == "A"


def test_ambiguous_protons_add_up():
    positions = np.array([[[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]])
    one, three = np.array([0]), np.array([1, 2, 3])
    total = inverse_powers(positions, one, three)
    assert effective_distance([np.repeat(total, 5)]).value == pytest.approx(3.0 * 3.0 ** (-1.0 / 6.0))
    each = inverse_powers(positions, one, three, pairs="mean")
    assert effective_distance([np.repeat(each, 5)]).value == pytest.approx(3.0)
    with pytest.raises(InputError, match="share an atom"):
        inverse_powers(positions, three, three)


def test_pairs_of_fast_motion_add_up_as_their_squares():
    """Two alike protons 3 A away: cross relaxation doubles in either limit, so the distance is 3 A / 2^(1/6)."""
    universe = mda.Universe.empty(3, 3, atom_resindex=[0, 1, 2], trajectory=True)
    universe.add_TopologyAttr("names", ["H1", "H2", "H3"])
    universe.add_TopologyAttr("elements", ["H", "H", "H"])
    universe.add_TopologyAttr("resnames", ["AAA", "BBB", "CCC"])
    universe.add_TopologyAttr("resids", [1, 2, 3])
    frame = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    universe.load_new(np.repeat(frame[None], 20, axis=0).astype(np.float32), order="fac")
    for power in (3, 6):
        (found,) = noe_distances(universe, [("name H1", "name H2 H3")], power=power)
        assert found.value == pytest.approx(3.0 * 2.0 ** (-1.0 / 6.0), rel=1e-5)
        (found,) = noe_distances(universe, [("name H1", "name H2 H3")], power=power, pairs="mean")
        assert found.value == pytest.approx(3.0, rel=1e-5)


def test_error_of_fast_motion_covers():
    """Two pairs that go in and out of reach together."""
    cubes = np.array([[2.5**-3.0, 3.0**-3.0], [4.0**-3.0, 5.0**-3.0]])
    exact, covered = (cubes.mean(0) ** 2).sum() ** (-1.0 / 6.0), 0
    for repeat in range(100):
        generator = np.random.default_rng(repeat)
        state = (np.cumsum(generator.random(2000) < 0.05) + generator.integers(2)) % 2
        low, high = distance_of_fast_motion([cubes[state]]).interval()
        covered += low <= exact <= high
    assert covered >= 88


def test_error_bars_cover():
    exact, covered = ((2.5**-6 + 4.0**-6) / 2.0) ** (-1.0 / 6.0), 0
    for repeat in range(100):
        generator = np.random.default_rng(repeat)
        state = (np.cumsum(generator.random(2000) < 0.05) + generator.integers(2)) % 2
        low, high = effective_distance([np.where(state == 0, 2.5, 4.0) ** -6.0]).interval()
        covered += low <= exact <= high
    assert covered >= 88


def test_along_trajectories(examples):
    """Two runs of unlike length against the same average by hand."""
    runs = []
    for seed, frames in ((1, 30), (2, 10)):
        universe = mda.Universe(str(examples / "chignolin.pdb"))
        first = universe.atoms.positions
        moved = first + 0.3 * np.random.default_rng(seed).normal(size=(frames, *first.shape))
        runs.append(universe.load_new(moved.astype(np.float32), order="fac"))
    (found,) = noe_distances(runs, [("resid 2 and name HA", "resid 2 and name HB2 HB3")])
    values = []
    for universe in runs:
        one, two = universe.select_atoms("resid 2 and name HA"), universe.select_atoms("resid 2 and name HB2 HB3")
        values += [(np.linalg.norm(two.positions - one.positions, axis=1) ** -6.0).sum() for _ in universe.trajectory]
    assert found.value == pytest.approx(np.mean(values) ** (-1.0 / 6.0), rel=1e-5)
    assert 1.5 < found.value < 3.0
    assert 0.0 < found.error < 0.5


def test_what_cannot_be_is_told(examples):
    universe = mda.Universe(str(examples / "chignolin.pdb"))
    with pytest.raises(InputError, match="an average of r\\^-6 or r\\^-3, not of r\\^-2"):
        noe_distances(universe, [("name HA", "name HB2")], power=2)
    with pytest.raises(InputError, match="the selection 'name XX' fits no atom"):
        noe_distances(universe, [("name HA", "name XX")])
    with pytest.raises(InputError, match="'name HA' and 'name HA HB2' share an atom"):
        noe_distances(universe, [("name HA", "name HA HB2")])
    with pytest.raises(InputError, match="no distance was asked for"):
        noe_distances(universe, [])
