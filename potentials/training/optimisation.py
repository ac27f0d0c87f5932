"""Optimiser and learning rate: AdamW, weight decay on matrices only, warm-up and cosine decay by progress."""

import math
from collections.abc import Iterator

import torch
from torch.nn import Embedding, Module, Parameter

from potentials.training.config import OptimiserSettings, ScheduleSettings


def make_optimiser(model: Module, offsets: Parameter, settings: OptimiserSettings) -> torch.optim.AdamW:
    """AdamW over the model's weights and the nuisance offsets; `peak` of a group is its learning rate after warm-up.

    Biases, norms and embeddings are not decayed: shrinking them does not make a function smoother.
    """
    decayed = {id(parameter) for parameter in _decayed(model)}
    matrices = [p for p in model.parameters() if id(p) in decayed]
    others = [p for p in model.parameters() if id(p) not in decayed]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay, "peak": settings.learning_rate},
        {"params": others, "weight_decay": 0.0, "peak": settings.learning_rate},
        {"params": [offsets], "weight_decay": 0.0, "peak": settings.offset_learning_rate},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)


def _decayed(model: Module) -> Iterator[Parameter]:
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim >= 2 and not isinstance(module, Embedding) and "embedding" not in name:
                yield parameter


def rate_factor(progress: float, settings: ScheduleSettings) -> float:
    """Learning rate as a fraction of its peak: linear warm-up, then half a cosine down to `final_fraction`.

    `progress` is the part of the run that is done, 0 to 1.
    """
    if progress < settings.warmup_fraction:
        return max(progress / settings.warmup_fraction, 1e-3)
    rest = min((progress - settings.warmup_fraction) / (1.0 - settings.warmup_fraction), 1.0)
    return settings.final_fraction + (1.0 - settings.final_fraction) * 0.5 * (1.0 + math.cos(math.pi * rest))


def set_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to its peak times the factor."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
