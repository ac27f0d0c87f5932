"""Exponential moving average of the weights: smoother than any single step, and what is validated and shipped."""

import copy
from typing import TypeVar

import torch
from torch.nn import Module

AnyModule = TypeVar("AnyModule", bound=Module)


def averaged_copy(model: AnyModule) -> AnyModule:
    """A copy of the model that holds the average; never trained itself."""
    return copy.deepcopy(model).requires_grad_(False).eval()


@torch.no_grad()
def update_average(average: Module, model: Module, *, decay: float, step: int) -> None:
    """Move the average towards the model after step number `step` (from 1).

    The decay warms up as (1 + step) / (10 + step), so that the random start is soon forgotten.
    """
    weight = 1.0 - min(decay, (1.0 + step) / (10.0 + step))
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, weight)
