"""Workers of Dask: processes of this machine, or jobs of Slurm; this process holds the scheduler.

A worker does one thing at a time. One that dies is replaced, by its nanny or by a new job; what it was computing comes
back as an error, and whoever submitted it decides. Dask's own repetitions are switched off.
"""

import logging
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
from distributed import Client, LocalCluster, WorkerPlugin

from ai2bmd.errors import InputError
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.interruption import SIGNALS

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMCluster

_CONFIG = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.comm.timeouts.connect": "60s",
}
_RENEW_EVERY_S = 30.0


class DaskWorkers:
    """A Dask cluster and this process's connection to it."""

    def __init__(
        self,
        settings: ClusterSettings,
        plugin: WorkerPlugin,
        *,
        workers: int,
        threads: int,
        folder: Path,
        cure: str,
    ) -> None:
        """Start the cluster.

        Args:
            settings: local or Slurm.
            plugin: what each worker sets up when it starts.
            workers: how many.
            threads: processors that each needs.
            folder: the output of Slurm's jobs goes to its folder cluster/.
            cure: what an error tells to do where Slurm cannot be used.

        Raises:
            InputError: Slurm cannot be used here.
        """
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # of a dead worker its submitter is told
        self._config = dask.config.set(_CONFIG)
        self._workers, self._slurm = workers, settings.kind == "slurm"
        if self._slurm:
            options = slurm_options(settings, threads=threads, folder=folder)
            self._cluster: Any = _slurm_cluster(workers, options, cure=cure)
        else:
            self._cluster = _local_cluster(workers)
        self._closed = threading.Event()
        if self._slurm:
            # not in the submitter's thread, which may wait for a result that went with its job and is computed anew
            threading.Thread(target=self._renew, name="renewal", daemon=True).start()
        try:
            self.client = Client(self._cluster, set_as_default=False)
            self.client.register_plugin(plugin)
        except BaseException:
            self._closed.set()
            self._cluster.close()
            raise

    def ready(self) -> int:
        """Workers that are there now, at work or not; may change at any time."""
        return len(self._cluster.scheduler.workers)

    def close(self) -> None:
        """End the workers and the cluster."""
        self._closed.set()
        self.client.close()
        with suppress(AssertionError):  # of Dask, where Slurm refused to replace a job
            self._cluster.close()

    def _renew(self) -> None:
        """Jobs that ended are submitted anew."""
        while not self._closed.wait(_RENEW_EVERY_S):
            self._cluster.scale(jobs=self._workers)


def slurm_options(settings: ClusterSettings, *, threads: int, folder: Path) -> Mapping[str, Any]:
    """What dask-jobqueue is given, so that each job is one worker with one thing to do at a time."""
    return {
        "queue": settings.queue,
        "account": settings.account,
        "cores": 1,
        "job_cpu": settings.cores or threads,
        "processes": 1,
        "memory": settings.memory,
        "walltime": settings.walltime,
        "interface": settings.interface,
        "job_extra_directives": list(settings.lines),
        "job_script_prologue": list(settings.setup),
        "worker_extra_args": ["--memory-limit", "0"],  # Slurm sees to that
        "job_name": "ai2bmd",
        "log_directory": str(folder / "cluster"),
        "scheduler_options": {"dashboard_address": "127.0.0.1:0", "dashboard": False},
    }


def slurm_cluster_class() -> "type[SLURMCluster]":
    """Import it; that makes signals end the process, which is taken back."""
    usual = {number: signal.getsignal(number) for number in SIGNALS}
    from dask_jobqueue.slurm import SLURMCluster

    for number, handler in usual.items():
        signal.signal(number, handler)
    return SLURMCluster


def _slurm_cluster(workers: int, options: Mapping[str, Any], *, cure: str) -> "SLURMCluster":
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        raise InputError(f"cluster: kind slurm needs Slurm's sbatch on this machine; go where it is, or {cure}")
    cluster = slurm_cluster_class()(**options)
    # Dask submits in the background, where nobody would hear of a refusal
    check = subprocess.run([sbatch, "--test-only"], input=cluster.job_script(), capture_output=True, text=True)
    if check.returncode:
        cluster.close()
        raise InputError(f"cluster: Slurm takes no such job ({' '.join(check.stderr.split())}); {cure}")
    cluster.scale(jobs=workers)
    return cluster


def _local_cluster(workers: int) -> LocalCluster:
    """Processes of this machine with one thread each, without memory limit and dashboard."""
    without: Any = None  # Dask's types do not know that
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        memory_limit=without,
        # a port is opened nevertheless; any free one, for that of Dask may belong to another command
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
    )
