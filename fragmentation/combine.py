"""The signed sum of fragment energies."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from fragmentation.caps import PlanTensors


def combine(plan: PlanTensors, energies: Float[Tensor, "fragments *members"]) -> Float64[Tensor, "*members"]:
    """Energy of the protein from those of its fragments: units count +1, overlaps -1; summed in float64.

    Of each member, where a committee gave the energies.
    """
    return plan.coefficients @ energies.to(torch.float64)
