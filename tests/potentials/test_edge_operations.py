"""Compiled edge operations against plain tensor code, with first and second derivatives."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from potentials import edge_operations as operations
from potentials.neighbours import Edges, build_edges
from potentials.visnet.activation import silu
from potentials.visnet.attention import attention_message

ATOMS, COMPONENTS, CHANNELS = 7, 3, 4


@pytest.fixture
def edges() -> Edges:
    positions = np.random.default_rng(2).uniform(0, 4, size=(ATOMS, 3))
    return build_edges(positions, np.array([0, 0, 0, 0, 1, 1, 1]), 3.5)


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


def _plain(name: str, edges: Edges, first: Tensor, second: Tensor) -> Tensor:
    """What each operation means, in gather and index_add."""
    source, target = edges.source, edges.target
    atoms = torch.zeros(ATOMS, COMPONENTS, CHANNELS, dtype=first.dtype)
    if name == "aggregate":
        return atoms.index_add(0, target, first[:, None] * second[source])
    if name == "aggregate_leaving":
        return atoms.index_add(0, source, first[:, None] * second[target])
    if name == "pair_dot":
        return (first[target] * second[source]).sum(dim=1)
    if name == "outer_sum":
        return atoms.index_add(0, target, first[:, None, :] * second[:, :, None])
    if name == "contract_components":
        return (first[target] * second[:, :, None]).sum(dim=1)
    return (first[target] * second[:, None, :]).sum(dim=2)


def _inputs(name: str, edges: Edges) -> tuple[Tensor, Tensor]:
    count = len(edges.source)
    atoms, channels, components = (ATOMS, COMPONENTS, CHANNELS), (count, CHANNELS), (count, COMPONENTS)
    shapes = {
        "aggregate": (channels, atoms),
        "aggregate_leaving": (channels, atoms),
        "pair_dot": (atoms, atoms),
        "outer_sum": (channels, components),
        "contract_components": (atoms, components),
        "contract_channels": (atoms, channels),
    }[name]
    return _random(*shapes[0]).requires_grad_(), (_random(*shapes[1]) * 0.7).requires_grad_()


@pytest.mark.parametrize(
    "name",
    ["aggregate", "aggregate_leaving", "pair_dot", "outer_sum", "contract_components", "contract_channels"],
)
def test_operation_and_its_derivatives(name, edges):
    def compiled(first: Tensor, second: Tensor) -> Tensor:
        if name == "aggregate_leaving":
            return operations.aggregate(first, second, edges, leaving=True)
        return getattr(operations, name)(first, second, edges)

    inputs = _inputs(name, edges)
    torch.testing.assert_close(compiled(*inputs), _plain(name, edges, *inputs), rtol=1e-12, atol=1e-12)
    assert gradcheck(compiled, inputs)
    assert gradgradcheck(compiled, inputs)


@pytest.mark.parametrize("leaving", [False, True])
def test_segment_sum_is_the_adjoint_of_gather(edges, leaving):
    values, atoms = _random(len(edges.source), CHANNELS), _random(ATOMS, CHANNELS)
    summed = operations.segment_sum(values, edges, leaving=leaving)
    gathered = operations.gather(atoms, edges, from_source=leaving)
    torch.testing.assert_close((summed * atoms).sum(), (gathered * values).sum(), rtol=1e-12, atol=1e-12)
    wrong = operations.gather(atoms, edges, from_source=not leaving)
    assert abs((wrong * values).sum() - (summed * atoms).sum()) > 1e-3  # the direction matters


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_a_bit(edges, threads):
    before = torch.get_num_threads()
    weights, features = (tensor.detach() for tensor in _inputs("aggregate", edges))
    torch.set_num_threads(1)
    expected = operations.aggregate(weights, features, edges)
    torch.set_num_threads(threads)
    try:
        assert torch.equal(operations.aggregate(weights, features, edges), expected)
    finally:
        torch.set_num_threads(before)


def test_attention_message_and_silu_derivatives():
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 8), (5, 16), (5, 8), (5,)]
    inputs = [torch.randn(*s, dtype=torch.float64, generator=generator).requires_grad_() for s in shapes]

    def message(p: Tensor, filters: Tensor, v: Tensor, envelope: Tensor) -> Tensor:
        return attention_message(p, filters, v, envelope, 2)

    p, filters, v, envelope = inputs
    key, value = filters.chunk(2, dim=1)
    attention = torch.nn.functional.silu((p * key).view(5, 2, 4).sum(dim=2)) * envelope[:, None]
    expected = ((v * value).view(5, 2, 4) * attention[:, :, None]).view(5, 8)
    torch.testing.assert_close(message(*inputs), expected, rtol=1e-12, atol=1e-12)
    assert gradcheck(message, inputs)
    assert gradgradcheck(message, inputs)
    assert gradcheck(silu, (p, envelope))
    assert gradgradcheck(silu, (p, envelope))
