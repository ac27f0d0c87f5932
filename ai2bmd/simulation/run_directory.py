"""The directory of a run: what lies in it under which name, made new and never written over."""

import fcntl
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ai2bmd.errors import InputError

_LOCK_POLL_S = 0.2
_BROKEN_OFF = "holds no run yet, as a start that was broken off leaves it; remove the directory and start the run anew"


@dataclass(frozen=True)
class RunDirectory:
    """Paths of a run's files."""

    path: Path

    @property
    def prepared(self) -> Path:
        """The structure the run started from; prepared.json beside it says what preparation changed."""
        return self.path / "prepared.pdb"

    @property
    def system(self) -> Path:
        """Protein, water and ions as they were put into the box; absent without explicit water."""
        return self.path / "system.cif"

    @property
    def settings(self) -> Path:
        """All settings."""
        return self.path / "settings.yaml"

    @property
    def model_card(self) -> Path:
        """What the model is and how good; absent with coupling off."""
        return self.path / "model.json"

    @property
    def equilibration(self) -> Path:
        """Where equilibration stands, or has led."""
        return self.path / "equilibration"

    @property
    def equilibration_table(self) -> Path:
        """What was looked at while the system equilibrated."""
        return self.path / "equilibration.csv"

    @property
    def trajectory(self) -> Path:
        """H5MD."""
        return self.path / "trajectory.h5"

    @property
    def trajectory_alias(self) -> Path:
        """A link to the trajectory: MDAnalysis tells formats by the end of the name."""
        return self.path / "trajectory.h5md"

    @property
    def log(self) -> Path:
        """Energies and temperature, one row a frame."""
        return self.path / "log.csv"

    @property
    def checkpoint(self) -> Path:
        """Where to continue."""
        return self.path / "checkpoint"

    @property
    def sampling_table(self) -> Path:
        """Collective variables and what the method of enhanced sampling did, at each frame."""
        return self.path / "sampling.csv"

    @property
    def exchanges(self) -> Path:
        """Which replica had which temperature, and what was accepted, at each exchange."""
        return self.path / "exchanges.csv"

    def temperature_trajectory(self, index: int) -> Path:
        """Trajectory at a higher temperature of replica exchange; the lowest has the index 0 and `trajectory`."""
        return self.path / f"trajectory-temperature-{index}.h5"

    @property
    def free_energy_table(self) -> Path:
        """Free energy as the bias of metadynamics tells it."""
        return self.path / "free_energy.csv"

    @property
    def free_energy_plot(self) -> Path:
        """The same, drawn."""
        return self.path / "free_energy.png"

    def reference(self, number: int) -> Path:
        """Copy of the file that a variable, counted from 0, is compared with."""
        return self.path / f"reference-{number + 1}.pdb"

    @property
    def guard(self) -> Path:
        """The geometry at which the guard stopped the run last, or sent it back."""
        return self.path / "guard.pdb"

    @property
    def guard_events(self) -> Path:
        """A line for each time the guard stopped the run or sent it back."""
        return self.path / "guard.csv"

    @property
    def guard_frames(self) -> Path:
        """The protein at these events, before and after, as extended XYZ to be labelled."""
        return self.path / "guard.xyz"

    @property
    def lock(self) -> Path:
        """Empty; held by the process that continues the run."""
        return self.path / ".lock"

    @contextmanager
    def locked(self, *, wait_s: float = 0.0) -> Iterator[None]:
        """Keep other processes from continuing the same run meanwhile.

        The lock ends with the process that holds it, however that ends.

        Args:
            wait_s: how long to wait for another process; a file system over a network may take a while to notice that
                one is dead.

        Raises:
            InputError: another one is at it.
        """
        # a file, for NFS locks nothing that is not open for writing, and a directory cannot be
        descriptor, deadline = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644), time.monotonic() + wait_s
        try:
            while not _lock(descriptor):
                if time.monotonic() >= deadline:
                    raise InputError(f"{self.path} is in use by another ai2bmd process; wait for it to end")
                time.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check_new(path: Path) -> None:
    """Make sure that a run directory can be made.

    Raises:
        InputError: there is something of this name.
    """
    if _broken_off(path):
        raise InputError(f"{path} exists, and {_BROKEN_OFF}")
    if path.exists():
        raise InputError(
            f"{path} exists and runs never overwrite; choose another -o, or continue it with `ai2bmd resume {path}`"
        )


def _broken_off(path: Path) -> bool:
    """Whether a directory has no more than what a run writes before its settings."""
    begun = RunDirectory(path)
    first = {begun.lock.name, begun.prepared.name, begun.prepared.with_suffix(".json").name, begun.system.name}
    found = {file.name for file in path.iterdir()} if path.is_dir() else set()
    return bool(found) and found <= first


def create_run_directory(output: Path | None, *, name: str) -> RunDirectory:
    """Make a run directory: the one asked for, or the first free one of runs/NAME, runs/NAME-2, runs/NAME-3 ...

    Raises:
        InputError: the one asked for exists.
    """
    if output is not None:
        check_new(output)
        output.mkdir(parents=True)
        return RunDirectory(output)
    for number in itertools.count(1):
        path = Path("runs") / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
            return RunDirectory(path)
        except FileExistsError:
            continue
    raise AssertionError  # count never ends


def existing_run_directory(path: Path) -> RunDirectory:
    """The directory of a run that can be continued.

    Raises:
        InputError: it is not one.
    """
    directory = RunDirectory(path)
    if not path.is_dir():
        raise InputError(f"{path} is not a directory; give the run directory")
    needed = [directory.prepared, directory.settings]
    if directory.checkpoint.exists():  # else it did not get beyond equilibration
        needed.append(directory.trajectory)
    if _broken_off(path):
        raise InputError(f"{path} {_BROKEN_OFF}")
    for file in needed:
        if not file.is_file():
            raise InputError(f"{path} is not a run that can be resumed: {file.name} is missing; start it anew")
    return directory
