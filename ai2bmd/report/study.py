"""A study: what all trajectories say together, before sections are made of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ai2bmd.analysis.nmr.experiment import Experiment
from ai2bmd.analysis.structure import everything
from ai2bmd.analysis.structure.everything import Structure, StructureSettings, analyse_structure
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import AnalysisSettings, Part
from ai2bmd.report.one_run import JudgedRun, judge_run
from ai2bmd.report.study_runs import Origin, origin, single_run

_NEEDS: dict[Part, Collection[everything.Part]] = {
    "structure": everything.PARTS,
    "nmr": ("dihedrals",),
    "kinetics": ("dihedrals", "native_contacts"),
    "thermodynamics": ("dihedrals", "native_contacts", "components"),
}
"""What each part of a report reads of the structure."""


@dataclass(frozen=True, eq=False)
class Study:
    """What is known before the parts begin."""

    trajectories: tuple[Trajectory, ...]
    settings: AnalysisSettings
    structure: Structure
    origin: Origin
    run: JudgedRun | None
    """Of the run, where there is no other trajectory and all its frames can be read."""
    experiment: Experiment | None = None


def make_study(
    trajectories: Sequence[Trajectory],
    settings: AnalysisSettings | None = None,
    *,
    experiment: Experiment | None = None,
    structure_parts: Collection[everything.Part] | None = None,
) -> Study:
    """Read all frames of trajectories.

    Args:
        trajectories: of one molecule, independent of each other.
        settings: what to do, and how.
        experiment: measured values to compare with.
        structure_parts: of the structure; by default those that the parts of the settings need.

    Raises:
        InputError: trajectories or settings cannot be used.
    """
    settings = settings or AnalysisSettings()
    _check_different(trajectories)
    where = origin(trajectories, settings)
    run = single_run(where)
    if structure_parts is None:
        structure_parts = {each for part in settings.parts for each in _NEEDS[part]}
    structure = analyse_structure(trajectories, _structure_settings(settings, structure_parts))
    judged = None if run is None or structure.remarks else judge_run(run, structure)
    return Study(tuple(trajectories), settings, structure, where, judged, experiment)


def _check_different(trajectories: Sequence[Trajectory]) -> None:
    """Make sure that no trajectory was given twice, which would make errors too small.

    Raises:
        InputError: two have the same number of frames, and the same last one.
    """
    seen: dict[tuple[int, bytes], str] = {}
    for trajectory in trajectories if len(trajectories) > 1 else ():
        *_, last = trajectory.chunks(stride=max(1, trajectory.frames - 1))
        key = trajectory.frames, last.positions_A[-1].tobytes() if len(last.positions_A) else b""
        if key in seen:
            raise InputError(f"{seen[key]} and {trajectory.name} hold the same frames; give each trajectory once")
        seen[key] = trajectory.name


def _structure_settings(settings: AnalysisSettings, parts: Collection[everything.Part]) -> StructureSettings:
    return StructureSettings(
        superpose_on=settings.superpose_on,
        reference=None if settings.reference is None else _reference(settings.reference),
        cluster_cutoff_A=settings.cluster_cutoff_A,
        parts=parts,
    )


def _reference(path: Path) -> Any:
    import MDAnalysis

    if path.is_dir():
        raise InputError(f"reference: {path} is a directory; name a structure file in it")
    if not path.is_file():
        raise InputError(f"reference: {path} does not exist")
    try:
        universe: Any = MDAnalysis.Universe(str(path))
    except Exception as error:  # readers raise what they like
        reason = " ".join(str(error).split())
        raise InputError(f"reference: {path} cannot be read as a structure ({reason})") from error
    if not hasattr(universe, "trajectory"):
        raise InputError(f"reference: {path} has no coordinates; name a structure file such as PDB or GRO")
    if not np.isfinite(universe.atoms.positions).all():
        raise InputError(f"reference: {path} has undefined coordinates; give a structure that has them all")
    return universe
