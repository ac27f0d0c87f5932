"""Second moments <u u> of the directions u of bonds in the frame of the molecule, from which S2 and RDCs follow.

Frames are superposed first; what turns with the molecule as a whole is gone. Moments are kept for blocks of each
trajectory, so that any number of frames passes through little memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.blocks import BLOCKS, BlockedFrames
from ai2bmd.analysis.chunks import Chunk, Reference
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError


@dataclass(frozen=True, eq=False)
class BondMoments:
    """Second moments of bond directions."""

    pairs: Int64[np.ndarray, "bonds 2"]
    """Atoms of each bond."""
    blocks: tuple[Float64[np.ndarray, "blocks bonds 3 3"], ...]
    """Of the blocks of each trajectory, of as many frames each as can be."""
    counts: tuple[Int64[np.ndarray, " blocks"], ...]
    """Frames of each block."""

    @property
    def tensors(self) -> Float64[np.ndarray, "bonds 3 3"]:
        """Moments over all frames."""
        weights = np.concatenate(self.counts)
        return np.einsum("b,bnij->nij", weights / weights.sum(), np.concatenate(self.blocks))

    def linear(self, coefficients: Float[np.ndarray, "bonds 3 3"]) -> tuple[Estimate, ...]:
        """For each bond the sum of its moments times coefficients, with the error from blocks."""
        series = [np.einsum("bnij,nij->bn", block, coefficients) for block in self.blocks]
        values = np.einsum("nij,nij->n", self.tensors, coefficients)
        estimates = []
        for bond, value in enumerate(values):
            found = mean([part[:, bond] for part in series])
            estimates.append(Estimate(float(value), found.error, found.effective_samples))
        return tuple(estimates)


class BondMomentsOf:
    """Collects the moments."""

    stride = 1

    def __init__(
        self, trajectories: Sequence[Trajectory], reference: Reference, pairs: Int64[np.ndarray, "bonds 2"]
    ) -> None:
        """Of these pairs of atoms, in the frame of the reference."""
        if not len(pairs):
            raise InputError("there is no bond to follow; name at least one")
        self._blocked, self._reference, self._pairs = BlockedFrames(trajectories), reference, pairs
        self._sums = np.zeros((len(trajectories), BLOCKS, len(pairs), 3, 3))

    def add(self, piece: int, chunk: Chunk) -> None:
        """Take frames."""
        vectors = directions(chunk.superposed_A(self._reference), self._pairs)
        block = self._blocked.add(piece, chunk)
        for number in np.unique(block):
            inside = vectors[block == number]
            self._sums[piece, number] += np.einsum("fni,fnj->nij", inside, inside)

    def result(self) -> BondMoments:
        """Moments of all blocks that have frames."""
        filled = [counts > 0 for counts in self._blocked.counts]
        counts = tuple(part[full] for part, full in zip(self._blocked.counts, filled, strict=True) if full.any())
        sums = [part[full] for part, full in zip(self._sums, filled, strict=True) if full.any()]
        if not counts:
            raise InputError("there is no frame to take directions of bonds from")
        blocks = tuple(part / count[:, None, None, None] for part, count in zip(sums, counts, strict=True))
        return BondMoments(self._pairs, blocks, counts)


def moments_of_vectors(vectors: Sequence[Float[np.ndarray, "frames bonds 3"]], *, blocks: int = BLOCKS) -> BondMoments:
    """Moments of bond directions that are there already, one array for each independent run.

    Raises:
        InputError: there is no frame, or a vector is zero.
    """
    means, counts = [], []
    for run in vectors:
        lengths = np.linalg.norm(run, axis=-1, keepdims=True)
        if not len(run) or (lengths == 0.0).any():
            raise InputError("a run of bond vectors has no frame, or a vector of no length")
        parts = np.array_split(run / lengths, min(blocks, len(run)))
        means.append(np.array([np.einsum("fni,fnj->nij", part, part) / len(part) for part in parts]))
        counts.append(np.array([len(part) for part in parts]))
    if not means:
        raise InputError("there is no run of bond vectors; give at least one")
    bonds = means[0].shape[1]
    return BondMoments(np.full((bonds, 2), -1), tuple(means), tuple(counts))


def directions(
    positions_A: Float[np.ndarray, "frames atoms 3"], pairs: Int64[np.ndarray, "bonds 2"]
) -> Float64[np.ndarray, "frames bonds 3"]:
    """Unit vectors from the first to the second atom of each pair."""
    vectors = positions_A[:, pairs[:, 1]].astype(np.float64) - positions_A[:, pairs[:, 0]]
    return vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


def bonds_of_residues(
    trajectory: Trajectory, first: str = "N", second: str = "H"
) -> tuple[Int64[np.ndarray, " residues"], Int64[np.ndarray, "residues 2"]]:
    """Residues that have both atoms, and these, such as N and H of the backbone.

    Free amino groups are left out when the second atom is H: their hydrogens turn and exchange.

    Raises:
        InputError: no residue has them.
    """
    molecule, residues, pairs = trajectory.molecule, [], []
    for residue in range(len(molecule.residue_names)):
        one, other = molecule.atom(residue, first), molecule.atom(residue, second)
        if other is None and second == "H":
            other = molecule.atom(residue, "HN")
        if one is None or other is None or other not in molecule.neighbours[one]:
            continue
        hydrogens = sum(molecule.atomic_numbers[atom] == 1 for atom in molecule.neighbours[one])
        if second == "H" and hydrogens > 1:
            continue
        residues.append(residue)
        pairs.append((one, other))
    if not residues:
        raise InputError(f"{trajectory.name}: no residue has atoms {first} and {second} bonded to each other")
    return np.array(residues, dtype=np.int64), np.array(pairs, dtype=np.int64)
