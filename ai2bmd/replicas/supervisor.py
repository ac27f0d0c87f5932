"""Sees all copies through: starts them, starts those again that failed, stops all when asked to, knows how each ended.

A copy that fails, or whose process dies, goes on from its checkpoint: the first time with those of its batch that did
too, then by itself. One that fails several times in a row without having got further is given up; the others go on.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ai2bmd.replicas.advance import CopyEnd
from ai2bmd.replicas.pools import Pool, Promise
from ai2bmd.replicas.standing import Standing, standing
from ai2bmd.simulation.interruption import EndRequest

_POLL_S = 0.1
_STOP_AGAIN_EVERY_S = 2.0

Note = Callable[[str], None]


@dataclass(frozen=True)
class _Failure:
    """The last one of a copy."""

    where: Standing
    in_a_row: int


class Supervisor:
    """Of copies in a pool."""

    def __init__(self, pool: Pool, *, failures: int, note: Note) -> None:
        """Nothing runs yet.

        Args:
            pool: computes.
            failures: so many in a row, and a copy is given up.
            note: takes a line about what happened to a copy.
        """
        self._pool, self._limit, self._note = pool, failures, note
        self._waiting: deque[tuple[Path, ...]] = deque()
        self._running: dict[Promise, tuple[Path, ...]] = {}
        self._failures: dict[Path, _Failure] = {}
        self._stopped_at: float | None = None
        self.ends: dict[Path, CopyEnd] = {}
        """How each copy ended."""

    def see_through(
        self,
        batches: Iterable[Sequence[Path]],
        *,
        total_time: str,
        interruption: EndRequest,
        each_round: Callable[[], None],
    ) -> dict[Path, CopyEnd]:
        """Until every copy has ended, in one way or another.

        Args:
            batches: copies that are evaluated together.
            total_time: of each copy.
            interruption: makes all copies save and end.
            each_round: is called all the time, to show how far they are.
        """
        self._waiting.extend(tuple(batch) for batch in batches)
        while self._waiting or self._running:
            if interruption.reason is not None:
                self._stop(interruption)
            while self._waiting and self._pool.free(len(self._running)) > 0:
                batch = self._waiting.popleft()
                self._running[self._pool.submit(batch, time=total_time)] = batch
            for promise in [promise for promise in self._running if promise.done()]:
                self._collect(promise, self._running.pop(promise))
            each_round()
            time.sleep(_POLL_S)
        return self.ends

    def _stop(self, interruption: EndRequest) -> None:
        """Tell all to save, again and again, for a worker may have been about to start; and start nothing more."""
        reason = interruption.reason
        assert reason is not None  # asked by the caller
        now = time.monotonic()
        if self._running and (self._stopped_at is None or now - self._stopped_at > _STOP_AGAIN_EVERY_S):
            self._pool.stop(reason)
        self._stopped_at = self._stopped_at or now
        while self._waiting:
            for copy in self._waiting.popleft():
                ending = "time is up" if reason == "time" else "interrupted"
                self.ends[copy] = CopyEnd(ending, standing(copy).step)

    def _collect(self, promise: Promise, batch: tuple[Path, ...]) -> None:
        try:
            ends = promise.result()
        except Exception as error:
            died = type(error).__name__ == "KilledWorker"
            reason = "its process died" if died else f"{type(error).__name__}: {error}"
            ends = tuple(CopyEnd("failed", problem=reason) for _ in batch)
        again = []
        for copy, end in zip(batch, ends, strict=True):
            if end.ending != "failed":
                self.ends[copy] = end
            elif self._goes_on(copy, end):
                again.append(copy)
        if again and all(self._failures[copy].in_a_row == 1 for copy in again):
            self._waiting.append(tuple(again))
        else:  # one of them may be what kills the others
            self._waiting.extend((copy,) for copy in again)

    def _goes_on(self, copy: Path, end: CopyEnd) -> bool:
        """Whether a copy that has failed is tried again."""
        now, last = standing(copy), self._failures.get(copy)
        in_a_row = last.in_a_row + 1 if last is not None and now <= last.where else 1
        self._failures[copy] = _Failure(now, in_a_row)
        where = f"at step {now.step}" if now.step else "before the first step"
        if end.hopeless or in_a_row >= self._limit:
            often = "" if end.hopeless else f" (failure {in_a_row} of {self._limit} there)"
            self._note(f"{copy.name}: given up {where}{often}: {end.problem}")
            self.ends[copy] = CopyEnd("failed", now.step, problem=end.problem)
            return False
        self._note(f"{copy.name}: {end.problem} {where}; it goes on from there ({in_a_row} of {self._limit} failures)")
        return True
