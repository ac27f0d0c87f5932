"""What a method of enhanced sampling is to the engine, and what an engine is to OpenMM's methods."""

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import openmm

if TYPE_CHECKING:
    from ai2bmd.engine import Engine, EngineState

BIAS_GROUP = 31
"""Force group of metadynamics; OpenMM takes the highest one that is free."""
WALL_GROUP = 30
"""Of what keeps variables within their range."""
WATCH_GROUP = 29
"""Of variables that are looked at and act on nothing."""


class EngineSimulation:
    """The part of an `openmm.app.Simulation` that OpenMM's methods use, moved by the steps of an engine.

    A Simulation of its own could not take the smaller steps that follow a rollback: it would count each of them.
    """

    def __init__(self, context: openmm.Context, advance: Callable[[int, int], None]) -> None:
        """For a context; `advance` takes a number of steps, and the number of smaller ones that each is made of."""
        self.context, self._advance = context, advance
        self.divided_by = 1
        self.reporters: list[Any] = []

    @property
    def currentStep(self) -> int:  # OpenMM's name
        """Steps of the engine."""
        return self.context.getStepCount()

    @property
    def integrator(self) -> "EngineSimulation":
        """Something with `step`."""
        return self

    def step(self, steps: int) -> None:
        """Advance."""
        self._advance(steps, self.divided_by)


class Sampler(ABC):
    """A method of enhanced sampling. All that it remembers goes into `save` and comes back by `load`."""

    groups: frozenset[int] = frozenset()
    """Force groups that are not of the system itself: bias and walls."""
    replicas: int = 1
    """Sets of positions that the context goes through."""
    columns: tuple[str, ...]
    """Of its rows in sampling.csv, after step and time."""

    @abstractmethod
    def add_to(self, system: openmm.System) -> None:
        """Add forces, before the context is made."""

    def attach(self, simulation: EngineSimulation) -> None:
        """Take the simulation of the context that was made."""
        self._simulation = simulation

    @property
    def context(self) -> openmm.Context:
        """Of the engine."""
        return self._simulation.context

    @abstractmethod
    def begin(self) -> None:
        """Start at the context's positions, having seen nothing.

        Raises:
            InputError: it cannot start there.
        """

    def draw_velocities(self, seed: int, *, temperature_K: float) -> None:
        """Velocities at random, for the temperature of the run or that which it is at."""
        self.context.setVelocitiesToTemperature(temperature_K, seed)

    def look(self, engine: "Engine", check: "Callable[[EngineState], str | None]") -> str | None:
        """What is wrong with the states that the engine itself does not show; at first sight of one it stays there."""
        return None

    before_A: np.ndarray | None = None
    """Of what `look` found wrong: positions when it was last right."""

    @abstractmethod
    def step(self, steps: int) -> None:
        """Advance by this many steps of the engine."""

    @abstractmethod
    def rows(self, state: "EngineState") -> Sequence[Sequence[float | int]]:
        """Rows of the table for the present instant, which is that of the state; numbers for `columns`."""

    @abstractmethod
    def save(self) -> bytes:
        """All that it remembers and the context does not."""

    @abstractmethod
    def load(self, state: bytes) -> None:
        """Go back to what `save` gave; the context is there already."""


def pack(**arrays: Any) -> bytes:
    """Arrays as bytes, the same for the same numbers."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def unpack(state: bytes) -> dict[str, np.ndarray]:
    """What `pack` was given."""
    with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
        return dict(arrays)
