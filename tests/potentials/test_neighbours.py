"""Neighbour graphs against comparing all pairs, and the reuse of candidates while atoms move."""

import numpy as np
import pytest
import torch

from potentials import neighbours
from potentials.neighbours import NeighbourList, build_edges


def _cloud(atoms: int, *, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 2.2 * atoms ** (1 / 3), size=(atoms, 3))


def _pairs(positions: np.ndarray, fragment_index: np.ndarray, cutoff_A: float) -> set[tuple[int, int]]:
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = (distances < cutoff_A) & (fragment_index[:, None] == fragment_index[None])
    return {(int(target), int(source)) for target, source in np.argwhere(near)}


@pytest.mark.parametrize("large_molecule", [10_000, 1])
def test_edges_are_all_pairs_within_the_cutoff(monkeypatch, large_molecule):
    monkeypatch.setattr(neighbours, "LARGE_MOLECULE", large_molecule)
    positions = _cloud(60)
    for index in (np.zeros(60, dtype=np.int64), np.repeat([0, 1, 2], 20)):
        edges = build_edges(positions, index, 3.5)
        listed = list(zip(edges.target.tolist(), edges.source.tolist(), strict=True))
        assert len(set(listed)) == len(listed)
        assert set(listed) == _pairs(positions, index, 3.5)
        assert listed == sorted(listed)


def test_reverse_edges_and_rows():
    edges = build_edges(_cloud(40), np.repeat([0, 1], 20), 4.0)
    assert torch.equal(edges.source[edges.leaving], edges.target)
    assert torch.equal(edges.target[edges.leaving], edges.source)
    for atom in range(40):
        assert (edges.target[edges.first_edge[atom] : edges.first_edge[atom + 1]] == atom).all()


def test_moving_atoms_see_the_same_edges_as_a_new_search():
    index = np.zeros(50, dtype=np.int64)
    positions, moving = _cloud(50), NeighbourList(4.0, skin_A=0.5)
    step = np.random.default_rng(1)
    searches = []
    for _ in range(20):
        positions = positions + step.normal(scale=0.05, size=positions.shape)
        listed, fresh = moving.update(positions, index), build_edges(positions, index, 4.0)
        assert all(torch.equal(getattr(listed, name), getattr(fresh, name)) for name in ("source", "target", "leaving"))
        searches.append(moving._reference is not None and np.array_equal(moving._reference, positions))
    assert 1 < sum(searches) < 20  # candidates were both renewed and reused


def test_molecules_must_be_contiguous():
    with pytest.raises(ValueError, match="fragment_index: expected ascending"):
        build_edges(_cloud(4), np.array([0, 1, 0, 1]), 3.0)
