"""The loop of a run: steps, looks of the guard, frames, checkpoints, until the end, a signal or a broken geometry.

A run can only be continued from its anchors, steps at which a checkpoint is due. What was done after the last anchor
when a run ends is kept in trajectory and log, and is made again, the same bit for bit on CPU, when it is resumed; until
then the files stay as they are, so that a run killed meanwhile has lost nothing.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import openmm
from jaxtyping import Float

from ai2bmd.engine import Engine, EngineState
from ai2bmd.errors import InputError
from ai2bmd.simulation.checkpoint import Checkpoint, checkpoint_at, write_checkpoint
from ai2bmd.simulation.guard_files import append_event, append_for_labelling, write_offending
from ai2bmd.simulation.interruption import EndRequest
from ai2bmd.simulation.log import RunLog
from ai2bmd.simulation.progress import Progress
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.sampling_files import SamplingFiles
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.simulation.workbench import Workbench
from ai2bmd.trajectory.writer import Frame, SolventFrame, TrajectoryWriter

ENGINE_ERRORS = (openmm.OpenMMException, ValueError, RuntimeError, ArithmeticError)
"""What OpenMM, or the model behind its PythonForce, raises at coordinates that mean nothing."""
Ending = Literal["finished", "interrupted", "time is up", "guarded"]
_CAREFUL_STEPS = 500
_CAREFUL_DIVISION = 2  # of the time step, for so many steps after a rollback


@dataclass(frozen=True, eq=False)
class Session:
    """A run with its files open."""

    engine: Engine
    workbench: Workbench
    directory: RunDirectory
    trajectory: TrajectoryWriter
    log: RunLog
    sampled: SamplingFiles | None = None
    """None without enhanced sampling."""

    @property
    def settings(self) -> RunSettings:
        """Of the run."""
        return self.workbench.settings

    def state(self) -> EngineState:
        """The present instant; now and then with the spread of the forces."""
        state, every = self.engine.state(), self.settings.force_std_every
        if self.workbench.has_error_bars and every and state.step % every == 0:
            return self.engine.with_force_std(state)
        return state

    def problem(self, state: EngineState) -> str | None:
        """What the guard says; of all replicas where there are several."""
        check, sampler = self.workbench.guard.problem, self.engine.sampler
        problem = check(state)
        if sampler is not None and problem is None:
            problem = sampler.look(self.engine, check)
            if problem is None and self.sampled is not None:
                self.sampled.collect()
        return problem

    def save_frame(self, state: EngineState, *, ns_per_day: float) -> None:
        """Add a frame to trajectory and log; one of the solvent too, if it is due."""
        positions_A = self.workbench.imaging(state.positions_A, state.box_A)
        self.trajectory.append(self._frame(state, positions_A))
        every, solvent = self.settings.save_solvent_every, self.workbench.solvent
        if every and state.step % every == 0 and state.box_A is not None:
            self.trajectory.append_solvent(
                SolventFrame(state.step, state.time_ps, positions_A[solvent], box_A=state.box_A)
            )
        self.log.append(state, ns_per_day=ns_per_day)
        if self.sampled is not None:
            self.sampled.append(
                state, lambda other: self._frame(other, self.workbench.imaging(other.positions_A, other.box_A))
            )

    def _frame(self, state: EngineState, imaged_A: Float[np.ndarray, "atoms 3"]) -> Frame:
        protein = self.workbench.corrected.protein
        return Frame(
            step=state.step,
            time_ps=state.time_ps,
            positions_A=imaged_A[protein],
            velocities_A_per_ps=state.velocities_A_per_ps[protein],
            forces_eV_per_A=state.forces_eV_per_A[protein],
            energy_environment=state.energy_environment,
            energy_correction=state.energy_correction,
            kinetic_energy=state.kinetic_energy,
            temperature=state.temperature_K,
            box_A=state.box_A,
            correction_std=np.nan if state.correction_std_eV is None else state.correction_std_eV,
            max_force_std=np.nan if state.force_std_eV_per_A is None else float(state.force_std_eV_per_A.max()),
        )

    def drop_after(self, anchor: Checkpoint) -> None:
        """Forget frames and rows after an anchor."""
        self.trajectory.drop_after(anchor.step)
        self.log.truncate(anchor.log_bytes)
        if self.sampled is not None:
            self.sampled.drop_after(anchor.step)

    def commit(self) -> None:
        """Bring trajectory and tables to the disk."""
        self.trajectory.commit()
        self.log.commit()
        if self.sampled is not None:
            self.sampled.commit()


@dataclass(frozen=True)
class Outcome:
    """How the loop ended."""

    ending: Ending
    step: int
    """The last one that is saved."""
    ns_per_day: float
    problem: str = ""
    """What the guard found."""


def advance(session: Session, interruption: EndRequest, *, anchor: Checkpoint | None = None) -> Outcome:
    """Run from an anchor, or from the start, to the last step of the settings.

    Raises:
        InputError: the disk is full; what was saved before is intact.
    """
    settings = session.settings
    first = 0 if anchor is None else anchor.step
    with (
        np.errstate(over="ignore", invalid="ignore"),  # the guard has the word, and names the atoms
        full_disk_told(session.directory.path),
        Progress(
            first_step=first,
            last_step=settings.last_step,
            timestep_fs=settings.timestep_fs,
            shown=session.workbench.progress_shown,
        ) as progress,
    ):
        loop = _Loop(session, interruption, progress, anchor)
        while True:
            try:
                return loop.run()
            except _Broken as broken:
                if not loop.roll_back(broken):
                    return loop.give_up(broken)


class _Loop:
    """The loop, with the anchor it would go back to."""

    def __init__(
        self, session: Session, interruption: EndRequest, progress: Progress, anchor: Checkpoint | None
    ) -> None:
        self._session, self._interruption, self._progress = session, interruption, progress
        self._anchor = anchor

    def run(self) -> Outcome:
        """Steps until the end or an interruption.

        Raises:
            _Broken: the guard has found something.
        """
        session, settings = self._session, self._session.settings
        good = self._begin()
        while good.step < settings.last_step and not self._interruption.requested:
            state = self._look(good, _next_stop(good.step, settings))
            good = _Good(state.step, session.engine.save_checkpoint(), state.positions_A)
            self._progress.advance(good.step, temperature_K=state.temperature_K)
            if good.step % settings.save_every == 0:
                session.save_frame(state, ns_per_day=self._progress.ns_per_day)
            if good.step % settings.checkpoint_every == 0:
                self._drop_anchor(good)
        if not session.engine.exact:
            self._drop_anchor(good)
        assert self._anchor is not None  # dropped at the first step
        reached = max(good.step, self._anchor.reached)
        if good.step == reached:  # else the files have more than was made again
            self._commit(reached=reached)
        ending: Ending = "time is up" if self._interruption.reason == "time" else "interrupted"
        if good.step >= settings.last_step:
            ending = "finished"
        return Outcome(ending, reached, self._progress.ns_per_day)

    def roll_back(self, broken: "_Broken") -> bool:
        """Go back to the anchor, with new velocities and smaller steps for a while; or say that this was enough."""
        session, anchor = self._session, self._anchor
        if anchor is None or anchor.rollbacks >= session.settings.rollbacks:
            return False
        self._leave_behind(broken, back_to=anchor.step)
        session.drop_after(anchor)
        engine, count = session.engine, anchor.rollbacks + 1
        engine.load_checkpoint(anchor.state)
        seed = np.random.SeedSequence([session.settings.seed, anchor.step, count]).generate_state(1)[0] % 2**31
        engine.draw_velocities(replace(session.settings.engine, seed=int(seed)))
        until = anchor.step + _CAREFUL_STEPS
        state = engine.save_checkpoint()
        self._anchor = replace(anchor, reached=anchor.step, rollbacks=count, careful_until=until, state=state)
        self._commit(reached=anchor.step)
        engine.renew(state)
        self._progress.note(f"{broken}; back to step {anchor.step}, {count} of {session.settings.rollbacks} rollbacks")
        self._progress.advance(anchor.step, temperature_K=session.settings.temperature_K)
        return True

    def give_up(self, broken: "_Broken") -> Outcome:
        """Save the last good state and end."""
        anchor = self._anchor
        self._leave_behind(broken, back_to=None)
        if anchor is None:
            return Outcome("guarded", 0, 0.0, str(broken))
        self._commit(reached=broken.before.step)
        return Outcome("guarded", broken.before.step, self._progress.ns_per_day, str(broken))

    def _begin(self) -> "_Good":
        """Where the loop starts; a new run gets its first frame and its first anchor."""
        session, engine = self._session, self._session.engine
        if self._anchor is not None:
            # no look at the energy: with multiple time steps OpenMM draws random numbers for it
            return _Good(self._anchor.step, engine.save_checkpoint(), engine.positions_A())
        state = session.state()
        good = _Good(0, engine.save_checkpoint(), state.positions_A)
        if problem := session.problem(state):
            raise _Broken(0, problem, good, state.positions_A)
        session.save_frame(state, ns_per_day=0.0)
        self._drop_anchor(good)
        return good

    def _look(self, good: "_Good", step: int) -> EngineState:
        """Go to a step and ask the guard."""
        try:
            self._session.engine.step(step - good.step, divided_by=self._division(good.step))
            state = self._session.state()
            problem = self._session.problem(state)
        except ENGINE_ERRORS as error:
            problem = f"the forces cannot be computed ({error})"
        if problem:
            raise self._trace(good, step=step, problem=problem)
        return state

    def _trace(self, good: "_Good", *, step: int, problem: str) -> "_Broken":
        """Repeat the steps since the last good state one by one, to find the first bad one."""
        engine = self._session.engine
        offending = engine.positions_A()
        engine.load_checkpoint(good.state)
        for now in range(good.step + 1, step + 1):
            try:
                engine.step(1, divided_by=self._division(good.step))
                state = self._session.state()
                found = self._session.problem(state)
            except ENGINE_ERRORS as error:
                found = f"the forces cannot be computed ({error})"
            if found:
                return _Broken(now, found, self._seen_before(good), engine.positions_A())
            good = _Good(now, engine.save_checkpoint(), state.positions_A)
        return _Broken(step, problem, good, offending)

    def _seen_before(self, good: "_Good") -> "_Good":
        """The last good state, with the positions of the replica that is broken now."""
        sampler = self._session.engine.sampler
        if sampler is None or sampler.before_A is None:
            return good
        before_A, sampler.before_A = sampler.before_A, None
        return replace(good, positions_A=before_A)

    def _division(self, step: int) -> int:
        return _CAREFUL_DIVISION if self._anchor and step < self._anchor.careful_until else 1

    def _drop_anchor(self, good: "_Good") -> None:
        old = self._anchor or checkpoint_at(self._session.workbench.identity, 0, b"")
        self._session.log.commit()
        self._anchor = replace(
            old, step=good.step, reached=good.step, state=good.state, log_bytes=self._session.log.size
        )
        self._commit(reached=good.step)
        self._session.engine.renew(good.state)

    def _commit(self, *, reached: int) -> None:
        """Bring trajectory, log and checkpoint to the disk, in this order: the first two may run ahead of the last."""
        assert self._anchor is not None  # dropped at the first step
        self._session.commit()
        write_checkpoint(replace(self._anchor, reached=reached), self._session.directory.checkpoint)

    def _leave_behind(self, broken: "_Broken", *, back_to: int | None) -> None:
        directory, workbench = self._session.directory, self._session.workbench
        image, box_A = workbench.imaging, self._session.engine.snapshot().box_A
        before_A, offending_A = image(broken.before.positions_A, box_A), image(broken.offending_A, box_A)
        write_offending(directory.guard, workbench.topology, before_A=before_A, offending_A=offending_A)
        append_for_labelling(
            directory.guard_frames,
            workbench.topology,
            workbench.corrected.protein,
            {"before": before_A, "offending": offending_A},
            step=broken.step,
        )
        append_event(directory.guard_events, step=broken.step, back_to=back_to, problem=broken.problem)


@dataclass(frozen=True, eq=False)
class _Good:
    """The last state that the guard let pass."""

    step: int
    state: bytes
    positions_A: Float[np.ndarray, "atoms 3"]


class _Broken(Exception):
    """The guard has found something."""

    def __init__(self, step: int, problem: str, before: _Good, offending_A: Float[np.ndarray, "atoms 3"]) -> None:
        super().__init__(f"at step {step} {problem}")
        self.step, self.problem, self.before, self.offending_A = step, problem, before, offending_A


def _next_stop(step: int, settings: RunSettings) -> int:
    """The next step at which something is looked at or saved."""
    intervals = (settings.guard_every, settings.save_every, settings.checkpoint_every, settings.force_std_every)
    return min(settings.last_step, *(step - step % every + every for every in intervals if every))


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
