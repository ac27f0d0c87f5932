"""Who labels: processes of this machine or jobs of Slurm, how many, and the memory that they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dask.utils import parse_bytes

from ai2bmd.device import available_memory_bytes
from ai2bmd.errors import InputError
from ai2bmd.labelling.conformations import Task
from ai2bmd.labelling.worker import THREADS, PrepareWorker
from ai2bmd.replicas.dask_workers import DaskWorkers
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.quantities import parse_quantity
from ai2bmd.simulation.settings import make_settings, read_settings
from potentials.quantum_chemistry.memory import label_memory_bytes


@dataclass(frozen=True)
class Crew:
    """Workers that have one frame at a time, and the memory for those frames."""

    cluster: ClusterSettings
    workers: int
    memory_bytes: float
    """Of all workers of this machine together; of each job of Slurm."""

    @property
    def on_slurm(self) -> bool:
        """Whether each worker is a job of its own."""
        return self.cluster.kind == "slurm"

    def start(self, folder: Path) -> DaskWorkers:
        """Start the workers; what jobs of Slurm print goes to `folder`/cluster.

        Raises:
            InputError: Slurm cannot be used here.
        """
        threads = tuple(f"export {name}={self.cluster.cores or 1}" for name in THREADS)
        return DaskWorkers(
            self.cluster.model_copy(update={"setup": (*threads, *self.cluster.setup)}),
            PrepareWorker(),
            workers=self.workers,
            threads=1,
            folder=folder,
            cure="give `cluster` in the file of --config what can be, and start again",
        )

    def has_room(self, needed_bytes: float, *, at_work_bytes: float) -> bool:
        """Whether a frame can start beside those at work."""
        return self.on_slurm or at_work_bytes + needed_bytes <= self.memory_bytes


def make_crew(config: Path | None, *, workers: int | None, memory: str | None) -> Crew:
    """From the section `cluster:` of a settings file, and what goes before it.

    Args:
        config: the file, by default none: this machine.
        workers: how many; by default what the file says, or one.
        memory: of all workers of this machine, such as 6GB; by default what is free now.

    Raises:
        InputError: the file or a value cannot be used.
    """
    cluster = ClusterSettings() if config is None else _read_cluster(config)
    if cluster.kind == "slurm" and memory is not None:
        raise InputError(f"--memory: is for this machine; of jobs of Slurm {config} says it, by cluster.memory")
    return crew_of(cluster, workers=workers, memory_bytes=_memory_bytes(memory), where=str(config))


def crew_of(cluster: ClusterSettings, *, workers: int | None, memory_bytes: float | None, where: str) -> Crew:
    """From settings; see `make_crew`.

    Args:
        cluster: the section `cluster:`.
        workers: how many.
        memory_bytes: of all workers of this machine.
        where: what an error names as the place of the section.

    Raises:
        InputError: the section cannot be used for labels.
    """
    if cluster.batch is not None:
        raise InputError(f"{where}: cluster.batch: is for copies of a run; a worker labels one frame at a time")
    if cluster.kind == "slurm" and workers is None and cluster.workers is None:
        raise InputError(f"{where}: cluster.workers: is missing; say how many jobs of Slurm there can be at a time")
    if cluster.memory is not None:
        memory_bytes = parse_bytes(cluster.memory)
    return Crew(cluster, workers or cluster.workers or 1, memory_bytes or available_memory_bytes())


def needed_memory_bytes(tasks: Sequence[Task], crew: Crew, *, method: str) -> dict[str, int]:
    """What a label of each molecule takes, by name.

    Raises:
        InputError: it is more than there is.
    """
    molecules = {task.molecule.name: task.molecule for task in tasks}
    needed = {name: label_memory_bytes(molecule.atomic_numbers, method) for name, molecule in molecules.items()}
    for name, bytes_ in needed.items():
        if bytes_ > crew.memory_bytes:
            place, cure = ("a job of Slurm has", "cluster.memory") if crew.on_slurm else ("there are", "--memory")
            raise InputError(
                f"{name}: a label by {method} takes about {bytes_ / 1e9:.1f} GB of memory, and {place} "
                f"{crew.memory_bytes / 1e9:.1f} GB; leave such molecules out, go to a larger machine, "
                f"or say with {cure} that there is more"
            )
    return needed


def _read_cluster(path: Path) -> ClusterSettings:
    values = read_settings(path)
    if set(values) != {"cluster"}:
        raise InputError(
            f"{path}: expected the section `cluster:` alone, got {', '.join(map(str, values)) or 'nothing'}"
        )
    cluster = make_settings({"replicas": 2, **values}, where=str(path)).cluster  # of a run it may have nothing else
    if cluster is None:
        raise InputError(f"{path}: cluster: expected keys and values, got nothing")
    return cluster


def _memory_bytes(memory: str | None) -> float | None:
    if memory is None:
        return None
    try:
        return 1e9 * parse_quantity(memory, "GB")
    except ValueError as error:
        raise InputError(f"--memory: {error}, got {memory!r}") from error
