"""Samples of several ensembles together: the multistate Bennett acceptance ratio, solved by pymbar.

Shirts, Chodera, J. Chem. Phys. 129, 124105 (2008). With frames n of all ensembles k and reduced potentials u_k,

    f_k = -ln sum_n exp(-u_k(n)) / D(n),    D(n) = sum_j N_j exp(f_j - u_j(n))

and a frame has the weight exp(-u(n)) / D(n) in any ensemble of reduced potential u. Errors are asymptotic (Kong et al.,
J. R. Stat. Soc. B 65, 585, 2003) and hold for independent frames: hence every ensemble is thinned first by its
statistical inefficiency.
"""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp

from ai2bmd.analysis.correlation import Pieces, statistical_inefficiency
from ai2bmd.errors import InputError

GOOD_OVERLAP = 0.03
"""Klimovich, Shirts, Mobley, J. Comput. Aided Mol. Des. 29, 397 (2015): neighbours should overlap by this at least."""
_LEAST_OVERLAP = 0.002
"""Below it what joins two groups of ensembles is a handful of frames, and their free energy difference is a guess."""
_FEWEST_FRAMES = 10


@dataclass(frozen=True, eq=False)
class Thinned:
    """Which frames of one ensemble are kept as independent."""

    kept: Int64[np.ndarray, " independent"]
    """Numbers of frames, of all runs of the ensemble joined."""
    frames: int
    inefficiency: float


@dataclass(frozen=True, eq=False)
class Mbar:
    """Ensembles that were put together. Frames are those kept of each, one ensemble after the other."""

    names: tuple[str, ...]
    thinned: tuple[Thinned, ...]
    reduced_free_energies: Float64[np.ndarray, " ensembles"]
    """f_k, the first 0."""
    errors: Float64[np.ndarray, " ensembles"]
    """Standard errors of f_k - f_0."""
    overlap: Float64[np.ndarray, "ensembles ensembles"]
    """Probability that a frame of one ensemble (row) belongs to another (column); rows add up to 1."""
    warnings: tuple[str, ...]
    """What to say of ensembles that hardly overlap."""
    log_mixture: Float64[np.ndarray, " frames"]
    """ln D of each frame."""
    weights: Float64[np.ndarray, "frames ensembles"]
    """Of each frame in each ensemble; columns add up to 1."""

    @property
    def samples(self) -> Int64[np.ndarray, " ensembles"]:
        """Number of frames kept of each ensemble."""
        return np.array([len(own.kept) for own in self.thinned])

    def keep(self, values: Sequence[Float[np.ndarray, "frames ..."]]) -> Float64[np.ndarray, "frames ..."]:
        """Of values for all frames of each ensemble, those of the frames kept.

        Raises:
            InputError: there are others than one for each frame.
        """
        lengths, expected = [len(own) for own in values], [own.frames for own in self.thinned]
        if lengths != expected:
            raise InputError(f"values: expected one for each of {expected} frames of the ensembles, got {lengths}")
        parts = [np.asarray(own, np.float64)[thin.kept] for own, thin in zip(values, self.thinned, strict=True)]
        return np.concatenate(parts)

    def weights_at(self, reduced: Float64[np.ndarray, " frames"]) -> Float64[np.ndarray, " frames"]:
        """Weights of the frames kept in an ensemble of any reduced potential; they add up to 1."""
        logarithm = -reduced - self.log_mixture
        return np.exp(logarithm - logsumexp(logarithm))

    @cached_property
    def coupling(self) -> Float64[np.ndarray, "ensembles ensembles"]:
        """(1/N - W^T W)^+, by which errors of the f_k go into everything else."""
        matrix = np.diag(1.0 / self.samples) - self.weights.T @ self.weights
        return np.linalg.pinv(matrix, rcond=1e-10, hermitian=True)

    def covariance(self, influence: Float64[np.ndarray, "frames values"]) -> Float64[np.ndarray, "values values"]:
        """Covariance of estimates that depend on the weights of an ensemble, frames independent.

        Args:
            influence: for each estimate, weight of a frame times how much it would change the estimate; sums to 0.
                For a mean of A it is w (A - <A>).
        """
        shared = influence.T @ self.weights
        return influence.T @ influence + shared @ self.coupling @ shared.T


def thin(series: Sequence[Pieces], *, least: float = 1.0) -> Thinned:
    """Frames of one ensemble far enough from each other in each of its runs.

    Args:
        series: quantities, of each one array a run; the slowest counts.
        least: inefficiency to take at least, where something else is known to be slower.
    """
    inefficiency = max(least, *(statistical_inefficiency(pieces) for pieces in series))
    kept, first = [], 0
    for piece in series[0]:
        kept.append(first + np.unique(np.arange(0.0, len(piece), inefficiency).astype(np.int64)))
        first += len(piece)
    return Thinned(np.concatenate(kept).astype(np.int64), first, inefficiency)


def solve(
    reduced: Sequence[Float[np.ndarray, "ensembles frames"]], thinned: Sequence[Thinned], *, names: Sequence[str]
) -> Mbar:
    """Put ensembles together.

    Args:
        reduced: for each ensemble the reduced potentials, in all ensembles, of all its frames.
        thinned: which frames of each are independent.
        names: of the ensembles, for errors.

    Raises:
        InputError: an ensemble has too few independent frames, or they fall into groups that do not overlap.
    """
    for name, own in zip(names, thinned, strict=True):
        if len(own.kept) < _FEWEST_FRAMES:
            raise InputError(
                f"{name}: its {own.frames} frames hold {len(own.kept)} independent ones (statistical inefficiency "
                f"{own.inefficiency:.0f} frames), and {_FEWEST_FRAMES} are the least; simulate longer"
            )
    potentials = np.concatenate([own[:, thin.kept] for own, thin in zip(reduced, thinned, strict=True)], axis=1)
    if not np.isfinite(potentials).all():
        raise InputError("reduced potentials: some are not finite; leave those frames out")
    samples = np.array([len(own.kept) for own in thinned])
    free_energies = _solve(potentials, samples)
    logarithm = free_energies[:, None] - potentials
    mixture = np.asarray(logsumexp(logarithm, axis=0, b=samples[:, None]))
    weights = np.exp(logarithm - mixture).T
    weights /= weights.sum(0)
    overlap = weights.T @ weights * samples
    remarks = _check_overlap(overlap, names)
    found = Mbar(
        tuple(names), tuple(thinned), free_energies, np.zeros(len(samples)), overlap, remarks, mixture, weights
    )
    return _with_errors(found)


def _with_errors(found: Mbar) -> Mbar:
    """Errors of f_k - f_0: the influence of a frame on ln c_k is w_k less its share."""
    covariance = found.covariance(found.weights)
    variance = np.diag(covariance) + covariance[0, 0] - 2.0 * covariance[0]
    errors = np.sqrt(np.maximum(variance, 0.0))
    errors[0] = 0.0
    return Mbar(
        found.names,
        found.thinned,
        found.reduced_free_energies,
        errors,
        found.overlap,
        found.warnings,
        found.log_mixture,
        found.weights,
    )


def _solve(potentials: Float64[np.ndarray, "ensembles frames"], samples: Int64[np.ndarray, " ensembles"]) -> np.ndarray:
    """f_k by pymbar, whose notes on its own speed are not for our users."""
    logging.getLogger("pymbar").setLevel(logging.ERROR)
    import pymbar  # takes a second

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of ensembles that do not overlap; `_check_overlap` has the word on them
        found = pymbar.MBAR(potentials, samples, initialize="BAR" if len(samples) > 2 else "zeros")
    free_energies = np.asarray(found.f_k, np.float64)
    return free_energies - free_energies[0]


def _check_overlap(overlap: Float64[np.ndarray, "ensembles ensembles"], names: Sequence[str]) -> tuple[str, ...]:
    """Remarks on groups of ensembles that hardly overlap.

    Raises:
        InputError: there are groups that do not overlap.
    """
    if not np.isfinite(overlap).all():
        raise InputError("the ensembles do not overlap at all; take more of them, closer to each other")
    least = np.minimum(overlap, overlap.T)
    for limit in (_LEAST_OVERLAP, GOOD_OVERLAP):
        groups, label = connected_components(least >= limit, directed=False)
        if groups == 1:
            continue
        largest = max(float(least[np.ix_(label == group, label != group)].max(initial=0.0)) for group in range(groups))
        parts = "; ".join(
            _names([names[k] for k in np.flatnonzero(label == group).tolist()]) for group in range(groups)
        )
        if limit == _LEAST_OVERLAP:
            raise InputError(
                f"the ensembles fall into {groups} groups that do not overlap ({parts}; largest overlap between groups "
                f"{largest:.2g}, {GOOD_OVERLAP:g} is needed); free energies between them cannot be known: add "
                "ensembles between them"
            )
        return (
            f"ensembles overlap by less than {GOOD_OVERLAP:g} between {groups} groups ({parts}): errors of what lies "
            "on both sides are not to be trusted; add ensembles between them",
        )
    return ()


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} ... {names[-1]} ({len(names)})"
