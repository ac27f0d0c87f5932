"""Hydrogen bonds by distance and angle (Baker, Hubbard, Prog. Biophys. Mol. Biol. 44, 97, 1984)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ai2bmd.analysis.blocks import BLOCKS, BlockedFrames
from ai2bmd.analysis.chunks import Chunk
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.fractions import honest
from ai2bmd.analysis.molecule import residue_labels
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import as_trajectories, stream
from ai2bmd.analysis.structure.kernels import find_hydrogen_bonds
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

DISTANCE_A, ANGLE_DEG = 2.5, 120.0
"""Hydrogen to acceptor at most, donor-hydrogen-acceptor at least."""
_MOST = 200
"""Bonds whose occupancy gets an error, the most frequent."""


@dataclass(frozen=True)
class HydrogenBond:
    """A donor and an acceptor, whichever of the donor's hydrogens is between them."""

    donor: int
    """Atom."""
    acceptor: int
    donor_label: str
    """Such as THR6 N."""
    acceptor_label: str
    occupancy: Estimate
    """Fraction of the frames in which it is there."""


@dataclass(frozen=True, eq=False)
class HydrogenBonds:
    """All within the molecule, the most frequent first."""

    bonds: tuple[HydrogenBond, ...]
    found: int
    """How many different ones there were, those too rare to be listed too."""
    number: Series
    """Of bonds in each frame."""


class HydrogenBondsOf:
    """Counts hydrogen bonds in blocks of frames."""

    def __init__(self, trajectories: Sequence[Trajectory], *, stride: int = 1) -> None:
        """Of a molecule with hydrogens.

        Raises:
            InputError: it has no donor with hydrogens, or no acceptor.
        """
        molecule = trajectories[0].molecule
        self.stride, self._trajectories = stride, trajectories
        self._donors, self._hydrogens, self._first, self._acceptors = donors_and_acceptors(molecule)
        if not len(self._donors) or not len(self._acceptors):
            missing = "acceptor" if len(self._donors) else "nitrogen or oxygen with hydrogens"
            raise InputError(f"the molecule has no {missing}, so its hydrogen bonds cannot be told")
        self._numbers = SeriesOf(self._count, stride=stride)
        self._blocked = BlockedFrames(trajectories)
        self._counts: dict[int, np.ndarray] = {}
        self._latest = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)

    def add(self, piece: int, chunk: Chunk) -> None:
        """Count those in these frames."""
        self._numbers.add(piece, chunk)
        block = self._blocked.add(piece, chunk)
        frame, bond = self._latest
        keys, counts = np.unique(bond * BLOCKS + block[frame], return_counts=True)
        shape = len(self._trajectories), BLOCKS
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            sums = self._counts.setdefault(key // BLOCKS, np.zeros(shape, dtype=np.int64))
            sums[piece, key % BLOCKS] += count

    def _count(self, chunk: Chunk) -> np.ndarray:
        cosine = float(np.cos(np.radians(ANGLE_DEG)))
        self._latest = find_hydrogen_bonds(
            chunk.positions_A, self._donors, self._hydrogens, self._first, self._acceptors, DISTANCE_A, cosine
        )
        return np.bincount(self._latest[0], minlength=len(chunk.frames)).astype(np.float64)

    def result(self) -> HydrogenBonds:
        """Occupancies."""
        molecule = self._trajectories[0].molecule
        labels = residue_labels(molecule)
        names = [f"{labels[r]} {name}" for r, name in zip(molecule.residue_index, molecule.atom_names, strict=True)]
        frequent = sorted(self._counts.items(), key=lambda item: (-item[1].sum(), item[0]))[:_MOST]
        bonds = []
        for key, sums in frequent:
            donor, acceptor = (
                int(self._donors[key // len(self._acceptors)]),
                int(self._acceptors[key % len(self._acceptors)]),
            )
            bonds.append(HydrogenBond(donor, acceptor, names[donor], names[acceptor], honest(self._blocked.mean(sums))))
        number = self._numbers.result(self._trajectories, "hydrogen bonds", unit="")
        return HydrogenBonds(tuple(bonds), len(self._counts), number)


def donors_and_acceptors(molecule: ProteinTopology) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Donors; their hydrogens; where those of each begin; acceptors.

    Donors are nitrogen and oxygen with hydrogens. Acceptors are oxygen, and nitrogen with two neighbours (amides and
    ammonium have no pair of electrons to give).
    """
    numbers, neighbours = molecule.atomic_numbers, molecule.neighbours
    donors, hydrogens, first, acceptors = [], [], [0], []
    for atom in np.flatnonzero(np.isin(numbers, (7, 8))).tolist():
        bound = [other for other in neighbours[atom] if numbers[other] == 1]
        if bound:
            donors.append(atom)
            hydrogens += bound
            first.append(len(hydrogens))
        if numbers[atom] == 8 or len(neighbours[atom]) <= 2:
            acceptors.append(atom)
    return tuple(np.array(column, dtype=np.int64) for column in (donors, hydrogens, first, acceptors))  # pyright: ignore[reportReturnType]


def hydrogen_bonds(source: Any, *, stride: int = 1) -> HydrogenBonds:
    """Hydrogen bonds within the molecule along trajectories.

    Raises:
        InputError: it has no hydrogens that could be in one.
    """
    trajectories = as_trajectories(source)
    collector = HydrogenBondsOf(trajectories, stride=stride)
    stream(trajectories, [collector])
    return collector.result()
