"""Contacts between residues, and the fraction of native ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.molecule import heavy_atoms, residue_labels
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream
from ai2bmd.analysis.structure.kernels import count_residue_contacts, native_fraction
from ai2bmd.analysis.structure.motion import reference_positions_A
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

CONTACT_A = 4.5
"""Heavy atoms nearer than this touch."""
APART = 4
"""Native contacts are of residues with at least three between them (Best, Hummer, Eaton)."""
STEEPNESS_PER_A, TOLERANCE = 5.0, 1.8
"""Of Q: Best, Hummer, Eaton, Proc. Natl. Acad. Sci. USA 110, 17874 (2013), for all-atom models."""


@dataclass(frozen=True, eq=False)
class NativeContacts:
    """The fraction Q of the contacts of a reference that are there, between 0 and 1."""

    series: Series
    pairs: Int64[np.ndarray, "contacts 2"]
    """Atoms in contact in the reference, heavy, of residues apart."""
    distances_A: Float64[np.ndarray, " contacts"]
    """There."""


@dataclass(frozen=True, eq=False)
class ContactMap:
    """How often residues touch: any heavy atom of one within 4.5 A of one of the other."""

    residue_labels: tuple[str, ...]
    frequency: Float64[np.ndarray, "residues residues"]
    """Fraction of the frames; symmetric, 0 on the diagonal."""
    number: Series
    """Of contacts between residues with at least three between them, in each frame."""


class NativeContactsOf(SeriesOf):
    """Q in every frame."""

    def __init__(self, molecule: ProteinTopology, reference_A: Float[np.ndarray, "atoms 3"]) -> None:
        """Contacts of a reference.

        Raises:
            InputError: it has none between residues apart, or is a coarse model.
        """
        heavy_atoms(molecule, what="native contacts")
        self.pairs, self.distances_A = native_pairs(molecule, reference_A)
        if not len(self.pairs):
            raise InputError(
                f"no two residues with at least {APART - 1} between them touch in the reference, so there are no "
                "native contacts; give a folded reference"
            )
        super().__init__(
            lambda chunk: native_fraction(chunk.positions_A, self.pairs, self.distances_A, STEEPNESS_PER_A, TOLERANCE)
        )


class ContactsOf(SeriesOf):
    """Contacts between residues, counted."""

    def __init__(self, molecule: ProteinTopology, *, stride: int = 1) -> None:
        """Of a molecule.

        Raises:
            InputError: it is of one residue, or a coarse model.
        """
        if len(molecule.residue_names) < 2:
            raise InputError("one residue alone has no contacts with others")
        heavy = heavy_atoms(molecule, what="contacts")
        first = np.searchsorted(molecule.residue_index[heavy], np.arange(len(molecule.residue_names) + 1))
        self._counts = np.zeros((len(molecule.residue_names),) * 2, dtype=np.int64)
        self._seen, self._labels = 0, residue_labels(molecule)
        super().__init__(
            lambda chunk: count_residue_contacts(chunk.positions_A, heavy, first, CONTACT_A, APART, self._counts),
            stride=stride,
        )

    def add(self, piece: int, chunk: Chunk) -> None:
        """Count them in these frames."""
        super().add(piece, chunk)
        self._seen += len(chunk.frames)

    def map(self, trajectories: Sequence[Trajectory]) -> ContactMap:
        """Frequencies."""
        frequency = self._counts / self._seen
        return ContactMap(self._labels, frequency + frequency.T, self.result(trajectories, "contacts", unit=""))


def native_pairs(
    molecule: ProteinTopology, reference_A: Float[np.ndarray, "atoms 3"]
) -> tuple[Int64[np.ndarray, "contacts 2"], Float64[np.ndarray, " contacts"]]:
    """Heavy atoms within 4.5 A, of residues with at least three between them or of different chains."""
    from MDAnalysis.lib.distances import self_capped_distance

    heavy = np.flatnonzero(molecule.atomic_numbers != 1)
    places, distances = self_capped_distance(reference_A[heavy].astype(np.float32), CONTACT_A)
    pairs = np.sort(heavy[places.reshape(-1, 2)], axis=1).astype(np.int64)
    residues = molecule.residue_index[pairs]
    chains = np.array(molecule.chain_ids)[residues]
    kept = (residues[:, 1] - residues[:, 0] >= APART) | (chains[:, 0] != chains[:, 1])
    order = np.lexsort(pairs[kept].T[::-1])
    return pairs[kept][order], np.asarray(distances, dtype=np.float64)[kept][order]


def native_contacts(source: Any, *, reference: Any = None) -> NativeContacts:
    """Q along trajectories (Best, Hummer, Eaton 2013).

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis.
        reference: the folded structure, a universe or group with the same atoms; None: the first frame.

    Raises:
        InputError: the reference has other atoms, or no contacts.
    """
    trajectories = as_trajectories(source)
    collector = NativeContactsOf(trajectories[0].molecule, reference_positions_A(trajectories[0], reference))
    stream(trajectories, [collector])
    series = collector.result(trajectories, "native contacts Q", unit="")
    return NativeContacts(series, collector.pairs, collector.distances_A)


def contact_map(source: Any, *, stride: int = 1) -> ContactMap:
    """Contacts between residues along trajectories."""
    trajectories = as_trajectories(source)
    collector = ContactsOf(trajectories[0].molecule, stride=stride)
    stream(trajectories, [collector])
    return collector.map(trajectories)
