"""Copies in processes of this machine, or in jobs of Slurm, by Dask; this process holds the scheduler.

A worker has one batch of copies at a time. One that dies is replaced, by its nanny or by a new job; what it was
computing comes back as an error, and the supervisor decides. Dask's own repetitions are switched off.
"""

import logging
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import dask.config
from distributed import Client, LocalCluster, Worker, WorkerPlugin, get_worker

from ai2bmd.errors import InputError
from ai2bmd.replicas.advance import CopyEnd, advance_batch
from ai2bmd.replicas.pools import Promise
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.interruption import SIGNALS, EndRequest, Reason

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMCluster

_CONFIG = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.comm.timeouts.connect": "60s",
}
_PLUGIN = "copies"
_RENEW_EVERY_S = 30.0


class _StopSwitch(WorkerPlugin):
    """Of a worker: what stops its copies; signals to the group of processes are the parent's business."""

    name = _PLUGIN

    def setup(self, worker: Worker) -> None:
        """In the main thread of the worker's process."""
        self.request = EndRequest()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def teardown(self, worker: Worker) -> None:
        """The worker is closed: save what can be saved."""
        self.request.make("signal")


class DaskPool:
    """Workers of a Dask cluster."""

    def __init__(self, settings: ClusterSettings, *, workers: int, threads: int, run: Path) -> None:
        """Start the cluster.

        Args:
            settings: local or Slurm.
            workers: how many.
            threads: processors that each needs.
            run: the output of Slurm's jobs goes to its folder cluster/.

        Raises:
            InputError: Slurm cannot be used here.
        """
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a dead worker is told of by the supervisor
        self._config = dask.config.set(_CONFIG)
        self._workers, self._slurm = workers, settings.kind == "slurm"
        if self._slurm:
            self._cluster: Any = _slurm(workers, slurm_options(settings, threads=threads, run=run), run=run)
        else:
            self._cluster = local_cluster(workers)
        self._renewed_at = time.monotonic()
        try:
            self._client = Client(self._cluster, set_as_default=False)
            self._client.register_plugin(_StopSwitch(), name=_PLUGIN)
        except BaseException:
            self._cluster.close()
            raise

    def free(self, running: int) -> int:
        """See `Pool`."""
        if self._slurm and time.monotonic() - self._renewed_at > _RENEW_EVERY_S:
            self._renewed_at = time.monotonic()
            self._cluster.scale(jobs=self._workers)  # jobs that ended are submitted anew
        return len(self._cluster.scheduler.workers) - running

    def submit(self, batch: Sequence[Path], *, time: str) -> Promise:
        """See `Pool`."""
        return self._client.submit(_advance_in_worker, tuple(batch), time, pure=False)

    def stop(self, reason: Reason) -> None:
        """See `Pool`."""
        self._client.run(_stop_worker, reason, on_error="ignore")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        with suppress(AssertionError):  # of Dask, where Slurm refused to replace a job
            self._cluster.close()


def slurm_options(settings: ClusterSettings, *, threads: int, run: Path) -> Mapping[str, Any]:
    """What dask-jobqueue is given, so that each job is one worker with one batch at a time."""
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
        "log_directory": str(run / "cluster"),
        "scheduler_options": {"dashboard_address": None},
    }


def slurm_cluster_class() -> "type[SLURMCluster]":
    """Import it; that makes signals end the process, which is taken back."""
    usual = {number: signal.getsignal(number) for number in SIGNALS}
    from dask_jobqueue.slurm import SLURMCluster

    for number, handler in usual.items():
        signal.signal(number, handler)
    return SLURMCluster


def _slurm(workers: int, options: Mapping[str, Any], *, run: Path) -> "SLURMCluster":
    cure = f"set `cluster` in {run}/settings.yaml to what can be, then continue with `ai2bmd resume {run}`"
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


def local_cluster(workers: int) -> LocalCluster:
    """Processes of this machine with one thread each."""
    without: Any = None  # of memory limit and dashboard; Dask's types do not know that
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, memory_limit=without, dashboard_address=without
    )


def _advance_in_worker(batch: tuple[Path, ...], total_time: str) -> tuple[CopyEnd, ...]:
    return advance_batch(batch, time=total_time, request=_request(get_worker()))


def _stop_worker(reason: Reason, dask_worker: Worker) -> None:
    _request(dask_worker).make(reason)


def _request(worker: Worker) -> EndRequest:
    switch = worker.plugins[_PLUGIN]
    assert isinstance(switch, _StopSwitch)
    return switch.request
