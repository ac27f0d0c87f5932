"""How far a molecule moves: RMSD, radius of gyration, and the fluctuation of each atom and residue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.blocks import BLOCKS, BlockedFrames
from ai2bmd.analysis.chunks import Chunk, Reference
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.molecule import masses_u, residue_labels
from ai2bmd.analysis.series import Series, SeriesOf
from ai2bmd.analysis.stream import Sample, as_trajectories, stream, take_sample
from ai2bmd.analysis.superposition import rmsd_A, superpose, superposed_atoms
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from fragmentation.topology import ProteinTopology

_ROUNDS = 3
"""In which the mean structure of a sample settles."""


@dataclass(frozen=True, eq=False)
class Fluctuation:
    """Root mean square distance from the mean place (RMSF, A), frames superposed on the mean structure."""

    atoms_used: str
    """Which atoms are superposed, in words."""
    residue_labels: tuple[str, ...]
    chain_ids: tuple[str, ...]
    """Of each residue."""
    atom_A: Float64[np.ndarray, " atoms"]
    alpha_A: Float64[np.ndarray, " residues"]
    """Of the C-alpha; NaN where a residue has none."""
    heavy_A: Float64[np.ndarray, " residues"]
    """Over all atoms of a residue but hydrogen."""
    heavy_error_A: Float64[np.ndarray, " residues"]
    """Standard error of that, from blocks."""


class RMSD(SeriesOf):
    """RMSD of some atoms from a reference."""

    def __init__(self, reference: Reference) -> None:
        """Of the atoms that the reference superposes."""
        super().__init__(lambda chunk: rmsd_A(chunk.positions_A, reference.positions_A, atoms=reference.atoms))


class RadiusOfGyration(SeriesOf):
    """Mass-weighted, of some atoms."""

    def __init__(self, molecule: ProteinTopology, atoms: Int64[np.ndarray, " chosen"] | slice = slice(None)) -> None:
        """Of these atoms, or all."""
        masses = masses_u(molecule)[atoms]
        super().__init__(lambda chunk: gyration_A(chunk.positions_A[:, atoms], masses))


class Fluctuations:
    """Sums of the places of all atoms, and of their squares, in blocks."""

    stride = 1

    def __init__(self, trajectories: Sequence[Trajectory], reference: Reference) -> None:
        """About a reference near the mean structure."""
        blocks, atoms = (len(trajectories), BLOCKS), len(reference.positions_A)
        self._trajectories, self._reference = trajectories, reference
        self._blocked = BlockedFrames(trajectories)
        self._sums, self._squares = np.zeros((*blocks, atoms, 3)), np.zeros((*blocks, atoms))

    def add(self, piece: int, chunk: Chunk) -> None:
        """Add frames."""
        moved = chunk.superposed_A(self._reference) - self._reference.positions_A.astype(np.float32)
        block = self._blocked.add(piece, chunk)
        for number in np.unique(block):
            inside = moved[block == number]
            self._sums[piece, number] += inside.sum(0, dtype=np.float64)
            self._squares[piece, number] += np.einsum("fak,fak->a", inside, inside, dtype=np.float64)

    def result(self, atoms_used: str) -> Fluctuation:
        """Fluctuation about the mean of all frames."""
        molecule = self._trajectories[0].molecule
        centre = self._sums.sum((0, 1)) / self._blocked.counts.sum()
        squares = np.maximum(self._squares.sum((0, 1)) / self._blocked.counts.sum() - np.square(centre).sum(1), 0.0)
        heavy = _per_residue(molecule)
        labels = residue_labels(molecule)
        alpha = [molecule.atom(residue, "CA") for residue in range(len(labels))]
        with np.errstate(invalid="ignore"):
            rmsf = np.sqrt(heavy @ squares)
        return Fluctuation(
            atoms_used=atoms_used,
            residue_labels=labels,
            chain_ids=molecule.chain_ids,
            atom_A=np.sqrt(squares),
            alpha_A=np.array([np.nan if atom is None else np.sqrt(squares[atom]) for atom in alpha]),
            heavy_A=rmsf,
            heavy_error_A=self._errors(heavy, centre, rmsf),
        )

    def _errors(self, heavy: np.ndarray, centre: np.ndarray, rmsf: np.ndarray) -> Float64[np.ndarray, " residues"]:
        """Of the mean square from those of blocks, and of its root."""
        pieces = []
        for counts, sums, squares in zip(self._blocked.counts, self._sums, self._squares, strict=True):
            full = counts > 0
            means, count = sums[full] / counts[full, None, None], counts[full, None]
            distances = squares[full] / count - 2.0 * (means * centre).sum(2) + np.square(centre).sum(1)
            pieces.append(distances @ heavy.T)
        errors = [mean([piece[:, residue] for piece in pieces if len(piece)]).error for residue in range(len(heavy))]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.array(errors) / (2.0 * rmsf)


def gyration_A(
    positions_A: Float[np.ndarray, "frames atoms 3"], masses: Float64[np.ndarray, " atoms"]
) -> Float64[np.ndarray, " frames"]:
    """Root of the mass-weighted mean square distance from the centre of mass."""
    weights = masses / masses.sum()
    centres = np.einsum("fak,a->fk", positions_A, weights)
    centred = positions_A - centres[:, None]
    return np.sqrt(np.einsum("fak,fak,a->f", centred, centred, weights))


def mean_structure(sample: Sample, atoms: Int64[np.ndarray, " chosen"]) -> Reference:
    """Frames of a sample superposed on their own mean."""
    reference = sample.positions_A[0].astype(np.float64)
    for _ in range(_ROUNDS):
        _, turned = superpose(sample.positions_A, reference, atoms=atoms)
        reference = turned.mean(0, dtype=np.float64)
    return Reference(reference, atoms)


def rmsd(source: Any, selection: str | None = None, *, reference: Any = None) -> Series:
    """RMSD along trajectories after the best superposition.

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis.
        selection: atoms, in MDAnalysis' language; the C-alphas if None.
        reference: a universe or group with the same atoms, at its present frame; the first frame if None.

    Raises:
        InputError: no frame, or the selection fits no atom.
    """
    trajectories = as_trajectories(source)
    atoms, words = chosen_atoms(trajectories[0], selection, setting="selection")
    collector = RMSD(Reference(reference_positions_A(trajectories[0], reference), atoms))
    stream(trajectories, [collector])
    return collector.result(trajectories, f"{words} RMSD", unit="\N{ANGSTROM SIGN}")


def radius_of_gyration(source: Any, selection: str | None = None) -> Series:
    """Mass-weighted radius of gyration along trajectories; of all atoms without a selection."""
    trajectories = as_trajectories(source)
    atoms = slice(None) if selection is None else trajectories[0].select(selection)
    collector = RadiusOfGyration(trajectories[0].molecule, atoms)
    stream(trajectories, [collector])
    return collector.result(trajectories, "radius of gyration", unit="\N{ANGSTROM SIGN}")


def rmsf(source: Any, superpose_on: str | None = None) -> Fluctuation:
    """Fluctuation of every atom and residue; frames are superposed by a selection, C-alphas if None."""
    trajectories = as_trajectories(source)
    atoms, words = chosen_atoms(trajectories[0], superpose_on)
    collector = Fluctuations(trajectories, mean_structure(take_sample(trajectories), atoms))
    stream(trajectories, [collector])
    return collector.result(words)


def chosen_atoms(
    trajectory: Trajectory, selection: str | None, *, setting: str = "superpose_on"
) -> tuple[Int64[np.ndarray, " chosen"], str]:
    """Atoms to superpose on, and their name."""
    if selection is None:
        return superposed_atoms(trajectory.molecule)
    return trajectory.select(selection, setting=setting), selection


def first_frame_A(trajectory: Trajectory) -> Float64[np.ndarray, "atoms 3"]:
    """Positions of the first frame, molecules whole."""
    return next(iter(trajectory.chunks(stride=trajectory.frames))).positions_A[0].astype(np.float64)


def reference_positions_A(trajectory: Trajectory, reference: Any) -> Float64[np.ndarray, "atoms 3"]:
    """Positions of the analysed atoms in a reference, or in the first frame if it is None.

    Raises:
        InputError: the reference has another number of atoms.
    """
    if reference is None:
        return first_frame_A(trajectory)
    positions = np.asarray(reference.atoms.positions, dtype=np.float64)
    if len(positions) == len(trajectory.universe.atoms):
        positions = positions[trajectory.atoms.indices]
    if len(positions) != len(trajectory.atoms):
        raise InputError(
            f"the reference has {len(positions)} atoms, expected the {len(trajectory.atoms)} that are analysed; give "
            "it the same atoms in the same order"
        )
    return positions


def _per_residue(molecule: ProteinTopology) -> Float64[np.ndarray, "residues atoms"]:
    """Averages over the heavy atoms of each residue; NaN for a residue of hydrogens."""
    heavy = np.flatnonzero(molecule.atomic_numbers != 1)
    result = np.zeros((len(molecule.residue_names), len(molecule.atom_names)))
    result[molecule.residue_index[heavy], heavy] = 1.0
    with np.errstate(invalid="ignore"):
        return result / result.sum(1, keepdims=True)
