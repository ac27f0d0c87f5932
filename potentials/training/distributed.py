"""Several processes, one model: started by torchrun, each computes part of every batch, gradients are summed.

Every process draws the same molecules and takes every n-th of them, so that n processes do what one would do alone.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator

import torch
import torch.distributed
from torch.nn import Parameter


@dataclasses.dataclass(frozen=True)
class Processes:
    """Which of how many processes this is, and the device it computes on."""

    rank: int
    count: int
    device: torch.device


@contextlib.contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Join the processes torchrun started, or be alone. `device`: "cpu" (gloo) or "cuda" (nccl, one GPU each)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(0, 1, torch.device(device))
        return
    place = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device("cpu")
    if place.type == "cuda":
        torch.cuda.set_device(place)
    torch.distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Processes(torch.distributed.get_rank(), count, place)
    finally:
        torch.distributed.destroy_process_group()


def sum_gradients(parameters: Iterable[Parameter], processes: Processes) -> None:
    """Add up the gradients of all processes, in one message."""
    if processes.count == 1:
        return
    parameters = list(parameters)
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(total.view_as(gradient))


def agreed(values: list[float], processes: Processes) -> list[float]:
    """The first process's values, on all of them: clocks and signals differ between processes."""
    if processes.count == 1:
        return values
    tensor = torch.tensor(values, dtype=torch.float64, device=processes.device)
    torch.distributed.broadcast(tensor, src=0)
    return tensor.tolist()
