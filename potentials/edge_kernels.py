"""Sums and products over the edges of a graph, compiled for CPU: the inner loops of message passing.

Rows are contiguous in memory and the graph is sorted by target, so each loop streams through a few kilobytes that stay
in the first-level cache, where gather and scatter operations would move whole (edges, components, channels) arrays.
Each kernel exists twice, serial and over target atoms in parallel; both add in the same order.

Symbols: i target atom, j source atom, e edge, m component of a spherical tensor, c channel. `row[e]` names the row of
an edge array that belongs to e: e itself, or the reverse edge where a sum runs over the edges that leave an atom.
"""

# pyright: reportMissingTypeStubs=false
from collections.abc import Callable

import numba
import torch
from numba import prange
from torch import Tensor

FAST = {"reassoc", "contract", "nsz", "arcp"}


def _aggregate(weights, features, source, first_edge, row, out):  # pragma: no cover - compiled
    """out[i, m, c] = sum over edges e of i: weights[row[e], c] * features[source[e], m, c]"""
    for i in prange(out.shape[0]):
        out[i] = 0.0
        for e in range(first_edge[i], first_edge[i + 1]):
            j, r = source[e], row[e]
            for m in range(out.shape[1]):
                for c in range(out.shape[2]):
                    out[i, m, c] += weights[r, c] * features[j, m, c]


def _pair_dot(at_target, at_source, source, first_edge, out):  # pragma: no cover - compiled
    """out[e, c] = sum over m: at_target[i, m, c] * at_source[j, m, c]"""
    for i in prange(first_edge.shape[0] - 1):
        for e in range(first_edge[i], first_edge[i + 1]):
            j = source[e]
            for c in range(out.shape[1]):
                out[e, c] = at_target[i, 0, c] * at_source[j, 0, c]
            for m in range(1, at_target.shape[1]):
                for c in range(out.shape[1]):
                    out[e, c] += at_target[i, m, c] * at_source[j, m, c]


def _segment_sum(values, first_edge, row, out):  # pragma: no cover - compiled
    """out[i, c] = sum over edges e of i: values[row[e], c]"""
    for i in prange(out.shape[0]):
        out[i] = 0.0
        for e in range(first_edge[i], first_edge[i + 1]):
            r = row[e]
            for c in range(out.shape[1]):
                out[i, c] += values[r, c]


def _outer_sum(channels, components, first_edge, out):  # pragma: no cover - compiled
    """out[i, m, c] = sum over edges e of i: components[e, m] * channels[e, c]"""
    for i in prange(out.shape[0]):
        out[i] = 0.0
        for e in range(first_edge[i], first_edge[i + 1]):
            for m in range(out.shape[1]):
                factor = components[e, m]
                for c in range(out.shape[2]):
                    out[i, m, c] += factor * channels[e, c]


def _contract_components(features, components, first_edge, out):  # pragma: no cover - compiled
    """out[e, c] = sum over m: features[i, m, c] * components[e, m]"""
    for i in prange(first_edge.shape[0] - 1):
        for e in range(first_edge[i], first_edge[i + 1]):
            out[e] = 0.0
            for m in range(components.shape[1]):
                factor = components[e, m]
                for c in range(out.shape[1]):
                    out[e, c] += features[i, m, c] * factor


def _contract_channels(features, channels, first_edge, out):  # pragma: no cover - compiled
    """out[e, m] = sum over c: features[i, m, c] * channels[e, c]"""
    for i in prange(first_edge.shape[0] - 1):
        for e in range(first_edge[i], first_edge[i + 1]):
            for m in range(out.shape[1]):
                total = features[i, m, 0] * channels[e, 0]
                for c in range(1, channels.shape[1]):
                    total += features[i, m, c] * channels[e, c]
                out[e, m] = total


class Kernel:
    """A compiled loop, serial or parallel by torch's own number of threads."""

    def __init__(self, loop: Callable[..., None]) -> None:
        self._serial = numba.njit(loop, cache=True, nogil=True, fastmath=FAST)
        self._parallel = numba.njit(loop, cache=True, nogil=True, fastmath=FAST, parallel=True)

    def __call__(self, *arguments: Tensor | int) -> None:
        """Run on tensors, the outputs last; inputs that are not contiguous are copied."""
        arrays = [
            argument if isinstance(argument, int) else argument.detach().contiguous().numpy() for argument in arguments
        ]
        threads = torch.get_num_threads()
        if threads == 1:
            self._serial(*arrays)
        else:
            most = numba.config.NUMBA_NUM_THREADS  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
            numba.set_num_threads(min(threads, most))
            self._parallel(*arrays)


aggregate = Kernel(_aggregate)
pair_dot = Kernel(_pair_dot)
segment_sum = Kernel(_segment_sum)
outer_sum = Kernel(_outer_sum)
contract_components = Kernel(_contract_components)
contract_channels = Kernel(_contract_channels)
