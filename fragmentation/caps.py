"""From positions of the protein to positions of all its fragments, caps included, as a differentiable function."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from fragmentation.plan import FragmentPlan


@dataclass(frozen=True, eq=False)
class PlanTensors:
    """The part of a plan that every step needs, as tensors on one device; lengths in one float type."""

    source: Int64[Tensor, " fragment_atoms"]
    cap: Int64[Tensor, " caps"]
    """Fragment atoms that are caps."""
    cap_source: Int64[Tensor, " caps"]
    cap_toward: Int64[Tensor, " caps"]
    cap_length_A: Float[Tensor, " caps"]
    fragment_index: Int64[Tensor, " fragment_atoms"]
    atomic_numbers: Int64[Tensor, " fragment_atoms"]
    coefficients: Float64[Tensor, " fragments"]

    @property
    def n_fragments(self) -> int:
        """Number of fragments."""
        return len(self.coefficients)

    @classmethod
    def of(
        cls, plan: FragmentPlan, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> "PlanTensors":
        """Move a plan to a device; `dtype` is that of the positions."""
        source, toward = torch.from_numpy(plan.source), torch.from_numpy(plan.toward)
        cap = torch.nonzero(toward >= 0).flatten()
        return cls(
            source=source.to(device),
            cap=cap.to(device),
            cap_source=source[cap].to(device),
            cap_toward=toward[cap].to(device),
            cap_length_A=torch.from_numpy(plan.bond_length_A)[cap].to(device, dtype),
            fragment_index=torch.from_numpy(plan.fragment_index).to(device),
            atomic_numbers=torch.from_numpy(plan.atomic_numbers).to(device),
            coefficients=torch.from_numpy(plan.coefficients).to(device),
        )


def expand(plan: PlanTensors, positions: Float[Tensor, "atoms 3"]) -> Float[Tensor, "fragment_atoms 3"]:
    """Positions of all fragment atoms (Angstrom).

    A cap on atom a, in place of atom b, is at

        r = r_a + d (r_b - r_a) / |r_b - r_a|

    with d the bond length of the plan (section 3 of the design), so that the force on it flows back to a and b.
    """
    bonds = positions.index_select(0, plan.cap_toward) - positions.index_select(0, plan.cap_source)
    lengths = torch.linalg.vector_norm(bonds, dim=1)
    offsets = bonds * (plan.cap_length_A / lengths).unsqueeze(1)
    return positions.index_select(0, plan.source).index_add(0, plan.cap, offsets)
