"""Trajectories made by hand: chignolin, shaken and turned, in files of several formats."""

import warnings
from collections.abc import Callable
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from scipy.spatial.transform import Rotation


@pytest.fixture
def shaken(examples) -> Callable[..., MDAnalysis.Universe]:
    """`shaken(frames, seed=0)`: a universe of chignolin with noise of 0.1 A on every coordinate, turned at random."""

    def make(frames: int, *, seed: int = 0, name: str = "chignolin.pdb") -> MDAnalysis.Universe:
        universe = MDAnalysis.Universe(str(examples / name))
        random = np.random.default_rng(seed)
        start = universe.atoms.positions.astype(np.float64)
        turns = Rotation.random(frames, random_state=seed).as_matrix()
        moved = (start + random.normal(scale=0.1, size=(frames, *start.shape))) @ turns
        moved[0] = start
        universe.load_new(moved.astype(np.float32), order="fac", dt=2.0)
        return universe

    return make


@pytest.fixture
def write_frames() -> Callable[[MDAnalysis.Universe, Path], Path]:
    """`write_frames(universe, path)`: all its frames as a file of the format that the ending names."""

    def write(universe: MDAnalysis.Universe, path: Path) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            universe.atoms.write(str(path), frames="all")
        return path

    return write
