"""The trajectory of a run: frames in, an H5MD file out that any HDF5 program reads at every moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
from jaxtyping import Float, Int

from ai2bmd import __version__
from ai2bmd.trajectory.journal import JournaledFile
from ai2bmd.trajectory.layout import (
    FORCE,
    KJ_MOL_PER_EV,
    OBSERVABLES,
    PARAMETERS,
    PARTICLES,
    POSITION,
    SPECIES,
    STEP,
    TIME,
    VELOCITY,
    Element,
    Parameters,
    dataset,
    time_dependent,
)

_SCALARS_PER_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Frame:
    """One instant; velocities and forces are written if the trajectory was made for them."""

    step: int
    time_ps: float
    positions_A: Float[np.ndarray, "atoms 3"]
    velocities_A_per_ps: Float[np.ndarray, "atoms 3"]
    forces_eV_per_A: Float[np.ndarray, "atoms 3"]
    energy_environment: float
    """eV."""
    energy_correction: float
    """eV."""
    kinetic_energy: float
    """eV."""
    temperature: float
    """K."""


class TrajectoryWriter:
    """An H5MD file open for appending. Frames reach the disk at `commit`, all together or not at all."""

    def __init__(self, file: JournaledFile) -> None:
        """Use `create_trajectory` or `append_trajectory`."""
        self._file = file
        self._hdf5 = h5py.File(file, "r+", libver="earliest")

    @property
    def frames(self) -> int:
        """Number of frames, those not yet committed included."""
        return len(dataset(self._hdf5, STEP))

    def append(self, frame: Frame) -> None:
        """Add a frame."""
        values: dict[str, float | np.ndarray] = {STEP: frame.step, TIME: frame.time_ps}
        values[f"{POSITION.path}/value"] = frame.positions_A
        if VELOCITY.path in self._hdf5:
            values[f"{VELOCITY.path}/value"] = frame.velocities_A_per_ps
        if FORCE.path in self._hdf5:
            values[f"{FORCE.path}/value"] = frame.forces_eV_per_A * KJ_MOL_PER_EV
        values |= {f"{element.path}/value": getattr(frame, name) for name, element in OBSERVABLES.items()}
        self.extend({path: np.asarray(value)[None] for path, value in values.items()})

    def extend(self, values: Mapping[str, np.ndarray]) -> None:
        """Add frames: for each path of `time_dependent` an array whose first axis is frames."""
        for path, added in values.items():
            stored = dataset(self._hdf5, path)
            stored.resize(len(stored) + len(added), axis=0)
            stored[len(stored) - len(added) :] = added

    def truncate(self, frames: int) -> None:
        """Drop the frames after the first `frames`."""
        for path in time_dependent(self._hdf5):
            dataset(self._hdf5, path).resize(frames, axis=0)

    def steps(self) -> Int[np.ndarray, " frames"]:
        """Step of each frame."""
        return np.asarray(dataset(self._hdf5, STEP)[:])

    def commit(self) -> None:
        """Bring everything to the disk.

        Raises:
            OSError: it is full; the file on disk is as after the last commit.
        """
        self._hdf5.flush()
        self._file.commit()

    def close(self) -> None:
        """Close; what was not committed is dropped."""
        self._hdf5.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def create_trajectory(
    path: Path,
    *,
    atomic_numbers: Int[np.ndarray, " atoms"],
    velocities: bool,
    forces: bool,
    parameters: Parameters,
) -> TrajectoryWriter:
    """Make an empty trajectory.

    Args:
        path: file, which must not exist.
        atomic_numbers: of every atom of the frames.
        velocities: whether frames hold velocities.
        forces: whether frames hold forces.
        parameters: settings and hashes, kept as attributes of parameters/ai2bmd.

    Raises:
        OSError: the file exists, or the disk is full.
    """
    file = JournaledFile(path, create=True)
    try:
        with h5py.File(file, "w", libver="earliest") as hdf5:
            _describe(hdf5)
            hdf5.create_dataset(SPECIES, data=np.asarray(atomic_numbers, dtype=np.int32))
            box = hdf5.create_group(f"{PARTICLES}/box")
            box.attrs["dimension"] = 3
            box.attrs["boundary"] = np.array([b"none"] * 3)
            particles = [POSITION, *[VELOCITY] * velocities, *[FORCE] * forces]
            _create_elements(hdf5, atoms=len(atomic_numbers), particles=particles)
            hdf5.create_group(PARAMETERS).attrs.update(parameters)
        file.commit()
    except OSError:
        file.close()
        path.unlink()
        raise
    return TrajectoryWriter(file)


def append_trajectory(path: Path) -> TrajectoryWriter:
    """Open a whole trajectory to add frames; one cut off goes through `recover_trajectory` first.

    Raises:
        OSError: it cannot be read.
    """
    file = JournaledFile(path)
    try:
        return TrajectoryWriter(file)
    except OSError:
        file.close()
        raise


def _describe(hdf5: h5py.File) -> None:
    root = hdf5.create_group("h5md")
    root.attrs["version"] = np.array([1, 1], dtype=np.int32)
    root.create_group("author").attrs["name"] = "ai2bmd"
    creator = root.create_group("creator")
    creator.attrs["name"] = "ai2bmd"
    creator.attrs["version"] = __version__
    root.create_group("modules/units").attrs["version"] = np.array([1, 0], dtype=np.int32)


def _create_elements(hdf5: h5py.File, *, atoms: int, particles: list[Element]) -> None:
    scalar = {"shape": (0,), "maxshape": (None,), "chunks": (_SCALARS_PER_CHUNK,)}
    step = hdf5.create_dataset(STEP, dtype=np.int64, **scalar)
    time = hdf5.create_dataset(TIME, dtype=np.float64, **scalar)
    time.attrs["unit"] = "ps"
    for element in particles:
        value = hdf5.create_dataset(
            f"{element.path}/value", (0, atoms, 3), np.float32, maxshape=(None, atoms, 3), chunks=(1, atoms, 3)
        )
        value.attrs["unit"] = element.unit
    for element in OBSERVABLES.values():
        value = hdf5.create_dataset(f"{element.path}/value", dtype=np.float64, **scalar)
        value.attrs["unit"] = element.unit
    for element in (*particles[1:], *OBSERVABLES.values()):
        hdf5[f"{element.path}/step"], hdf5[f"{element.path}/time"] = step, time
