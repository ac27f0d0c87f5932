"""A trajectory read frame by frame, for those larger than memory; protein and solvent of one instant put together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.errors import InputError
from ai2bmd.trajectory.layout import PROTEIN, SOLVENT, dataset
from ai2bmd.trajectory.recovery import check_complete


@dataclass(frozen=True, eq=False)
class FrameReader:
    """An open trajectory; a frame has the atoms of the protein, then those of the solvent if it is wanted."""

    step: Int64[np.ndarray, " frames"]
    """Of the frames that hold all that is wanted."""
    time_ps: Float64[np.ndarray, " frames"]
    atomic_numbers: Int64[np.ndarray, " atoms"]
    periodic: bool
    """Whether there is a box."""
    _hdf5: h5py.File
    _places: Int64[np.ndarray, "groups frames"]
    """Where the frames stand in the protein's group, and in the solvent's."""

    def positions_A(self, frame: int) -> Float64[np.ndarray, "atoms 3"]:
        """Of all atoms."""
        places = zip((PROTEIN, SOLVENT), self._places[:, frame], strict=False)
        return np.concatenate([dataset(self._hdf5, group.position.value)[place] for group, place in places])

    def box_A(self, frame: int) -> Float64[np.ndarray, "3 3"] | None:
        """Box vectors as rows; None without a periodic box."""
        if not self.periodic:
            return None
        return np.asarray(dataset(self._hdf5, PROTEIN.edges.value)[self._places[0, frame]])


@contextmanager
def open_frames(path: Path, *, solvent: bool) -> Iterator[FrameReader]:
    """Open a trajectory; with solvent it has the frames at which protein and solvent were both saved.

    Raises:
        InputError: it is missing, cut off, no trajectory of this program, or without solvent.
    """
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        if solvent and SOLVENT.path not in hdf5:
            raise InputError(
                f"{path} holds no solvent; it is saved in explicit water, by runs with --save-solvent-every above 0"
            )
        wanted = [PROTEIN, *[SOLVENT] * solvent]
        step = dataset(hdf5, PROTEIN.step)[:]
        places = np.arange(len(step))[None]
        if solvent:
            step, *both = np.intersect1d(step, dataset(hdf5, SOLVENT.step)[:], return_indices=True)
            places = np.stack(both)
        yield FrameReader(
            step=step,
            time_ps=dataset(hdf5, PROTEIN.time)[:][places[0]],
            atomic_numbers=np.concatenate([dataset(hdf5, group.species)[:] for group in wanted]).astype(np.int64),
            periodic=PROTEIN.edges.path in hdf5,
            _hdf5=hdf5,
            _places=places,
        )
