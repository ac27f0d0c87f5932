"""The loop of a run: steps, looks of the guard, frames, checkpoints, until the end, a signal or a broken geometry."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import openmm
from jaxtyping import Float

from ai2bmd.engine import Engine, EngineState
from ai2bmd.errors import InputError
from ai2bmd.simulation.checkpoint import Checkpoint, Identity, write_checkpoint
from ai2bmd.simulation.guard import Guard, write_offending
from ai2bmd.simulation.interruption import Interruption
from ai2bmd.simulation.log import RunLog
from ai2bmd.simulation.progress import Progress
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.trajectory.writer import Frame, TrajectoryWriter

ENGINE_ERRORS = (openmm.OpenMMException, ValueError, RuntimeError, ArithmeticError)
"""What OpenMM, or the model behind its PythonForce, raises at coordinates that mean nothing."""


@dataclass(frozen=True, eq=False)
class Session:
    """A run with its files open."""

    engine: Engine
    settings: RunSettings
    directory: RunDirectory
    trajectory: TrajectoryWriter
    log: RunLog
    guard: Guard
    identity: Identity

    def save_frame(self, state: EngineState, *, ns_per_day: float) -> None:
        """Add a frame to trajectory and log."""
        self.trajectory.append(
            Frame(
                step=state.step,
                time_ps=state.time_ps,
                positions_A=state.positions_A,
                velocities_A_per_ps=state.velocities_A_per_ps,
                forces_eV_per_A=state.forces_eV_per_A,
                energy_environment=state.energy_environment,
                energy_correction=state.energy_correction,
                kinetic_energy=state.kinetic_energy,
                temperature=state.temperature_K,
            )
        )
        self.log.append(state, ns_per_day=ns_per_day)

    def commit(self, good: "_Good") -> None:
        """Bring trajectory, log and checkpoint to the disk, in this order: the first two may run ahead of the last."""
        self.trajectory.commit()
        self.log.commit()
        write_checkpoint(Checkpoint(self.identity, good.step, self.log.size, good.state), self.directory.checkpoint)


@dataclass(frozen=True)
class Outcome:
    """How the loop ended."""

    ending: Literal["finished", "interrupted", "guarded"]
    step: int
    """The last one that is saved."""
    ns_per_day: float
    problem: str = ""
    """What the guard found."""


@dataclass(frozen=True, eq=False)
class _Good:
    """The last state that the guard let pass."""

    step: int
    state: bytes
    positions_A: Float[np.ndarray, "atoms 3"]


def advance(session: Session, interruption: Interruption) -> Outcome:
    """Run from the engine's present step to the last one of the settings.

    Raises:
        InputError: the disk is full; what was saved before is intact.
    """
    settings, engine = session.settings, session.engine
    state = engine.state()
    with (
        np.errstate(over="ignore", invalid="ignore"),  # the guard has the word, and names the atoms
        full_disk_told(session.directory.path),
        Progress(first_step=state.step, last_step=settings.last_step, timestep_fs=settings.timestep_fs) as progress,
    ):
        good = _Good(state.step, engine.save_checkpoint(), state.positions_A)
        if state.step == 0:
            if problem := session.guard.problem(state):
                return _stop(session, good, step=0, problem=problem, offending_A=state.positions_A)
            session.save_frame(state, ns_per_day=0.0)
            session.commit(good)
        while good.step < settings.last_step and not interruption.requested:
            step = _next_stop(good.step, settings)
            try:
                engine.step(step - good.step)
                state = engine.state()
                problem = session.guard.problem(state)
            except ENGINE_ERRORS as error:
                problem = f"the forces cannot be computed ({error})"
            if problem:
                return _trace_back(session, good, step=step, problem=problem, ns_per_day=progress.ns_per_day)
            good = _Good(step, engine.save_checkpoint(), state.positions_A)
            progress.advance(step, temperature_K=state.temperature_K)
            if step % settings.save_every == 0:
                session.save_frame(state, ns_per_day=progress.ns_per_day)
            if step % settings.checkpoint_every == 0:
                session.commit(good)
        session.commit(good)
        ending = "finished" if good.step >= settings.last_step else "interrupted"
        return Outcome(ending, good.step, progress.ns_per_day)


def _next_stop(step: int, settings: RunSettings) -> int:
    """The next step at which something is looked at or saved."""
    intervals = (settings.guard_every, settings.save_every, settings.checkpoint_every)
    return min(settings.last_step, *(step - step % every + every for every in intervals))


def _trace_back(session: Session, good: _Good, *, step: int, problem: str, ns_per_day: float) -> Outcome:
    """Repeat the steps since the last good state one by one, to find the first bad one."""
    engine = session.engine
    offending = engine.positions_A()
    engine.load_checkpoint(good.state)
    for now in range(good.step + 1, step + 1):
        try:
            engine.step(1)
            state = engine.state()
            found = session.guard.problem(state)
        except ENGINE_ERRORS as error:
            found = f"the forces cannot be computed ({error})"
        if found:
            step, problem, offending = now, found, engine.positions_A()
            break
        good = _Good(now, engine.save_checkpoint(), state.positions_A)
    return _stop(session, good, step=step, problem=problem, offending_A=offending, ns_per_day=ns_per_day)


def _stop(
    session: Session,
    good: _Good,
    *,
    step: int,
    problem: str,
    offending_A: Float[np.ndarray, "atoms 3"],
    ns_per_day: float = 0.0,
) -> Outcome:
    if session.trajectory.frames:
        session.commit(good)
    topology = session.engine.topology
    write_offending(session.directory.guard, topology, before_A=good.positions_A, offending_A=offending_A)
    return Outcome("guarded", good.step, ns_per_day, f"at step {step} {problem}")


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Turn the system's word for a full disk into one sentence.

    Raises:
        InputError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise InputError(
            f"the disk is full ({error.strerror}); all that {path} held before is kept: free space, "
            f"then continue with `ai2bmd resume {path}`"
        ) from error
