"""Solvent-accessible surface area (Shrake, Rupley, J. Mol. Biol. 79, 351, 1973; by mdtraj)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.molecule import heavy_atoms, residue_labels
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream, stride_for
from ai2bmd.analysis.structure.mdtraj_view import as_mdtraj, mdtraj_topology
from ai2bmd.analysis.trajectories import Trajectory

PROBE_A = 1.4
POINTS = 240
"""On the sphere of each atom: the area of an atom is known to about a percent, that of a protein better."""
_ATOM_FRAMES = 170_000
"""Atoms times frames that take about three seconds on one core."""
_A2_PER_NM2 = 100.0


@dataclass(frozen=True, eq=False)
class Surface:
    """Areas in A^2."""

    total: Series
    residue_labels: tuple[str, ...]
    residue_A2: tuple[Estimate, ...]
    """Mean of each residue."""


class SurfaceOf(SeriesOf):
    """Area of each residue."""

    def __init__(self, trajectories: Sequence[Trajectory], *, stride: int | None = None) -> None:
        """Of every `stride`-th frame; None: as many as cost some seconds.

        Raises:
            InputError: the model is a coarse one.
        """
        molecule = trajectories[0].molecule
        heavy_atoms(molecule, what="the surface")
        self._trajectories, topology = trajectories, mdtraj_topology(molecule)
        if stride is None:
            stride = stride_for(trajectories, max(100, _ATOM_FRAMES // len(molecule.atom_names)))
        first = molecule.first_atom[:-1]

        def areas(chunk: Chunk) -> np.ndarray:
            return np.add.reduceat(_areas_A2(chunk.positions_A, topology), first, axis=1)

        super().__init__(areas, stride=stride)

    def surface(self) -> Surface:
        """Total, and means of residues."""
        areas = self.result(
            self._trajectories, "solvent-accessible surface", unit="\N{ANGSTROM SIGN}\N{SUPERSCRIPT TWO}"
        )
        total = Series(areas.name, areas.unit, areas.time_ps, tuple(part.sum(1) for part in areas.values), areas.stride)
        labels = residue_labels(self._trajectories[0].molecule)
        means = [mean([part[:, residue] for part in areas.values], unit=areas.unit) for residue in range(len(labels))]
        return Surface(total, labels, tuple(means))


def _areas_A2(positions_A: np.ndarray, topology: Any) -> Float64[np.ndarray, "frames atoms"]:
    import mdtraj

    areas = mdtraj.shrake_rupley(as_mdtraj(positions_A, topology), probe_radius=0.1 * PROBE_A, n_sphere_points=POINTS)
    return np.asarray(areas, dtype=np.float64) * _A2_PER_NM2


def surface(source: Any, *, stride: int | None = None) -> Surface:
    """Solvent-accessible surface along trajectories; every how manieth frame is in the result."""
    trajectories = as_trajectories(source)
    collector = SurfaceOf(trajectories, stride=stride)
    stream(trajectories, [collector])
    return collector.surface()
