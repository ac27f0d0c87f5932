"""Blocks and parts of a graph: together they are the whole, and operations on them mean the same."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from potentials import edge_operations as operations
from potentials.edge_blocks import molecules, split
from potentials.neighbours import Edges, build_edges

ATOMS, COMPONENTS, CHANNELS = 9, 3, 4


@pytest.fixture
def edges() -> Edges:
    return build_edges(np.random.default_rng(2).uniform(0, 5, size=(ATOMS, 3)), np.zeros(ATOMS, dtype=np.int64), 3.5)


def _random(*shape: int) -> Tensor:
    values = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))
    return values.requires_grad_()


@pytest.mark.parametrize("count", [2, 3, 20])
def test_blocks_together_are_the_whole_graph(edges, count):
    blocks = split(edges, count)
    assert len(blocks) == min(count, ATOMS)
    assert torch.equal(torch.cat([block.source for block in blocks]), edges.source)
    assert torch.equal(torch.cat([block.target + block.first_target for block in blocks]), edges.target)
    assert [block.targets.start for block in blocks[1:]] == [block.targets.stop for block in blocks[:-1]]
    for block in blocks:
        assert torch.equal(block.own, block.source == block.target + block.first_target)
        assert torch.equal(block.target[block.leaving], block.leaving_target)
        assert torch.equal(block.leaving[block.arriving], torch.arange(len(block.source)))
        for atom in range(ATOMS):
            leaving = block.leaving[block.first_leaving[atom] : block.first_leaving[atom + 1]]
            assert torch.equal(leaving, torch.nonzero(block.source == atom)[:, 0])
        turned = block.turned
        assert torch.equal(turned.turned.source, block.source)
        assert torch.equal(turned.target, block.source[block.leaving])
    assert split(edges, 1) == [edges]


def test_a_whole_graph_turned_is_itself(edges):
    for name in ("source", "target", "first_edge", "leaving", "arriving", "first_leaving", "leaving_target"):
        assert torch.equal(getattr(edges.turned, name), getattr(edges, name))


def test_molecules_of_a_batch_are_graphs_of_their_own():
    positions = np.random.default_rng(3).uniform(0, 4, size=(12, 3))
    index = np.repeat([0, 1, 2], [5, 4, 3])
    whole = build_edges(positions, index, 3.0)
    for first, last in ((0, 5), (5, 9), (5, 12)):
        part, alone = molecules(whole, first, last), build_edges(positions[first:last], index[first:last], 3.0)
        for name in ("source", "target", "first_edge", "leaving", "arriving", "first_leaving", "leaving_target"):
            assert torch.equal(getattr(part, name), getattr(alone, name))


def _plain(name: str, source: Tensor, target: Tensor, first: Tensor, second: Tensor, counts: tuple[int, int]) -> Tensor:
    at_target = first.new_zeros(counts[0], COMPONENTS, CHANNELS)
    match name:
        case "aggregate":
            return at_target.index_add(0, target, first[:, None] * second[source])
        case "aggregate_leaving":
            return first.new_zeros(counts[1], COMPONENTS, CHANNELS).index_add(
                0, source, first[:, None] * second[target]
            )
        case "pair_dot":
            return (first[target] * second[source]).sum(dim=1)
        case "outer_sum":
            return at_target.index_add(0, target, first[:, None, :] * second[:, :, None])
        case "contract_components":
            return (first[target] * second[:, :, None]).sum(dim=1)
    return (first[target] * second[:, None, :]).sum(dim=2)


@pytest.mark.parametrize(
    "name", ["aggregate", "aggregate_leaving", "pair_dot", "outer_sum", "contract_components", "contract_channels"]
)
def test_operations_on_a_block(name, edges):
    block = split(edges, 3)[1]
    targets, count = len(block.first_edge) - 1, len(block.source)
    at_targets, at_sources = _random(targets, COMPONENTS, CHANNELS), _random(ATOMS, COMPONENTS, CHANNELS)
    channels, components = _random(count, CHANNELS), _random(count, COMPONENTS)
    inputs = {
        "aggregate": (channels, at_sources),
        "aggregate_leaving": (channels, at_targets),
        "pair_dot": (at_targets, at_sources),
        "outer_sum": (channels, components),
        "contract_components": (at_targets, components),
        "contract_channels": (at_targets, channels),
    }[name]
    options = {"leaving": True} if name.endswith("leaving") else {}
    function = getattr(operations, name.removesuffix("_leaving"))

    def apply(first: Tensor, second: Tensor) -> Tensor:
        return function(first, second, block, **options)

    expected = _plain(name, block.source, block.target, *inputs, (targets, ATOMS))
    torch.testing.assert_close(apply(*inputs), expected)
    assert gradcheck(apply, inputs)
