"""Features: numbers of each frame that tell conformations apart, one array for each independent run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Float64

from ai2bmd.analysis.structure.dihedrals import DihedralAngles
from ai2bmd.errors import InputError


@dataclass(frozen=True, eq=False)
class Features:
    """Of several runs, at equal steps in time."""

    names: tuple[str, ...]
    runs: tuple[Float32[np.ndarray, "frames features"], ...]
    frame_ps: float
    """Time between frames."""

    @property
    def frames(self) -> int:
        """Of all runs."""
        return sum(map(len, self.runs))


def make_features(
    runs: Sequence[Float[np.ndarray, "..."]], *, frame_ps: float, names: Sequence[str] | None = None
) -> Features:
    """Features from arrays (frames, features), or (frames,) for a single one.

    Raises:
        InputError: there is no frame, runs have different features, a value is not finite, or no feature ever changes.
    """
    arrays = [np.asarray(run, dtype=np.float32) for run in runs]
    arrays = [run[:, None] if run.ndim == 1 else run for run in arrays if len(run)]
    if not arrays:
        raise InputError("there is no frame to take features of; give one array (frames, features) for each run")
    widths = {run.shape[1:] for run in arrays}
    if len(widths) > 1 or len(next(iter(widths))) != 1:
        raise InputError(f"runs with features of shapes {sorted(widths)}; every run needs the same features a frame")
    if not all(np.isfinite(run).all() for run in arrays):
        raise InputError("some features are not finite; leave those frames or features out")
    if not frame_ps > 0.0:
        raise InputError(f"the time between frames is {frame_ps} ps; it must be above 0")
    count = arrays[0].shape[1]
    names = tuple(names) if names is not None else tuple(f"feature {number + 1}" for number in range(count))
    if len(names) != count:
        raise InputError(f"{len(names)} names for {count} features")
    if all((run == arrays[0][0]).all() for run in arrays):
        raise InputError("no feature ever changes; choose others")
    return Features(names, tuple(arrays), frame_ps)


def dihedral_features(
    runs_deg: Sequence[Float[np.ndarray, "frames angles"]], *, frame_ps: float, names: Sequence[str]
) -> Features:
    """Cosine and sine of angles (degrees), so that nothing jumps at 180.

    Raises:
        InputError: as `make_features`.
    """
    radians = [np.radians(np.asarray(run, dtype=np.float32)) for run in runs_deg]
    both = [np.concatenate([np.cos(run), np.sin(run)], axis=1) for run in radians]
    labels = [f"{function} {name}" for function in ("cos", "sin") for name in names]
    return make_features(both, frame_ps=frame_ps, names=labels)


def backbone_features(angles: DihedralAngles, *, angles_of: Literal["backbone", "all"] = "backbone") -> Features:
    """Cosine and sine of the backbone's phi and psi, or of side chains too.

    Args:
        angles: of one or several runs, of frames at equal intervals.
        angles_of: which angles; all but omega are "all".

    Raises:
        InputError: no residue has such an angle, or the intervals are not equal.
    """
    if angles_of not in ("backbone", "all"):
        raise InputError(f"angles_of: expected backbone or all, got {angles_of!r}")
    columns = [
        column
        for column, dihedral in enumerate(angles.dihedrals)
        if dihedral.kind in ("phi", "psi") or (dihedral.kind != "omega" and angles_of == "all")
    ]
    if not columns:
        raise InputError("no residue has phi or psi, which the Markov model is made of")
    chosen = [angles.dihedrals[column] for column in columns]
    names = [f"{dihedral.kind} {angles.residue_labels[dihedral.residue]}" for dihedral in chosen]
    runs = [run[:, columns] for run in angles.angles.values]
    return dihedral_features(runs, frame_ps=frame_interval_ps(angles.angles.time_ps), names=names)


def frame_interval_ps(times_ps: Sequence[Float64[np.ndarray, " frames"]]) -> float:
    """Time between frames, the same within and between all runs.

    Raises:
        InputError: it is not the same.
    """
    steps = np.concatenate([np.diff(times) for times in times_ps])
    if not len(steps):
        raise InputError("every trajectory has a single frame, which tells nothing of motion")
    middle = float(np.median(steps))
    if middle <= 0.0:
        raise InputError("the times that are stored do not increase, so nothing is known of time; write them anew")
    if not np.allclose(steps, middle, rtol=1e-2):
        raise InputError(
            f"the frames are {steps.min():.4g} to {steps.max():.4g} ps apart; what is counted in time needs frames at "
            "equal intervals: analyse the trajectories apart, or write them anew at one interval"
        )
    return middle


def join_features(*parts: Features) -> Features:
    """Several kinds of features of the same frames, each scaled to unit variance over all runs.

    Raises:
        InputError: they are of different frames.
    """
    if len({(tuple(map(len, part.runs)), part.frame_ps) for part in parts}) != 1:
        raise InputError("features of different frames cannot be joined; take them of the same runs")
    scaled = []
    for part in parts:
        deviation = np.sqrt(_variance(part))
        scaled.append([run / np.where(deviation > 0.0, deviation, 1.0) for run in part.runs])
    runs = [np.concatenate(columns, axis=1) for columns in zip(*scaled, strict=True)]
    return make_features(runs, frame_ps=parts[0].frame_ps, names=[name for part in parts for name in part.names])


def _variance(features: Features) -> Float64[np.ndarray, " features"]:
    sums = np.array([run.sum(0, dtype=np.float64) for run in features.runs])
    mean = sums.sum(0) / features.frames
    return np.array([((run - mean) ** 2).sum(0) for run in features.runs]).sum(0) / features.frames
