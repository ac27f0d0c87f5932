"""Reading a trajectory back, in the units of this project."""

from dataclasses import dataclass
from pathlib import Path

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
class Trajectory:
    """All frames of the protein, or every `stride`-th, of a run."""

    step: Int64[np.ndarray, " frames"]
    time_ps: Float64[np.ndarray, " frames"]
    atomic_numbers: Int64[np.ndarray, " atoms"]
    positions_A: Float32[np.ndarray, "frames atoms 3"]
    box_A: Float64[np.ndarray, "frames 3 3"] | None
    """Box vectors as rows; None without a periodic box."""
    velocities_A_per_ps: Float32[np.ndarray, "frames atoms 3"] | None
    forces_eV_per_A: Float32[np.ndarray, "frames atoms 3"] | None
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


def read_trajectory(path: Path, *, stride: int = 1) -> Trajectory:
    """Read a trajectory.

    Raises:
        InputError: it is missing, cut off, or not a trajectory of this program.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        every = slice(None, None, stride)
        box, velocity, force = (
            dataset(hdf5, element.value)[every] if element.path in hdf5 else None
            for element in (PROTEIN.edges, VELOCITY, FORCE)
        )
        return Trajectory(
            step=dataset(hdf5, PROTEIN.step)[every],
            time_ps=dataset(hdf5, PROTEIN.time)[every],
            atomic_numbers=dataset(hdf5, PROTEIN.species)[:].astype(np.int64),
            positions_A=dataset(hdf5, PROTEIN.position.value)[every],
            velocities_A_per_ps=velocity,
            forces_eV_per_A=None if force is None else force / np.float32(KJ_MOL_PER_EV),
            box_A=box,
            parameters=parameters(hdf5),
            **{
                name: dataset(hdf5, element.value)[every]
                for name, element in (OBSERVABLES | ERROR_BARS).items()
                if name in OBSERVABLES or element.path in hdf5
            },
        )


def read_observables(path: Path) -> dict[str, Float64[np.ndarray, " frames"]]:
    """Energies (eV) and temperature (K) of all frames by the names of `OBSERVABLES`, without the positions.

    Raises:
        InputError: it is missing, cut off, or not a trajectory of this program.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        return {name: dataset(hdf5, element.value)[:] for name, element in OBSERVABLES.items()}
