"""Is it enough? Whether frames suffice for a mean: rest, independent samples, halves, and runs against each other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from ai2bmd.analysis.correlation import Pieces, find_equilibration, statistical_inefficiency
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.words import counted

GOOD_SAMPLES, POOR_SAMPLES = 50.0, 10.0
"""Independent samples from which an error bar can be trusted to a tenth, and below which not even to a quarter:
its relative error is 1 / sqrt(2 n)."""
_UNLIKELY = 0.01
"""Chance below which two means are said to differ."""
_LONGEST_REST, _LONG_REST = 0.5, 0.2
_FEWEST_FRAMES = 100
"""Fewer cannot show that they are independent."""


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
    each other, each by a test of Student's (Welch's) or Fisher's kind on their independent samples; and the rest is
    tested for a trend. Frames left out at the beginning are themselves looked at: a state left once and never seen
    again is taken for coming to rest by any test of the mean alone.

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
    complaints = [
        *_complaints(settled, restless=_restless(pieces, starts)),
        *_left_out([piece for piece in pieces if len(piece)], starts),
    ]
    samples = estimate.effective_samples
    if estimate.error == 0.0 and any((piece != piece[0]).any() for piece in pieces if len(piece)):
        reason = "it changed in the beginning and not in the frames after that: too few changes for a mean"
        return Sufficiency(name, mean([piece for piece in pieces if len(piece)], unit=unit), "poor", reason)
    if estimate.error == 0.0:
        return Sufficiency(name, estimate, "look", "it never changed in these frames, which may be too few", starts)
    if not np.isfinite(estimate.error) or samples < POOR_SAMPLES:
        return Sufficiency(name, estimate, "poor", "; ".join([_too_few(samples), *complaints]), starts)
    if complaints:
        grade = "poor" if len(complaints) > 1 or _restless(pieces, starts) else "look"
        return Sufficiency(name, estimate, grade, "; ".join(complaints), starts)
    count, frames = f"{samples:.0f} independent samples", sum(map(len, settled))
    if frames < _FEWEST_FRAMES:
        reason = f"{frames} frames are too few to show how far they are independent"
        return Sufficiency(name, estimate, "look", reason, starts)
    if (unusual := _unusual(settled)) < POOR_SAMPLES:
        reason = f"it is other than usual in {counted(unusual, 'frame')} alone: too few to know how often"
        return Sufficiency(name, estimate, "look", reason, starts)
    if samples < GOOD_SAMPLES:
        return Sufficiency(name, estimate, "look", f"{count}: the error bar itself is rough", starts)
    return Sufficiency(name, estimate, "good", count + ("" if len(settled) == 1 else ", runs agree"), starts)


def judge_estimate(name: str, estimate: Estimate) -> Sufficiency:
    """Judge a number whose series is not at hand, by its error and independent samples alone."""
    samples = estimate.effective_samples
    if not np.isfinite(estimate.error) or samples < POOR_SAMPLES:
        return Sufficiency(name, estimate, "poor", _too_few(samples))
    grade = "good" if samples >= GOOD_SAMPLES else "look"
    return Sufficiency(name, estimate, grade, f"{samples:.0f} independent samples")


def _too_few(samples: float) -> str:
    verb = "is" if f"{samples:.0f}" == "1" else "are"
    return f"{counted(samples, 'independent sample')} {verb} too few"


def _unusual(pieces: Pieces) -> int:
    """How many values are not the median: few where a quantity has one value nearly always."""
    values = np.concatenate(pieces)
    return int(np.count_nonzero(values != np.median(values)))


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
    elif (chance := _trend(settled)) < _UNLIKELY:
        complaints.append(f"there is a trend in time (p = {chance:.1g})")
    if len(settled) > 1:
        chance = _same([mean([piece]) for piece in settled])
        if chance < _UNLIKELY:
            complaints.append(f"the runs differ from each other (p = {chance:.1g})")
    return complaints


def _left_out(pieces: Pieces, starts: tuple[int, ...]) -> list[str]:
    """What frames left out at the beginning speak against: another state, or a long way to rest."""
    complaints, left = [], [(piece[:start], piece[start:]) for piece, start in zip(pieces, starts, strict=True)]
    if another := sum(_is_another_state(early, late) for early, late in left):
        runs = "the run" if len(pieces) == 1 else f"{another} of {len(pieces)} runs"
        complaints.append(f"{runs} began in another state, left once and never seen again")
    long = sum(_LONG_REST < len(early) / (len(early) + len(late)) <= _LONGEST_REST for early, late in left)
    if long and not another:
        runs = "the run" if len(pieces) == 1 else f"{long} of {len(pieces)} runs"
        complaints.append(f"{runs} took more than {100 * _LONG_REST:.0f} % of the frames to come to rest")
    return complaints


def _is_another_state(early: np.ndarray, late: np.ndarray) -> bool:
    """Whether the beginning was steady and elsewhere; on the way to rest its second quarter would be much nearer.

    Of quarters, for the frames left out may end some way behind the change.
    """
    if len(early) < 8 or len(late) < 8:
        return False
    first, second, rest = (float(np.median(part)) for part in (*np.array_split(early, 4)[:2], late))
    away = abs(second - rest)
    return away > 3.0 * abs(first - second) and away > 2.0 * float(np.std(late))


def _trend(settled: Pieces) -> float:
    """Chance of a common slope in time as large if there is none, by the independent samples of what it leaves.

    Each run about its own mean, its time from -1 to 1.
    """
    pieces = [np.asarray(piece, dtype=np.float64) - np.mean(piece) for piece in settled if len(piece) >= 8]
    if not pieces:
        return 1.0
    times = [np.linspace(-1.0, 1.0, len(piece)) for piece in pieces]
    squares = sum(float(time @ time) for time in times)
    slope = sum(float(time @ piece) for time, piece in zip(times, pieces, strict=True)) / squares
    rest = [piece - slope * time for time, piece in zip(times, pieces, strict=True)]
    inefficiency = statistical_inefficiency(rest)
    freedom = sum(map(len, rest)) / inefficiency - 2.0
    variance = sum(float(piece @ piece) for piece in rest) / sum(map(len, rest))
    if freedom < 2.0 or variance == 0.0:
        return 1.0
    return float(2.0 * stats.t.sf(abs(slope) / np.sqrt(variance * inefficiency / squares), freedom))


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
