"""Conformations of a molecule from nothing: dynamics, the thin parts of the phi/psi plane, and distorted copies.

Everything is made start by start. What a start makes depends on the seed, the molecule's name and the number of the
start, and where the backbone is sent, on the starts before it; on nothing else. Frames of one start are alike, and so
fall on the same side of the split into training and test (`start % 5 == 4`), distorted copies included.
"""

import dataclasses
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64

from ai2bmd.conformations.backbone_grid import BackboneGrid
from ai2bmd.conformations.checks import FrameCheck, Reason
from ai2bmd.conformations.distortion import Distortion
from ai2bmd.conformations.gas_phase import GasPhase, Positions
from ai2bmd.conformations.molecules import CappedMolecule
from ai2bmd.conformations.torsions import with_backbone
from potentials.label_store import Frame

_GRID_EVERY = 3
"""Of three starts one is sent to a thin part of the plane; 3 and the 5 of the split have no common factor."""
_TIMES_PS = (0.4, 0.6)
_HELD_TIMES_PS = (0.2,)
_MOST_STARTS_PER_FRAME = 2
_FEWEST_STARTS = 10


@dataclass(frozen=True)
class SamplingSettings:
    """What decides the frames of every molecule."""

    frames: int
    """Of each molecule."""
    seed: int
    temperatures_K: tuple[float, ...]
    snapshots: int = 4
    """Of each protein at each temperature."""
    clusters: int = 20
    """Frames of each protein, of all clusters together."""
    cluster_atoms: int = 60
    """At most, caps included."""

    def as_record(self) -> dict[str, Any]:
        """As a file keeps them."""
        record = dataclasses.asdict(self)
        return record | {"temperatures_K": list(self.temperatures_K)}


@dataclass(frozen=True, eq=False)
class Sampled:
    """Frames of one molecule, and what was made for them and rejected."""

    molecule: CappedMolecule
    frames: list[Frame] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    """By source."""
    rejected: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    """By source and reason."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A conformation before it is checked."""

    source: str
    positions_A: Float64[np.ndarray, "atoms 3"]
    temperature_K: float
    detail: str = ""


def generator_of(seed: int, name: str, start: int) -> np.random.Generator:
    """The random numbers of one start of one molecule."""
    return np.random.default_rng((seed, zlib.crc32(name.encode()), start))


def sample_molecule(
    molecule: CappedMolecule, settings: SamplingSettings, *, advance: Callable[[int], bool] = lambda frames: True
) -> Sampled | None:
    """Make frames until there are enough, or too many starts have given none.

    Args:
        molecule: as built.
        settings: number of frames, seed, temperatures.
        advance: told after each start how many frames it added; False asks for an end.

    Returns:
        The frames; None when asked to end before there were enough.
    """
    sampled, check = Sampled(molecule), FrameCheck(molecule)
    starts = _Starts(molecule, settings)
    most = max(_FEWEST_STARTS, _MOST_STARTS_PER_FRAME * settings.frames)
    for start in range(most):
        before = len(sampled.frames)
        for candidate in starts.make(start):
            if len(sampled.frames) < settings.frames and take(sampled, check, candidate, start=start):
                starts.grid.visit(candidate.positions_A)
        goes_on = advance(len(sampled.frames) - before)
        if len(sampled.frames) == settings.frames:
            break
        if not goes_on:
            return None
    return sampled


def take(sampled: Sampled, check: FrameCheck, candidate: Candidate, *, start: int) -> bool:
    """Keep a candidate if it is a conformation of the molecule; count it either way."""
    positions = candidate.positions_A.astype(np.float32)
    sampled.made[candidate.source] += 1
    reason = check.reason(positions)
    if reason is not None:
        sampled.rejected[candidate.source, reason] += 1
        return False
    origin = candidate.source + (f": {candidate.detail}" if candidate.detail else "")
    sampled.frames.append(Frame(positions, start, candidate.temperature_K, origin))
    return True


class _Starts:
    """Makes the frames of one start after the other."""

    def __init__(self, molecule: CappedMolecule, settings: SamplingSettings) -> None:
        self._name, self._settings = molecule.name, settings
        self._gas, self._distortion = GasPhase(molecule), Distortion(molecule.protein)
        self.grid = BackboneGrid(self._gas.backbone)

    def make(self, start: int) -> Iterator[Candidate]:
        generator = generator_of(self._settings.seed, self._name, start)
        temperature_K = float(generator.choice(self._settings.temperatures_K))
        seed = int(generator.integers(1, 2**31 - 1))
        positions = self._gas.random_torsions(generator)
        if self._gas.backbone and start % _GRID_EVERY == _GRID_EVERY - 1:
            yield from self._held(positions, generator, temperature_K, seed)
        else:
            yield from self._free(positions, generator, temperature_K, seed)

    def _free(
        self, positions: Positions, generator: np.random.Generator, temperature_K: float, seed: int
    ) -> Iterator[Candidate]:
        self._gas.hold(None)
        relaxed = self._gas.minimised(positions)
        frames = self._gas.dynamics(relaxed, temperature_K=temperature_K, seed=seed, times_ps=_TIMES_PS)
        for frame in frames:
            yield Candidate("gas-phase dynamics", frame, temperature_K)
        source = frames[generator.integers(len(frames))]
        yield Candidate("distorted", self._distortion.distorted(source, generator), 0.0, f"{temperature_K:g} K before")

    def _held(
        self, positions: Positions, generator: np.random.Generator, temperature_K: float, seed: int
    ) -> Iterator[Candidate]:
        residue, degrees = self.grid.draw_thin(generator)
        detail = ", ".join(f"{name} {angle:.0f}" for name, angle in zip(residue.names, degrees, strict=True))
        self._gas.hold(residue, degrees)
        relaxed = self._gas.minimised(with_backbone(positions, residue, degrees))
        yield Candidate("backbone grid, minimum", relaxed, 0.0, detail)
        (frame,) = self._gas.dynamics(relaxed, temperature_K=temperature_K, seed=seed, times_ps=_HELD_TIMES_PS)
        yield Candidate("backbone grid, dynamics", frame, temperature_K, detail)
