"""Is it enough? Whether frames suffice for a mean: rest, independent samples, halves, and runs against each other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from ai2bmd.analysis.correlation import Pieces, find_equilibration
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate

GOOD_SAMPLES, POOR_SAMPLES = 50.0, 10.0
"""Independent samples from which an error bar can be trusted to a tenth, and below which not even to a quarter:
its relative error is 1 / sqrt(2 n)."""
_UNLIKELY = 0.01
"""Chance below which two means are said to differ."""
_LONGEST_REST = 0.5


@dataclass(frozen=True)
class Sufficiency:
    """A quantity, and a traffic light with its reason."""

    name: str
    estimate: Estimate
    """Over the frames at rest."""
    grade: Literal["good", "look", "poor"]
    reason: str
    equilibration_frames: tuple[int, ...] = ()
    """Left out at the beginning of each run."""

    def __str__(self) -> str:
        return f"{self.name}: {self.estimate}, {self.grade} ({self.reason})"


def judge_mean(name: str, pieces: Pieces, *, unit: str = "") -> Sufficiency:
    """Judge the mean of a quantity over independent runs.

    Each run loses the frames before it came to rest. Then the two halves of all runs are compared, and the runs with
    each other, each by a test of Student's (Welch's) or Fisher's kind on their independent samples.

    Args:
        name: of the quantity, in words.
        pieces: its values in each run.
        unit: of it.

    Raises:
        InputError: there is no frame, or a value is not finite.
    """
    starts = tuple(find_equilibration(piece).start for piece in pieces if len(piece))
    settled = [piece[start:] for piece, start in zip((p for p in pieces if len(p)), starts, strict=True)]
    estimate = mean(settled, unit=unit)
    complaints = _complaints(settled, restless=_restless(pieces, starts))
    samples = estimate.effective_samples
    if estimate.error == 0.0:
        return Sufficiency(name, estimate, "look", "it never changed in these frames, which may be too few", starts)
    if not np.isfinite(estimate.error) or samples < POOR_SAMPLES:
        few = f"{samples:.0f} independent samples are too few"
        return Sufficiency(name, estimate, "poor", "; ".join([few, *complaints]), starts)
    if complaints:
        grade = "poor" if len(complaints) > 1 or _restless(pieces, starts) else "look"
        return Sufficiency(name, estimate, grade, "; ".join(complaints), starts)
    count = f"{samples:.0f} independent samples"
    if samples < GOOD_SAMPLES:
        return Sufficiency(name, estimate, "look", f"{count}: the error bar itself is rough", starts)
    return Sufficiency(name, estimate, "good", count + ("" if len(settled) == 1 else ", runs agree"), starts)


def judge_estimate(name: str, estimate: Estimate) -> Sufficiency:
    """Judge a number whose series is not at hand, by its error and independent samples alone."""
    samples = estimate.effective_samples
    if not np.isfinite(estimate.error) or samples < POOR_SAMPLES:
        return Sufficiency(name, estimate, "poor", f"{samples:.0f} independent samples are too few")
    grade = "good" if samples >= GOOD_SAMPLES else "look"
    return Sufficiency(name, estimate, grade, f"{samples:.0f} independent samples")


def _restless(pieces: Pieces, starts: tuple[int, ...]) -> int:
    """How many runs spent more than half of their frames on coming to rest."""
    lengths = [len(piece) for piece in pieces if len(piece)]
    return sum(start > _LONGEST_REST * length for start, length in zip(starts, lengths, strict=True))


def _complaints(settled: Pieces, *, restless: int) -> list[str]:
    complaints = []
    if restless:
        runs = "the run" if len(settled) == 1 else f"{restless} of {len(settled)} runs"
        complaints.append(f"{runs} came to rest only in the second half, if at all")
    halves = [[piece[: len(piece) // 2] for piece in settled], [piece[len(piece) // 2 :] for piece in settled]]
    if all(len(piece) >= 8 for piece in settled) and (chance := _same([mean(half) for half in halves])) < _UNLIKELY:
        complaints.append(f"first and second half differ (p = {chance:.1g})")
    if len(settled) > 1:
        chance = _same([mean([piece]) for piece in settled])
        if chance < _UNLIKELY:
            complaints.append(f"the runs differ from each other (p = {chance:.1g})")
    return complaints


def _same(estimates: list[Estimate]) -> float:
    """Chance that means differ as they do though they are the same; 1 where an error is unknown.

    The weighted sum of squares of Welch (Biometrika 38, 330, 1951), with the degrees of freedom of each mean.
    """
    known = [e for e in estimates if np.isfinite(e.error) and e.error > 0.0 and e.effective_samples > 2.0]
    if len(known) < 2:
        return 1.0
    values, weights = np.array([e.value for e in known]), np.array([e.error**-2 for e in known])
    freedom = np.array([e.effective_samples - 1.0 for e in known])
    count, centre = len(known), np.average(values, weights=weights)
    between = float(weights @ (values - centre) ** 2) / (count - 1)
    spread = float(((1.0 - weights / weights.sum()) ** 2 / freedom).sum())
    statistic = between / (1.0 + 2.0 * (count - 2) / (count**2 - 1) * spread)
    return float(stats.f.sf(statistic, count - 1, (count**2 - 1) / (3.0 * spread)))
