"""The signed sum."""

import torch

from fragmentation.caps import PlanTensors
from fragmentation.combine import combine
from fragmentation.plan import plan_fragments


def test_overlaps_are_subtracted(build_protein):
    plan = PlanTensors.of(plan_fragments(build_protein("NALA SER CVAL")))
    energies = torch.tensor([1.0, 10.0, 100.0, 1000.0, 10000.0])
    assert combine(plan, energies).item() == 111 - 11000


def test_float32_energies_are_summed_in_float64(build_protein):
    plan = PlanTensors.of(plan_fragments(build_protein("NALA SER CVAL")))
    total = combine(plan, torch.tensor([16777216.0, 1.0, 1.0, 0.0, 0.0]))
    assert total.dtype == torch.float64
    assert total.item() == 16777218
