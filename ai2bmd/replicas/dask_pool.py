"""Copies in processes of this machine, or in jobs of Slurm, by Dask; this process holds the scheduler.

A worker has one batch of copies at a time. One that dies is replaced, by its nanny or by a new job; what it was
computing comes back as an error, and the supervisor decides.
"""

import signal
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from distributed import Worker, WorkerPlugin, get_worker

from ai2bmd.replicas.advance import CopyEnd, advance_batch
from ai2bmd.replicas.dask_workers import DaskWorkers
from ai2bmd.replicas.pools import Promise
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.interruption import SIGNALS, EndRequest, Reason

_PLUGIN = "copies"


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
    """Batches of copies for the workers of a Dask cluster."""

    def __init__(self, settings: ClusterSettings, *, workers: int, threads: int, run: Path) -> None:
        """Start the cluster; see `DaskWorkers` for arguments and errors."""
        cure = f"set `cluster` in {run}/settings.yaml to what can be, then continue with `ai2bmd resume {run}`"
        plugin = _StopSwitch()
        self._workers = DaskWorkers(settings, plugin, workers=workers, threads=threads, folder=run, cure=cure)

    def free(self, running: int) -> int:
        """See `Pool`."""
        return self._workers.ready() - running

    def submit(self, batch: Sequence[Path], *, time: str) -> Promise:
        """See `Pool`."""
        return self._workers.client.submit(_advance_in_worker, tuple(batch), time, pure=False)

    def stop(self, reason: Reason) -> None:
        """See `Pool`."""
        self._workers.client.run(_stop_worker, reason, on_error="ignore")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.close()


def _advance_in_worker(batch: tuple[Path, ...], total_time: str) -> tuple[CopyEnd, ...]:
    return advance_batch(batch, time=total_time, request=_request(get_worker()))


def _stop_worker(reason: Reason, dask_worker: Worker) -> None:
    _request(dask_worker).make(reason)


def _request(worker: Worker) -> EndRequest:
    switch = worker.plugins[_PLUGIN]
    assert isinstance(switch, _StopSwitch)
    return switch.request
