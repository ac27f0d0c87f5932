"""Which copies are computed together, and by how many workers: from the settings and what this machine has.

On a GPU the copies share one evaluation of the model, for a single small protein does not fill it. On processors that
gains nothing, and each copy is a process of its own.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ai2bmd.device import torch_device
from ai2bmd.replicas.pools import Pool, ThreadPool
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.settings import RunSettings


@dataclass(frozen=True)
class Plan:
    """How copies are spread."""

    cluster: ClusterSettings
    batches: tuple[tuple[Path, ...], ...]
    workers: int
    threads: int

    @property
    def in_this_process(self) -> bool:
        """Whether there is but one batch, and it stays here."""
        return self.cluster.kind == "local" and len(self.batches) == 1

    def pool(self, run: Path) -> Pool:
        """What computes them.

        Raises:
            InputError: Slurm cannot be used here.
        """
        if self.in_this_process:
            return ThreadPool(len(self.batches[0]))
        from ai2bmd.replicas.dask_pool import DaskPool  # takes a second to import

        return DaskPool(self.cluster, workers=self.workers, threads=self.threads, run=run)

    def in_words(self) -> str:
        """One line."""
        copies, size = sum(map(len, self.batches)), len(self.batches[0])
        together = "each on its own" if size == 1 else f"{size} at a time evaluated together"
        if self.in_this_process:
            return f"{copies}, {together}, in this process"
        workers = f"{self.workers} worker{'s' * (self.workers > 1)}"
        place = "jobs of Slurm" if self.cluster.kind == "slurm" else "processes of this machine"
        return f"{copies}, {together}, by {workers} ({place})"


def plan_copies(copies: Sequence[Path], settings: RunSettings) -> Plan:
    """Spread copies by the settings."""
    cluster = settings.cluster or ClusterSettings()
    size = cluster.batch or _batch(len(copies), settings, cluster)
    batches = tuple(tuple(copies[first : first + size]) for first in range(0, len(copies), size))
    room = len(batches) if cluster.kind == "slurm" else max(1, _processors() // settings.threads)
    workers = min(len(batches), cluster.workers or room)
    return Plan(cluster, batches, workers, settings.threads)


def _batch(copies: int, settings: RunSettings, cluster: ClusterSettings) -> int:
    """All that share a GPU; `auto` is a GPU where this process sees one, which says nothing of Slurm's jobs."""
    if cluster.kind == "slurm":
        on_gpu = settings.device == "cuda"
    else:
        on_gpu = torch_device(settings.device).type == "cuda"
    default_workers = copies if cluster.kind == "slurm" else 1
    return math.ceil(copies / (cluster.workers or default_workers)) if on_gpu else 1


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
