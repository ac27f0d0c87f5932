"""Which processor computes: the choice of torch device and OpenMM platform."""

from typing import Literal

import openmm
import torch

from ai2bmd.errors import InputError

Device = Literal["auto", "cpu", "cuda"]


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
