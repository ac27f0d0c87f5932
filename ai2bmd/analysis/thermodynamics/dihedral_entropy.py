"""Entropy of dihedrals from their histograms, with or without what pairs of them share.

    S_i = -R sum_b p_b ln(p_b/width)                    each on its own; the sum is a bound from above
    S = sum S_i - sum_{i<j} I_ij                        mutual information of pairs taken out

Killian, Kravitz, Gilson, J. Chem. Phys. 127, 024107 (2007). Histograms of few samples look too narrow: both terms are
corrected to first order by the number of bins that are occupied (Miller, 1955), with independent samples for frames.
The zero is an angle of one radian at rest; only differences mean something, and they leave out correlations of three or
more, bonds, angles and solvent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int32, Int64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.blocks import divide, memory_series
from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL
from ai2bmd.errors import InputError

_R = 1000.0 * GAS_CONSTANT_KCAL
_PARTS = 10
_MOST_FOR_PAIRS = 60
_PAIR_BINS_PER_SAMPLE = 1.0


@dataclass(frozen=True, eq=False)
class DihedralEntropy:
    """Entropy in cal/mol/K."""

    total: Estimate
    """Of all dihedrals; mutual information of pairs taken out if it was asked for."""
    single: Float64[np.ndarray, " dihedrals"]
    """Of each dihedral on its own."""
    mutual: Float64[np.ndarray, "dihedrals dihedrals"] | None
    """Mutual information of pairs; None if it was not asked for."""


def dihedral_entropy(
    angles_deg: Sequence[Float[np.ndarray, "frames dihedrals"]], *, bins: int = 36, pairs: bool = False
) -> DihedralEntropy:
    """Of dihedrals in one or several runs.

    Args:
        angles_deg: for each run.
        bins: of the whole turn; for pairs a third as many each way.
        pairs: whether to take out what pairs share.

    Raises:
        InputError: there are too few independent samples, or too many dihedrals for pairs.
    """
    runs = [np.asarray(run) for run in angles_deg if len(run)]
    if not runs or any(run.ndim != 2 or run.shape[1] != runs[0].shape[1] for run in runs):
        raise InputError(
            f"angles_deg: expected (frames, dihedrals) for each run, got {list(map(np.shape, angles_deg))}"
        )
    count = runs[0].shape[1]
    blocks = divide(memory_series(runs, (360.0,) * count), what="dihedral entropy")
    coarse = max(4, bins // 3)
    if pairs and count > _MOST_FOR_PAIRS:
        raise InputError(f"pairs: expected at most {_MOST_FOR_PAIRS} dihedrals, got {count}; choose some of them")
    if pairs and blocks.effective_samples < _PAIR_BINS_PER_SAMPLE * coarse**2:
        raise InputError(
            f"pairs: {blocks.effective_samples:.0f} independent samples are too few for histograms of {coarse**2} "
            "bins; simulate longer, take fewer bins, or leave pairs out"
        )
    parts = blocks.index * min(_PARTS, blocks.count) // blocks.count
    fine = _bins(runs, bins)
    singles = np.array([_leaving_out(parts, fine[:, i], bins, blocks.inefficiency) for i in range(count)])
    singles += np.log(2.0 * np.pi / bins)
    values = singles.sum(0)
    mutual = None
    if pairs:
        shared = _mutual(_bins(runs, coarse), coarse, parts, blocks.inefficiency)
        values = values - shared.sum((0, 1)) / 2.0
        mutual = _R * shared[:, :, 0]
    without = values[1:]
    error = np.sqrt((len(without) - 1) / len(without) * ((without - without.mean()) ** 2).sum())
    total = Estimate(float(_R * values[0]), float(_R * error), blocks.effective_samples, "cal/mol/K")
    return DihedralEntropy(total, _R * singles[:, 0], mutual)


def _bins(runs: list[Float[np.ndarray, "frames dihedrals"]], bins: int) -> Int32[np.ndarray, "all_frames dihedrals"]:
    result = np.empty((sum(map(len, runs)), runs[0].shape[1]), np.int32)
    for column in range(result.shape[1]):
        angles = np.concatenate([run[:, column] for run in runs], dtype=np.float64)
        result[:, column] = np.floor(np.mod(angles, 360.0) * bins / 360.0).astype(np.int32) % bins
    return result


def _leaving_out(
    parts: Int64[np.ndarray, " frames"], place: Int32[np.ndarray, " frames"], count: int, inefficiency: float
) -> Float64[np.ndarray, " parts_plus_1"]:
    """Entropy (in R) over `count` bins of all frames, then without each part in turn."""
    number = int(parts.max()) + 1
    sums = np.bincount(parts * count + place, minlength=number * count).reshape(number, count)
    total = sums.sum(0)
    return np.array([_entropy(total, inefficiency), *(_entropy(total - own, inefficiency) for own in sums)])


def _entropy(counts: Int64[np.ndarray, " bins"], inefficiency: float) -> float:
    """Corrected by (occupied - 1)/2n."""
    occupied = counts[counts > 0]
    share, samples = occupied / occupied.sum(), occupied.sum() / inefficiency
    return float(-(share * np.log(share)).sum() + (len(occupied) - 1.0) / (2.0 * samples))


def _mutual(
    place: Int32[np.ndarray, "frames dihedrals"],
    bins: int,
    parts: Int64[np.ndarray, " frames"],
    inefficiency: float,
) -> Float64[np.ndarray, "dihedrals dihedrals parts_plus_1"]:
    """I_ij = S_i + S_j - S_ij of all frames, then without each part."""
    count = place.shape[1]
    single = [_leaving_out(parts, place[:, i], bins, inefficiency) for i in range(count)]
    found = np.zeros((count, count, len(single[0])))
    for i in range(count):
        for j in range(i):
            both = _leaving_out(parts, place[:, i] * bins + place[:, j], bins**2, inefficiency)
            found[i, j] = found[j, i] = single[i] + single[j] - both
    return found
