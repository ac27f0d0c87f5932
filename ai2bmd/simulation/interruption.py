"""Ctrl-C, signals and the time limit: the step is finished and everything saved before the process ends."""

import signal
import time
from types import FrameType, TracebackType
from typing import Literal, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # the last: Slurm's warning before a job's end


class Interruption:
    """Within its block the first signal, or the end of the time, is noted in `requested`; a second signal acts."""

    def __init__(self, *, max_hours: float | None = None) -> None:
        """Start the clock."""
        self._deadline = None if max_hours is None else time.monotonic() + 3600.0 * max_hours
        self._signalled = False
        self._usual: dict[signal.Signals, object] = {}

    @property
    def requested(self) -> bool:
        """Whether to come to an end."""
        return self.reason is not None

    @property
    def reason(self) -> Literal["signal", "time"] | None:
        """What asks for it."""
        if self._signalled:
            return "signal"
        return "time" if self._deadline is not None and time.monotonic() >= self._deadline else None

    def __enter__(self) -> Self:
        self._usual = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
        self._restore()

    def _restore(self) -> None:
        while self._usual:
            number, handler = self._usual.popitem()
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
