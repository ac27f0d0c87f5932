"""Frames of a study at another level of theory: energies of them computed anew, weights, and what changes by that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.sufficiency import judge_estimate
from ai2bmd.analysis.thermodynamics.free_energy import free_energy
from ai2bmd.analysis.thermodynamics.level_energies import Level, level_changes, make_level
from ai2bmd.analysis.thermodynamics.level_reweighting import LevelChange, reweight_level
from ai2bmd.analysis.thermodynamics.state_shift import state_shift
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import Level as LevelSettings
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.reweighting import level_section
from ai2bmd.report.sections import Section, paragraph, told

if TYPE_CHECKING:
    from ai2bmd.report.study import Study
    from ai2bmd.report.thermodynamics_part import Variables

TITLE, _SHIFT = "Reweighted to another level", "Unfolding at another level"


def level_part(
    study: Study, wanted: LevelSettings, *, variables: Iterable[Variables], folded: Callable[[], Pieces] | None
) -> tuple[Section, ...]:
    """Weights of the frames at a level, free energies with them, and the shift of the free energy of unfolding.

    Args:
        study: of plain runs of this program at one temperature.
        wanted: the level.
        variables: quantities of each frame that profiles are drawn along.
        folded: 1 for each frame that is folded, if that is asked for.

    Raises:
        InputError: a trajectory is of another program, or the model cannot be used.
    """
    paths = [one.run.path for one in study.trajectories if one.run is not None]
    if len(paths) < len(study.trajectories):
        raise InputError(
            "level: needs run directories of ai2bmd, whose energies are known; a trajectory alone has none"
        )
    level = make_level(paths[0] / "prepared.pdb", coupling=wanted.coupling, model=wanted.model, device=wanted.device)
    found = [level_changes(path, level) for path in paths]
    changes, temperatures_K = [own for own, _ in found], {own for _, own in found}
    if len(temperatures_K) > 1:
        raise InputError("level: the runs are at different temperatures; analyse them one by one")
    (temperature_K,) = temperatures_K
    sections = told(TITLE, lambda: _weighted(changes, temperature_K, level, variables))
    if folded is None:
        return sections
    return (*sections, *told(_SHIFT, lambda: _shift(changes, folded(), temperature_K, level)))


def _weighted(
    changes: list[np.ndarray], temperature_K: float, level: Level, variables: Iterable[Variables]
) -> tuple[Section, ...]:
    change = reweight_level(changes, temperature_K)
    first = level_section(change, np.concatenate(changes), level=level.name)
    lengths = [len(own) for own in changes]
    profiles = [_profile(one, change, level) for one in variables if [len(run) for run in one.runs] == lengths]
    return (first, *profiles)


def _profile(variables: Variables, change: LevelChange, level: Level) -> Section:
    title = f"Free energy along {variables.title}, at {level.name}"
    try:
        found = free_energy(
            variables.runs,
            change.temperature_K,
            names=variables.names,
            periods=variables.periods,
            weights=change.weights.runs,
        )
    except InputError as error:
        return Section(title, paragraph(f"Not possible: {error}."))
    section = free_energy_section(
        title,
        found,
        name=f"{variables.file}_reweighted",
        origin="From all frames, with the weights of the other level.",
    )
    return replace(section, methods="")


def _shift(changes: list[np.ndarray], assigned: Pieces, temperature_K: float, level: Level) -> tuple[Section, ...]:
    if [len(own) for own in assigned] != [len(own) for own in changes]:
        raise InputError("some frames could not be used, so energies and states are not of the same frames")
    shift = state_shift(changes, assigned, temperature_K)
    text = f"{level.name} adds {shift} to the free energy of unfolding at {temperature_K:g} K."
    note = "Free energy of the change of level in unfolded frames, less that in folded ones; positive: folded gains."
    quantity = judge_estimate("shift of the free energy of unfolding", shift)
    return (Section(_SHIFT, paragraph(text), note, quantities=(quantity,)),)
