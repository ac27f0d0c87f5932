"""A file whose changes are committed as a whole: what HDF5 writes is held back until it can be applied safely.

HDF5 changes its indices in place, so a process killed or a disk filled in the middle of a write would cost the whole
file. Here new bytes are appended first, then the bytes to overwrite go to a journal beside the file, and only then are
they overwritten. Whatever step fails, the file is as before the commit or can be brought to what it is after it.
"""

import contextlib
import hashlib
import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096
_MAGIC = b"ai2bmd journal 1"
_ENTRY = struct.Struct("<QQ")


def journal_path(path: Path) -> Path:
    """Where the journal of a file lies while a commit is under way."""
    return path.with_name(f".{path.name}.journal")


def finish_commit(path: Path) -> None:
    """Complete a commit that was cut short; a journal that is itself incomplete changed nothing yet and is dropped."""
    journal = journal_path(path)
    if not journal.exists():
        return
    content = journal.read_bytes()
    digest, body = content[:32], content[32:]
    if body.startswith(_MAGIC) and hashlib.sha256(body).digest() == digest:
        with path.open("r+b", buffering=0) as file:
            for offset, data in _entries(body):
                _write_all(file.fileno(), data, offset)
            os.fsync(file.fileno())
    journal.unlink()


class JournaledFile(io.RawIOBase):
    """A file for h5py's `fileobj` driver: reads see the writes made so far, the disk sees them at `commit`.

    Closing without commit drops what was written since the last one.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open an existing file, or make an empty one; an unfinished commit is completed first.

        Raises:
            OSError: the file is missing, or exists already with `create`.
        """
        super().__init__()
        self._path = path
        if not create:
            finish_commit(path)
        self._file = path.open("x+b" if create else "r+b", buffering=0)
        self._size = self._committed = os.fstat(self._file.fileno()).st_size
        self._pages: dict[int, bytearray] = {}
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; positions past the end are allowed."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        """Present position."""
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Set the size; what is added reads as zeros."""
        self._size = self._position if size is None else size
        return self._size

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer from the present position."""
        view = memoryview(buffer).cast("B")
        data = self._read(self._position, min(self._position + len(view), self._size))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take the data; nothing reaches the disk."""
        view = memoryview(data).cast("B")
        end = self._position + len(view)
        done = 0
        for page in range(self._position // PAGE, -(-end // PAGE)):
            start = self._position + done - page * PAGE
            part = view[done : done + PAGE - start]
            self._page(page)[start : start + len(part)] = part
            done += len(part)
        self._position = end
        self._size = max(self._size, end)
        return len(view)

    def commit(self) -> None:
        """Bring all writes to the disk, or none.

        Raises:
            OSError: the disk is full; the file is as it was after the last commit.
        """
        descriptor = self._file.fileno()
        try:
            _write_all(descriptor, self._read(self._committed, self._size), self._committed)
            os.fsync(descriptor)
            self._write_journal()
        except OSError:
            journal_path(self._path).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._committed)
            raise
        finish_commit(self._path)
        self._committed = max(self._committed, self._size)
        self._pages.clear()

    def close(self) -> None:
        """Close; uncommitted writes are dropped."""
        if not self.closed:
            self._file.close()
        super().close()

    def _page(self, number: int) -> bytearray:
        if number not in self._pages:
            stored = os.pread(self._file.fileno(), PAGE, number * PAGE)
            self._pages[number] = bytearray(stored.ljust(PAGE, b"\0"))
        return self._pages[number]

    def _read(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        data = bytearray(os.pread(self._file.fileno(), end - start, start).ljust(end - start, b"\0"))
        for number in range(start // PAGE, -(-end // PAGE)):
            if number in self._pages:
                first, last = max(start, number * PAGE), min(end, (number + 1) * PAGE)
                data[first - start : last - start] = self._pages[number][first - number * PAGE : last - number * PAGE]
        return bytes(data)

    def _write_journal(self) -> None:
        body = bytearray(_MAGIC)
        for number, page in sorted(self._pages.items()):
            length = min(PAGE, self._committed - number * PAGE)
            if length > 0:
                body += _ENTRY.pack(number * PAGE, length) + page[:length]
        with journal_path(self._path).open("wb", buffering=0) as journal:
            _write_all(journal.fileno(), hashlib.sha256(body).digest() + body, 0)
            os.fsync(journal.fileno())


def _entries(body: bytes) -> Iterator[tuple[int, bytes]]:
    place = len(_MAGIC)
    while place < len(body):
        offset, length = _ENTRY.unpack_from(body, place)
        place += _ENTRY.size
        yield offset, body[place : place + length]
        place += length


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    """A full disk may take a part; the next call then says why."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
