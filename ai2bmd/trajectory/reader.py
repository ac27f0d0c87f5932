"""Reading a trajectory back, in the units of this project."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float32, Float64, Int64

from ai2bmd.trajectory.layout import (
    ERROR_BARS,
    FORCE,
    KJ_MOL_PER_EV,
    OBSERVABLES,
    PROTEIN,
    VELOCITY,
    Parameters,
    dataset,
    parameters,
)
from ai2bmd.trajectory.recovery import check_complete


@dataclass(frozen=True, eq=False)
class Course:
    """What a run noted of each frame but its atoms: little, however long the run is."""

    step: Int64[np.ndarray, " frames"]
    time_ps: Float64[np.ndarray, " frames"]
    atomic_numbers: Int64[np.ndarray, " atoms"]
    """Of the atoms whose positions are stored."""
    box_A: Float64[np.ndarray, "frames 3 3"] | None
    """Box vectors as rows; None without a periodic box."""
    energy_environment: Float64[np.ndarray, " frames"]
    """eV."""
    energy_correction: Float64[np.ndarray, " frames"]
    """eV."""
    kinetic_energy: Float64[np.ndarray, " frames"]
    """eV."""
    temperature: Float64[np.ndarray, " frames"]
    """K."""
    parameters: Parameters
    """Settings, version, seed, hashes: as the run wrote them."""
    correction_std: Float64[np.ndarray, " frames"] | None = None
    """eV, expected error of the correction relative to the start; None if the model had no committee."""
    max_force_std: Float64[np.ndarray, " frames"] | None = None
    """eV/A, largest expected error of the force on an atom, not a number in frames where it was not computed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Trajectory(Course):
    """All frames of the protein, or every `stride`-th, of a run."""

    positions_A: Float32[np.ndarray, "frames atoms 3"]
    velocities_A_per_ps: Float32[np.ndarray, "frames atoms 3"] | None
    forces_eV_per_A: Float32[np.ndarray, "frames atoms 3"] | None


def read_trajectory(path: Path, *, stride: int = 1) -> Trajectory:
    """Read a trajectory.

    Raises:
        InputError: it is missing, cut off, or not a trajectory of this program.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        every = slice(None, None, stride)
        velocity, force = (
            dataset(hdf5, element.value)[every] if element.path in hdf5 else None for element in (VELOCITY, FORCE)
        )
        return Trajectory(
            positions_A=dataset(hdf5, PROTEIN.position.value)[every],
            velocities_A_per_ps=velocity,
            forces_eV_per_A=None if force is None else force / np.float32(KJ_MOL_PER_EV),
            **_noted(hdf5, every),
        )


def read_course(path: Path) -> Course:
    """Read what a trajectory holds beside its atoms, of all frames.

    Raises:
        InputError: it is missing, cut off, or not a trajectory of this program.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        return Course(**_noted(hdf5, slice(None)))


def read_velocities(path: Path, *, most_values: int) -> Float32[np.ndarray, "frames atoms 3"] | None:
    """Velocities (A/ps) of all frames; None where none are stored, or more than so many values.

    Raises:
        InputError: it is missing, cut off, or not a trajectory of this program.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        if VELOCITY.path not in hdf5:
            return None
        velocities = dataset(hdf5, VELOCITY.value)
        return None if np.prod(velocities.shape) > most_values else velocities[:]


def _noted(hdf5: h5py.File, every: slice) -> dict[str, Any]:
    return {
        "step": dataset(hdf5, PROTEIN.step)[every],
        "time_ps": dataset(hdf5, PROTEIN.time)[every],
        "atomic_numbers": dataset(hdf5, PROTEIN.species)[:].astype(np.int64),
        "box_A": dataset(hdf5, PROTEIN.edges.value)[every] if PROTEIN.edges.path in hdf5 else None,
        "parameters": parameters(hdf5),
        **{
            name: dataset(hdf5, element.value)[every]
            for name, element in (OBSERVABLES | ERROR_BARS).items()
            if name in OBSERVABLES or element.path in hdf5
        },
    }


def read_observables(path: Path) -> dict[str, Float64[np.ndarray, " frames"]]:
    """Energies (eV) and temperature (K) of all frames by the names of `OBSERVABLES`, without the positions.

    Raises:
        InputError: it is missing, cut off, or not a trajectory of this program.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        return {name: dataset(hdf5, element.value)[:] for name, element in OBSERVABLES.items()}
