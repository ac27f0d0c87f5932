"""Translational diffusion of a study: of the molecule as a whole, or of chosen atoms, through the periodic box."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.chunks import ForeignFrames
from ai2bmd.analysis.kinetics.diffusion import diffusion
from ai2bmd.analysis.kinetics.unwrapping import unwrapped
from ai2bmd.analysis.molecule import choose, masses_u
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from ai2bmd.report.dynamics import diffusion_section
from ai2bmd.report.sections import Section, told
from ai2bmd.trajectory.reader import read_course

if TYPE_CHECKING:
    from ai2bmd.report.study import Study

MOLECULE = "molecule"
_MOST_VALUES = 30_000_000
"""Coordinates of all particles in all frames of a run, held in memory at once."""
_UNWRAPPED = (
    "von B\u00fclow, Bullerjahn, Hummer, Systematic errors in diffusion coefficients from long-time molecular dynamics "
    "simulations at constant pressure, J. Chem. Phys. 153, 021101 (2020)"
)
_SIZE = (
    "Yeh, Hummer, System-size dependence of diffusion coefficients and viscosities from molecular dynamics simulations "
    "with periodic boundary conditions, J. Phys. Chem. B 108, 15873 (2004)"
)


def diffusion_sections(study: Study, interval_ps: float) -> tuple[Section, ...]:
    """Nothing if it was not asked for."""
    wanted = study.settings.kinetics.diffusion
    if wanted is None:
        return ()
    name = "the molecule" if wanted == MOLECULE else wanted

    def make() -> tuple[Section, ...]:
        found = [_continuous(trajectory, wanted) for trajectory in study.trajectories]
        boxed = any(periodic for _, periodic in found)
        section = diffusion_section(name, diffusion([positions for positions, _ in found], frame_ps=interval_ps))
        return (_told_of(study, section, boxed=boxed),)

    return told(f"Diffusion of {name}", make)


def _continuous(trajectory: Trajectory, wanted: str) -> tuple[Float64[np.ndarray, "frames particles 3"], bool]:
    """Positions without jumps, and whether there is a periodic box."""
    positions = _centre(trajectory) if wanted == MOLECULE else _atoms(trajectory, wanted)
    boxes = _boxes(trajectory, len(positions))
    return (positions, False) if boxes is None else (unwrapped(positions, boxes), True)


def _centre(trajectory: Trajectory) -> Float64[np.ndarray, "frames 1 3"]:
    """Centre of mass of the atoms analysed."""
    masses = np.asarray(masses_u(trajectory.molecule), np.float64)
    weights = masses / masses.sum()
    parts = [np.einsum("fac,a->fc", chunk.positions_A, weights) for chunk in trajectory.chunks()]
    return np.concatenate(parts)[:, None]


def _atoms(trajectory: Trajectory, selection: str) -> Float64[np.ndarray, "frames particles 3"]:
    """Chosen atoms, each a particle; of a trajectory of another program also those that are not analysed."""
    if trajectory.run is not None:
        chosen = trajectory.select(selection)
        _check_size(trajectory, len(chosen))
        return np.concatenate([chunk.positions_A[:, chosen] for chunk in trajectory.chunks()]).astype(np.float64)
    atoms = choose(trajectory.universe.atoms, selection, where=trajectory.name)
    _check_size(trajectory, len(atoms))
    positions, _, _ = ForeignFrames(atoms).read(_numbers(trajectory.frames))
    return positions.astype(np.float64)


def _boxes(trajectory: Trajectory, frames: int) -> Float64[np.ndarray, "frames 3 3"] | None:
    if trajectory.run is not None:
        boxes = read_course(trajectory.run.trajectory).box_A
        return None if boxes is None else boxes[:frames]
    _, boxes, _ = ForeignFrames(trajectory.universe.atoms[:1]).read(_numbers(frames))
    return boxes


def _numbers(frames: int) -> Int64[np.ndarray, " frames"]:
    return np.arange(frames, dtype=np.int64)


def _check_size(trajectory: Trajectory, particles: int) -> None:
    if (values := 3 * particles * trajectory.frames) > _MOST_VALUES:
        raise InputError(
            f"diffusion: {particles} atoms in {trajectory.frames} frames are {values} coordinates, and {_MOST_VALUES} "
            "are the most; choose fewer atoms"
        )


def _told_of(study: Study, section: Section, *, boxed: bool) -> Section:
    """What else the coefficient depends on."""
    notes, citations = [], list(section.citations)
    if boxed:
        notes.append(
            "Jumps through the periodic box were undone. In a small box the coefficient is too small, by "
            "2.84 kT / (6 \u03c0 viscosity edge) in a cube; this is not corrected."
        )
        citations += [_UNWRAPPED, _SIZE]
    if any(one is not None and one.ensemble != "nve" for one in study.origin.settings):
        notes.append("The thermostat is Langevin's: its friction slows diffusion, in implicit water by itself.")
    return replace(section, note=" ".join([section.note, *notes]), citations=tuple(citations))
