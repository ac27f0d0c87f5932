"""The fraction of frames in which something is so."""

from dataclasses import replace

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate


def fraction(pieces: Pieces) -> Estimate:
    """Mean of what is 0 or 1; what is so in no frame, or in all of them, has an unknown error and not none."""
    return honest(mean([piece.astype(float) for piece in pieces]))


def honest(estimate: Estimate) -> Estimate:
    """A fraction without the error 0 that follows from never having seen a change."""
    return replace(estimate, error=float("nan")) if estimate.value in (0.0, 1.0) else estimate
