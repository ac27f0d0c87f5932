"""Ctrl-C and SIGTERM: the step is finished and everything saved before the process ends."""

import signal
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Within its block the first signal is noted in `requested`; a second one acts as usual."""

    def __init__(self) -> None:
        self.requested = False
        self._usual: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._usual = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        while self._usual:
            number, handler = self._usual.popitem()
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]
