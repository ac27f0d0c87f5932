"""Secondary structure over time (DSSP: Kabsch, Sander, Biopolymers 22, 2577, 1983; by mdtraj)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.molecule import residue_labels
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream, stride_for
from ai2bmd.analysis.structure.mdtraj_view import as_mdtraj, mdtraj_topology
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

KINDS = {
    "H": "\u03b1-helix",
    "G": "3-10 helix",
    "I": "\u03c0-helix",
    "E": "strand",
    "B": "\u03b2-bridge",
    "T": "turn",
    "S": "bend",
    " ": "coil",
}
"""The classes of DSSP; a code is the place in this table."""
HELIX, SHEET = "HGI", "EB"
_CODES = 40_000_000


@dataclass(frozen=True, eq=False)
class SecondaryStructure:
    """A class for each residue in each frame."""

    codes: Series
    """(frames, residues): places in `KINDS`."""
    residue_labels: tuple[str, ...]
    """Of the residues that have a backbone."""

    def content(self, classes: str) -> Estimate:
        """Fraction of the residues in any of these classes, such as `HELIX`."""
        wanted = np.isin(list(KINDS), list(classes))
        return mean([wanted[part].mean(1) for part in self.codes.values])

    def frequency(self, classes: str) -> Float64[np.ndarray, " residues"]:
        """Fraction of the frames that each residue is in any of these classes."""
        wanted = np.isin(list(KINDS), list(classes))
        return np.concatenate([wanted[part] for part in self.codes.values]).mean(0)


class SecondaryStructureOf(SeriesOf):
    """DSSP of every frame."""

    def __init__(self, trajectories: Sequence[Trajectory]) -> None:
        """Of the residues with a backbone.

        Raises:
            InputError: there is none.
        """
        molecule = trajectories[0].molecule
        residues = residues_with_backbone(molecule)
        if not len(residues):
            raise InputError("no residue has the backbone atoms N, CA, C and O, so there is no secondary structure")
        self._trajectories, topology = trajectories, mdtraj_topology(molecule)
        self._labels = tuple(residue_labels(molecule)[residue] for residue in residues)
        place = np.zeros(128, dtype=np.uint8)
        place[[ord(kind) for kind in KINDS]] = np.arange(len(KINDS))

        def codes(chunk: Chunk) -> np.ndarray:
            import mdtraj

            letters = mdtraj.compute_dssp(as_mdtraj(chunk.positions_A, topology), simplified=False)[:, residues]
            return place[np.ascontiguousarray(letters.astype("U1")).view(np.uint32).reshape(letters.shape)]

        super().__init__(codes, stride=stride_for(trajectories, _CODES // len(residues)))

    def secondary_structure(self) -> SecondaryStructure:
        """Of all frames."""
        return SecondaryStructure(self.result(self._trajectories, "secondary structure", unit=""), self._labels)


def residues_with_backbone(molecule: ProteinTopology) -> np.ndarray:
    """Residues with the atoms N, CA, C and O (one of a terminus too)."""
    found = [
        residue
        for residue in range(len(molecule.residue_names))
        if all(molecule.atom(residue, name) is not None for name in ("N", "CA", "C", "O"))
    ]
    return np.array(found, dtype=np.int64)


def secondary_structure(source: Any) -> SecondaryStructure:
    """DSSP along trajectories.

    Raises:
        InputError: no residue has a backbone.
    """
    trajectories = as_trajectories(source)
    collector = SecondaryStructureOf(trajectories)
    stream(trajectories, [collector])
    return collector.secondary_structure()
