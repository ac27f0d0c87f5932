"""One pass over trajectories that feeds every observable, chunk by chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32, Int64
from tqdm import tqdm

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.trajectories import Trajectory, check_alike, from_universe


class Observable(Protocol):
    """What frames are fed to. It keeps little of each."""

    stride: int
    """Every how manieth frame it wants: 1, or more where a frame costs much."""

    def add(self, piece: int, chunk: Chunk) -> None:
        """Take frames of trajectory number `piece`."""
        ...


@dataclass(frozen=True, eq=False)
class Reading:
    """What a pass has read."""

    frames: tuple[int, ...]
    """Of each trajectory, those that could be used, from the first on."""
    remarks: tuple[str, ...]
    """Trajectories that end early, and why."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames spread evenly over all trajectories, held in memory."""

    positions_A: Float32[np.ndarray, "frames atoms 3"]
    piece: Int64[np.ndarray, " frames"]
    """Number of the trajectory of each."""
    frame: Int64[np.ndarray, " frames"]
    """Its number there."""


def stream(trajectories: Sequence[Trajectory], observables: Sequence[Observable], *, text: str = "analysis") -> Reading:
    """Feed all frames of all trajectories to all observables."""
    counts, remarks = [], []
    total = sum(trajectory.frames for trajectory in trajectories)
    with tqdm(total=total, unit="frame", desc=text, disable=None, dynamic_ncols=True, leave=False) as bar:
        for piece, trajectory in enumerate(trajectories):
            count = 0
            for chunk in trajectory.chunks():
                for observable in observables:
                    wanted = chunk.thinned(observable.stride)
                    if len(wanted.frames):
                        observable.add(piece, wanted)
                count += len(chunk.frames)
                bar.update(len(chunk.frames))
                if chunk.ends:
                    remarks.append(f"{trajectory.name}: ends before {chunk.ends}")
            counts.append(count)
    return Reading(tuple(counts), tuple(remarks))


def take_sample(trajectories: Sequence[Trajectory], *, frames: int = 1000, coordinates: int = 60_000_000) -> Sample:
    """At most so many frames and coordinates, at the same interval in all trajectories."""
    atoms = len(trajectories[0].molecule.atom_names)
    most = max(1, min(frames, coordinates // (3 * atoms)))
    every = stride_for(trajectories, most)
    parts = [
        (chunk.positions_A, np.full(len(chunk.frames), piece), chunk.frames)
        for piece, trajectory in enumerate(trajectories)
        for chunk in trajectory.chunks(stride=every)
        if len(chunk.frames)
    ]
    return Sample(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def stride_for(trajectories: Sequence[Trajectory], most: int) -> int:
    """The stride at which all trajectories together have at most so many frames (one of each at least)."""
    total = sum(trajectory.frames for trajectory in trajectories)
    return max(1, -(-total // max(1, most)))


def as_trajectories(source: Any) -> tuple[Trajectory, ...]:
    """Trajectories of what users have: such trajectories, a universe or a group of atoms of MDAnalysis, or several.

    Raises:
        InputError: one cannot be used, or they are of different systems.
    """
    if isinstance(source, Trajectory):
        return (source,)
    if isinstance(source, (list, tuple)):
        opened = tuple(one for number, each in enumerate(source, start=1) for one in _named(each, number, len(source)))
        check_alike(opened)
        return opened
    return _named(source, 1, 1)


def _named(source: Any, number: int, count: int) -> tuple[Trajectory, ...]:
    if isinstance(source, Trajectory):
        return (source,)
    name = "trajectory" if count == 1 else f"trajectory {number}"
    universe = source.universe
    return (from_universe(universe, atoms=None if source is universe else source, name=name),)
