"""SiLU times a factor per row, with lean first and second derivatives.

Training on forces differentiates the gradient of the energy once more. Written as plain tensor operations, SiLU alone
would pass over each (edges, channels) array dozens of times per step; here it is one pass per derivative.

With s = sigmoid(z), phi = z s: phi' = s (1 + z (1 - s)) and phi'' = s (1 - s) (2 + z (1 - 2 s)).
"""

# pyright: reportIncompatibleMethodOverride=false
import torch
from torch import Tensor
from torch.autograd import Function

from potentials.edge_kernels import Kernel, prange


def _value(z, s, scale, out):  # pragma: no cover - compiled
    for e in prange(z.shape[0]):
        for c in range(z.shape[1]):
            out[e, c] = z[e, c] * s[e, c] * scale[e]


def _gradient(g, z, s, scale, to_scale, to_z):  # pragma: no cover - compiled
    for e in prange(z.shape[0]):
        total = z[e, 0] * 0
        factor = scale[e]
        for c in range(z.shape[1]):
            total += g[e, c] * z[e, c] * s[e, c]
        for c in range(z.shape[1]):
            sigma, x = s[e, c], z[e, c]
            to_z[e, c] = g[e, c] * factor * sigma * (1 + x * (1 - sigma))
        to_scale[e] = total


def _second(cotangent_z, cotangent_scale, g, z, s, scale, to_g, to_scale, to_z):  # pragma: no cover - compiled
    """Gradient of sum(cotangent_z * to_z) + sum(cotangent_scale * to_scale) of `_gradient`."""
    for e in prange(z.shape[0]):
        total = z[e, 0] * 0
        factor, scale_bar = scale[e], cotangent_scale[e]
        for c in range(z.shape[1]):
            sigma, x = s[e, c], z[e, c]
            total += cotangent_z[e, c] * g[e, c] * sigma * (1 + x * (1 - sigma))
        for c in range(z.shape[1]):
            sigma, x = s[e, c], z[e, c]
            to_g[e, c] = sigma * (cotangent_z[e, c] * (1 + x * (1 - sigma)) * factor + scale_bar * x)
        for c in range(z.shape[1]):
            sigma, x = s[e, c], z[e, c]
            second = (1 - sigma) * (2 + x * (1 - 2 * sigma))
            to_z[e, c] = g[e, c] * sigma * (cotangent_z[e, c] * second * factor + scale_bar * (1 + x * (1 - sigma)))
        to_scale[e] = total


_value_kernel, _gradient_kernel, _second_kernel = Kernel(_value), Kernel(_gradient), Kernel(_second)


class _ScaledSiLU(Function):
    @staticmethod
    def forward(ctx, z: Tensor, scale: Tensor) -> Tensor:
        s = torch.sigmoid(z)
        ctx.save_for_backward(z, scale, s)
        out = torch.empty_like(z)
        _value_kernel(z, s, scale, out)
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return _ScaledSiLUGradient.apply(gradient, *ctx.saved_tensors)


class _ScaledSiLUGradient(Function):
    @staticmethod
    def forward(ctx, gradient: Tensor, z: Tensor, scale: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(gradient, z, scale, s)
        to_z, to_scale = torch.empty_like(z), torch.empty_like(scale)
        _gradient_kernel(gradient, z, s, scale, to_scale, to_z)
        return to_z, to_scale

    @staticmethod
    def backward(ctx, cotangent_z: Tensor, cotangent_scale: Tensor):
        gradient, z, scale, s = ctx.saved_tensors
        to_g, to_z, to_scale = torch.empty_like(z), torch.empty_like(z), torch.empty_like(scale)
        _second_kernel(cotangent_z, cotangent_scale, gradient, z, s, scale, to_g, to_scale, to_z)
        return to_g, to_z, to_scale, None


def silu(z: Tensor, scale: Tensor | None = None) -> Tensor:
    """scale[row] * z sigmoid(z) for z of shape (rows, channels) and scale (rows,), twice differentiable."""
    if z.device.type == "cpu":
        return _ScaledSiLU.apply(z, z.new_ones(len(z)) if scale is None else scale)  # type: ignore[no-any-return]
    value = torch.nn.functional.silu(z)
    return value if scale is None else value * scale[:, None]
