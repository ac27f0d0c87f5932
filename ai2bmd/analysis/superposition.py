"""Best superposition of frames on a reference (Kabsch, Acta Cryst. A 32, 922, 1976)."""

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

_BATCH = 512


def superpose(
    positions_A: Float[np.ndarray, "frames atoms 3"],
    reference_A: Float[np.ndarray, "atoms 3"],
    *,
    atoms: Int64[np.ndarray, " chosen"],
) -> tuple[Float64[np.ndarray, " frames"], Float32[np.ndarray, "frames atoms 3"]]:
    """Move and turn every frame so that its chosen atoms lie best on those of the reference.

    Returns:
        RMSD of the chosen atoms (A), and all atoms of the turned frames (A).
    """
    centre = reference_A[atoms].mean(0, dtype=np.float64)
    target = reference_A[atoms] - centre
    rmsd, turned = np.empty(len(positions_A)), np.empty(positions_A.shape, dtype=np.float32)
    for first in range(0, len(positions_A), _BATCH):
        batch = slice(first, first + _BATCH)
        frames = positions_A[batch].astype(np.float64)
        frames -= frames[:, atoms].mean(1, keepdims=True)
        frames = frames @ _rotations(frames[:, atoms], target)
        rmsd[batch] = np.sqrt(((frames[:, atoms] - target) ** 2).sum(2).mean(1))
        turned[batch] = frames + centre
    return rmsd, turned


def _rotations(
    frames: Float64[np.ndarray, "frames chosen 3"], target: Float64[np.ndarray, "chosen 3"]
) -> Float64[np.ndarray, "frames 3 3"]:
    """Proper rotations R for which |frames R - target| is least."""
    left, _, right = np.linalg.svd(np.swapaxes(frames, 1, 2) @ target)
    left[:, :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
    return left @ right
