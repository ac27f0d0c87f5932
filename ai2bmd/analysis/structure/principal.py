"""Principal components of the motion: directions in which the superposed molecule moves most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.chunks import Chunk, Reference
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream, stride_for, take_sample
from ai2bmd.analysis.structure.motion import chosen_atoms, mean_structure
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError

COMPONENTS = 10
_VALUES = 40_000_000


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The largest first."""

    variances_A2: Float64[np.ndarray, " all"]
    """Of all components."""
    directions: Float64[np.ndarray, "components chosen 3"]
    """Of the first ones, of unit length."""
    mean_A: Float64[np.ndarray, "chosen 3"]
    projections: Series
    """(frames, components), A: on the first ones, about the mean."""
    cosine_content: Float64[np.ndarray, "trajectories components"]
    """Between 0 and 1; near 1 a component is like random diffusion, and the trajectory too short to sample it
    (Hess, Phys. Rev. E 65, 031910, 2002)."""
    atoms_used: str

    @property
    def explained(self) -> Float64[np.ndarray, " all"]:
        """Fraction of all motion."""
        return self.variances_A2 / self.variances_A2.sum()


class PrincipalComponentsOf(SeriesOf):
    """Sums the covariance of all frames, and keeps the superposed atoms to project them."""

    def __init__(self, trajectories: Sequence[Trajectory], reference: Reference) -> None:
        """Of the atoms that the reference superposes.

        Raises:
            InputError: there are fewer than three frames or atoms.
        """
        frames, atoms = sum(trajectory.frames for trajectory in trajectories), len(reference.atoms)
        if frames < 3 or atoms < 3:
            raise InputError(f"{frames} frame(s) of {atoms} atom(s) have no principal components; give three or more")
        self._trajectories, self._atoms = trajectories, atoms
        self._centre = reference.positions_A[reference.atoms].astype(np.float32)
        self._count, self._sum = 0, np.zeros(3 * atoms)
        self._products = np.zeros((3 * atoms, 3 * atoms))

        def displacements(chunk: Chunk) -> np.ndarray:
            moved = chunk.superposed_A(reference)[:, reference.atoms] - self._centre
            return moved.reshape(len(moved), -1)

        self._displacements = displacements
        self._every = stride_for(trajectories, _VALUES // (3 * atoms))
        super().__init__(displacements)

    def add(self, piece: int, chunk: Chunk) -> None:
        """Add these frames."""
        moved = self._displacements(chunk)
        self._count += len(moved)
        self._sum += moved.sum(0, dtype=np.float64)
        self._products += (moved.T @ moved).astype(np.float64)
        kept = chunk.frames % self._every == 0
        if kept.any():
            self.keep(piece, chunk.frames[kept], moved[kept])

    def components(self, atoms_used: str) -> PrincipalComponents:
        """Directions and projections.

        Raises:
            InputError: nothing moves.
        """
        mean = self._sum / self._count
        covariance = self._products / self._count - np.outer(mean, mean)
        variances, vectors = np.linalg.eigh(covariance)
        if not variances.max() > 0.0:
            raise InputError("all frames are the same structure, which has no principal components")
        first = vectors[:, ::-1][:, :COMPONENTS]
        moved = self.result(self._trajectories, "principal components", unit="\N{ANGSTROM SIGN}")
        values = tuple((part - mean.astype(np.float32)) @ first.astype(np.float32) for part in moved.values)
        return PrincipalComponents(
            variances_A2=np.maximum(variances[::-1], 0.0),
            directions=first.T.reshape(-1, self._atoms, 3),
            mean_A=self._centre + mean.reshape(-1, 3),
            projections=Series(moved.name, moved.unit, moved.time_ps, values, self._every),
            cosine_content=np.array([cosine_content(part) for part in values]),
            atoms_used=atoms_used,
        )


def cosine_content(projections: Float[np.ndarray, "frames components"]) -> Float64[np.ndarray, " components"]:
    """Overlap of component i with i half-waves of a cosine, squared (Hess 2002)."""
    frames, components = projections.shape
    times = (np.arange(frames) + 0.5) / frames
    waves = np.cos(np.pi * np.outer(np.arange(1, components + 1), times))
    values = projections.astype(np.float64).T
    squares = np.square(values).sum(1)
    overlap = 2.0 / frames * np.square((waves * values).sum(1))
    return np.divide(overlap, squares, out=np.zeros(components), where=squares > 0.0)


def principal_components(source: Any, selection: str | None = None) -> PrincipalComponents:
    """Principal components of the motion along trajectories; of the C-alphas without a selection.

    Raises:
        InputError: too few frames or atoms, or the selection fits no atom.
    """
    trajectories = as_trajectories(source)
    atoms, words = chosen_atoms(trajectories[0], selection, setting="selection")
    collector = PrincipalComponentsOf(trajectories, mean_structure(take_sample(trajectories), atoms))
    stream(trajectories, [collector])
    return collector.components(words)
