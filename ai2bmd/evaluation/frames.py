"""Labelled frames to compare with: what is chosen from stores of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from ai2bmd.errors import InputError
from potentials.errors import PotentialError
from potentials.label_store import FAILURES, MOLECULE_FIELDS, Molecule, read_molecule
from potentials.training.split import last_starts

Choice = Literal["test", "train", "all"]
_LABELS = ("positions", "energy", "forces", "mm_energy", "mm_forces")


@dataclass(frozen=True, eq=False)
class LabelledMolecule:
    """Frames of one molecule with their labels; A, eV, eV/A. `mm_*` is not a number without templates."""

    molecule: Molecule
    positions: Float[np.ndarray, "frames atoms 3"]
    energies: Float64[np.ndarray, " frames"]
    forces: Float[np.ndarray, "frames atoms 3"]
    mm_energies: Float64[np.ndarray, " frames"]
    mm_forces: Float[np.ndarray, "frames atoms 3"]
    start: Int64[np.ndarray, " frames"]
    """Number of the trajectory."""
    temperature_K: Float64[np.ndarray, " frames"]
    """0 for frames that are not from dynamics; not a number where it is unknown."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.energies)


def read_labelled(paths: Sequence[Path], choice: Choice) -> list[LabelledMolecule]:
    """The chosen frames of stores that `ai2bmd label` wrote, or of files in their layout.

    Args:
        paths: HDF5 files; molecules of the same name in two of them stay apart.
        choice: `test` for what no model of this project is trained on (where a file does not mark its frames: the last
            15 % of the trajectories of each molecule), `train` for the others, `all` for both.

    Raises:
        InputError: a file has another layout, or nothing in it is chosen.
    """
    if choice not in get_args(Choice):
        raise InputError(f"frames: expected {', '.join(get_args(Choice))}, got {choice!r}")
    found = [molecule for path in paths for molecule in _read(path, choice)]
    if not found:
        raise InputError(
            f"{', '.join(map(str, paths))}: no frames to {choice if choice != 'all' else 'evaluate'}; `--frames all` "
            "takes every frame of a file, which tells something only of models that were not trained on it"
        )
    return found


def level_of_theory(paths: Sequence[Path]) -> str:
    """Of the labels of all files.

    Raises:
        InputError: they differ.
    """
    levels = {}
    for path in paths:
        with _open(path) as file:
            levels[path] = str(file.attrs.get("level_of_theory", "unknown"))
    if len(set(levels.values())) > 1:
        each = ", ".join(f"{path} {level}" for path, level in levels.items())
        raise InputError(f"--data: files of different levels of theory cannot be compared with together: {each}")
    return next(iter(levels.values()))


def _read(path: Path, choice: Choice) -> list[LabelledMolecule]:
    with _open(path) as file:
        names = [name for name in file if name != FAILURES]
        found = [_read_group(path, name, file[name], choice) for name in names]
    return [molecule for molecule in found if molecule.frames]


def _read_group(path: Path, name: str, group: Any, choice: Choice) -> LabelledMolecule:
    missing = _missing(group)
    if missing or "total_charge" not in group.attrs:
        raise InputError(
            f"{path}: {name} lacks {', '.join(missing) or 'the attribute total_charge'}; expected a store of labels as "
            "`ai2bmd label` writes it, docs/labelling.md"
        )
    start = group["start"][()].astype(np.int64)
    chosen = _chosen(start, group["test"][()] if "test" in group else None, choice)
    temperature = group["temperature_K"][()] if "temperature_K" in group else np.full(len(start), np.nan)
    positions, energies, forces, mm_energies, mm_forces = (group[key][()][chosen] for key in _LABELS)
    return LabelledMolecule(
        read_molecule(name, group),
        positions,
        energies,
        forces,
        mm_energies,
        mm_forces,
        start[chosen],
        temperature[chosen].astype(np.float64),
    )


def _missing(group: object) -> list[str]:
    needed = (*MOLECULE_FIELDS, *_LABELS, "start")
    return [key for key in needed if not isinstance(group, h5py.Group) or key not in group]


def _chosen(start: np.ndarray, marks: np.ndarray | None, choice: Choice) -> Bool[np.ndarray, " frames"]:
    everything = np.ones(len(start), bool)
    if choice == "all":
        return everything
    test = last_starts(start, everything) if marks is None else marks == 1
    return test if choice == "test" else ~test


def _open(path: Path) -> Any:
    """An open h5py.File; its own types leave open whether an entry is a group or a dataset."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise PotentialError(f"{path} cannot be read as HDF5: {error}; give a store of labels with --data") from error
