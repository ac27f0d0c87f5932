"""Trajectories that were cut off: what is wrong with one, and how much of it is whole."""

import os
import struct
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Int

from ai2bmd.errors import InputError
from ai2bmd.trajectory.journal import finish_commit
from ai2bmd.trajectory.layout import (
    ERROR_BARS,
    FORCE,
    PROTEIN,
    SOLVENT,
    VELOCITY,
    Group,
    dataset,
    groups,
    parameters,
    time_dependent,
)
from ai2bmd.trajectory.writer import create_trajectory

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COPIED_FRAMES = 64


def check_complete(path: Path) -> None:
    """Make sure that every frame of a trajectory is whole.

    Raises:
        InputError: the file is missing, not a trajectory, or cut off; the text says where and how to recover it.
    """
    missing = missing_bytes(path)
    cure = "recover its complete frames with `ai2bmd resume`, giving the run directory"
    if missing:
        raise InputError(f"{path} is cut off in the middle of a frame: its last {missing} bytes are missing; {cure}")
    try:
        with h5py.File(path, "r") as hdf5:
            lengths = {
                group: {len(dataset(hdf5, name)) for name in time_dependent(hdf5, group)} for group in groups(hdf5)
            }
    except (OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as an H5MD trajectory ({_short(error)}); {cure}") from error
    for group, found in lengths.items():
        if len(found) > 1:
            raise InputError(f"{path} is cut off in the middle of frame {min(found) + 1} of the {group.name}; {cure}")


def check_atoms(path: Path, atomic_numbers: Int[np.ndarray, " atoms"]) -> None:
    """Make sure that a whole trajectory is of this protein.

    Raises:
        InputError: its atoms are others.
    """
    with h5py.File(path, "r") as hdf5:
        stored = dataset(hdf5, PROTEIN.species)[:]
    if not np.array_equal(stored, atomic_numbers):
        raise InputError(
            f"{path} belongs to another run: it has {len(stored)} atoms that are not the {len(atomic_numbers)} of this "
            "protein; put the trajectory of this run back in its place"
        )


def missing_bytes(path: Path) -> int:
    """How many bytes of an HDF5 file are cut off its end.

    Raises:
        InputError: no such file, or not HDF5 as this program writes it.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    with path.open("rb") as file:
        head = file.read(48)
    if len(head) < 48 or not head.startswith(_SIGNATURE):
        raise InputError(
            f"{path} is not an HDF5 file, or nothing of it is left; put a copy of it back, or start the run anew"
        )
    if head[8] > 1:  # only superblocks 0 and 1, the ones written here, have the end at this place
        return 0
    (end,) = struct.unpack_from("<Q", head, 40)
    return max(0, end - path.stat().st_size)


def recover_trajectory(path: Path) -> int:
    """Keep the complete frames of a damaged trajectory; a whole one is left as it is.

    Returns:
        The number of frames of the protein it holds now.

    Raises:
        InputError: nothing can be recovered.
    """
    finish_commit(path)
    missing = missing_bytes(path)
    stored = path.stat().st_size
    if missing:  # with the end filled up by zeros HDF5 opens it, and what lay in the lost part can be told
        os.truncate(path, stored + missing)
    try:
        with h5py.File(path, "r") as damaged:
            names = {group: time_dependent(damaged, group) for group in groups(damaged)}
            frames = {
                group: min(whole_entries(dataset(damaged, name), stored) for name in names[group]) for group in names
            }
            if missing or any(frames[group] < len(dataset(damaged, name)) for group in names for name in names[group]):
                _copy_frames(damaged, path.with_name(f".{path.name}.recovered"), frames)
                path.with_name(f".{path.name}.recovered").replace(path)
    except (OSError, KeyError, RuntimeError) as error:
        os.truncate(path, stored)
        raise InputError(
            f"{path} is damaged beyond recovery ({_short(error)}); start the run anew from its prepared.pdb"
        ) from error
    return frames[PROTEIN]


def whole_entries(values: h5py.Dataset, size: int) -> int:
    """Leading entries of a dataset that can be found and lie within the first `size` bytes of the file."""
    for first in range(0, len(values), (values.chunks or (1,))[0]):
        try:
            chunk = values.id.get_chunk_info_by_coord((first, *[0] * (values.ndim - 1)))
        except (RuntimeError, OSError):
            return first
        if chunk.byte_offset is None or chunk.byte_offset + chunk.size > size:
            return first
    return len(values)


def _copy_frames(damaged: h5py.File, path: Path, frames: Mapping[Group, int]) -> None:
    """Write the first frames of each group, and all that does not depend on time, to a new file."""
    path.unlink(missing_ok=True)
    writer = create_trajectory(
        path,
        atomic_numbers=dataset(damaged, PROTEIN.species)[:],
        periodic=PROTEIN.edges.path in damaged,
        solvent=dataset(damaged, SOLVENT.species)[:] if SOLVENT in frames else None,
        velocities=VELOCITY.path in damaged,
        forces=FORCE.path in damaged,
        error_bars=all(bar.path in damaged for bar in ERROR_BARS.values()),
        parameters=parameters(damaged),
    )
    with writer:
        for group, count in frames.items():
            for first in range(0, count, _COPIED_FRAMES):
                block = slice(first, min(first + _COPIED_FRAMES, count))
                writer.extend({name: dataset(damaged, name)[block] for name in time_dependent(damaged, group)})
                writer.commit()


def _short(error: Exception) -> str:
    return str(error).strip("'\"").splitlines()[0]
