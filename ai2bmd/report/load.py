"""The files of a run directory but its frames, read and checked against each other."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from openmm import app

from ai2bmd.errors import InputError
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings
from ai2bmd.structure.changes import Change
from ai2bmd.structure.files import read_prepared
from ai2bmd.trajectory.reader import Course, read_course


@dataclass(frozen=True, eq=False)
class Run:
    """A run as it lies on disk; its frames stay there."""

    directory: RunDirectory
    settings: RunSettings
    topology: app.Topology
    changes: tuple[Change, ...]
    course: Course
    speed_ns_per_day: float | None
    """As the log noted it last; None without log."""
    card: dict[str, Any] | None
    """Of the model; None if the run has no copy of it."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.course.step)

    @property
    def time_ps(self) -> Float64[np.ndarray, " frames"]:
        """Of each frame."""
        return self.course.time_ps


def load_run(path: Path) -> Run:
    """Read a run directory.

    Raises:
        InputError: it or one of its files is missing, damaged, without a frame, or of another protein.
    """
    directory = RunDirectory(path)
    if not path.is_dir():
        raise InputError(f"{path} is not a directory; give the run directory that `ai2bmd run` made")
    for file in (directory.prepared, directory.settings, directory.trajectory):
        if not file.is_file():
            raise InputError(f"{path} is not a run directory: {file.name} is missing")
    settings = make_settings(read_settings(directory.settings), where=str(directory.settings))
    prepared = read_prepared(directory.prepared)
    course = read_course(directory.trajectory)
    if not len(course.step):
        raise InputError(f"{directory.trajectory} holds no frame yet; let the run go on with `ai2bmd resume {path}`")
    numbers = [atom.element.atomic_number for atom in prepared.topology.atoms()]
    if not np.array_equal(course.atomic_numbers, numbers):
        raise InputError(
            f"{directory.trajectory} has {len(course.atomic_numbers)} atoms that are not the {len(numbers)} of "
            f"{directory.prepared.name}; the files are of different runs"
        )
    return Run(
        directory=directory,
        settings=settings,
        topology=prepared.topology,
        changes=prepared.changes,
        course=course,
        speed_ns_per_day=_speed(directory.log),
        card=_card(directory.model_card),
    )


def _speed(path: Path) -> float | None:
    """The last speed in the log; a log that is missing or cut off costs no more than this."""
    if not path.is_file():
        return None
    speed = None
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            try:
                value = float(row["ns_per_day"])
            except (KeyError, TypeError, ValueError):
                continue
            speed = value if value > 0 else speed
    return speed


def _card(path: Path) -> dict[str, Any] | None:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); remove it, or copy the card of the model there") from error
    if not isinstance(card, dict):
        raise InputError(f"{path} is not a model card; remove it, or copy the card of the model there")
    return card
