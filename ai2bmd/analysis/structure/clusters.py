"""Groups of similar structures (Daura et al., Angew. Chem. Int. Ed. 38, 236, 1999), each with its middle one.

They are found in a sample of frames; then every frame goes to the nearest middle within the cutoff, or to none.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.fractions import fraction
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import Sample, as_trajectories, stream, take_sample
from ai2bmd.analysis.structure.motion import chosen_atoms
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError

CUTOFF_A = 1.5
MOST = 10
"""Groups that are kept; the frames of smaller ones count as none."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """A group of frames around one of them."""

    trajectory: int
    """Number of the trajectory of its middle frame."""
    frame: int
    """Number of that frame there."""
    time_ps: float
    positions_A: Float32[np.ndarray, "atoms 3"]
    """All atoms analysed of that frame."""
    population: Estimate
    """Fraction of all frames."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups, the largest of the sample first."""

    clusters: tuple[Cluster, ...]
    membership: Series
    """Number of the group of each frame, -1 for none."""
    unassigned: Estimate
    """Fraction of the frames in none."""
    cutoff_A: float
    atoms_used: str
    sampled: int
    """Frames of the sample that the groups were found in."""


class ClustersOf(SeriesOf):
    """Groups frames around the middles of a sample's groups."""

    def __init__(
        self,
        trajectories: Sequence[Trajectory],
        sample: Sample,
        atoms: Int64[np.ndarray, " chosen"],
        *,
        cutoff_A: float,
    ) -> None:
        """Find the groups of a sample.

        Raises:
            InputError: there are fewer than two frames, fewer than three atoms, or the cutoff is not positive.
        """
        if len(sample.frame) < 2:
            raise InputError("one frame makes no clusters; give a longer trajectory")
        if len(atoms) < 3:
            raise InputError(f"{len(atoms)} atoms have no shape to cluster by; choose three or more")
        if not cutoff_A > 0.0:
            raise InputError(f"cutoff_A: expected a distance above 0 A, got {cutoff_A:g}")
        self._trajectories, self._sample, self._cutoff_A = trajectories, sample, cutoff_A
        self._chosen = sample.positions_A[:, atoms]
        self.middles = find_middles(_distances_A(self._chosen), cutoff_A)[:MOST]
        middles = self._chosen[self.middles]

        def membership(chunk: Chunk) -> np.ndarray:
            distances = _rmsd_to(chunk.positions_A[:, atoms], middles)
            nearest = distances.argmin(1)
            return np.where(distances.min(1) <= cutoff_A, nearest, -1).astype(np.int8)

        super().__init__(membership)

    def clusters(self, atoms_used: str) -> Clusters:
        """Populations over all frames."""
        series = self.result(self._trajectories, "cluster", unit="")
        found = []
        for number, middle in enumerate(self.middles):
            piece, frame = int(self._sample.piece[middle]), int(self._sample.frame[middle])
            population = fraction([part == number for part in series.values])
            time_ps = float(self._trajectories[piece].time_ps[frame])
            found.append(Cluster(piece, frame, time_ps, self._sample.positions_A[middle], population))
        unassigned = fraction([part < 0 for part in series.values])
        return Clusters(tuple(found), series, unassigned, self._cutoff_A, atoms_used, len(self._sample.frame))


def representative_pdb(trajectory: Trajectory, cluster: Cluster) -> str:
    """The middle frame of a cluster as the text of a PDB file."""
    from MDAnalysis.lib.util import NamedStream

    stream = io.StringIO()
    atoms = trajectory.atoms.copy()
    here = trajectory.atoms.positions.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that the topology lacks
        try:
            atoms.positions = cluster.positions_A
            atoms.write(NamedStream(stream, "cluster.pdb", close=False), bonds=None)  # pyright: ignore[reportArgumentType]
        finally:
            atoms.positions = here
    lines = stream.getvalue().splitlines(keepends=True)
    return "".join(
        line for line in lines if line.startswith(("ATOM", "HETATM", "TER", "END"))
    )  # a box would mean nothing


def find_middles(distances_A: Float32[np.ndarray, "frames frames"], cutoff_A: float) -> Int64[np.ndarray, " clusters"]:
    """Frames with most neighbours within the cutoff, each after those of the ones before are taken out."""
    near = distances_A <= cutoff_A
    left, middles = np.ones(len(near), dtype=bool), []
    while left.any():
        counts = np.where(left, (near & left).sum(1), 0)
        middles.append(int(counts.argmax()))
        left &= ~near[middles[-1]]
        left[middles[-1]] = False
    return np.array(middles, dtype=np.int64)


def find_clusters(source: Any, selection: str | None = None, *, cutoff_A: float = CUTOFF_A) -> Clusters:
    """Clusters of structures along trajectories.

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis.
        selection: atoms to superpose and compare; the C-alphas if None.
        cutoff_A: RMSD within which structures are neighbours.

    Raises:
        InputError: as of `ClustersOf`, or the selection fits no atom.
    """
    trajectories = as_trajectories(source)
    atoms, words = chosen_atoms(trajectories[0], selection, setting="selection")
    collector = ClustersOf(trajectories, take_sample(trajectories), atoms, cutoff_A=cutoff_A)
    stream(trajectories, [collector])
    return collector.clusters(words)


def _distances_A(frames_A: Float32[np.ndarray, "frames chosen 3"]) -> Float32[np.ndarray, "frames frames"]:
    return _rmsd_to(frames_A, frames_A)


def _rmsd_to(
    frames_A: Float32[np.ndarray, "frames chosen 3"], targets_A: Float32[np.ndarray, "targets chosen 3"]
) -> Float32[np.ndarray, "frames targets"]:
    """After superposition, by mdtraj (Theobald, Acta Cryst. A 61, 478, 2005)."""
    import mdtraj

    frames, targets = (mdtraj.Trajectory(np.array(each) * np.float32(0.1), None) for each in (frames_A, targets_A))
    frames.center_coordinates()
    targets.center_coordinates()
    columns = [
        mdtraj.rmsd(frames, targets, number, parallel=False, precentered=True) for number in range(targets.n_frames)
    ]
    return 10.0 * np.stack(columns, axis=1)
