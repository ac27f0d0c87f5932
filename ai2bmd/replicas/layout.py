"""The directory of several copies of a run: settings and structure, and a complete run directory for each copy.

All copies start from the same structure and, in explicit water, in the same box: it is solvated once, and only the
seeds differ. So all are samples of one system, which one file describes; velocities, thermostat and barostat lead them
apart during equilibration, and ions forget their first places sooner than a protein does anything.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ai2bmd.errors import InputError
from ai2bmd.simulation.launch import Say, check_and_describe, write_start
from ai2bmd.simulation.run_directory import RunDirectory, create_run_directory
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings, write_settings
from ai2bmd.structure.files import PreparedStructure

_NAME = re.compile(r"replica-([1-9]\d*)")


@dataclass(frozen=True)
class ReplicaDirectory:
    """Paths of the run and of its copies."""

    path: Path

    @property
    def whole(self) -> RunDirectory:
        """What all copies have in common: settings and structure."""
        return RunDirectory(self.path)

    @property
    def copies(self) -> tuple[Path, ...]:
        """The run directory of each copy, by number."""
        numbers = sorted(int(match[1]) for entry in self.path.iterdir() if (match := _NAME.fullmatch(entry.name)))
        return tuple(self.path / f"replica-{number}" for number in numbers)

    @property
    def report(self) -> Path:
        """The overview."""
        return self.path / "report.html"

    def settings(self) -> RunSettings:
        """Of the run.

        Raises:
            InputError: they are missing or cannot be used, or copies are missing.
        """
        settings = make_settings(read_settings(self.whole.settings), where=str(self.whole.settings))
        if len(self.copies) != settings.replicas:
            raise InputError(
                f"{self.path} has {len(self.copies)} of the {settings.replicas} copies that settings.yaml names; "
                "resume or analyze those that are left one by one, or start the run anew"
            )
        return settings


def is_replica_directory(path: Path) -> bool:
    """Whether a directory holds copies of a run."""
    return path.is_dir() and bool(ReplicaDirectory(path).copies)


def create_replicas(
    prepared: PreparedStructure,
    settings: RunSettings,
    *,
    output: Path | None,
    name: str,
    say: Say,
    crystal_water_A: Float[np.ndarray, "waters 3"] | None = None,
) -> ReplicaDirectory:
    """Make the directories of a run in several copies, ready to be advanced; arguments and errors as of `start_run`."""
    directory = create_run_directory(output, name=name)
    try:
        write_start(prepared, settings, directory, crystal_water_A=crystal_water_A, say=say)
        here = settings.model_copy(update={"device": "cpu"})  # the GPUs may be where Slurm's jobs run
        check_and_describe(directory, here if _elsewhere(settings) else settings, say=say)
        files = [file for file in directory.path.iterdir() if file != directory.settings]
        for number in range(1, settings.replicas + 1):
            copy = RunDirectory(directory.path / f"replica-{number}")
            copy.path.mkdir()
            for file in files:
                shutil.copyfile(file, copy.path / file.name)
            write_copy_settings(settings, copy, number=number)
    except BaseException:
        shutil.rmtree(directory.path)  # made above, and nothing was computed that is worth keeping
        raise
    return ReplicaDirectory(directory.path)


def _elsewhere(settings: RunSettings) -> bool:
    return settings.cluster is not None and settings.cluster.kind == "slurm"


def write_copy_settings(settings: RunSettings, copy: RunDirectory, *, number: int) -> None:
    """The settings of a copy: those of a single run, with a seed of its own."""
    seed = copy_seed(settings.seed, number)
    single = settings.model_copy(update={"replicas": 1, "cluster": None, "seed": seed})
    write_settings(single, copy.settings, comment=f"copy {number} of {settings.replicas}; can be given to --config")


def copy_seed(seed: int, number: int) -> int:
    """Seed of a copy, the same whatever the number of copies."""
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1)[0] % 2**31)
