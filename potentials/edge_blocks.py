"""Parts of a graph: whole molecules of a batch, and blocks of the edges that reach some atoms of a large molecule.

Molecules do not see each other, so a part of them is a graph of its own. A block is not: its edges come from atoms
all over the molecule. What a block computes is the sums over the edges of its target atoms, all of them, so blocks
together compute the same as the whole graph, whatever the order of atoms.
"""

from itertools import pairwise

import numba
import numpy as np
import torch

from potentials.neighbours import Edges


@numba.njit(cache=True, nogil=True)
def _sort_by_source(source, target, first_leaving, leaving, arriving, leaving_target):  # pragma: no cover - compiled
    """Counting sort; edges with one source keep their order, which is that of their targets."""
    first_leaving[:] = 0
    for edge in range(source.shape[0]):
        first_leaving[source[edge] + 1] += 1
    for atom in range(first_leaving.shape[0] - 1):
        first_leaving[atom + 1] += first_leaving[atom]
    cursor = first_leaving[:-1].copy()
    for edge in range(source.shape[0]):
        place = cursor[source[edge]]
        cursor[source[edge]] += 1
        leaving[place], arriving[edge], leaving_target[place] = edge, place, target[edge]


def molecules(edges: Edges, first_atom: int, last_atom: int) -> Edges:
    """The graph of the molecules that are atoms `first_atom:last_atom` of a whole batch, on CPU."""
    begin, end = int(edges.first_edge[first_atom]), int(edges.first_edge[last_atom])
    source, target = edges.source[begin:end] - first_atom, edges.target[begin:end] - first_atom
    first_edge, reverse = edges.first_edge[first_atom : last_atom + 1] - begin, edges.leaving[begin:end] - begin
    return Edges(source, target, first_edge, reverse, reverse, first_edge, source)


def split(edges: Edges, count: int) -> list[Edges]:
    """Divide a whole graph, on CPU, into at most `count` blocks of about as many edges each."""
    if count <= 1:
        return [edges]
    first_edge = edges.first_edge.numpy()
    inner = np.searchsorted(first_edge, np.arange(1, count) * (len(edges.source) / count))
    bounds = np.unique([0, *inner.tolist(), len(first_edge) - 1]).tolist()
    return [_block(edges, first, last) for first, last in pairwise(bounds)]


def _block(edges: Edges, first_atom: int, last_atom: int) -> Edges:
    begin, end = int(edges.first_edge[first_atom]), int(edges.first_edge[last_atom])
    source, target = edges.source[begin:end], edges.target[begin:end] - first_atom
    first_leaving = torch.empty_like(edges.first_edge)
    leaving, arriving, leaving_target = (torch.empty_like(source) for _ in range(3))
    arrays = (source, target, first_leaving, leaving, arriving, leaving_target)
    _sort_by_source(*(array.numpy() for array in arrays))
    return Edges(
        source=source,
        target=target,
        first_edge=edges.first_edge[first_atom : last_atom + 1] - begin,
        leaving=leaving,
        arriving=arriving,
        first_leaving=first_leaving,
        leaving_target=leaving_target,
        first_target=first_atom,
    )
