"""What enhanced sampling leaves in the run directory: a row a frame in sampling.csv, and free energies."""

import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Self

from ai2bmd.engine import EngineState
from ai2bmd.errors import InputError
from ai2bmd.sampling.free_energy import write_free_energy
from ai2bmd.sampling.metadynamics import MetadynamicsSampler
from ai2bmd.sampling.sampler import Sampler
from ai2bmd.sampling.settings import PREPARED
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings
from ai2bmd.simulation.table import GrowingTable, bytes_up_to

_FREE_ENERGY_EVERY_S = 60.0


class SamplingFiles:
    """The files open for a run."""

    def __init__(self, directory: RunDirectory, sampler: Sampler, *, step: int | None = None) -> None:
        """Make them, or continue them after a step.

        Raises:
            InputError: a file to continue is missing.
            OSError: the disk is full.
        """
        self._directory, self._sampler = directory, sampler
        path = directory.sampling_table
        if step is not None and not path.is_file():
            raise InputError(f"{path} is missing; it belongs to the run, which cannot be resumed without it")
        kept = None if step is None else bytes_up_to(path, step)
        self._table = GrowingTable(path, ("step", "time_ps", *sampler.columns), keep_bytes=kept)
        self._drawn_at, self._changed = time.perf_counter(), False

    def append(self, state: EngineState) -> None:
        """Add the present instant."""
        for row in self._sampler.rows(state):
            cells = (str(value) if isinstance(value, int) else f"{value:.8g}" for value in row)
            self._table.append_row([str(state.step), f"{state.time_ps:.10g}", *cells])

    def drop_after(self, step: int) -> None:
        """Forget what came after a step whose rows were committed."""
        self._table.truncate(bytes_up_to(self._directory.sampling_table, step))

    def commit(self) -> None:
        """Bring the rows to the disk, and once in a while the free energy.

        Raises:
            OSError: it is full.
        """
        self._table.commit()
        self._changed = True
        if time.perf_counter() - self._drawn_at > _FREE_ENERGY_EVERY_S:
            self._write_free_energy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._table.close()
        if kind is None and self._changed:  # else the files tell of later steps than were made again
            self._write_free_energy()

    def _write_free_energy(self) -> None:
        self._drawn_at = time.perf_counter()
        if isinstance(self._sampler, MetadynamicsSampler):
            write_free_energy(
                self._sampler.free_energy(),
                table=self._directory.free_energy_table,
                picture=self._directory.free_energy_plot,
            )


def open_sampling_files(
    directory: RunDirectory, sampler: Sampler | None, *, step: int | None = None
) -> AbstractContextManager[SamplingFiles | None]:
    """The files of a sampler, made or continued after a step; nothing for a run without."""
    return nullcontext() if sampler is None else SamplingFiles(directory, sampler, step=step)


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
