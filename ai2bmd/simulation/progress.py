"""What a person sees while a run goes on: a bar with the speed and the time left."""

import logging
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

_SECONDS_PER_DAY = 86_400.0
_LOGGER = logging.getLogger(__name__)


class Progress:
    """A progress bar on a terminal, nothing elsewhere; measures the speed."""

    def __init__(self, *, first_step: int, last_step: int, timestep_fs: float, shown: bool = True) -> None:
        self._ns_per_step = timestep_fs * 1e-6
        self._first, self._start = first_step, time.perf_counter()
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            unit="step",
            disable=None if shown else True,
            dynamic_ncols=True,
            smoothing=0.1,
        )
        self._shown = shown
        self._step = self._done = first_step

    @property
    def ns_per_day(self) -> float:
        """Mean speed since the start, saving included."""
        steps, seconds = self._done - self._first, time.perf_counter() - self._start
        return steps * self._ns_per_step * _SECONDS_PER_DAY / seconds

    def advance(self, step: int, *, temperature_K: float) -> None:
        """Show that a step is reached."""
        self._bar.set_postfix_str(f"{self.ns_per_day:.3g} ns/day, {temperature_K:.0f} K", refresh=False)
        self._bar.update(step - self._step)
        self._done += max(0, step - self._step)  # steps that a rollback takes back were work all the same
        self._step = step

    def note(self, line: str) -> None:
        """Show a line above the bar; without one it goes to the program's log."""
        if self._shown:
            tqdm.write(line, file=sys.stdout)
        else:
            _LOGGER.warning("%s", line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
