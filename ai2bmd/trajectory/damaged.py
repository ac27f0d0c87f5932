"""Reading what is whole of a trajectory that was cut off, leaving its file as it is."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import h5py

from ai2bmd.errors import InputError
from ai2bmd.trajectory.layout import PROTEIN, dataset, time_dependent
from ai2bmd.trajectory.recovery import missing_bytes, whole_entries


class _Padded(io.RawIOBase):
    """A file with zeros in place of the bytes that are missing at its end: HDF5 opens it."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size, self._place = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer) -> int:
        wanted = min(len(buffer), self._size - self._place)
        self._file.seek(self._place)
        data = self._file.read(wanted)
        buffer[:wanted] = data + bytes(wanted - len(data))
        self._place += wanted
        return wanted


@contextmanager
def open_readable(path: Path) -> Iterator[tuple[h5py.File, int, int]]:
    """Open a trajectory of this program, whole or cut off.

    Returns:
        The open file; the number of frames whose quantities are all whole; and how many there would be.

    Raises:
        InputError: it is missing, or nothing of it can be read.
    """
    missing = missing_bytes(path)
    stored = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        try:
            hdf5 = h5py.File(_Padded(file, stored + missing) if missing else path, "r")
        except (OSError, RuntimeError) as error:
            raise _unreadable(path, error) from error
        with hdf5:
            try:
                names = time_dependent(hdf5, PROTEIN)
                lengths = [len(dataset(hdf5, name)) for name in names]
                whole = min(whole_entries(dataset(hdf5, name), stored) for name in names) if missing else min(lengths)
            except (OSError, KeyError, RuntimeError) as error:
                raise _unreadable(path, error) from error
            yield hdf5, whole, max(lengths)


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error).strip("'\"").splitlines()[0]
    return InputError(
        f"{path} cannot be read as a trajectory of this program ({reason}); recover its complete frames with "
        "`ai2bmd resume`, giving the run directory"
    )
