"""Batches: which molecules a step sees, and their flat tensors.

`Sampler` deals molecules in random order, each once per pass, up to a number of atoms per step, a fixed share of
them from clusters. `TrainingSet.batch` gathers the chosen molecules and their neighbour graph.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from potentials.neighbours import Edges, build_edges
from potentials.training.dataset import Molecules, Target, atoms_of


@dataclasses.dataclass(frozen=True)
class Batch:
    """Molecules of one step, flat over atoms, and what the model is to say of them."""

    atomic_numbers: Int64[Tensor, " atoms"]
    positions: Float32[Tensor, "atoms 3"]
    charges: Float32[Tensor, " atoms"]
    fragment_index: Int64[Tensor, " atoms"]
    edges: Edges
    sizes: Int64[Tensor, " molecules"]
    energies: Float64[Tensor, " molecules"]
    forces: Float32[Tensor, "atoms 3"]
    features: Float32[Tensor, "molecules features"]


@dataclasses.dataclass(frozen=True)
class TrainingSet:
    """Molecules with their targets: energies (eV) less what composition explains, forces (eV/A), nuisance features."""

    molecules: Molecules
    energies: Float64[np.ndarray, " molecules"]
    forces: Float32[np.ndarray, "atoms 3"]
    features: Float32[np.ndarray, "molecules features"]

    def batch(self, chosen: np.ndarray, cutoff_A: float, *, device: torch.device) -> Batch:
        """Gather the chosen molecules."""
        molecules = self.molecules
        atoms = atoms_of(molecules.offsets, chosen)
        sizes = molecules.sizes[chosen]
        positions = molecules.positions[atoms]
        fragment_index = np.repeat(np.arange(len(chosen)), sizes)
        move = {"device": device, "non_blocking": True}
        return Batch(
            atomic_numbers=torch.from_numpy(molecules.atomic_numbers[atoms]).to(**move),
            positions=torch.from_numpy(positions).to(**move),
            charges=torch.from_numpy(molecules.charges[atoms]).to(**move),
            fragment_index=torch.from_numpy(fragment_index).to(**move),
            edges=build_edges(positions, fragment_index, cutoff_A).to(device),
            sizes=torch.from_numpy(sizes).to(**move),
            energies=torch.from_numpy(self.energies[chosen]).to(**move),
            forces=torch.from_numpy(self.forces[atoms]).to(**move),
            features=torch.from_numpy(self.features[chosen]).to(**move),
        )


def plain_set(molecules: Molecules, target: Target) -> TrainingSet:
    """Molecules with untouched target energies and no nuisance features, as evaluation wants them."""
    features = np.zeros((len(molecules), 0), np.float32)
    return TrainingSet(molecules, molecules.target_energies(target), molecules.target_forces(target), features)


class _Deck:
    """Deals molecules in a new random order each pass; the order depends on seed and pass alone."""

    def __init__(self, members: np.ndarray, *, seed: Sequence[int]) -> None:
        self.members, self.seed = members, tuple(seed)
        self.round, self.dealt, self.debt = 0, 0, 0.0
        self._order = self._shuffled()

    def _shuffled(self) -> np.ndarray:
        return np.random.default_rng((*self.seed, self.round)).permutation(self.members)

    def deal(self, atoms: float, sizes: np.ndarray) -> list[int]:
        """Molecules until `atoms` are reached; what is dealt beyond is owed by the next step."""
        self.debt += atoms
        chosen: list[int] = []
        while self.debt > 0:
            if self.dealt == len(self._order):
                self.round, self.dealt = self.round + 1, 0
                self._order = self._shuffled()
            chosen.append(int(self._order[self.dealt]))
            self.debt -= float(sizes[chosen[-1]])
            self.dealt += 1
        return chosen

    def state(self) -> dict[str, Any]:
        return {"round": self.round, "dealt": self.dealt, "debt": self.debt}

    def restore(self, state: dict[str, Any]) -> None:
        self.round, self.dealt, self.debt = state["round"], state["dealt"], state["debt"]
        self._order = self._shuffled()


class Sampler:
    """Chooses the molecules of each step; `state` and `restore` continue it exactly."""

    def __init__(self, molecules: Molecules, *, atoms_per_step: int, cluster_share: float, seed: int) -> None:
        unit = molecules.is_unit()
        kinds = [(np.flatnonzero(unit), 1.0 - cluster_share), (np.flatnonzero(~unit), cluster_share)]
        kinds = [(members, share) for members, share in kinds if len(members) and share > 0]
        total = sum(share for _, share in kinds)
        self.sizes = molecules.sizes
        self.decks = [_Deck(members, seed=(seed, index)) for index, (members, _) in enumerate(kinds)]
        self.atoms = [atoms_per_step * share / total for _, share in kinds]

    def draw(self) -> Int64[np.ndarray, " molecules"]:
        """Molecules of the next step; at least one."""
        chosen: list[int] = []
        while not chosen:
            chosen = [
                m for deck, atoms in zip(self.decks, self.atoms, strict=True) for m in deck.deal(atoms, self.sizes)
            ]
        return np.array(chosen, np.int64)

    def passes(self) -> float:
        """How often the data has been seen, smallest over units and clusters."""
        return min(deck.round + deck.dealt / len(deck.members) for deck in self.decks)

    def state(self) -> list[dict[str, Any]]:
        """Plain numbers from which `restore` continues."""
        return [deck.state() for deck in self.decks]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Continue where `state` was taken."""
        for deck, saved in zip(self.decks, state, strict=True):
            deck.restore(saved)
