"""Two-state proteins that are known, and runs of alanine dipeptide with the force field alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.structure.files import read_prepared

QUICK = {
    "coupling": "off",
    "solvent": "gas",
    "device": "cpu",
    "equilibration": [{"name": "minimise", "minimise": 20}],
    "checkpoint_every": 1000,
}


@pytest.fixture(scope="session")
def dipeptide_run(examples: Path) -> Callable[..., Path]:
    """`dipeptide_run(path, time=..., sampling=...)`: a run of ACE-ALA-NME."""
    prepared = read_prepared(examples / "alanine_dipeptide.pdb")

    def run(path: Path, **changes: Any) -> Path:
        settings = make_settings(QUICK | changes, where="test")
        start_run(prepared, settings, output=path, name="test", say=lambda line: None)
        return path

    return run


@pytest.fixture(scope="session")
def two_state_chains() -> Callable[..., np.ndarray]:
    """`two_state_chains(shares, frames=, memory=, generator=)`: 1 where folded, one chain for each share of folded.

    The autocorrelation is memory^lag.
    """

    def chains(shares: np.ndarray, *, frames: int, memory: float, generator: np.random.Generator) -> np.ndarray:
        found = np.empty((frames, *shares.shape))
        found[0] = generator.random(shares.shape) < shares
        for frame in range(1, frames):
            fresh = generator.random(shares.shape) < shares
            found[frame] = np.where(generator.random(shares.shape) < memory, found[frame - 1], fresh)
        return np.moveaxis(found, 0, -1)

    return chains
