"""RMSD, radius of gyration and fluctuation against cases known by hand, and against MDAnalysis."""

import numpy as np
import pytest
from MDAnalysis.analysis import align, rms

from ai2bmd.analysis.structure.motion import radius_of_gyration, rmsd, rmsf
from ai2bmd.analysis.superposition import rmsd_A


def test_as_mdanalysis_has_them(shaken):
    universe = shaken(40)
    theirs = rms.RMSD(universe, select="name CA").run().results.rmsd[:, 2]
    ours = rmsd(universe)
    assert ours.values[0] == pytest.approx(theirs, abs=1e-4)
    assert ours.values[0][1:].min() > 0.05
    assert ours.time_ps[0] == pytest.approx(2.0 * np.arange(40))
    radii = [universe.atoms.radius_of_gyration() for _ in universe.trajectory]
    assert radius_of_gyration(universe).values[0] == pytest.approx(radii, abs=1e-3)
    heavy = rms.RMSD(universe, select="not element H").run().results.rmsd[:, 2]
    assert rmsd(universe, "not element H").values[0] == pytest.approx(heavy, abs=1e-4)


def test_fluctuation_as_mdanalysis_has_it(shaken):
    universe = shaken(300)
    ours = rmsf(universe)
    average = align.AverageStructure(universe, select="name CA").run().results.universe
    align.AlignTraj(universe, average, select="name CA", in_memory=True).run()
    theirs = rms.RMSF(universe.atoms).run().results.rmsf
    assert ours.atom_A == pytest.approx(theirs, abs=2e-3)
    assert ours.heavy_A.mean() == pytest.approx(0.173, abs=0.02)
    assert ours.heavy_error_A.max() < 0.02


def test_fluctuation_of_an_oscillating_atom(shaken):
    """An atom that swings with amplitude a is a / sqrt(2) away; it is not superposed on."""
    universe = shaken(1)
    frames = np.repeat(universe.atoms.positions[None], 64, axis=0)
    frames[:, 7, 1] += 0.8 * np.cos(2 * np.pi * np.arange(64) / 64)
    universe.load_new(frames, order="fac")
    found = rmsf(universe, "not index 7").atom_A
    assert found[7] == pytest.approx(0.8 / np.sqrt(2), rel=1e-3)
    assert np.delete(found, 7).max() < 1e-2


def test_errors_of_fluctuation_cover(shaken):
    """Of repeats the spread is what the errors say."""
    results = [rmsf(shaken(200, seed=seed)) for seed in range(12)]
    spread = np.std([result.heavy_A for result in results], axis=0).mean()
    told = np.mean([result.heavy_error_A for result in results])
    assert 0.6 < told / spread < 1.6


def test_a_mirror_image_has_a_distance(shaken):
    positions = shaken(1).atoms.positions
    everything = np.arange(len(positions))
    assert rmsd_A(positions[None] + 3.0, positions, atoms=everything)[0] < 1e-3
    assert rmsd_A(-positions[None], positions, atoms=everything)[0] > 1.0
