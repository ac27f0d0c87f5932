"""Settings of this process for long computations on CPU; the commands that compute for hours apply them."""

import ctypes
import resource
import sys
from pathlib import Path

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # glibc, malloc.h
_NEVER = -1
_KEPT_BYTES = 512 * 2**20
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # glibc takes no more


def prepare_process() -> None:
    """Keep freed memory and flush subnormal numbers to zero.

    glibc hands large freed arrays back to the system and fetches them anew, zeroed page by page, in the next step: up
    to half the time of a training step. Gradients faded by the cutoff are subnormal, and slow on many processors.
    """
    torch.set_flush_denormal(True)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
            mallopt(_TRIM_THRESHOLD, _NEVER)
            mallopt(_TOP_PAD, _KEPT_BYTES // 8)


def peak_memory_bytes() -> int:
    """Most memory that this process has had.

    Linux reports with `getrusage` the peak of whatever program started this one, if that was larger; not so in /proc.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
