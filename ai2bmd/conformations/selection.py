"""Which frames of a pool are worth a label: those least like what is known, above all where the model is unsure.

Sources and temperatures keep their shares of the pool, for the least known frames are the most distorted, and a model
needs the ordinary ones as well. Test frames (`start % 5 == 4`) are drawn at random, as many as their share of the pool:
were they chosen for being odd, errors on them would be those of odd frames.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np

from ai2bmd.conformations.farthest_points import Environments, choose_farthest
from ai2bmd.conformations.model_view import ModelView
from ai2bmd.conformations.sources import Sampled, generator_of
from ai2bmd.errors import InputError
from potentials.label_store import FAILURES, Frame, Molecule, is_test

By = Literal["distance", "both"]
CLUSTER = "cluster-"
_MOLECULE = ("atomic_numbers", "mm_charges", "atom_names", "residue_names", "residue_index", "bonds")
MoleculeFrames = tuple[Molecule, Sequence[Frame]]
_Choice = tuple[int, Frame]


class Selector:
    """Chooses `count` frames of each unit, and of all clusters that come together."""

    def __init__(self, view: ModelView, *, count: int, by: By, known: Sequence[Path], seed: int) -> None:
        """Look at what is known.

        Raises:
            InputError: `by` is unknown or needs a committee, or a file of known frames cannot be read.
        """
        if by not in get_args(By):
            raise InputError(f"--by: expected {' or '.join(get_args(By))}, got {by!r}")
        if by == "both" and not view.has_members:
            raise InputError("--by both: the model has no members that could disagree; take --by distance")
        self._view, self._by, self._seed, self.count = view, by, seed, count
        self._paths = known
        self._known: dict[str, list[tuple[Molecule, np.ndarray]]] = {}
        for path in known:
            for molecule, positions in _training_frames(path):
                self._known.setdefault(_kind(molecule.name), []).append((molecule, positions))

    def as_record(self) -> dict[str, Any]:
        """What decides the choice, as the file of conformations keeps it."""
        known = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self._paths]
        return {"select": self.count, "by": self._by, "model": self._view.sha256, "known": known}

    def choose(self, sampled: Sequence[Sampled]) -> list[Sampled]:
        """The same molecules with the chosen frames alone; clusters are chosen from together."""
        kept = self.choose_frames([(one.molecule.constants, one.frames) for one in sampled])
        return [replace(one, frames=frames) for one, frames in zip(sampled, kept, strict=True)]

    def choose_frames(self, pool: Sequence[MoleculeFrames]) -> list[list[Frame]]:
        """Of each molecule the chosen frames; clusters are chosen from together."""
        kinds: dict[str, list[int]] = {}
        for number, (molecule, _) in enumerate(pool):
            kinds.setdefault(_kind(molecule.name), []).append(number)
        result: list[list[Frame]] = [[] for _ in pool]
        for kind, numbers in kinds.items():
            chosen = self._chosen(kind, [pool[number] for number in numbers])
            for place, number in enumerate(numbers):
                result[number] = [frame for of, frame in chosen if of == place]
        return result

    def _chosen(self, kind: str, molecules: Sequence[MoleculeFrames]) -> list[_Choice]:
        pool = [(number, frame) for number, (_, frames) in enumerate(molecules) for frame in frames]
        test = [choice for choice in pool if is_test(choice[1].start)]
        training = [choice for choice in pool if not is_test(choice[1].start)]
        share = round(self.count * len(test) / max(1, len(pool)))
        order = generator_of(self._seed, f"test frames of {kind}", 0).permutation(len(test))[:share]
        return [test[number] for number in sorted(order)] + self._farthest(
            kind, molecules, training, self.count - len(order)
        )

    def _farthest(
        self, kind: str, molecules: Sequence[MoleculeFrames], pool: list[_Choice], count: int
    ) -> list[_Choice]:
        if not pool or count == 0:
            return []
        pool = sorted(pool, key=lambda choice: choice[0])  # frames of a molecule together
        environments: list[Environments] = []
        weights: list[np.ndarray] = []
        for number, (molecule, _) in enumerate(molecules):
            frames = [frame.positions for of, frame in pool if of == number]
            if frames:
                positions = np.stack(frames)
                environments += _per_frame(molecule, self._view.features(molecule, positions))
                if self._by == "both":
                    weights.append(self._view.expected_errors(molecule, positions))
        factors = np.concatenate(weights) if weights else None
        chosen = choose_farthest(
            environments,
            self._known_environments(kind),
            count=count,
            weights=factors,
            kinds=[(frame.origin.split(":")[0], frame.temperature_K) for _, frame in pool],
        )
        return [pool[number] for number in chosen]

    def _known_environments(self, kind: str) -> Environments | None:
        frames = [
            frame
            for molecule, positions in self._known.get(kind, ())
            for frame in _per_frame(molecule, self._view.features(molecule, positions))
        ]
        if not frames:
            return None
        return Environments(
            np.concatenate([frame.elements for frame in frames]), np.concatenate([frame.features for frame in frames])
        )


def _kind(name: str) -> str:
    """Clusters are compared with all clusters, units with the same unit."""
    return CLUSTER if name.startswith(CLUSTER) else name


def _per_frame(molecule: Molecule, features: np.ndarray) -> list[Environments]:
    elements = molecule.atomic_numbers.astype(np.int64)
    return [Environments(elements, frame) for frame in features]


def _training_frames(path: Path) -> list[tuple[Molecule, np.ndarray]]:
    """Molecules of a store of labels or a file of conformations, and their frames that are not for testing."""
    file: Any
    try:
        with h5py.File(path) as file:
            return [_molecule_and_frames(name, file[name]) for name in file if name != FAILURES]
    except FileNotFoundError:
        raise
    except (OSError, KeyError) as error:
        raise InputError(
            f"--known: {path} is neither a store of labels nor a file of conformations ({error}); see docs/labelling.md"
        ) from error


def _molecule_and_frames(name: str, group: Any) -> tuple[Molecule, np.ndarray]:
    molecule = Molecule(name, int(group.attrs["total_charge"]), *(group[key][()] for key in _MOLECULE))
    training = np.array([not is_test(start) for start in group["start"][()].tolist()], bool)
    return molecule, group["positions"][()][training].astype(np.float32)
