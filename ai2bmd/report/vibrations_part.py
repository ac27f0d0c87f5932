"""The spectra of a study: vibrational density of states and infrared, of all runs that stored velocities often."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

from ai2bmd.analysis.kinetics.spectra import infrared_from_charges, vibrational_density
from ai2bmd.analysis.molecule import masses_u
from ai2bmd.environment import build_environment, partial_charges
from ai2bmd.report.dynamics import spectrum_section
from ai2bmd.report.sections import Section, told
from ai2bmd.structure import read_prepared
from ai2bmd.trajectory.reader import read_velocities

if TYPE_CHECKING:
    from ai2bmd.report.study import Study

_SLOWEST_FS = 4.0
"""Time between frames above which the stretching of bonds to hydrogen (about 9 fs) is not resolved."""
_MOST_VELOCITIES = 20_000_000
"""Of all runs, held in memory at once; runs beyond are left out."""


def vibrations(study: Study, interval_ps: float) -> tuple[Section, ...]:
    """Vibrational and infrared spectrum, where runs have stored velocities often enough to see bonds to hydrogen."""
    temperature_K, frame_fs = study.origin.temperature_K, 1000.0 * interval_ps
    if temperature_K is None or frame_fs > 1.001 * _SLOWEST_FS:
        return ()
    own = _velocities(study)
    if not own:
        return ()
    first = study.trajectories[0]
    of_runs = _of_runs(len(own), len(study.trajectories))

    def density() -> tuple[Section, ...]:
        found = vibrational_density(own, masses_u(first.molecule), frame_fs=frame_fs, temperature_K=temperature_K)
        return (_told_of(spectrum_section(found), of_runs),)

    def infrared() -> tuple[Section, ...]:
        run = next(one.run for one in study.trajectories if one.run is not None)
        topology = read_prepared(run.prepared).topology
        charges = partial_charges(build_environment(topology, solvent="gas"))[first.atoms.indices]
        found = infrared_from_charges(own, charges, frame_fs=frame_fs, temperature_K=temperature_K)
        return (_told_of(spectrum_section(found), f"{of_runs} Of fixed charges: heights are rough."),)

    return (*told("Vibrational density of states", density), *told("Infrared spectrum", infrared))


def _velocities(study: Study) -> list[Float32[np.ndarray, "frames atoms 3"]]:
    """Of the atoms analysed, one array for each run that has them and fits."""
    found, left = [], _MOST_VELOCITIES
    for trajectory in study.trajectories:
        if trajectory.run is None:
            continue
        velocities = read_velocities(trajectory.run.trajectory, most_values=left)
        if velocities is not None and len(velocities):
            left -= velocities.size
            found.append(velocities[:, trajectory.atoms.indices])
    return found


def _of_runs(used: int, all_runs: int) -> str:
    if all_runs == 1:
        return ""
    rest = all_runs - used
    without = f"; {rest} without velocities, or too long for memory, left out" if rest else ""
    return f"Windows of {used} independent run{'s' if used > 1 else ''}{without}."


def _told_of(section: Section, text: str) -> Section:
    return replace(section, note=f"{section.note} {text}".strip(), methods=f"{section.methods} {text}".strip())
