"""A campaign: frames to workers, labels to the store; ends at a signal, and goes on where it was."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.config
from distributed import Client, KilledWorker
from tqdm import tqdm

from ai2bmd.labelling.conformations import Task
from ai2bmd.labelling.worker import THREADS, PrepareWorker, label_task
from ai2bmd.replicas.dask_pool import local_cluster
from ai2bmd.simulation.interruption import EndRequest
from potentials.label_store import LabelStore

_ATTEMPTS = 3
_MERGE_EVERY_S = 60.0
_LOOK_EVERY_S = 0.05
_CONFIG = {"distributed.scheduler.allowed-failures": 0, "distributed.nanny.pre-spawn-environ": THREADS}
_BAR = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}"


@dataclass
class Outcome:
    """What became of the frames of a campaign."""

    labelled: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name of the molecule, and reason."""
    elsewhere: int = 0
    """Another process is at work on them."""
    stopped: bool = False


def label_tasks(
    tasks: Sequence[Task], store: LabelStore, *, method: str, workers: int, request: EndRequest, shown: bool = True
) -> Outcome:
    """Label all tasks, in their order.

    A frame whose worker dies is tried again, and is a failure after three times. When `request` asks for an end,
    nothing new is started and what is at work is finished.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a dead worker's frame is tried again
    with (
        dask.config.set(_CONFIG),
        local_cluster(workers) as cluster,
        Client(cluster, set_as_default=False) as client,
        tqdm(total=sum(task.cost for task in tasks), bar_format=_BAR, disable=not shown) as bar,
    ):
        client.register_plugin(PrepareWorker())
        return _Campaign(tasks, store, client, bar, method=method).run(workers, request)


class _Campaign:
    """The loop of a campaign, with what is at work in it."""

    def __init__(self, tasks: Sequence[Task], store: LabelStore, client: Client, bar: tqdm, *, method: str) -> None:
        self._waiting, self._store, self._client, self._bar = list(reversed(tasks)), store, client, bar
        self._method, self._frames = method, len(tasks)
        self._at_work: dict[Any, Task] = {}
        self._attempts: Counter[str] = Counter()
        self._outcome = Outcome()

    def run(self, workers: int, request: EndRequest) -> Outcome:
        """Until all is done, or an end is asked for."""
        merged_at = time.monotonic()
        try:
            while self._at_work or (self._waiting and not request.requested):
                if request.requested and not self._outcome.stopped:
                    self._outcome.stopped = True
                    self._bar.write(f"finishes {len(self._at_work)} frames at work; Ctrl-C again ends at once")
                while self._waiting and len(self._at_work) < workers and not request.requested:
                    self._start(self._waiting.pop())
                self._gather()
                if time.monotonic() - merged_at > _MERGE_EVERY_S:
                    self._store.merge()
                    merged_at = time.monotonic()
        finally:
            for task in self._at_work.values():
                self._store.release(task.key)
            self._store.merge()
        self._outcome.stopped = bool(self._waiting)
        return self._outcome

    def _start(self, task: Task) -> None:
        if not self._store.claim(task.key):
            self._outcome.elsewhere += 1
            self._bar.update(task.cost)
            return
        self._submit(task)

    def _submit(self, task: Task) -> None:
        self._attempts[task.key] += 1
        future = self._client.submit(label_task, task, self._path, self._method, pure=False)
        self._at_work[future] = task

    @property
    def _path(self) -> Path:
        return self._store.path.absolute()

    def _gather(self) -> None:
        done = [future for future in self._at_work if future.done()]
        if not done:
            time.sleep(_LOOK_EVERY_S)
        for future in done:
            self._finish(future, self._at_work.pop(future))

    def _finish(self, future: Any, task: Task) -> None:
        error = future.exception()
        if isinstance(error, KilledWorker):
            if self._attempts[task.key] < _ATTEMPTS:
                self._submit(task)
                return
            reason = f"its worker died {_ATTEMPTS} times; too little memory is the usual cause"
            self._store.add_failure(task.molecule, task.frame, reason)
        elif error is not None:
            self._store.release(task.key)
            raise error
        else:
            reason = future.result()
        self._store.release(task.key)
        if reason is None:
            self._outcome.labelled += 1
        else:
            self._outcome.failures.append((task.molecule.name, reason))
        done = self._outcome.labelled + len(self._outcome.failures)
        self._bar.set_postfix_str(f"{done}/{self._frames} frames, {len(self._outcome.failures)} failed", refresh=False)
        self._bar.update(task.cost)
