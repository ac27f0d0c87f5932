"""Best superposition of frames on a reference (Kabsch, Acta Cryst. A 32, 922, 1976)."""

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from fragmentation.topology import ProteinTopology

_BATCH = 512


def superpose(
    positions_A: Float[np.ndarray, "frames atoms 3"],
    reference_A: Float[np.ndarray, "atoms 3"],
    *,
    atoms: Int64[np.ndarray, " chosen"],
    weights: Float[np.ndarray, " chosen"] | None = None,
) -> tuple[Float64[np.ndarray, " frames"], Float32[np.ndarray, "frames atoms 3"]]:
    """Move and turn every frame so that its chosen atoms lie best on those of the reference.

    Args:
        positions_A: of the frames.
        reference_A: of the reference.
        atoms: chosen to be superposed.
        weights: of the chosen atoms, such as their masses; all alike if not given.

    Returns:
        RMSD of the chosen atoms (A), without weights, and all atoms of the turned frames (A).
    """
    share = np.full(len(atoms), 1.0 / len(atoms)) if weights is None else np.asarray(weights, float) / np.sum(weights)
    centre = share @ reference_A[atoms].astype(np.float64)
    target = reference_A[atoms] - centre
    weighted = target * share[:, None]
    rmsd, turned = np.empty(len(positions_A)), np.empty(positions_A.shape, dtype=np.float32)
    for first in range(0, len(positions_A), _BATCH):
        batch = slice(first, first + _BATCH)
        frames = positions_A[batch].astype(np.float64)
        frames -= np.einsum("fak,a->fk", frames[:, atoms], share)[:, None]
        frames = frames @ _rotations(frames[:, atoms], weighted)
        rmsd[batch] = np.sqrt(((frames[:, atoms] - target) ** 2).sum(2).mean(1))
        turned[batch] = frames + centre
    return rmsd, turned


def rmsd_A(
    positions_A: Float[np.ndarray, "frames atoms 3"],
    reference_A: Float[np.ndarray, "atoms 3"],
    *,
    atoms: Int64[np.ndarray, " chosen"],
) -> Float64[np.ndarray, " frames"]:
    """RMSD of the chosen atoms of every frame from a reference after the best superposition."""
    target = reference_A[atoms] - reference_A[atoms].mean(0, dtype=np.float64)
    frames = positions_A[:, atoms].astype(np.float64)
    frames -= frames.mean(1, keepdims=True)
    products = np.swapaxes(frames, 1, 2) @ target
    overlap = np.linalg.svd(products, compute_uv=False)
    overlap[:, 2] *= np.sign(np.linalg.det(products))  # no mirror images
    squares = np.square(frames).sum((1, 2)) + np.square(target).sum() - 2.0 * overlap.sum(1)
    return np.sqrt(np.maximum(squares, 0.0) / len(atoms))


def superposed_atoms(molecule: ProteinTopology) -> tuple[Int64[np.ndarray, " chosen"], str]:
    """The C-alpha atoms, or all heavy atoms of a molecule with fewer than three; and their name."""
    atoms = [molecule.atom(residue, "CA") for residue in range(len(molecule.residue_names))]
    alphas = np.array([atom for atom in atoms if atom is not None and molecule.atomic_numbers[atom] == 6], dtype=int)
    if len(alphas) >= 3:
        return alphas, "C-alpha"
    return np.flatnonzero(molecule.atomic_numbers > 1), "heavy-atom"


def _rotations(
    frames: Float64[np.ndarray, "frames chosen 3"], target: Float64[np.ndarray, "chosen 3"]
) -> Float64[np.ndarray, "frames 3 3"]:
    """Proper rotations R for which |frames R - target| is least."""
    left, _, right = np.linalg.svd(np.swapaxes(frames, 1, 2) @ target)
    left[:, :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
    return left @ right
