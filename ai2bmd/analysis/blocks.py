"""Averages of blocks of frames: errors of quantities too many to be kept frame by frame."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.trajectories import Trajectory

BLOCKS = 20
"""Of each trajectory."""


class BlockedFrames:
    """How many frames each block of each trajectory has."""

    def __init__(self, trajectories: Sequence[Trajectory]) -> None:
        """None as yet."""
        self._frames = [trajectory.frames for trajectory in trajectories]
        self.counts: Int64[np.ndarray, "trajectories blocks"] = np.zeros((len(trajectories), BLOCKS), dtype=np.int64)

    def add(self, piece: int, chunk: Chunk) -> Int64[np.ndarray, " frames"]:
        """Count frames; the block that each falls into."""
        block = chunk.frames * BLOCKS // self._frames[piece]
        self.counts[piece] += np.bincount(block, minlength=BLOCKS)
        return block

    def mean(self, sums: Float[np.ndarray, "trajectories blocks"], *, unit: str = "") -> Estimate:
        """Mean over all frames of what the sums in blocks are of, its error from the averages of blocks."""
        parts = [
            total[full] / count[full]
            for total, count in zip(sums, self.counts, strict=True)
            if (full := count > 0).any()
        ]
        estimate = mean(parts, unit=unit)
        return Estimate(float(sums.sum() / self.counts.sum()), estimate.error, estimate.effective_samples, unit)
