"""Claims: a file that says which process is at work on something, so that no second one starts it.

A claim appears with its content in one step (a hard link), also on shared file systems. One whose process is dead is
stale and is retaken. Of another machine's processes nothing is known but the age of the claim.
"""

import fcntl
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STALE_ELSEWHERE_S = 24 * 3600.0
_TRY_AGAIN_S = 0.1


def claim(path: Path) -> bool:
    """Take the claim `path`; False where a process that may be alive has it."""
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
    """Give the claim back."""
    path.unlink(missing_ok=True)


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Wait for the claim `path`, hold it within the block."""
    while not claim(path):
        time.sleep(_TRY_AGAIN_S)
    try:
        yield
    finally:
        release(path)


def _create(path: Path) -> bool:
    own = path.with_name(f"{uuid.uuid4().hex}.tmp")
    with own.open("w") as stream:
        stream.write(f"{socket.gethostname()} {os.getpid()}\n")
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
        age_s = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False  # given back; by now it may be another's, and is not to be removed
    if len(words) != 2:
        return True
    host, process = words
    if host != socket.gethostname():
        return age_s > _STALE_ELSEWHERE_S
    with suppress(PermissionError):  # alive, of another user
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
    return False
