"""Labelled molecules in memory: units (one array per chemically different unit) and ragged clusters.

In come the HDF5 files described beside the data; out comes one `Molecules`, in which molecule i is atoms
`offsets[i]:offsets[i + 1]` of flat arrays. Angstrom, eV, eV/Angstrom, e.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from jaxtyping import Float32, Float64, Int64

from potentials.errors import PotentialError
from potentials.label_store import FAILURES

Target = Literal["correction", "full"]
UNIT = "unit"
UNMARKED = -1


@dataclasses.dataclass(frozen=True)
class Molecules:
    """Labelled molecules of any size, flat over atoms.

    `label` indexes `label_names`: the unit's name, or the cluster's residues. `origin` indexes `origin_names`: "unit",
    or the protein the cluster was cut from ("pair" for two free residues). `energies`, `forces` are the reference,
    `mm_*` the force field's. `test` is what the file itself says: 1 never to be trained on, 0 to be trained on, -1 the
    file does not say.
    """

    atomic_numbers: Int64[np.ndarray, " atoms"]
    charges: Float32[np.ndarray, " atoms"]
    positions: Float32[np.ndarray, "atoms 3"]
    forces: Float32[np.ndarray, "atoms 3"]
    mm_forces: Float32[np.ndarray, "atoms 3"]
    energies: Float64[np.ndarray, " molecules"]
    mm_energies: Float64[np.ndarray, " molecules"]
    total_charge: Int64[np.ndarray, " molecules"]
    offsets: Int64[np.ndarray, " molecules_plus_1"]
    start: Int64[np.ndarray, " molecules"]
    test: Int64[np.ndarray, " molecules"]
    label: Int64[np.ndarray, " molecules"]
    label_names: tuple[str, ...]
    origin: Int64[np.ndarray, " molecules"]
    origin_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.energies)

    @property
    def sizes(self) -> Int64[np.ndarray, " molecules"]:
        """Atoms of each molecule."""
        return np.diff(self.offsets)

    def is_unit(self) -> np.ndarray:
        """(molecules,) bool: a unit, not a cluster."""
        return np.array([name == UNIT for name in self.origin_names])[self.origin]

    def target_energies(self, target: Target) -> Float64[np.ndarray, " molecules"]:
        """What a correction or a full model is to predict."""
        return self.energies - self.mm_energies if target == "correction" else self.energies

    def target_forces(self, target: Target) -> Float32[np.ndarray, "atoms 3"]:
        """What the negative gradient of a correction or a full model is to be."""
        return self.forces - self.mm_forces if target == "correction" else self.forces


def atoms_of(
    offsets: Int64[np.ndarray, " molecules_plus_1"], chosen: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " atoms"]:
    """Indices of all atoms of the chosen molecules, molecule after molecule."""
    sizes = offsets[chosen + 1] - offsets[chosen]
    first = np.cumsum(sizes) - sizes
    return np.arange(sizes.sum()) + np.repeat(offsets[chosen] - first, sizes)


def select(molecules: Molecules, chosen: Int64[np.ndarray, " n"]) -> Molecules:
    """Only the chosen molecules, in that order."""
    atoms = atoms_of(molecules.offsets, chosen)
    per_atom = ("atomic_numbers", "charges", "positions", "forces", "mm_forces")
    per_molecule = ("energies", "mm_energies", "total_charge", "start", "test", "label", "origin")
    return dataclasses.replace(
        molecules,
        offsets=np.concatenate(([0], np.cumsum(molecules.sizes[chosen]))),
        **{name: getattr(molecules, name)[atoms] for name in per_atom},
        **{name: getattr(molecules, name)[chosen] for name in per_molecule},
    )


def concatenate(parts: Sequence[Molecules]) -> Molecules:
    """All molecules of the parts; names of labels and origins are merged."""
    fields: dict[str, Any] = {}
    for name in ("label", "origin"):
        names = tuple(dict.fromkeys(word for part in parts for word in getattr(part, f"{name}_names")))
        place = {word: index for index, word in enumerate(names)}
        fields[f"{name}_names"] = names
        fields[name] = np.concatenate(
            [np.array([place[w] for w in getattr(p, f"{name}_names")], np.int64)[getattr(p, name)] for p in parts]
        )
    fields["offsets"] = np.concatenate(([0], np.cumsum(np.concatenate([part.sizes for part in parts]))))
    for field in dataclasses.fields(Molecules):
        if field.name not in fields:
            fields[field.name] = np.concatenate([getattr(part, field.name) for part in parts])
    return Molecules(**fields)


def load_units(path: Path | str) -> Molecules:
    """Read the units file, or a store of labels: one group per unit, its frames in one array.

    Raises:
        PotentialError: the file is missing or not of this layout.
    """
    with _open(path) as file:
        return concatenate([_unit(name, _group(file, name)) for name in file if name != FAILURES])


def load_clusters(path: Path | str) -> Molecules:
    """Read the ragged clusters file.

    Raises:
        PotentialError: the file is missing or not of this layout.
    """
    with _open(path) as file:
        data = {name: file[name][:] for name in file}
    label_names, label = np.unique(data["residues"].astype(str), return_inverse=True)
    origin_names, origin = np.unique(data["protein"].astype(str), return_inverse=True)
    return Molecules(
        atomic_numbers=data["atomic_numbers"].astype(np.int64),
        charges=data["mm_charges"],
        positions=data["positions"],
        forces=data["forces"],
        mm_forces=data["mm_forces"],
        energies=data["energy"],
        mm_energies=data["mm_energy"],
        total_charge=data["total_charge"].astype(np.int64),
        offsets=data["offsets"],
        start=data["start"].astype(np.int64),
        test=np.full(len(data["energy"]), UNMARKED, np.int64),
        label=label.astype(np.int64),
        label_names=tuple(map(str, label_names)),
        origin=origin.astype(np.int64),
        origin_names=tuple(map(str, origin_names)),
    )


def load_proteins(path: Path | str) -> Molecules:
    """Read whole-protein frames: one group per protein, for testing only."""
    with _open(path) as file:
        return concatenate([_unit(name, _group(file, name), origin=name) for name in file])


def _unit(name: str, data: dict[str, Any], origin: str = UNIT) -> Molecules:
    frames, atoms = data["positions"].shape[:2]
    return Molecules(
        atomic_numbers=np.tile(data["atomic_numbers"].astype(np.int64), frames),
        charges=np.tile(data["mm_charges"], frames),
        positions=data["positions"].reshape(-1, 3),
        forces=data["forces"].reshape(-1, 3),
        mm_forces=data["mm_forces"].reshape(-1, 3),
        energies=data["energy"],
        mm_energies=data["mm_energy"],
        total_charge=np.full(frames, data["total_charge"], np.int64),
        offsets=np.arange(frames + 1) * atoms,
        start=np.asarray(data.get("start", np.arange(frames)), np.int64),
        test=np.asarray(data.get("test", np.full(frames, UNMARKED)), np.int64),
        label=np.zeros(frames, np.int64),
        label_names=(name,),
        origin=np.zeros(frames, np.int64),
        origin_names=(origin,),
    )


def _group(file: Any, name: str) -> dict[str, Any]:
    group = file[name]
    return {"total_charge": group.attrs["total_charge"]} | {key: group[key][()] for key in group}


def _open(path: Path | str) -> Any:
    """An open h5py.File; its own types leave open whether an entry is a group or a dataset."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise PotentialError(f"training data {path} cannot be read: {error}; give its folder with --data") from error
