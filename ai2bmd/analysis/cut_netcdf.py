"""AMBER NetCDF trajectories that were cut off: their whole frames, which no reader gives of its own accord."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _class(base: type) -> type:
    """The class of MDAnalysis for NetCDF files, made to end with the last whole frame."""

    class _WholeRecords(base):
        """A NetCDF file that counts the records that are there, not those that its head promises."""

        def _read_var_array(self) -> None:
            """Read the head twice: the place and the size of a record are known only after the first time."""
            head, planned = self.fp.tell(), self._recs
            self.__dict__.update(_recs=0, _first_record=0)
            super()._read_var_array()
            bytes_there = Path(self.filename).stat().st_size - self._first_record
            whole = bytes_there // self._recsize if self._recsize else 0
            if whole < 1:
                raise EOFError("it holds no whole frame")
            self.fp.seek(head)
            self.__dict__.update(_recs=whole if planned < 0 else min(planned, whole), _recsize=0)
            super()._read_var_array()

        def _read_var(self) -> tuple:
            variable = super()._read_var()
            shape, begin = variable[2], variable[7]
            if shape and shape[0] is None and not self._first_record:
                self.__dict__["_first_record"] = begin
            return variable

    return _WholeRecords


@contextmanager
def whole_records() -> Iterator[None]:
    """NetCDF files that MDAnalysis opens meanwhile end with their last whole frame."""
    from MDAnalysis.coordinates import TRJ

    usual = TRJ.NCDFPicklable
    TRJ.NCDFPicklable = _class(usual)
    try:
        yield
    finally:
        TRJ.NCDFPicklable = usual


def planned_frames(path: Path) -> int:
    """Number of frames that the head of a NetCDF file promises; 0 where it promises none, or is of another format."""
    with path.open("rb") as file:
        head = file.read(8)
    return max(0, int.from_bytes(head[4:], "big", signed=True)) if head.startswith(b"CDF") else 0
