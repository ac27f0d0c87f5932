"""A quantity of each frame, of one or several trajectories."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.trajectories import Trajectory


@dataclass(frozen=True, eq=False)
class Series:
    """Values against time, one array for each trajectory."""

    name: str
    unit: str
    time_ps: tuple[Float64[np.ndarray, " frames"], ...]
    values: tuple[Float64[np.ndarray, " frames ..."], ...]
    stride: int = 1
    """Every how manieth frame they are of."""

    def mean(self) -> Estimate:
        """Mean over all frames, with its error."""
        return mean(self.values, unit=self.unit)

    def joined(self) -> np.ndarray:
        """All values, one trajectory after the other."""
        return np.concatenate(self.values)


class SeriesOf:
    """Collects what a function says of each frame of a chunk."""

    def __init__(self, function: Callable[[Chunk], np.ndarray], *, stride: int = 1) -> None:
        """Of every `stride`-th frame."""
        self.stride = stride
        self._function = function
        self._frames: dict[int, list[np.ndarray]] = {}
        self._values: dict[int, list[np.ndarray]] = {}

    def add(self, piece: int, chunk: Chunk) -> None:
        """Values of these frames."""
        self.keep(piece, chunk.frames, self._function(chunk))

    def keep(self, piece: int, frames: np.ndarray, values: np.ndarray) -> None:
        """Values that are known already."""
        self._frames.setdefault(piece, []).append(frames)
        self._values.setdefault(piece, []).append(values)

    def result(self, trajectories: Sequence[Trajectory], name: str, *, unit: str) -> Series:
        """All values, with their times; trajectories without any are left out."""
        frames = {piece: np.concatenate(parts) for piece, parts in sorted(self._frames.items())}
        return Series(
            name=name,
            unit=unit,
            time_ps=tuple(trajectories[piece].time_ps[numbers] for piece, numbers in frames.items()),
            values=tuple(np.concatenate(self._values[piece]) for piece in frames),
            stride=self.stride,
        )
