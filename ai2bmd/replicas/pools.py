"""Where copies are computed: a pool takes batches of copies and hands back how each copy ended.

`ThreadPool` has all copies in this process, their fragments evaluated together: for one GPU. Processes and machines are
in `dask_pool.py`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from ai2bmd.replicas.advance import CopyEnd, advance_batch
from ai2bmd.replicas.shared_evaluation import SharedEvaluation
from ai2bmd.simulation.interruption import EndRequest, Reason


class Promise(Protocol):
    """Of how the copies of a batch end; a future of the standard library, or of Dask."""

    def done(self) -> bool:
        """Whether it is known."""
        ...

    def result(self) -> Any:
        """A `CopyEnd` for each copy of the batch.

        Raises:
            Exception: the process that computed is gone.
        """
        ...


class Pool(Protocol):
    """Computes batches of copies."""

    def free(self, running: int) -> int:
        """How many more batches can start while so many are running; may change at any time."""
        ...

    def submit(self, batch: Sequence[Path], *, time: str) -> Promise:
        """Start to advance the copies of a batch to a total time."""
        ...

    def stop(self, reason: Reason) -> None:
        """Make all that run save and come to an end; to be repeated, for new workers may have come."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ThreadPool:
    """All copies in this process, a thread for each, and one evaluation of the model for all."""

    def __init__(self, threads: int) -> None:
        """For so many copies."""
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="copy")
        self._request, self._meeting = EndRequest(), SharedEvaluation()

    def free(self, running: int) -> int:
        """See `Pool`."""
        return self._threads - running

    def submit(self, batch: Sequence[Path], *, time: str) -> Promise:
        """See `Pool`."""
        return self._executor.submit(_advance, tuple(batch), time, self._request, self._meeting)

    def stop(self, reason: Reason) -> None:
        """See `Pool`."""
        self._request.make(reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._request.make("signal")  # whatever ends this block, the copies must not keep the process alive
        self._executor.shutdown()


def _advance(batch: tuple[Path, ...], time: str, request: EndRequest, meeting: SharedEvaluation) -> tuple[CopyEnd, ...]:
    return advance_batch(batch, time=time, request=request, meeting=meeting)
