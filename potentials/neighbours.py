"""Neighbour graphs of batches of molecules: positions and molecule index in, directed edges out.

Edges are sorted by target, then source; every edge has its reverse in the graph, and every atom an edge to itself
(ViSNet's messages include the atom's own features). The order depends on positions alone, so a run continued from
a checkpoint sees the same sums in the same order.
"""

from dataclasses import dataclass, fields

import numba
import numpy as np
import torch
from jaxtyping import Bool, Int
from scipy.spatial import KDTree
from torch import Tensor

LARGE_MOLECULE = 1500  # atoms; above this a k-d tree finds pairs faster than comparing all


@dataclass(frozen=True)
class Edges:
    """Directed edges source -> target of a batch of molecules, or of a block of it: those that reach some atoms.

    Source atoms are counted through the batch, target atoms through the block, from 0. In a whole batch every edge has
    its reverse, which makes several of the arrays one.
    """

    source: Int[Tensor, "edges"]
    target: Int[Tensor, "edges"]
    first_edge: Int[Tensor, "targets_plus_1"]
    """Edges of target atom i are `first_edge[i]:first_edge[i + 1]`."""
    leaving: Int[Tensor, "edges"]
    """The edges in order of source, then target; in a whole batch the reverse of each edge."""
    arriving: Int[Tensor, "edges"]
    """Place of each edge in `leaving`; in a whole batch again the reverse of each edge."""
    first_leaving: Int[Tensor, "sources_plus_1"]
    """Edges that leave source atom j are `leaving[first_leaving[j]:first_leaving[j + 1]]`; else like `first_edge`."""
    leaving_target: Int[Tensor, "edges"]
    """Target of each edge in `leaving`; in a whole batch `source`."""
    first_target: int = 0
    """Number in the batch of the block's first target atom."""

    @property
    def targets(self) -> slice:
        """The target atoms among all atoms of the batch."""
        return slice(self.first_target, self.first_target + len(self.first_edge) - 1)

    @property
    def own(self) -> Bool[Tensor, "edges"]:
        """Which edges lead from an atom to itself."""
        return self.source == self.target + self.first_target

    @property
    def turned(self) -> "Edges":
        """The same edges with source and target exchanged, in the order of `leaving`."""
        return Edges(
            source=self.leaving_target,
            target=self.source[self.leaving],
            first_edge=self.first_leaving,
            leaving=self.arriving,
            arriving=self.leaving,
            first_leaving=self.first_edge,
            leaving_target=self.source,
        )

    def to(self, device: torch.device | str) -> "Edges":
        """The same edges on another device."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "first_target"}
        moved = {id(array): array.to(device) for array in arrays.values()}  # one array may stand in several places
        return Edges(**{name: moved[id(array)] for name, array in arrays.items()}, first_target=self.first_target)


@numba.njit(cache=True, nogil=True)
def _all_pairs(positions, first_atom, cutoff_squared, source, first_edge):  # pragma: no cover - compiled
    """Edges within each molecule by comparing all pairs; with an empty `source`, only counts them."""
    edge = 0
    fill = source.shape[0] > 0
    for molecule in range(first_atom.shape[0] - 1):
        begin, end = first_atom[molecule], first_atom[molecule + 1]
        for i in range(begin, end):
            first_edge[i] = edge
            for j in range(begin, end):
                dx = positions[i, 0] - positions[j, 0]
                dy = positions[i, 1] - positions[j, 1]
                dz = positions[i, 2] - positions[j, 2]
                if i == j or dx * dx + dy * dy + dz * dz < cutoff_squared:
                    if fill:
                        source[edge] = j
                    edge += 1
    first_edge[first_edge.shape[0] - 1] = edge
    return edge


@numba.njit(cache=True, nogil=True)
def _within(positions, candidates, first_candidate, cutoff_squared, source, first_edge):  # pragma: no cover
    """The candidates closer than the cutoff, in the same order."""
    edge = 0
    for i in range(first_candidate.shape[0] - 1):
        first_edge[i] = edge
        for k in range(first_candidate[i], first_candidate[i + 1]):
            j = candidates[k]
            dx = positions[i, 0] - positions[j, 0]
            dy = positions[i, 1] - positions[j, 1]
            dz = positions[i, 2] - positions[j, 2]
            if i == j or dx * dx + dy * dy + dz * dz < cutoff_squared:
                source[edge] = j
                edge += 1
    first_edge[first_edge.shape[0] - 1] = edge
    return edge


@numba.njit(cache=True, nogil=True)
def _target_and_reverse(source, first_edge, target, reverse):  # pragma: no cover - compiled
    """Sorted rows let one pass pair each edge with its reverse: row j meets its sources in ascending order."""
    cursor = first_edge[:-1].copy()
    for i in range(first_edge.shape[0] - 1):
        for edge in range(first_edge[i], first_edge[i + 1]):
            target[edge] = i
            reverse[edge] = cursor[source[edge]]
            cursor[source[edge]] += 1


def _tree_pairs(positions: np.ndarray, cutoff_A: float) -> tuple[np.ndarray, np.ndarray]:
    """(source, first_edge) of one large molecule."""
    pairs = KDTree(positions).query_pairs(cutoff_A, output_type="ndarray")
    own = np.arange(len(positions))
    target = np.concatenate([pairs[:, 0], pairs[:, 1], own])
    source = np.concatenate([pairs[:, 1], pairs[:, 0], own])
    order = np.lexsort((source, target))
    counts = np.bincount(target, minlength=len(positions))
    return source[order], np.concatenate([[0], np.cumsum(counts)])


def _candidates(positions: np.ndarray, fragment_index: np.ndarray, cutoff_A: float) -> tuple[np.ndarray, np.ndarray]:
    """(source, first_edge) of all pairs within the cutoff and the same molecule."""
    if np.any(np.diff(fragment_index) < 0):
        raise ValueError("fragment_index: expected ascending values, so that each molecule's atoms are contiguous")
    if len(positions) > LARGE_MOLECULE and fragment_index[0] == fragment_index[-1]:
        return _tree_pairs(positions, cutoff_A)
    starts = np.flatnonzero(np.diff(fragment_index, prepend=-1))
    first_atom = np.append(starts, len(positions)).astype(np.int64)
    first_edge = np.zeros(len(positions) + 1, dtype=np.int64)
    count = _all_pairs(positions, first_atom, cutoff_A**2, np.empty(0, np.int64), first_edge)
    source = np.empty(count, dtype=np.int64)
    _all_pairs(positions, first_atom, cutoff_A**2, source, first_edge)
    return source, first_edge


def _edges(source: np.ndarray, first_edge: np.ndarray) -> Edges:
    target, reverse = np.empty_like(source), np.empty_like(source)
    _target_and_reverse(source, first_edge, target, reverse)
    source, target, first_edge, reverse = (torch.from_numpy(array) for array in (source, target, first_edge, reverse))
    return Edges(source, target, first_edge, reverse, reverse, first_edge, source)


def build_edges(positions: np.ndarray, fragment_index: np.ndarray, cutoff_A: float) -> Edges:
    """All edges shorter than the cutoff, and one from each atom to itself.

    Args:
        positions: (atoms, 3) in Angstrom, float32 or float64.
        fragment_index: (atoms,) molecule of each atom, ascending; atoms of different molecules never see each other.
        cutoff_A: distance in Angstrom.

    Raises:
        ValueError: `fragment_index` is not ascending.
    """
    return _edges(*_candidates(np.ascontiguousarray(positions), np.asarray(fragment_index), cutoff_A))


class NeighbourList:
    """Edges of moving atoms; candidates within cutoff + skin are searched anew only when an atom has moved skin/2."""

    def __init__(self, cutoff_A: float, *, skin_A: float = 0.6) -> None:
        self.cutoff_A = cutoff_A
        self.skin_A = skin_A
        self._reference: np.ndarray | None = None
        self._source = self._first = np.empty(0, dtype=np.int64)

    def update(self, positions: np.ndarray, fragment_index: np.ndarray) -> Edges:
        """Edges at these positions; the same as `build_edges` returns, see there for shapes and errors."""
        if self._outdated(positions):
            self._source, self._first = _candidates(positions, fragment_index, self.cutoff_A + self.skin_A)
            self._reference = positions.copy()
        source, first_edge = np.empty_like(self._source), np.empty_like(self._first)
        count = _within(positions, self._source, self._first, self.cutoff_A**2, source, first_edge)
        return _edges(source[:count], first_edge)

    def _outdated(self, positions: np.ndarray) -> bool:
        if self._reference is None or self._reference.shape != positions.shape:
            return True
        moved = np.square(positions - self._reference).sum(axis=1).max(initial=0.0)
        return not moved < (self.skin_A / 2) ** 2  # also when a coordinate is not finite
