"""Which process made a file in a shared folder, and whether it may still be alive.

Of a process of this machine that is known. Of another machine's, all that can be seen is when the file was last
touched; that is compared with a file touched now, for the clocks of two machines and of a file server differ.
"""

import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path

_LEFT_OVER_HERE_S = 600.0
_LEFT_OVER_ELSEWHERE_S = 24 * 3600.0


def this_process() -> tuple[str, int]:
    """Machine and number of this process."""
    return socket.gethostname(), os.getpid()


def is_dead(process: int) -> bool:
    """Whether a process of this machine has ended."""
    with suppress(PermissionError):  # alive, of another user
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
    return False


def untouched_s(path: Path) -> float:
    """Seconds since the file was last touched, by the clock of its file system.

    Raises:
        FileNotFoundError: it is gone.
    """
    touched_s = path.stat().st_mtime
    clock = path.with_name("clock")
    clock.touch()
    return clock.stat().st_mtime - touched_s


def temporary_path(folder: Path) -> Path:
    """A name that nobody else has, and that tells its owner."""
    machine, process = this_process()
    return folder / f"{machine}.{process}.{uuid.uuid4().hex}.tmp"


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that are old and whose process has ended, or, on another machine, must have long ago."""
    for path in folder.glob("*.tmp"):
        with suppress(FileNotFoundError):  # in use: its owner has just done with it
            if _is_left_over(path):
                path.unlink()


def _is_left_over(path: Path) -> bool:
    machine, _, process = path.stem.rpartition(".")[0].rpartition(".")
    if machine != this_process()[0] or not process.isdecimal():
        return untouched_s(path) > _LEFT_OVER_ELSEWHERE_S
    return is_dead(int(process)) and untouched_s(path) > _LEFT_OVER_HERE_S
