"""The store of labels: an HDF5 file that grows, that several processes write to, and that no kill can damage.

A finished label first becomes a small file in the folder STORE.h5.spool. Whoever holds the claim `merge` there adds
those files to a copy of the store and puts the copy in the store's place in one step; only then are they removed.
The groups are those that `potentials.training.dataset.load_units` reads, one for each molecule. Angstrom, eV,
eV/Angstrom, e.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float32

from potentials.errors import PotentialError
from potentials.label_locks import Claims, holds
from potentials.label_owners import remove_leftovers, temporary_path
from potentials.quantum_chemistry.label import Label

FAILURES = "failures"
LAYOUT = "ai2bmd-labels-1"
MOLECULE_FIELDS = ("atomic_numbers", "mm_charges", "atom_names", "residue_names", "residue_index", "bonds")
_CHUNK_FRAMES = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Molecule:
    """What all frames of a group have in common; names are those of Amber, empty where there are none."""

    name: str
    total_charge: int
    atomic_numbers: np.ndarray
    mm_charges: np.ndarray
    atom_names: np.ndarray
    residue_names: np.ndarray
    residue_index: np.ndarray
    bonds: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """One conformation: positions, number of the trajectory, temperature (0: not from dynamics), how it was made."""

    positions: Float32[np.ndarray, "atoms 3"]
    start: int
    temperature_K: float = 0.0
    origin: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class ForceFieldLabel:
    """What the force field says of a frame; not a number where it has no template."""

    energy_eV: float
    forces_eV_A: np.ndarray


def read_molecule(name: str, group: Any) -> Molecule:
    """What a group of a store, or of conformations, says of its molecule; the group has all of `MOLECULE_FIELDS`."""
    # without what HDF5 notes in the type of short strings
    fields = {key: group[key][()].astype(group[key].dtype.str) for key in MOLECULE_FIELDS}
    return Molecule(name, int(group.attrs["total_charge"]), **fields)


def is_test(start: int) -> bool:
    """Whether frames of this trajectory are never trained on."""
    return start % 5 == 4


def frame_key(molecule: Molecule, positions: Float32[np.ndarray, "atoms 3"]) -> str:
    """Hash of atomic numbers, positions as they are stored, and charge: the same frame is labelled once."""
    parts = (molecule.atomic_numbers.astype("<u1"), positions.astype("<f4"), np.array(molecule.total_charge, "<i8"))
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:32]


class LabelStore:
    """A store, opened or made anew.

    Raises:
        PotentialError: the file is no store, is damaged, or is of another level of theory or force field.
    """

    def __init__(self, path: Path, *, level_of_theory: str, force_field: str) -> None:
        """Open it; labels that a killed process left in the spool count as well."""
        self.path, self.spool = path, path.with_name(path.name + ".spool")
        self._attributes = {"layout": LAYOUT, "level_of_theory": level_of_theory, "force_field": force_field}
        if path.exists():
            self._check()
        self.spool.mkdir(parents=True, exist_ok=True)
        self._claims, self._merge_lock = Claims(), self.spool / "merge.lock"
        while not path.exists():
            with self._claims.waited_for(self._merge_lock):
                if not path.exists():
                    self._replace(None, [])
        self._read_at: tuple[int, int] = (0, 0)
        self._known: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    def keys(self) -> frozenset[str]:
        """Of the frames that have a label, merged or not."""
        # first the spool: what leaves it is in the file by then
        waiting = self._waiting(".npz")
        return self._read()[0] | waiting

    def failed_keys(self) -> frozenset[str]:
        """Of the frames that failed and have no label since."""
        waiting = self._waiting(".failed")
        return (self._read()[1] | waiting) - self.keys()

    def claim(self, key: str) -> bool:
        """Reserve a frame for this process; False where another is at work on it, or it is done."""
        lock = self.spool / f"{key}.lock"
        if not self._claims.take(lock):
            return False
        if key in self.keys():
            self._claims.give_back(lock)
            return False
        return True

    def release(self, key: str) -> None:
        """Give back what `claim` took."""
        self._claims.give_back(self.spool / f"{key}.lock")

    def add(self, molecule: Molecule, frame: Frame, label: Label, force_field: ForceFieldLabel) -> None:
        """Keep a label; once this returns no kill loses it."""
        self._write_spool(
            frame_key(molecule, frame.positions) + ".npz",
            molecule,
            frame,
            energy=np.float64(label.energy_eV),
            forces=label.forces_eV_A.astype(np.float32),
            dipole=label.dipole_eA.astype(np.float64),
            mm_energy=np.float64(force_field.energy_eV),
            mm_forces=force_field.forces_eV_A.astype(np.float32),
            record=np.array(json.dumps(label.record)),
        )

    def add_failure(self, molecule: Molecule, frame: Frame, reason: str) -> None:
        """Keep a frame that could not be labelled, and why."""
        self._write_spool(frame_key(molecule, frame.positions) + ".failed", molecule, frame, reason=np.array(reason))

    def check_molecule(self, molecule: Molecule) -> None:
        """Make sure that frames of `molecule` can go into the group of its name.

        Raises:
            PotentialError: the group holds another molecule.
        """
        with _hdf5(self.path, "r") as file:
            if molecule.name in file:
                _check_same(self.path, file[molecule.name], molecule)

    def merge(self) -> int:
        """Bring what waits in the spool into the file; returns how many labels and failures came."""
        with self._claims.waited_for(self._merge_lock):
            remove_leftovers(self.spool)
            # failures last, so that a label of the same frame is seen
            waiting = [*sorted(self.spool.glob("*.npz")), *sorted(self.spool.glob("*.failed"))]
            if not waiting or not self._replace(self.path, waiting):
                return 0
            for path in waiting:
                path.unlink(missing_ok=True)
        return len(waiting)

    def _waiting(self, ending: str) -> frozenset[str]:
        return frozenset(path.stem for path in self.spool.glob(f"*{ending}"))

    def _read(self) -> tuple[frozenset[str], frozenset[str]]:
        """Keys of labels and of failures in the file, read again when it was replaced."""
        status = self.path.stat()
        if (status.st_ino, status.st_mtime_ns) != self._read_at:
            with _hdf5(self.path, "r") as file:
                groups = [file[name] for name in file if name != FAILURES]
                labels = frozenset(key.decode() for group in groups for key in group["key"][:])
                self._known = labels, frozenset(file[FAILURES])
            self._read_at = status.st_ino, status.st_mtime_ns
        return self._known

    def _write_spool(self, name: str, molecule: Molecule, frame: Frame, **values: np.ndarray | np.generic) -> None:
        everything: dict[str, Any] = {key: getattr(molecule, key) for key in MOLECULE_FIELDS} | values
        temporary = temporary_path(self.spool)
        with temporary.open("wb") as stream:
            np.savez(
                stream,
                name=np.array(molecule.name),
                total_charge=np.array(molecule.total_charge),
                positions=frame.positions,
                start=np.int32(frame.start),
                temperature_K=np.float32(frame.temperature_K),
                origin=np.array(frame.origin),
                level_of_theory=np.array(self._attributes["level_of_theory"]),
                **everything,
            )
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, self.spool / name)

    def _replace(self, old: Path | None, additions: list[Path]) -> bool:
        """False, and nothing is done, where this process was halted so long that another one merges."""
        temporary = temporary_path(self.spool)
        try:
            if old is not None:
                shutil.copyfile(old, temporary)
            with _hdf5(temporary, "a") as file:
                file.attrs.update(self._attributes)
                file.require_group(FAILURES)
                for path in additions:
                    self._append(file, path)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            if not holds(self._merge_lock):
                return False
            os.replace(temporary, self.path)
            return True
        except FileNotFoundError:  # of an addition that the other one has done with
            if holds(self._merge_lock):
                raise
            return False
        finally:
            temporary.unlink(missing_ok=True)

    def _append(self, file: Any, path: Path) -> None:
        with np.load(path, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files}
        if str(values.pop("level_of_theory")) != self._attributes["level_of_theory"]:
            raise PotentialError(
                f"{path} is a label of another level of theory than {self.path}; move {self.spool} elsewhere"
            )
        molecule = Molecule(str(values.pop("name")), int(values.pop("total_charge")), *map(values.pop, MOLECULE_FIELDS))
        key, failures = path.stem, file[FAILURES]
        group = file.get(molecule.name)
        labelled = group is not None and key.encode() in group["key"][:]
        if "reason" in values:
            if not labelled:
                _append_failure(failures, key, molecule, values)
            return
        if key in failures:
            del failures[key]
        if labelled:
            return
        group = _new_group(file, molecule) if group is None else group
        _check_same(self.path, group, molecule)
        values |= {"key": np.array(key.encode()), "test": np.uint8(is_test(int(values["start"])))}
        for name, value in values.items():
            _append_value(group, name, value)

    def _check(self) -> None:
        try:
            with _hdf5(self.path, "r") as file:
                found = {name: str(file.attrs.get(name)) for name in self._attributes}
                complete = FAILURES in file
        except OSError as error:
            raise PotentialError(f"{self.path} is damaged or no HDF5 file ({error}); give another -o") from error
        if found["layout"] != LAYOUT or not complete:
            raise PotentialError(f"{self.path} is no store of labels ({LAYOUT}); give another -o")
        for name in ("level_of_theory", "force_field"):
            if found[name] != self._attributes[name]:
                raise PotentialError(
                    f"{self.path} holds labels with {name.replace('_', ' ')} {found[name]}, not "
                    f"{self._attributes[name]}; they cannot be mixed: give another -o"
                )


def _hdf5(path: Path, mode: str) -> Any:
    """An open h5py.File; its own types leave open whether an entry is a group or a dataset."""
    return h5py.File(path, mode)


def _new_group(file: Any, molecule: Molecule) -> Any:
    group = file.create_group(molecule.name)
    group.attrs["total_charge"] = molecule.total_charge
    for name in MOLECULE_FIELDS:
        group.create_dataset(name, data=getattr(molecule, name))
    return group


def _append_value(group: Any, name: str, value: np.ndarray | np.generic) -> None:
    text = value.dtype.kind == "U"
    if name not in group:
        group.create_dataset(
            name,
            shape=(0, *value.shape),
            maxshape=(None, *value.shape),
            chunks=(_CHUNK_FRAMES, *value.shape),
            dtype=h5py.string_dtype() if text else value.dtype,
            compression=None if text else "gzip",
            shuffle=not text,
        )
    data = group[name]
    data.resize(len(data) + 1, axis=0)
    data[-1] = str(value) if text else value


def _append_failure(failures: Any, key: str, molecule: Molecule, values: dict[str, np.ndarray]) -> None:
    if key in failures:
        del failures[key]
    failure = failures.create_group(key)
    failure.attrs.update(
        name=molecule.name,
        total_charge=molecule.total_charge,
        reason=str(values["reason"]),
        start=int(values["start"]),
        origin=str(values["origin"]),
    )
    failure.create_dataset("atomic_numbers", data=molecule.atomic_numbers)
    failure.create_dataset("positions", data=values["positions"])


def _check_same(path: Path, group: Any, molecule: Molecule) -> None:
    same = (
        group.attrs["total_charge"] == molecule.total_charge
        and all(np.array_equal(group[name][()], getattr(molecule, name)) for name in ("atomic_numbers", "atom_names"))
        and _bonded_pairs(group["bonds"][()]) == _bonded_pairs(molecule.bonds)
    )
    if not same:
        raise PotentialError(
            f"{path}: group {molecule.name} holds another molecule (atoms, their order, bonds or charge differ); "
            "rename the group of the structures"
        )


def _bonded_pairs(bonds: np.ndarray) -> frozenset[tuple[int, ...]]:
    """Whatever order they are listed in."""
    return frozenset(tuple(sorted(pair)) for pair in bonds.tolist())
