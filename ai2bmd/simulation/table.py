"""A CSV file that grows with a run: rows reach the disk all together or not at all."""

import os
from pathlib import Path
from typing import Self


class GrowingTable:
    """The file open for appending; rows reach the disk at `commit`."""

    def __init__(self, path: Path, columns: tuple[str, ...], *, keep_bytes: int | None = None) -> None:
        """Make a table, or continue one after its first `keep_bytes` bytes; what follows them stays until `commit`.

        One to be continued that is missing, or no table any more, begins anew.

        Raises:
            OSError: the disk is full.
        """
        self._path, self._pending, self._stale, self.size = path, b"", False, 0
        self._head = (",".join(columns) + "\n").encode()
        if keep_bytes is not None and not path.exists():
            keep_bytes = None
        self._file = path.open("xb" if keep_bytes is None else "r+b", buffering=0)
        stored = os.fstat(self._file.fileno()).st_size
        if keep_bytes is not None and self._file.read(len(columns[0]) + 1) == f"{columns[0]},".encode():
            self.size = min(keep_bytes, stored)
        else:
            self._pending = self._head
        self._stale = stored > self.size

    def append_row(self, cells: list[str]) -> None:
        """Add a row."""
        self._pending += (",".join(cells) + "\n").encode()

    def truncate(self, size: int) -> None:
        """Drop the rows after the first `size` bytes, and those not yet committed."""
        self.size, self._stale = min(size, self.size), False
        self._pending = b"" if self.size else self._head
        self._file.truncate(self.size)

    def commit(self) -> None:
        """Bring all rows to the disk, or none.

        Raises:
            OSError: it is full.
        """
        if self._stale:
            self._replace()
            return
        try:
            self._file.seek(self.size)
            rest = memoryview(self._pending)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self.size)
            raise
        self.size += len(self._pending)
        self._pending = b""

    def _replace(self) -> None:
        """Put a whole new file in the place of the one whose last rows were made again."""
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            with temporary.open("wb") as file:
                self._file.seek(0)
                file.write(self._file.read(self.size) + self._pending)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._file.close()
        self._file = self._path.open("r+b", buffering=0)
        self.size, self._pending, self._stale = self.size + len(self._pending), b"", False

    def close(self) -> None:
        """Close; what was not committed is dropped."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def bytes_up_to(path: Path, step: int) -> int:
    """Length of a table up to its last row of a step (the first column) not beyond this one."""
    size = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            first = line.split(b",", 1)[0]
            if not line.endswith(b"\n") or (number and not (first.isdigit() and int(first) <= step)):
                break
            size += len(line)
    return size
