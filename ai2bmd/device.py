"""Which processor computes: the choice of torch device and OpenMM platform."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import openmm
import torch

from ai2bmd.errors import InputError

Device = Literal["auto", "cpu", "cuda"]
_FREE_GPU_MEMORY, _MACHINE_MEMORY = 0.8, 0.5
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_GROUPS, _OWN_GROUP, _MEMORY_NOW = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"), Path("/proc/meminfo")


def torch_device(device: Device) -> torch.device:
    """The torch device of a choice; `auto` takes a GPU if there is one.

    Raises:
        InputError: CUDA is asked for and absent, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device: expected auto, cpu or cuda, got {device!r}")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise InputError("device cuda was asked for, but torch finds no CUDA GPU here; use --device cpu or auto")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def openmm_platform(device: torch.device, *, threads: int) -> tuple[openmm.Platform, dict[str, str]]:
    """OpenMM's platform beside the torch device, and its properties; on CPU sums come in a fixed order.

    Raises:
        InputError: the GPU has no OpenMM platform.
    """
    names = {openmm.Platform.getPlatform(number).getName() for number in range(openmm.Platform.getNumPlatforms())}
    if device.type == "cpu":
        return openmm.Platform.getPlatformByName("CPU"), {"Threads": str(threads), "DeterministicForces": "true"}
    for name in ("CUDA", "OpenCL"):
        if name in names:
            return openmm.Platform.getPlatformByName(name), {"Precision": "mixed"}
    raise InputError(
        "torch has a CUDA GPU, but OpenMM has no CUDA or OpenCL platform; install openmm[cuda12] or use cpu"
    )


def correction_memory_bytes(device: torch.device) -> int:
    """What an evaluation of the model may take where nothing else is said.

    On a GPU four fifths of what is free. On CPU half of the machine's memory, or of the container's: not of the free
    memory, which is never the same twice, for the division into parts decides the last digits of a run.
    """
    if device.type == "cuda":
        return int(_FREE_GPU_MEMORY * torch.cuda.mem_get_info(device)[0])
    return int(_MACHINE_MEMORY * machine_memory_bytes())


def machine_memory_bytes() -> int:
    """Memory of this machine, or of the container that limits it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CONTAINER_LIMITS:
        text = Path(file).read_text().strip() if Path(file).is_file() else ""
        if text.isdigit():
            memory = min(memory, int(text))
    return memory


def available_memory_bytes() -> int:
    """Memory that this machine has free now, or can free; or what is left to the container or job that limits it."""
    available = machine_memory_bytes()
    if _MEMORY_NOW.is_file():
        (line,) = (line for line in _MEMORY_NOW.read_text().splitlines() if line.startswith("MemAvailable:"))
        available = min(available, int(line.split()[1]) * 1024)
    return min([available, *_left_in_control_groups()])


def _left_in_control_groups() -> Iterator[int]:
    """Of the group of this process and those above it (Linux, version 2); what is cached of files counts as free."""
    lines = _OWN_GROUP.read_text().splitlines() if _OWN_GROUP.is_file() else []
    for line in lines:
        if line.startswith("0::"):
            group = _GROUPS / line.removeprefix("0::").strip("/")
            for folder in (group, *group.parents):
                limit = folder / "memory.max"
                if limit.is_file() and limit.read_text().strip().isdigit():
                    statistics = dict(entry.split() for entry in (folder / "memory.stat").read_text().splitlines())
                    files = int(statistics["inactive_file"]) + int(statistics["active_file"])
                    yield int(limit.read_text()) - int((folder / "memory.current").read_text()) + files
