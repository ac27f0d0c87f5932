"""The file of conformations: made by `ai2bmd sample`, read by `ai2bmd label`; it grows molecule by molecule.

Every addition is made to a copy that then takes the file's place, so that a kill damages nothing. The settings that
decide the frames are an attribute, and only the same settings may add to a file.
"""

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ai2bmd.conformations.sources import Sampled
from ai2bmd.errors import InputError
from potentials.label_store import MOLECULE_FIELDS, Frame, Molecule

LAYOUT = "ai2bmd-conformations-1"


class ConformationFile:
    """A file that is opened, or made with the first addition."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Compare settings.

        Raises:
            InputError: the file is something else, or was made with other settings.
        """
        self.path, self._settings = path, json.dumps(settings, sort_keys=True)
        if path.exists():
            _check(path, settings)

    def finished(self) -> dict[str, dict[str, Any]]:
        """What is in the file already: records by name of what was added."""
        if not self.path.exists():
            return {}
        with _hdf5(self.path, "r") as file:
            return json.loads(file.attrs["finished"])

    def add(self, name: str, additions: Sequence[tuple[Molecule, Sequence[Frame]]], record: Mapping[str, Any]) -> None:
        """Add frames of some molecules and note `name` as finished, all or nothing.

        Raises:
            InputError: a group of the file holds another molecule under the same name.
        """
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.unlink(missing_ok=True)
        finished = self.finished() | {name: dict(record)}
        if self.path.exists():
            shutil.copyfile(self.path, temporary)
        with _hdf5(temporary, "a") as file:
            file.attrs.update(layout=LAYOUT, settings=self._settings, finished=json.dumps(finished))
            for molecule, frames in additions:
                if frames:
                    _append(file, molecule, frames)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, self.path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block no other process adds to the file.

        Raises:
            InputError: one is at work.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(self.path.name + ".lock")
        with lock.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"{self.path}: another ai2bmd sample is at work on it; wait for its end") from error
            try:
                yield
            finally:
                with suppress(FileNotFoundError):
                    lock.unlink()


def record_of(sampled: Sequence[Sampled], **more: str) -> dict[str, Any]:
    """What was made and rejected of some molecules, as the file keeps it."""
    made: Counter[str] = Counter()
    rejected: Counter[tuple[str, str]] = Counter()
    for one in sampled:
        made.update(one.made)
        rejected.update(one.rejected)
    return {
        "frames": sum(len(one.frames) for one in sampled),
        "made": dict(made),
        "rejected": [[source, reason, number] for (source, reason), number in rejected.items()],
    } | more


def _append(file: Any, molecule: Molecule, frames: Sequence[Frame]) -> None:
    if molecule.name in file:
        group = file[molecule.name]
        if not np.array_equal(group["atom_names"][()], molecule.atom_names):
            raise InputError(f"{molecule.name}: two molecules of this name differ in the order of their atoms")
    else:
        group = file.create_group(molecule.name)
        group.attrs["total_charge"] = molecule.total_charge
        for key in MOLECULE_FIELDS:
            group.create_dataset(key, data=getattr(molecule, key))
    _extend(group, "positions", np.stack([frame.positions for frame in frames]))
    _extend(group, "start", np.array([frame.start for frame in frames], np.int32))
    _extend(group, "temperature_K", np.array([frame.temperature_K for frame in frames], np.float32))
    _extend(group, "origin", np.array([frame.origin for frame in frames], object))


def _extend(group: Any, name: str, values: np.ndarray) -> None:
    if name not in group:
        text = values.dtype == object
        group.create_dataset(
            name,
            data=values,
            maxshape=(None, *values.shape[1:]),
            chunks=True,
            dtype=h5py.string_dtype() if text else None,
        )
        return
    data = group[name]
    data.resize(len(data) + len(values), axis=0)
    data[-len(values) :] = values


def _check(path: Path, settings: Mapping[str, Any]) -> None:
    try:
        with _hdf5(path, "r") as file:
            layout, found = file.attrs.get("layout"), json.loads(file.attrs.get("settings", "{}"))
    except OSError as error:
        raise InputError(f"{path} is damaged or no HDF5 file ({error}); give another -o") from error
    if layout != LAYOUT:
        raise InputError(f"{path} is no file of conformations ({LAYOUT}); give another -o")
    # as JSON has it
    wanted = json.loads(json.dumps(settings))
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise InputError(
                f"{path} was made with {name} {found.get(name)}, not {wanted.get(name)}; go on with the same settings, "
                "or give another -o"
            )


def _hdf5(path: Path, mode: str) -> Any:
    """An open h5py.File; its own types leave open whether an entry is a group or a dataset."""
    return h5py.File(path, mode)
