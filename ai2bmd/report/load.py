"""The files of a run directory, read and checked against each other: what every analysis starts from."""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float32, Float64, Int64
from openmm import app

from ai2bmd.errors import InputError
from ai2bmd.protein import protein_topology
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings
from ai2bmd.structure.changes import Change
from ai2bmd.structure.files import read_prepared
from ai2bmd.trajectory.layout import PROTEIN, dataset
from ai2bmd.trajectory.reader import Trajectory, read_trajectory
from ai2bmd.trajectory.recovery import check_complete
from fragmentation.topology import ProteinTopology

MAX_COORDINATES = 20_000_000
"""Of longer trajectories every second, third ... frame is read, so that the report needs about half a GB."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run as it lies on disk."""

    directory: RunDirectory
    settings: RunSettings
    topology: app.Topology
    changes: tuple[Change, ...]
    protein: ProteinTopology
    protein_atoms: Int64[np.ndarray, " protein_atoms"]
    """Atoms of the frames that are protein, in the order of `protein`."""
    trajectory: Trajectory
    stride: int
    """Every how manieth frame of the file `trajectory` has."""
    speed_ns_per_day: float | None
    """As the log noted it last; None without log."""
    card: dict[str, Any] | None
    """Of the model; None if the run has no copy of it."""

    @property
    def frames(self) -> int:
        """Number of frames read."""
        return len(self.trajectory.step)

    @property
    def time_ps(self) -> Float64[np.ndarray, " frames"]:
        """Of each frame."""
        return self.trajectory.time_ps

    @cached_property
    def positions_A(self) -> Float32[np.ndarray, "frames protein_atoms 3"]:
        """Of the protein's atoms."""
        return self.trajectory.positions_A[:, self.protein_atoms]

    @cached_property
    def residue_labels(self) -> tuple[str, ...]:
        """Such as A:GLY7; without the chain if there is only one."""
        protein = self.protein
        several = len(set(protein.chain_ids)) > 1
        columns = zip(protein.chain_ids, protein.residue_names, protein.residue_numbers, strict=True)
        return tuple(f"{chain}:" * several + f"{name}{number.strip()}" for chain, name, number in columns)


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
    stride = _stride(directory.trajectory)
    trajectory = read_trajectory(directory.trajectory, stride=stride)
    numbers = [atom.element.atomic_number for atom in prepared.topology.atoms()]
    if not np.array_equal(trajectory.atomic_numbers, numbers):
        raise InputError(
            f"{directory.trajectory} has {len(trajectory.atomic_numbers)} atoms that are not the {len(numbers)} of "
            f"{directory.prepared.name}; the files are of different runs"
        )
    if not np.isfinite(trajectory.positions_A).all():
        raise InputError(f"{directory.trajectory} has frames with undefined positions; the run broke")
    protein, indices = protein_topology(prepared.topology)
    return Run(
        directory=directory,
        settings=settings,
        topology=prepared.topology,
        changes=prepared.changes,
        protein=protein,
        protein_atoms=indices,
        trajectory=trajectory,
        stride=stride,
        speed_ns_per_day=_speed(directory.log),
        card=_card(directory.model_card),
    )


def _stride(path: Path) -> int:
    check_complete(path)
    with h5py.File(path, "r") as hdf5:
        frames = len(dataset(hdf5, PROTEIN.step))
        atoms = len(dataset(hdf5, PROTEIN.species))
    if frames == 0:
        raise InputError(f"{path} holds no frame yet; let the run go on with `ai2bmd resume {path.parent}`")
    return -(-3 * frames * atoms // MAX_COORDINATES)


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
