"""The scalar message of every edge, one pass per derivative.

Per edge and head, with channels c of that head, p = q_i * k_j, key filter k, value v, value filter w, envelope eps:

    a = sum_c p_c k_c,   t = silu(a) eps,   message_c = v_c w_c t                       (Wang et al. 2024, eq. for m_ij)

Gradient for an upstream g, with S = sum_c g_c v_c w_c:
    v: g w t    w: g v t    a: S silu' eps    p: k da    k: p da    eps: sum_heads S silu

Gradient of that, for cotangents P, K, V, W, X of the gradients with respect to p, k, v, w, eps: with
A = sum_c (P k + K p), B = sum_c g (V w + W v) the contraction is  L = S silu' eps A + silu eps B + X S silu, and
    dS = silu' eps A + X silu,  dA = S silu' eps,  dB = silu eps,  da = S silu'' eps A + silu' (eps B + X S)
    g: dS v w + dB (V w + W v)   v: g (dS w + dB W)   w: g (dS v + dB V)   p: dA K + da k   k: dA P + da p
"""

# pyright: reportIncompatibleMethodOverride=false
import numba
import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from potentials.edge_kernels import FAST, Kernel, prange

BLOCK = 32  # edges that share one scratch buffer


def _per_head(values, heads, out):  # pragma: no cover - compiled
    """out[h] = sum over the channels of head h."""
    width = values.shape[0] // heads
    for h in range(heads):
        total = values[0] * 0
        for c in range(h * width, (h + 1) * width):
            total += values[c]
        out[h] = total


def _spread(per_head, heads, out):  # pragma: no cover - compiled
    """Repeat the value of each head over its channels."""
    width = out.shape[0] // heads
    for h in range(heads):
        for c in range(h * width, (h + 1) * width):
            out[c] = per_head[h]


_head_sums = numba.njit(_per_head, cache=True, nogil=True, inline="always", fastmath=FAST)
_to_channels = numba.njit(_spread, cache=True, nogil=True, inline="always", fastmath=FAST)


def _scores(p, f, out):  # pragma: no cover - compiled
    """a of every edge and head."""
    width = p.shape[1] // out.shape[1]
    for e in prange(p.shape[0]):
        for h in range(out.shape[1]):
            total = p[e, 0] * 0
            for c in range(h * width, (h + 1) * width):
                total += p[e, c] * f[e, c]
            out[e, h] = total


def _message(a, s, f, v, envelope, out):  # pragma: no cover - compiled
    edges, channels = v.shape
    heads = a.shape[1]
    for block in prange((edges + BLOCK - 1) // BLOCK):
        t, per_head = np.empty(channels, v.dtype), np.empty(heads, v.dtype)
        for e in range(block * BLOCK, min(edges, (block + 1) * BLOCK)):
            for h in range(heads):
                per_head[h] = a[e, h] * s[e, h] * envelope[e]
            _to_channels(per_head, heads, t)
            for c in range(channels):
                out[e, c] = v[e, c] * f[e, channels + c] * t[c]


def _gradient(g, p, f, v, envelope, a, s, to_p, to_f, to_v, to_envelope):  # pragma: no cover - compiled
    edges, channels = p.shape
    heads = a.shape[1]
    for block in prange((edges + BLOCK - 1) // BLOCK):
        t, slope = np.empty(channels, p.dtype), np.empty(channels, p.dtype)
        phi, big_s = np.empty(heads, p.dtype), np.empty(heads, p.dtype)
        for e in range(block * BLOCK, min(edges, (block + 1) * BLOCK)):
            eps, total = envelope[e], p[e, 0] * 0
            for c in range(channels):
                slope[c] = g[e, c] * v[e, c] * f[e, channels + c]
            _head_sums(slope, heads, big_s)
            for h in range(heads):
                total += big_s[h] * a[e, h] * s[e, h]
                big_s[h] *= s[e, h] * (1 + a[e, h] * (1 - s[e, h])) * eps
                phi[h] = a[e, h] * s[e, h] * eps
            to_envelope[e] = total
            _to_channels(phi, heads, t)
            _to_channels(big_s, heads, slope)
            for c in range(channels):
                to_v[e, c] = g[e, c] * f[e, channels + c] * t[c]
            for c in range(channels):
                to_f[e, channels + c] = g[e, c] * v[e, c] * t[c]
            for c in range(channels):
                to_p[e, c] = slope[c] * f[e, c]
            for c in range(channels):
                to_f[e, c] = slope[c] * p[e, c]


def _second(
    bar_p, bar_f, bar_v, bar_eps, g, p, f, v, envelope, a, s, to_g, to_p, to_f, to_v, to_envelope
):  # pragma: no cover - compiled
    edges, channels = p.shape
    heads = a.shape[1]
    for block in prange((edges + BLOCK - 1) // BLOCK):
        row, sums = np.empty((4, channels), p.dtype), np.empty((4, heads), p.dtype)
        for e in range(block * BLOCK, min(edges, (block + 1) * BLOCK)):
            eps, big_x, total = envelope[e], bar_eps[e], p[e, 0] * 0
            for c in range(channels):
                row[1, c] = g[e, c] * v[e, c] * f[e, channels + c]
            for c in range(channels):
                row[2, c] = bar_p[e, c] * f[e, c] + bar_f[e, c] * p[e, c]
            for c in range(channels):
                row[3, c] = g[e, c] * (bar_v[e, c] * f[e, channels + c] + bar_f[e, channels + c] * v[e, c])
            for n in range(1, 4):
                _head_sums(row[n], heads, sums[n])
            for h in range(heads):
                score, sigma = a[e, h], s[e, h]
                big_s, big_a, big_b = sums[1, h], sums[2, h], sums[3, h]
                phi, first = score * sigma, sigma * (1 + score * (1 - sigma))
                second = sigma * (1 - sigma) * (2 + score * (1 - 2 * sigma))
                total += big_s * first * big_a + phi * big_b
                sums[0, h] = first * eps * big_a + big_x * phi
                sums[1, h] = big_s * first * eps
                sums[2, h] = phi * eps
                sums[3, h] = big_s * second * eps * big_a + first * (eps * big_b + big_x * big_s)
            to_envelope[e] = total
            for n in range(4):
                _to_channels(sums[n], heads, row[n])
            d_s, d_a, d_b, slope = row[0], row[1], row[2], row[3]
            for c in range(channels):
                to_g[e, c] = d_s[c] * v[e, c] * f[e, channels + c] + d_b[c] * (
                    bar_v[e, c] * f[e, channels + c] + bar_f[e, channels + c] * v[e, c]
                )
            for c in range(channels):
                to_v[e, c] = g[e, c] * (d_s[c] * f[e, channels + c] + d_b[c] * bar_f[e, channels + c])
            for c in range(channels):
                to_f[e, channels + c] = g[e, c] * (d_s[c] * v[e, c] + d_b[c] * bar_v[e, c])
            for c in range(channels):
                to_p[e, c] = d_a[c] * bar_f[e, c] + slope[c] * f[e, c]
            for c in range(channels):
                to_f[e, c] = d_a[c] * bar_p[e, c] + slope[c] * p[e, c]


_scores_kernel, _message_kernel = Kernel(_scores), Kernel(_message)
_gradient_kernel, _second_kernel = Kernel(_gradient), Kernel(_second)


class _Message(Function):
    @staticmethod
    def forward(ctx, p: Tensor, filters: Tensor, v: Tensor, envelope: Tensor, heads: int) -> Tensor:
        scores = p.new_empty(len(p), heads)
        _scores_kernel(p, filters, scores)
        sigmoids = torch.sigmoid(scores)
        ctx.save_for_backward(p, filters, v, envelope, scores, sigmoids)
        out = torch.empty_like(p)
        _message_kernel(scores, sigmoids, filters, v, envelope, out)
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return *_MessageGradient.apply(gradient, *ctx.saved_tensors), None  # type: ignore[misc]


class _MessageGradient(Function):
    @staticmethod
    def forward(ctx, *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*inputs)
        outs = tuple(torch.empty_like(tensor) for tensor in inputs[1:5])
        _gradient_kernel(*inputs, *outs)
        return outs

    @staticmethod
    def backward(ctx, *cotangents: Tensor):
        outs = tuple(torch.empty_like(tensor) for tensor in ctx.saved_tensors[:5])
        _second_kernel(*cotangents, *ctx.saved_tensors, *outs)
        return *outs, None, None


def attention_message(p: Tensor, filters: Tensor, v: Tensor, envelope: Tensor, heads: int) -> Tensor:
    """(edges, channels) scalar messages.

    Args:
        p: (edges, channels) product of query and key.
        filters: (edges, 2 channels) key filter, then value filter.
        v: (edges, channels) value of the source atom.
        envelope: (edges,) cutoff function.
        heads: number of attention heads; divides channels.
    """
    if p.device.type == "cpu":
        return _Message.apply(p, filters, v, envelope, heads)  # type: ignore[no-any-return]
    k, w = filters.chunk(2, dim=1)
    attention = torch.nn.functional.silu((p * k).view(len(p), heads, -1).sum(dim=2)) * envelope[:, None]
    return ((v * w).view(len(p), heads, -1) * attention[:, :, None]).view_as(v)
