"""Frames of a trajectory in chunks, so that trajectories larger than memory pass through it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from ai2bmd.analysis.superposition import superpose
from ai2bmd.imaging import ProteinImaging
from ai2bmd.trajectory.damaged import open_readable
from ai2bmd.trajectory.layout import PROTEIN, dataset
from fragmentation.topology import ProteinTopology

_COORDINATES = 1_000_000
"""Of a chunk: some MB, as are what analyses make of it."""
_MOST_FRAMES = 4000
_SAME_PLACE_A = 1e-4
Boxes = Float64[np.ndarray, "frames 3 3"] | None


@dataclass(frozen=True, eq=False)
class Reference:
    """A structure to superpose frames on."""

    positions_A: Float64[np.ndarray, "atoms 3"]
    atoms: Int64[np.ndarray, " chosen"]
    """Which atoms are superposed."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some frames, in order."""

    frames: Int64[np.ndarray, " frames"]
    """Numbers within the trajectory."""
    positions_A: Float32[np.ndarray, "frames atoms 3"]
    ends: str = ""
    """Why no chunk follows although the trajectory has more frames."""
    _superposed: dict[int, Float32[np.ndarray, "frames atoms 3"]] = field(default_factory=dict)

    def thinned(self, stride: int) -> "Chunk":
        """The frames whose numbers are multiples of `stride`."""
        if stride == 1:
            return self
        kept = self.frames % stride == 0
        return Chunk(self.frames[kept], self.positions_A[kept], self.ends)

    def superposed_A(self, reference: Reference) -> Float32[np.ndarray, "frames atoms 3"]:
        """Superposed on a reference; computed once, whoever asks."""
        if id(reference) not in self._superposed:
            _, turned = superpose(self.positions_A, reference.positions_A, atoms=reference.atoms)
            self._superposed[id(reference)] = turned
        return self._superposed[id(reference)]


class FrameSource(Protocol):
    """Where frames come from."""

    def read(self, frames: Int64[np.ndarray, " frames"]) -> tuple[Float32[np.ndarray, "read atoms 3"], Boxes, str]:
        """Positions and boxes of evenly spaced frames; fewer, and the reason, where the file does not give more."""
        ...


@dataclass(frozen=True, eq=False)
class OwnFrames:
    """Frames of a trajectory of this program: blocks of its HDF5 file."""

    path: Path
    columns: Int64[np.ndarray, " atoms"]
    """Of the atoms of the file, those analysed."""

    def read(self, frames):
        """Positions and boxes."""
        block = slice(int(frames[0]), int(frames[-1]) + 1, int(frames[1] - frames[0]) if len(frames) > 1 else 1)
        with open_readable(self.path) as (hdf5, _, _):
            positions = dataset(hdf5, PROTEIN.position.value)[block]
            box = dataset(hdf5, PROTEIN.edges.value)[block] if PROTEIN.edges.path in hdf5 else None
        if len(self.columns) != positions.shape[1] or (np.diff(self.columns) != 1).any():
            positions = positions[:, self.columns]
        return positions, box, ""


@dataclass(frozen=True, eq=False)
class ForeignFrames:
    """Frames of any trajectory that MDAnalysis reads."""

    atoms: Any
    """An AtomGroup."""

    def read(self, frames):
        """Positions and boxes."""
        trajectory, count = self.atoms.universe.trajectory, 0
        positions = np.empty((len(frames), len(self.atoms), 3), dtype=np.float32)
        boxes, reason = np.zeros((len(frames), 3, 3)), ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged files make readers warn before they fail
            try:
                for number, frame in enumerate(frames.tolist()):
                    state = trajectory[frame]
                    positions[number] = state.positions[self.atoms.indices]
                    if state.dimensions is not None:
                        boxes[number] = state.triclinic_dimensions
                    count = number + 1
            except (OSError, EOFError, ValueError, IndexError, RuntimeError, StopIteration) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
        return positions[:count], boxes[:count] if boxes.any() else None, reason


def read_chunks(source: FrameSource, molecule: ProteinTopology, *, frames: int, stride: int = 1) -> Iterator[Chunk]:
    """Every `stride`-th frame in chunks, molecules whole where there is a box.

    The last chunk says so if the frames end before their number: where the file cannot be read, positions are not
    finite (a simulation that has blown up does not come back), or atoms lie on each other (they were never written).
    """
    imaging = ProteinImaging(len(molecule.atom_names), molecule.bonds)
    wanted = np.arange(0, frames, stride)
    size = int(np.clip(_COORDINATES // (3 * len(molecule.atom_names)), 1, _MOST_FRAMES))
    for first in range(0, len(wanted), size):
        numbers = wanted[first : first + size]
        positions, boxes, reason = source.read(numbers)
        for usable, otherwise in (
            (np.all(np.isfinite(positions), axis=(1, 2)), "its positions are not finite"),
            (~coincident(positions), "atoms lie on each other"),
        ):
            if not np.all(usable[: len(positions)]):
                positions, reason = positions[: int(np.argmin(usable))], otherwise
        ends = f"frame {numbers[len(positions)] + 1} of {frames}: {reason}" if reason else ""
        if boxes is not None:
            positions = make_whole(positions, boxes[: len(positions)], imaging, molecule.bonds)
        if len(positions) or ends:
            yield Chunk(numbers[: len(positions)], positions, ends)
        if ends:
            return


def coincident(positions_A: Float32[np.ndarray, "frames atoms 3"]) -> Bool[np.ndarray, " frames"]:
    """Whether two atoms of a frame are at one place."""
    found = np.zeros(len(positions_A), dtype=bool)
    close = np.flatnonzero(np.any(np.diff(np.sort(positions_A[..., 0], axis=1), axis=1) < _SAME_PLACE_A, axis=1))
    order = np.argsort(positions_A[close, :, 0], axis=1)  # such atoms are neighbours in it
    steps = np.diff(np.take_along_axis(positions_A[close], order[..., None], axis=1), axis=1)
    found[close] = np.any(np.all(np.abs(steps) < _SAME_PLACE_A, axis=2), axis=1)
    return found


def make_whole(
    positions_A: Float[np.ndarray, "frames atoms 3"],
    boxes_A: Float[np.ndarray, "frames 3 3"],
    imaging: ProteinImaging,
    bonds: Int64[np.ndarray, "bonds 2"],
) -> Float32[np.ndarray, "frames atoms 3"]:
    """Frames whose bonds are short, and molecules next to each other; those of one whole molecule stay as they are."""
    boxed = np.abs(np.diagonal(boxes_A, axis1=1, axis2=2)).min(1) > 0.0
    if len(imaging.molecules) > 1:
        todo = np.flatnonzero(boxed)
    else:
        lengths = np.abs(positions_A[:, bonds[:, 0]] - positions_A[:, bonds[:, 1]]).max((1, 2), initial=0.0)
        todo = np.flatnonzero(boxed & (lengths > np.diagonal(boxes_A, axis1=1, axis2=2).min(1) / 3.0))
    result = np.array(positions_A, dtype=np.float32)
    for frame in todo:
        result[frame] = imaging(positions_A[frame], _reduced(boxes_A[frame]))
    return result


def _reduced(box_A: Float[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """The lower triangle with the shortest vectors, as OpenMM has it."""
    box = np.array(box_A, dtype=np.float64)
    box[2] -= box[1] * np.round(box[2, 1] / box[1, 1])
    box[2] -= box[0] * np.round(box[2, 0] / box[0, 0])
    box[1] -= box[0] * np.round(box[1, 0] / box[0, 0])
    return box
