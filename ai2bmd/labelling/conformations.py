"""What is to be labelled: files of conformations (HDF5) or any structures that ASE reads, as molecules and frames."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import ase
import ase.io
import h5py
import numpy as np

from ai2bmd.errors import InputError
from potentials.label_store import FAILURES, MOLECULE_FIELDS, Frame, Molecule, frame_key, read_molecule

_REQUIRED = (*MOLECULE_FIELDS, "positions", "start")
_NUMBER_DIGITS = 7  # of sixteen values: fits into int32, and two trajectories hardly ever have the same


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A frame to be labelled."""

    molecule: Molecule
    frame: Frame
    key: str

    @property
    def cost(self) -> float:
        """In units of its own; density functionals with density fitting go about so for 20 to 100 atoms."""
        return len(self.molecule.atomic_numbers) ** 2.5


FramesOfAFile = Literal["trajectory", "independent"]
"""How structures belong together that do not say their trajectory."""


def read_tasks(
    paths: Sequence[Path], *, charge: int | None, frames_of_a_file: FramesOfAFile = "trajectory"
) -> list[Task]:
    """All frames of the files, in the order to label them in.

    One of each molecule in turn, and of a molecule one of each trajectory in turn, so that a campaign that is stopped
    anywhere is balanced. The same frame twice is one.

    Args:
        paths: HDF5 files of conformations, or what ASE reads.
        charge: total charge of ASE's structures that do not say theirs.
        frames_of_a_file: what they are to each other where they do not say it.

    Raises:
        InputError: a file cannot be read, or two molecules have the same name.
    """
    groups: dict[str, list[Task]] = {}
    for path in paths:
        tasks = _read_hdf5(path) if path.suffix in (".h5", ".hdf5") else _read_ase(path, charge, frames_of_a_file)
        for task in tasks:
            groups.setdefault(task.molecule.name, []).append(task)
    for name, tasks in groups.items():
        _check_same_molecule(name, tasks)
    ordered = [_by_trajectory(tasks) for tasks in groups.values()]
    turns = (task for turn in zip_longest(*ordered) for task in turn if task is not None)
    return list({task.key: task for task in turns}.values())


def _by_trajectory(tasks: Iterable[Task]) -> list[Task]:
    """The first frame of each trajectory, the second of each, and so on."""
    seen: dict[int, int] = {}
    places = []
    for task in tasks:
        start = task.frame.start
        seen[start] = seen.get(start, -1) + 1
        places.append((seen[start], start, task))
    return [task for *_, task in sorted(places, key=lambda place: place[:2])]


def _check_same_molecule(name: str, tasks: Sequence[Task]) -> None:
    first = tasks[0].molecule
    for other in {id(task.molecule): task.molecule for task in tasks}.values():
        same = first.total_charge == other.total_charge and all(
            np.array_equal(getattr(first, key), getattr(other, key)) for key in ("atomic_numbers", "atom_names")
        )
        if not same:
            raise InputError(f"{name}: two files have different molecules of this name; rename the group of one")


def _read_hdf5(path: Path) -> Iterator[Task]:
    try:
        file: Any = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path} cannot be read as HDF5: {error}") from error
    with file:
        for name in file:
            if name != FAILURES:
                yield from _read_group(path, name, file[name])


def _read_group(path: Path, name: str, group: Any) -> Iterator[Task]:
    missing = _missing(group)
    if missing or "total_charge" not in group.attrs:
        raise InputError(
            f"{path}: {name} lacks {', '.join(missing) or 'the attribute total_charge'}; expected one group for each "
            "molecule, as docs/labelling.md says"
        )
    molecule = read_molecule(name, group)
    positions = group["positions"][()].astype(np.float32)
    frames = len(positions)
    temperatures = group["temperature_K"][()] if "temperature_K" in group else np.zeros(frames)
    origins = group["origin"].asstr()[()] if "origin" in group else np.full(frames, path.name)
    for place, start, temperature, origin in zip(positions, group["start"][()], temperatures, origins, strict=True):
        yield _task(molecule, Frame(place, int(start), float(temperature), str(origin)))


def _missing(group: object) -> list[str]:
    return [key for key in _REQUIRED if not isinstance(group, h5py.Group) or key not in group]


def _read_ase(path: Path, charge: int | None, frames_of_a_file: FramesOfAFile) -> Iterator[Task]:
    try:
        structures = ase.io.read(path, index=":")
    except FileNotFoundError:
        raise
    except Exception as error:  # ASE's readers raise what they like
        raise InputError(f"{path} is read neither as HDF5 nor by ASE: {error}") from error
    known: dict[str, Molecule] = {}
    trajectory: int | None = None
    for number, atoms in enumerate(structures if isinstance(structures, list) else [structures]):
        molecule = _ase_molecule(path, number, atoms, charge)
        molecule = known.setdefault(molecule.name, molecule)
        positions = atoms.get_positions().astype(np.float32)
        if trajectory is None or frames_of_a_file == "independent":
            trajectory = _trajectory_number(molecule, positions)
        yield _task(molecule, Frame(positions, int(atoms.info.get("start", trajectory)), 0.0, path.name))


def _trajectory_number(molecule: Molecule, positions: np.ndarray) -> int:
    """Of a trajectory that begins with this frame: the same whatever follows, what else is labelled, and what the file
    is called."""
    return int(frame_key(molecule, positions)[:_NUMBER_DIGITS], 16)


def _ase_molecule(path: Path, number: int, atoms: ase.Atoms, charge: int | None) -> Molecule:
    total = atoms.info.get("charge", charge)
    if total is None:
        raise InputError(f"{path}: structure {number} does not say its charge; give it with --charge, such as 0")
    order = hashlib.sha256(np.append(atoms.numbers, int(total)).tobytes()).hexdigest()[:6]
    size = len(atoms)
    return Molecule(
        name=f"{atoms.get_chemical_formula()}-{order}",
        total_charge=int(total),
        atomic_numbers=atoms.numbers.astype(np.uint8),
        mm_charges=np.full(size, np.nan, np.float32),
        atom_names=np.full(size, b"", "S4"),
        residue_names=np.full(size, b"", "S4"),
        residue_index=np.zeros(size, np.uint8),
        bonds=np.zeros((0, 2), np.uint8),
    )


def _task(molecule: Molecule, frame: Frame) -> Task:
    return Task(molecule, frame, frame_key(molecule, frame.positions))
