"""Where the copies stand, by what lies on disk: it is true whichever process on whichever machine advances them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tqdm import tqdm

from ai2bmd.simulation.checkpoint import peek
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings

_SECONDS_PER_DAY = 86_400.0
_LOOK_EVERY_S = 2.0


@dataclass(frozen=True, order=True)
class Standing:
    """How far a copy is; the greater is the farther one."""

    step: int
    """Of production; the last one that is saved."""
    segments: int
    """Of equilibration."""


def standing(path: Path) -> Standing:
    """Of one copy."""
    directory = RunDirectory(path)
    return Standing(peek(directory.checkpoint), peek(directory.equilibration))


class CombinedProgress:
    """One bar for all copies on a terminal, nothing elsewhere; measures the speed of all together."""

    def __init__(self, copies: Sequence[Path], settings: RunSettings) -> None:
        """Look where they start."""
        self._copies, self._settings = copies, settings
        self._start, self._last_look = time.perf_counter(), 0.0
        self._first = self._reached()
        self._bar = tqdm(
            total=settings.last_step * len(copies),
            initial=self._first,
            unit="step",
            disable=None,
            dynamic_ncols=True,
            smoothing=0.05,
        )

    @property
    def ns_per_day(self) -> float:
        """Mean speed since the start, of all copies in sum."""
        return self._rate(self._reached())

    def show(self, *, ended: int) -> None:
        """Bring the bar up to date; cheap enough to be called all the time.

        Args:
            ended: number of copies that are done.
        """
        now = time.perf_counter()
        soon = now - self._last_look < _LOOK_EVERY_S and ended < len(self._copies)
        if self._bar.disable or soon:
            return
        self._last_look = now
        reached = self._reached()
        rate = f"{self._rate(reached):.3g} ns/day in sum" if reached > self._first else "equilibrating"
        self._bar.set_postfix_str(f"{rate}, {ended} of {len(self._copies)} copies ended", refresh=False)
        self._bar.update(reached - self._bar.n)

    def note(self, line: str) -> None:
        """A line above the bar."""
        tqdm.write(line)

    def _reached(self) -> int:
        return sum(standing(copy).step for copy in self._copies)

    def _rate(self, reached: int) -> float:
        ns = (reached - self._first) * self._settings.timestep_fs * 1e-6
        return ns * _SECONDS_PER_DAY / (time.perf_counter() - self._start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
