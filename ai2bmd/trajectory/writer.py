"""The trajectory of a run: frames in, an H5MD file out that any HDF5 program reads at every moment."""

import math
from collections.abc import Mapping, Sequence
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
    ERROR_BARS,
    FORCE,
    KJ_MOL_PER_EV,
    OBSERVABLES,
    PARAMETERS,
    PROTEIN,
    SOLVENT,
    VELOCITY,
    Element,
    Group,
    Parameters,
    dataset,
    groups,
    time_dependent,
)

_SCALARS_PER_CHUNK = 1024
_BOXES_PER_CHUNK = 128


@dataclass(frozen=True, eq=False)
class Frame:
    """One instant of the protein; box, velocities, forces and errors are written if the trajectory is made for them."""

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
    box_A: Float[np.ndarray, "3 3"] | None = None
    """Box vectors as rows; None without a periodic box."""
    correction_std: float = math.nan
    """eV."""
    max_force_std: float = math.nan
    """eV/A."""


@dataclass(frozen=True, eq=False)
class SolventFrame:
    """One instant of what is not protein."""

    step: int
    time_ps: float
    positions_A: Float[np.ndarray, "solvent_atoms 3"]
    box_A: Float[np.ndarray, "3 3"]


class TrajectoryWriter:
    """An H5MD file open for appending. Frames reach the disk at `commit`, all together or not at all."""

    def __init__(self, file: JournaledFile) -> None:
        """Use `create_trajectory` or `append_trajectory`."""
        self._file = file
        self._hdf5 = h5py.File(file, "r+", libver="earliest")

    def frames(self, group: Group = PROTEIN) -> int:
        """Number of frames of a group, those not yet committed included."""
        return len(dataset(self._hdf5, group.step))

    def append(self, frame: Frame) -> None:
        """Add a frame of the protein.

        Raises:
            ValueError: a frame without a box for a trajectory of a periodic one.
        """
        values: dict[str, object] = {PROTEIN.step: frame.step, PROTEIN.time: frame.time_ps}
        values[PROTEIN.position.value] = frame.positions_A
        if PROTEIN.edges.path in self._hdf5:
            if frame.box_A is None:
                raise ValueError(f"step {frame.step}: expected box vectors, for the trajectory is periodic, got None")
            values[PROTEIN.edges.value] = frame.box_A
        if VELOCITY.path in self._hdf5:
            values[VELOCITY.value] = frame.velocities_A_per_ps
        if FORCE.path in self._hdf5:
            values[FORCE.value] = frame.forces_eV_per_A * KJ_MOL_PER_EV
        observables = OBSERVABLES | {name: bar for name, bar in ERROR_BARS.items() if bar.path in self._hdf5}
        values |= {element.value: getattr(frame, name) for name, element in observables.items()}
        self.extend({path: np.asarray(value)[None] for path, value in values.items()})

    def append_solvent(self, frame: SolventFrame) -> None:
        """Add a frame of the solvent, to a trajectory that was made for it."""
        values = {SOLVENT.step: frame.step, SOLVENT.time: frame.time_ps}
        values |= {SOLVENT.position.value: frame.positions_A, SOLVENT.edges.value: frame.box_A}
        self.extend({path: np.asarray(value)[None] for path, value in values.items()})

    def extend(self, values: Mapping[str, np.ndarray]) -> None:
        """Add frames: for each path of `time_dependent` of a group an array whose first axis is frames."""
        for path, added in values.items():
            stored = dataset(self._hdf5, path)
            stored.resize(len(stored) + len(added), axis=0)
            stored[len(stored) - len(added) :] = added

    def drop_after(self, step: int) -> None:
        """Drop the frames of later steps, of all groups."""
        for group in groups(self._hdf5):
            kept = int(np.searchsorted(self.steps(group), step, side="right"))
            if kept < self.frames(group):
                for path in time_dependent(self._hdf5, group):
                    dataset(self._hdf5, path).resize(kept, axis=0)

    def steps(self, group: Group = PROTEIN) -> Int[np.ndarray, " frames"]:
        """Step of each frame of a group."""
        return np.asarray(dataset(self._hdf5, group.step)[:])

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
    periodic: bool = False,
    solvent: Int[np.ndarray, " solvent_atoms"] | None = None,
    velocities: bool,
    forces: bool,
    error_bars: bool = False,
    parameters: Parameters,
) -> TrajectoryWriter:
    """Make an empty trajectory.

    Args:
        path: file, which must not exist.
        atomic_numbers: of every atom of the protein.
        periodic: whether there is a box.
        solvent: atomic numbers of what else is in the box, if it is to have frames.
        velocities: whether frames hold velocities.
        forces: whether frames hold forces.
        error_bars: whether frames hold the expected errors of the correction.
        parameters: settings and hashes, kept as attributes of parameters/ai2bmd.

    Raises:
        OSError: the file exists, or the disk is full.
        ValueError: solvent without a box.
    """
    if solvent is not None and not periodic:
        raise ValueError("solvent: expected None, for there is no periodic box, got atoms")
    file = JournaledFile(path, create=True)
    try:
        with h5py.File(file, "w", libver="earliest") as hdf5:
            _describe(hdf5)
            rest = [*[VELOCITY] * velocities, *[FORCE] * forces]
            _create_group(hdf5, PROTEIN, atomic_numbers, periodic=periodic, rest=rest)
            if solvent is not None:
                _create_group(hdf5, SOLVENT, solvent, periodic=True)
            for element in (*OBSERVABLES.values(), *(ERROR_BARS.values() if error_bars else ())):
                _create_values(hdf5, PROTEIN, element, (), np.float64, per_chunk=_SCALARS_PER_CHUNK)
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


def _create_group(
    hdf5: h5py.File,
    group: Group,
    atomic_numbers: Int[np.ndarray, " atoms"],
    *,
    periodic: bool,
    rest: Sequence[Element] = (),
) -> None:
    """A group of particles without frames; `rest` are its elements with a vector for each atom, besides positions."""
    hdf5.create_dataset(group.species, data=np.asarray(atomic_numbers, dtype=np.int32))
    scalar = {"shape": (0,), "maxshape": (None,), "chunks": (_SCALARS_PER_CHUNK,)}
    hdf5.create_dataset(group.step, dtype=np.int64, **scalar)
    hdf5.create_dataset(group.time, dtype=np.float64, **scalar).attrs["unit"] = "ps"
    for element in (group.position, *rest):
        _create_values(hdf5, group, element, (len(atomic_numbers), 3), np.float32, per_chunk=1)
    box = hdf5.create_group(group.box)
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = np.array([b"periodic" if periodic else b"none"] * 3)
    if periodic:
        _create_values(hdf5, group, group.edges, (3, 3), np.float64, per_chunk=_BOXES_PER_CHUNK)


def _create_values(
    hdf5: h5py.File, group: Group, element: Element, shape: tuple[int, ...], kind: type, *, per_chunk: int
) -> None:
    """A quantity at the steps and times of a group."""
    value = hdf5.create_dataset(element.value, (0, *shape), kind, maxshape=(None, *shape), chunks=(per_chunk, *shape))
    value.attrs["unit"] = element.unit
    if element != group.position:
        hdf5[f"{element.path}/step"], hdf5[f"{element.path}/time"] = hdf5[group.step], hdf5[group.time]
