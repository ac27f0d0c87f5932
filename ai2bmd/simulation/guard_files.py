"""What the guard leaves behind: the geometry to look at, frames to label, a line for each event."""

import csv
from dataclasses import dataclass
from pathlib import Path

import ase
import numpy as np
from ase.io import extxyz
from jaxtyping import Float, Int64
from openmm import app, unit

from ai2bmd.protein import atomic_numbers

_PDB_LIMIT_A = 999.0


def write_offending(
    path: Path,
    topology: app.Topology,
    *,
    before_A: Float[np.ndarray, "atoms 3"],
    offending_A: Float[np.ndarray, "atoms 3"],
) -> None:
    """Write the last good geometry as model 1 and the offending one as model 2.

    Coordinates that a PDB file cannot hold are cut to what it can; those that are not finite stay where they were.
    """
    last = np.where(np.isfinite(offending_A), np.clip(offending_A, -_PDB_LIMIT_A, _PDB_LIMIT_A), before_A)
    with path.open("w", encoding="utf-8") as file:
        app.PDBFile.writeHeader(topology, file)
        for number, positions in enumerate((before_A, last), start=1):
            app.PDBFile.writeModel(topology, positions * unit.angstrom, file, modelIndex=number, keepIds=True)
        app.PDBFile.writeFooter(topology, file)


def append_for_labelling(
    path: Path,
    topology: app.Topology,
    protein: Int64[np.ndarray, " protein_atoms"],
    frames_A: dict[str, Float[np.ndarray, "atoms 3"]],
    *,
    step: int,
) -> None:
    """Add the protein of each named frame to an extended XYZ file; frames that are not finite are left out."""
    numbers = atomic_numbers(topology)[protein]
    with path.open("a", encoding="utf-8") as file:
        for name, positions_A in frames_A.items():
            if np.isfinite(positions_A[protein]).all():
                atoms = ase.Atoms(numbers, positions_A[protein], info={"step": step, "frame": name})
                extxyz.write_extxyz(file, [atoms])


@dataclass(frozen=True)
class GuardEvents:
    """How often the guard sent a run back, and whether it ended it."""

    rollbacks: int
    stopped: bool


def read_events(path: Path) -> GuardEvents:
    """The events of a run; a run without the file had none."""
    if not path.is_file():
        return GuardEvents(0, stopped=False)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return GuardEvents(sum(bool(row["back_to_step"]) for row in rows), bool(rows) and not rows[-1]["back_to_step"])


def append_event(path: Path, *, step: int, back_to: int | None, problem: str) -> None:
    """Add a line to the list of events; `back_to` is None where the run ended."""
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(("step", "back_to_step", "problem"))
        writer.writerow((step, "" if back_to is None else back_to, problem))
