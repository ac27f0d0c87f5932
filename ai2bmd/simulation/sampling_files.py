"""What enhanced sampling leaves in the run directory: a row a frame in sampling.csv, and free energies."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Self

from ai2bmd.engine import EngineState
from ai2bmd.errors import InputError
from ai2bmd.sampling.free_energy import write_free_energy
from ai2bmd.sampling.metadynamics import MetadynamicsSampler
from ai2bmd.sampling.replica_exchange import ReplicaExchangeSampler
from ai2bmd.sampling.sampler import Sampler
from ai2bmd.sampling.settings import PREPARED
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.simulation.table import GrowingTable, bytes_up_to
from ai2bmd.trajectory.writer import Frame, TrajectoryWriter

_FREE_ENERGY_EVERY_S = 60.0


class SamplingFiles:
    """The files open for a run."""

    def __init__(
        self,
        directory: RunDirectory,
        sampler: Sampler,
        *,
        trajectories: dict[int, TrajectoryWriter],
        step: int | None = None,
    ) -> None:
        """Make them, or continue them after a step.

        Args:
            directory: of the run.
            sampler: what they tell of.
            trajectories: open ones of the higher temperatures, by index; closed at the end.
            step: after which they are continued.

        Raises:
            InputError: a file to continue is missing.
            OSError: the disk is full.
        """
        self._directory, self._sampler, self._trajectories = directory, sampler, trajectories
        self._table = _open_table(directory.sampling_table, sampler.columns, step=step)
        self._exchanges = None
        if isinstance(sampler, ReplicaExchangeSampler):
            self._exchanges = _open_table(directory.exchanges, sampler.exchange_columns, step=step)
        self._drawn_at, self._changed = time.perf_counter(), False

    def append(self, state: EngineState, frame_of: Callable[[EngineState], Frame]) -> None:
        """Add the present instant; `frame_of` makes the frames of the higher temperatures."""
        for row in self._sampler.rows(state):
            self._table.append_row(_cells([state.step, state.time_ps, *row]))
        if isinstance(self._sampler, ReplicaExchangeSampler):
            for view in self._sampler.views():
                if view.temperature_index in self._trajectories:
                    self._trajectories[view.temperature_index].append(frame_of(view.state))

    def collect(self) -> None:
        """Take what the sampler noted since it was last found well."""
        if self._exchanges is not None and isinstance(self._sampler, ReplicaExchangeSampler):
            for row in self._sampler.take_exchanges():
                self._exchanges.append_row(_cells(row))

    def drop_after(self, step: int) -> None:
        """Forget what came after a step whose rows were committed."""
        self._table.truncate(bytes_up_to(self._directory.sampling_table, step))
        if self._exchanges is not None:
            self._exchanges.truncate(bytes_up_to(self._directory.exchanges, step))
        for trajectory in self._trajectories.values():
            trajectory.drop_after(step)

    def commit(self) -> None:
        """Bring the rows to the disk, and once in a while the free energy.

        Raises:
            OSError: it is full.
        """
        for part in (self._table, self._exchanges, *self._trajectories.values()):
            if part is not None:
                part.commit()
        self._changed = True
        if time.perf_counter() - self._drawn_at > _FREE_ENERGY_EVERY_S:
            self._write_free_energy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for part in (self._table, self._exchanges, *self._trajectories.values()):
            if part is not None:
                part.close()
        if kind is None and self._changed:  # else the files tell of later steps than were made again
            self._write_free_energy()

    def _write_free_energy(self) -> None:
        self._drawn_at = time.perf_counter()
        if isinstance(self._sampler, MetadynamicsSampler):
            from ai2bmd.report.free_energy import write_picture  # matplotlib takes a second to import

            surface = self._sampler.free_energy()
            write_free_energy(surface, self._directory.free_energy_table)
            write_picture(surface, self._directory.free_energy_plot)


def open_sampling_files(
    directory: RunDirectory,
    sampler: Sampler | None,
    open_trajectory: Callable[[Path, float], TrajectoryWriter],
    *,
    step: int | None = None,
) -> AbstractContextManager[SamplingFiles | None]:
    """The files of a sampler, made or continued after a step; nothing for a run without.

    Args:
        directory: of the run.
        sampler: of its engine.
        open_trajectory: makes or opens the trajectory of a higher temperature (K), of which it takes the path.
        step: after which they are continued.
    """
    if sampler is None:
        return nullcontext()
    trajectories = {}
    if isinstance(sampler, ReplicaExchangeSampler):
        for index, temperature_K in enumerate(sampler.temperatures_K[1:], start=1):
            trajectories[index] = open_trajectory(directory.temperature_trajectory(index), temperature_K)
    return SamplingFiles(directory, sampler, trajectories=trajectories, step=step)


def remove_sampling_files(directory: RunDirectory) -> None:
    """Remove what a start left behind that was broken off."""
    for path in (directory.sampling_table, directory.exchanges, *directory.path.glob("trajectory-temperature-*.h5")):
        path.unlink(missing_ok=True)


def _open_table(path: Path, columns: tuple[str, ...], *, step: int | None) -> GrowingTable:
    if step is not None and not path.is_file():
        raise InputError(f"{path} is missing; it belongs to the run, which cannot be resumed without it")
    kept = None if step is None else bytes_up_to(path, step)
    return GrowingTable(path, ("step", "time_ps", *columns), keep_bytes=kept)


def _cells(row: Sequence[float | int]) -> list[str]:
    return [str(value) if isinstance(value, int) else f"{value:.8g}" for value in row]


def copy_references(directory: RunDirectory, settings: RunSettings) -> None:
    """Copy the structures that variables are compared with into the run directory.

    Raises:
        InputError: one does not exist.
    """
    for name, path in references(directory, settings).items():
        if not Path(name).is_file():
            raise InputError(f"sampling: reference {name} does not exist; give a PDB file, or `{PREPARED}`")
        shutil.copyfile(name, path)


def references(directory: RunDirectory, settings: RunSettings) -> dict[str, Path]:
    """Where the copies lie, by the names in the settings."""
    variables = settings.sampling.variables if settings.sampling else ()
    names = dict.fromkeys(variable.reference for variable in variables if variable.reference != PREPARED)
    return {name: directory.reference(number) for number, name in enumerate(names)}
