"""Claims: a file that says which process is at work on something, so that no second one starts it.

A claim appears with its content in one step (a hard link), also on shared file systems. One whose process is dead is
stale and is retaken. Of another machine's processes nothing is known but that they touch their claims every minute; a
claim that is not touched any more is stale. A process that was halted so long has lost its claims, and has to look
whether it has (`holds`) before it does what only one may do.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from potentials.label_owners import is_dead, temporary_path, this_process, untouched_s

_TOUCH_EVERY_S = 60.0
_STALE_ELSEWHERE_S = 600.0
_TRY_AGAIN_S = 0.1


class Claims:
    """Claims of this process, touched for as long as they are held."""

    def __init__(self) -> None:
        """None is held yet."""
        self._held: set[Path] = set()
        self._guard, self._touching = threading.Lock(), False

    def take(self, path: Path) -> bool:
        """Take the claim `path`; False where a process that may be alive has it."""
        if not claim(path):
            return False
        with self._guard:
            self._held.add(path)
            if not self._touching:
                self._touching = True
                threading.Thread(target=self._touch, name="claims", daemon=True).start()
        return True

    def give_back(self, path: Path) -> None:
        """What `take` took."""
        with self._guard:
            self._held.discard(path)
        release(path)

    @contextmanager
    def waited_for(self, path: Path) -> Iterator[None]:
        """Wait for the claim `path`, hold it within the block."""
        while not self.take(path):
            time.sleep(_TRY_AGAIN_S)
        try:
            yield
        finally:
            self.give_back(path)

    def _touch(self) -> None:
        """In a thread of its own, until nothing is held."""
        while True:
            time.sleep(_TOUCH_EVERY_S)
            with self._guard:
                if not self._held:
                    self._touching = False
                    return
                held = tuple(self._held)
            for path in held:
                with suppress(OSError):  # given back just now; or the file system is away, and is asked again
                    if holds(path):
                        os.utime(path)


def claim(path: Path) -> bool:
    """Take the claim `path` without touching it later; False where a process that may be alive has it."""
    if _create(path):
        return True
    if not _stale(path):
        return False
    with (path.parent / "takeover").open("w") as guard:  # two that find it stale must not both take it
        fcntl.flock(guard, fcntl.LOCK_EX)
        if _stale(path):
            path.unlink(missing_ok=True)
        return _create(path)


def release(path: Path) -> None:
    """Give the claim back, if it is still this process's."""
    if holds(path):
        path.unlink(missing_ok=True)


def holds(path: Path) -> bool:
    """Whether this process has the claim."""
    try:
        return path.read_text() == _content()
    except FileNotFoundError:
        return False


def _content() -> str:
    return "{} {}\n".format(*this_process())


def _create(path: Path) -> bool:
    own = temporary_path(path.parent)
    with own.open("w") as stream:
        stream.write(_content())
        stream.flush()
        os.fsync(stream.fileno())  # a machine that goes down leaves no claim without an owner
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    finally:
        own.unlink()
    return True


def _stale(path: Path) -> bool:
    try:
        words = path.read_text().split()
        if len(words) != 2:
            return True
        machine, process = words
        if machine != this_process()[0]:
            return untouched_s(path) > _STALE_ELSEWHERE_S
    except FileNotFoundError:
        return False  # given back; by now it may be another's, and is not to be removed
    return is_dead(int(process))
