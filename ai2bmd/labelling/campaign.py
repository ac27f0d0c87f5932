"""A campaign: frames to workers, labels to the store; ends at a signal, and goes on where it was."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.config
from distributed import KilledWorker
from tqdm import tqdm

from ai2bmd.labelling.conformations import Task
from ai2bmd.labelling.crew import Crew
from ai2bmd.labelling.worker import THREADS, label_task
from ai2bmd.replicas.dask_workers import DaskWorkers
from ai2bmd.simulation.interruption import EndRequest
from potentials.label_store import LabelStore

_MERGE_EVERY_S = 60.0
_LOOK_EVERY_S = 0.05
_CONFIG = {"distributed.nanny.pre-spawn-environ": THREADS}
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
    tasks: Sequence[Task],
    store: LabelStore,
    *,
    method: str,
    crew: Crew,
    needed_bytes: Mapping[str, int],
    request: EndRequest,
    shown: bool = True,
) -> Outcome:
    """Label all tasks, in their order.

    A frame waits until it fits into memory beside those at work. One whose worker dies is tried again, and is a failure
    when that has happened as often as the crew's settings say. When `request` asks for an end, nothing new is started
    and what is at work is finished.

    Args:
        needed_bytes: memory that a label takes, by the name of the molecule.

    Raises:
        InputError: the crew's workers cannot be started.
    """
    with (
        dask.config.set(_CONFIG),
        closing(crew.start(store.spool.absolute())) as workers,
        tqdm(total=sum(task.cost for task in tasks), bar_format=_BAR, disable=not shown) as bar,
    ):
        return _Campaign(tasks, store, crew, workers, bar, method=method, needed_bytes=needed_bytes).run(request)


class _Campaign:
    """The loop of a campaign, with what is at work in it."""

    def __init__(
        self,
        tasks: Sequence[Task],
        store: LabelStore,
        crew: Crew,
        workers: DaskWorkers,
        bar: tqdm,
        *,
        method: str,
        needed_bytes: Mapping[str, int],
    ) -> None:
        self._waiting, self._store, self._bar = list(reversed(tasks)), store, bar
        self._crew, self._workers, self._needed_bytes = crew, workers, needed_bytes
        self._method, self._frames = method, len(tasks)
        self._at_work: dict[Any, Task] = {}
        self._attempts: Counter[str] = Counter()
        self._outcome = Outcome()

    def run(self, request: EndRequest) -> Outcome:
        """Until all is done, or an end is asked for."""
        merged_at = time.monotonic()
        try:
            while self._at_work or (self._waiting and not request.requested):
                if request.requested and not self._outcome.stopped:
                    self._outcome.stopped = True
                    self._bar.write(f"finishes {len(self._at_work)} frames at work; Ctrl-C again ends at once")
                while self._waiting and self._can_start(self._waiting[-1]) and not request.requested:
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

    def _can_start(self, task: Task) -> bool:
        """Whether a worker is free, and memory for the frame; frames do not overtake, so that large ones get theirs."""
        at_work_bytes = sum(self._needed_bytes[other.molecule.name] for other in self._at_work.values())
        free = len(self._at_work) < min(self._crew.workers, self._workers.ready())
        return free and self._crew.has_room(self._needed_bytes[task.molecule.name], at_work_bytes=at_work_bytes)

    def _start(self, task: Task) -> None:
        if not self._store.claim(task.key):
            self._outcome.elsewhere += 1
            self._bar.update(task.cost)
            return
        self._submit(task)

    def _submit(self, task: Task) -> None:
        self._attempts[task.key] += 1
        future = self._workers.client.submit(label_task, task, self._path, self._method, pure=False)
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
            most = self._crew.cluster.failures
            if self._attempts[task.key] < most:
                self._submit(task)
                return
            short = " or walltime" * self._crew.on_slurm
            reason = f"its worker died {most} times; too little memory{short} is the usual cause"
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
