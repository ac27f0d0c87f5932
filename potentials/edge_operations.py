"""Differentiable operations on the edges of a graph; forces need their gradient, training the gradient of that.

The set is closed under differentiation: the gradient of each operation is a combination of the others, so derivatives
of any order stay fast and none is written by hand. On CPU the loops of `edge_kernels` do the work, elsewhere torch's
gather and `index_add`.

Shapes: edge arrays (edges, channels) or (edges, components), atom arrays (atoms, channels) or
(atoms, components, channels). In a block of a graph, what belongs to the target end has the block's target atoms as
rows. `leaving=True` sums over the edges that leave an atom instead of those that reach it.
"""

# pyright: reportIncompatibleMethodOverride=false
import torch
from torch import Tensor
from torch.autograd import Function

from potentials import edge_kernels
from potentials.neighbours import Edges


def _far_ends(edges: Edges, *, leaving: bool) -> tuple[Tensor, Tensor]:
    """The atom at the far end of each edge, in order of the atom at the near end, and the edge's row."""
    if leaving:
        return edges.leaving_target, edges.leaving
    return edges.source, torch.arange(len(edges.source))


class _Aggregate(Function):
    @staticmethod
    def forward(ctx, weights: Tensor, features: Tensor, edges: Edges, leaving: bool) -> Tensor:
        ctx.save_for_backward(weights, features)
        ctx.edges, ctx.leaving = edges, leaving
        first = edges.first_leaving if leaving else edges.first_edge
        out = features.new_empty(len(first) - 1, *features.shape[1:])
        if features.device.type == "cpu":
            far, row = _far_ends(edges, leaving=leaving)
            edge_kernels.aggregate(weights, features, far, first, row, out)
            return out
        near, far = (edges.source, edges.target) if leaving else (edges.target, edges.source)
        return out.zero_().index_add_(0, near, weights[:, None, :] * features[far])

    @staticmethod
    def backward(ctx, gradient: Tensor):
        weights, features = ctx.saved_tensors
        edges, leaving = ctx.edges, ctx.leaving
        ends = (features, gradient) if leaving else (gradient, features)
        to_weights = pair_dot(*ends, edges) if ctx.needs_input_grad[0] else None
        to_features = aggregate(weights, gradient, edges, leaving=not leaving) if ctx.needs_input_grad[1] else None
        return to_weights, to_features, None, None


class _PairDot(Function):
    @staticmethod
    def forward(ctx, at_target: Tensor, at_source: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(at_target, at_source)
        ctx.edges = edges
        if at_target.device.type == "cpu":
            out = at_target.new_empty(len(edges.source), at_target.shape[2])
            edge_kernels.pair_dot(at_target, at_source, edges.source, edges.first_edge, out)
            return out
        return (at_target[edges.target] * at_source[edges.source]).sum(dim=1)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        at_target, at_source = ctx.saved_tensors
        edges = ctx.edges
        to_target = aggregate(gradient, at_source, edges) if ctx.needs_input_grad[0] else None
        to_source = aggregate(gradient, at_target, edges, leaving=True) if ctx.needs_input_grad[1] else None
        return to_target, to_source, None


class _SegmentSum(Function):
    @staticmethod
    def forward(ctx, values: Tensor, edges: Edges, leaving: bool) -> Tensor:
        ctx.edges, ctx.leaving = edges, leaving
        first = edges.first_leaving if leaving else edges.first_edge
        out = values.new_empty(len(first) - 1, values.shape[1])
        if values.device.type == "cpu":
            _, row = _far_ends(edges, leaving=leaving)
            edge_kernels.segment_sum(values, first, row, out)
            return out
        return out.zero_().index_add_(0, edges.source if leaving else edges.target, values)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return gather(gradient, ctx.edges, from_source=ctx.leaving), None, None


class _Gather(Function):
    @staticmethod
    def forward(ctx, values: Tensor, edges: Edges, from_source: bool) -> Tensor:
        ctx.edges, ctx.from_source = edges, from_source
        return values.index_select(0, edges.source if from_source else edges.target)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return segment_sum(gradient, ctx.edges, leaving=ctx.from_source), None, None


class _OuterSum(Function):
    @staticmethod
    def forward(ctx, channels: Tensor, components: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(channels, components)
        ctx.edges = edges
        out = channels.new_empty(len(edges.first_edge) - 1, components.shape[1], channels.shape[1])
        if channels.device.type == "cpu":
            edge_kernels.outer_sum(channels, components, edges.first_edge, out)
            return out
        return out.zero_().index_add_(0, edges.target, components[:, :, None] * channels[:, None, :])

    @staticmethod
    def backward(ctx, gradient: Tensor):
        channels, components = ctx.saved_tensors
        to_channels = contract_components(gradient, components, ctx.edges) if ctx.needs_input_grad[0] else None
        to_components = contract_channels(gradient, channels, ctx.edges) if ctx.needs_input_grad[1] else None
        return to_channels, to_components, None


class _ContractComponents(Function):
    @staticmethod
    def forward(ctx, features: Tensor, components: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(features, components)
        ctx.edges = edges
        if features.device.type == "cpu":
            out = features.new_empty(len(edges.source), features.shape[2])
            edge_kernels.contract_components(features, components, edges.first_edge, out)
            return out
        return torch.einsum("emc,em->ec", features[edges.target], components)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        features, components = ctx.saved_tensors
        to_features = outer_sum(gradient, components, ctx.edges) if ctx.needs_input_grad[0] else None
        to_components = contract_channels(features, gradient, ctx.edges) if ctx.needs_input_grad[1] else None
        return to_features, to_components, None


class _ContractChannels(Function):
    @staticmethod
    def forward(ctx, features: Tensor, channels: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(features, channels)
        ctx.edges = edges
        if features.device.type == "cpu":
            out = features.new_empty(len(edges.source), features.shape[1])
            edge_kernels.contract_channels(features, channels, edges.first_edge, out)
            return out
        return torch.einsum("emc,ec->em", features[edges.target], channels)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        features, channels = ctx.saved_tensors
        to_features = outer_sum(channels, gradient, ctx.edges) if ctx.needs_input_grad[0] else None
        to_channels = contract_components(features, gradient, ctx.edges) if ctx.needs_input_grad[1] else None
        return to_features, to_channels, None


def aggregate(weights: Tensor, features: Tensor, edges: Edges, *, leaving: bool = False) -> Tensor:
    """(atoms, components, channels): sum over each atom's edges of weight times the features at the far end."""
    return _Aggregate.apply(weights, features, edges, leaving)  # type: ignore[no-any-return]


def pair_dot(at_target: Tensor, at_source: Tensor, edges: Edges) -> Tensor:
    """(edges, channels): sum over components of the product of the features at both ends."""
    return _PairDot.apply(at_target, at_source, edges)  # type: ignore[no-any-return]


def segment_sum(values: Tensor, edges: Edges, *, leaving: bool = False) -> Tensor:
    """(atoms, channels): sum of an edge array over each atom's edges."""
    return _SegmentSum.apply(values, edges, leaving)  # type: ignore[no-any-return]


def gather(values: Tensor, edges: Edges, *, from_source: bool) -> Tensor:
    """(edges, channels): the values of the source or target atom of each edge."""
    return _Gather.apply(values, edges, from_source)  # type: ignore[no-any-return]


def outer_sum(channels: Tensor, components: Tensor, edges: Edges) -> Tensor:
    """(atoms, components, channels): sum over the edges that reach an atom of components times channels."""
    return _OuterSum.apply(channels, components, edges)  # type: ignore[no-any-return]


def contract_components(features: Tensor, components: Tensor, edges: Edges) -> Tensor:
    """(edges, channels): target's features summed over components, weighted by the edge's components."""
    return _ContractComponents.apply(features, components, edges)  # type: ignore[no-any-return]


def contract_channels(features: Tensor, channels: Tensor, edges: Edges) -> Tensor:
    """(edges, components): target's features summed over channels, weighted by the edge's channels."""
    return _ContractChannels.apply(features, channels, edges)  # type: ignore[no-any-return]
