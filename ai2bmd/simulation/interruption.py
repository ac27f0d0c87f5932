"""Ctrl-C, signals and the time limit: the step is finished and everything saved before the process ends."""

import signal
import time
from types import FrameType, TracebackType
from typing import Literal, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # the last: Slurm's warning before a job's end
Reason = Literal["signal", "time"]


class EndRequest:
    """Whether, and why, a computation is asked to come to an end; whoever computes looks at it again and again."""

    def __init__(self) -> None:
        """Nothing is asked for yet."""
        self._asked: Reason | None = None

    @property
    def requested(self) -> bool:
        """Whether to come to an end."""
        return self.reason is not None

    @property
    def reason(self) -> Reason | None:
        """What asks for it."""
        return self._asked

    def make(self, reason: Reason) -> None:
        """Ask for it, from any thread."""
        self._asked = reason


class Interruption(EndRequest):
    """Within its block the first signal, or the end of the time, is noted in `requested`; a second signal acts.

    Python takes signals in the main thread only, so copies of a run in other threads and processes are told by an
    `EndRequest`.
    """

    def __init__(self, *, max_hours: float | None = None) -> None:
        """Start the clock."""
        super().__init__()
        self._deadline = None if max_hours is None else time.monotonic() + 3600.0 * max_hours
        self._usual: dict[signal.Signals, object] = {}

    @property
    def reason(self) -> Reason | None:
        """What asks for it."""
        if self._asked is not None:
            return self._asked
        return "time" if self._deadline is not None and time.monotonic() >= self._deadline else None

    def __enter__(self) -> Self:
        self._usual = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.make("signal")
        self._restore()

    def _restore(self) -> None:
        while self._usual:
            number, handler = self._usual.popitem()
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
