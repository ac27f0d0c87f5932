"""Caps: where they stand, and that the force on them goes to the atoms of the cut bond."""

import numpy as np
import pytest
import torch

from fragmentation.caps import PlanTensors, expand
from fragmentation.combine import combine
from fragmentation.plan import plan_fragments


@pytest.fixture(scope="module")
def plan(build_protein):
    return plan_fragments(build_protein("NGLY PRO CYX CALA", "ACE CYX NME", disulfides=[(2, 5)]))


@pytest.fixture(scope="module")
def positions(plan):
    """Random, as no formula of caps cares."""
    generator = torch.Generator().manual_seed(7)
    return 6 * torch.rand((1 + int(plan.source.max()), 3), dtype=torch.float64, generator=generator)


def toy_energies(plan: PlanTensors, positions: torch.Tensor) -> torch.Tensor:
    """An energy of each fragment that depends on all of its distances, caps included."""
    expanded = expand(plan, positions)
    one, two = torch.triu_indices(len(expanded), len(expanded), 1)
    same = plan.fragment_index[one] == plan.fragment_index[two]
    one, two = one[same], two[same]
    terms = torch.exp(-(expanded[one] - expanded[two]).square().sum(dim=1) / 9)
    weights = plan.atomic_numbers[one] * plan.atomic_numbers[two]
    energies = torch.zeros(plan.n_fragments, dtype=positions.dtype)
    return energies.index_add(0, plan.fragment_index[one], weights * terms)


def test_positions(plan, positions):
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), positions).numpy()
    real, r = plan.toward < 0, positions.numpy()
    np.testing.assert_array_equal(expanded[real], r[plan.source[real]])
    a, b = r[plan.source[~real]], r[plan.toward[~real]]
    on_nitrogen = np.isclose(plan.bond_length_A[~real], 1.01)
    assert on_nitrogen.sum() == 2  # N of proline in the first unit and in its overlap
    d = np.where(on_nitrogen, 1.01, 1.09)[:, None]
    np.testing.assert_allclose(expanded[~real], a + d * (b - a) / np.linalg.norm(b - a, axis=1)[:, None], atol=1e-14)


def test_gradient(plan, positions):
    tensors = PlanTensors.of(plan, dtype=torch.float64)
    probe = torch.randn(len(plan.source), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    variable = positions.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda r: (expand(tensors, r) * probe).sum(), (variable,))


def test_combined_force_against_finite_differences(plan, positions):
    tensors = PlanTensors.of(plan, dtype=torch.float64)
    variable = positions.clone().requires_grad_(True)
    energy = combine(tensors, toy_energies(tensors, variable))
    (gradient,) = torch.autograd.grad(energy, variable)
    generator = torch.Generator().manual_seed(5)
    for _ in range(5):
        step = 1e-4 * torch.randn(positions.shape, dtype=torch.float64, generator=generator)
        plus, minus = (combine(tensors, toy_energies(tensors, positions + sign * step)) for sign in (1, -1))
        assert (plus - minus).item() == pytest.approx(2 * (gradient * step).sum().item(), rel=1e-6)


def test_no_net_force_and_torque(plan, positions):
    tensors = PlanTensors.of(plan, dtype=torch.float64)
    variable = positions.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(combine(tensors, toy_energies(tensors, variable)), variable)
    assert gradient.abs().max() > 1
    assert gradient.sum(dim=0).abs().max() < 1e-10
    assert torch.linalg.cross(positions, gradient).sum(dim=0).abs().max() < 1e-10


def test_torque_when_caps_are_held_still(plan, positions):
    """Negative control: without the chain rule through the caps the force is no longer balanced."""
    tensors = PlanTensors.of(plan, dtype=torch.float64)
    expanded = expand(tensors, positions).requires_grad_(True)
    weights = tensors.coefficients[tensors.fragment_index] * tensors.atomic_numbers
    centre = expanded.mean(dim=0)
    energy = (weights * torch.exp(-(expanded - centre).square().sum(dim=1) / 9)).sum()
    (gradient,) = torch.autograd.grad(energy, expanded)
    real = torch.from_numpy(plan.toward < 0)
    assert gradient.sum(dim=0).abs().max() < 1e-10
    assert gradient[real].sum(dim=0).abs().max() > 1e-3


def test_rotation(plan, positions):
    tensors = PlanTensors.of(plan, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))[0]
    torch.testing.assert_close(expand(tensors, positions @ rotation), expand(tensors, positions) @ rotation)


def test_float32_in_float32_out(plan, positions):
    expanded = expand(PlanTensors.of(plan), positions.to(torch.float32))
    assert expanded.dtype == torch.float32
    exact = expand(PlanTensors.of(plan, dtype=torch.float64), positions)
    torch.testing.assert_close(expanded.to(torch.float64), exact, atol=1e-5, rtol=0)
