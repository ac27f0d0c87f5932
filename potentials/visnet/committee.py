"""Committees: several last layers on one network, whose spread tells how far a prediction can be trusted.

The members share all but the last linear map (the shallow ensemble of Kellner, Ceriotti, Mach. Learn.: Sci. Technol. 5,
035006, 2024), so that their energies cost no more than one. Energy and forces are those of their mean. The spread of
the forces takes one backward pass for each member.
"""

import dataclasses

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from potentials.visnet.model import ViSNet


def with_members(
    model: ViSNet,
    deviations: Float64[Tensor, "members last_channels"],
    element_deviations_eV: Float64[Tensor, "elements members"],
) -> ViSNet:
    """A committee whose mean is the model: its last layer, plus deviations that add up to zero.

    Args:
        model: with one member.
        deviations: of each member's last weights.
        element_deviations_eV: of its reference energies.
    """
    members = len(deviations)
    committee = ViSNet(dataclasses.replace(model.config, members=members)).to(model.embedding.weight)
    state = model.state_dict()
    weight = state["energy.output.weight"]
    state["energy.output.weight"] = (weight.double() + deviations.to(weight.device)).to(weight)
    state["energy.output.bias"] = state["energy.output.bias"].repeat(members)
    state["element_energies"] = state["element_energies"] + element_deviations_eV.to(weight.device)
    committee.load_state_dict(state)
    return committee.train(model.training)


def mean_member(model: ViSNet) -> ViSNet:
    """The model with one member that predicts what the committee does."""
    single = ViSNet(dataclasses.replace(model.config, members=1)).to(model.embedding.weight)
    state = model.state_dict()
    for name in ("energy.output.weight", "energy.output.bias"):
        state[name] = state[name].double().mean(dim=0, keepdim=True).to(state[name])
    state["element_energies"] = state["element_energies"].mean(dim=1, keepdim=True)
    single.load_state_dict(state)
    return single.train(model.training)


def member_gradients(
    energies: Float[Tensor, "fragments members"], positions: Float[Tensor, "atoms 3"]
) -> Float[Tensor, "members atoms 3"]:
    """Gradient of each member's energies with respect to the positions they were computed from."""
    totals = energies.sum(dim=0)
    last = len(totals) - 1
    gradients = [
        torch.autograd.grad(total, positions, retain_graph=number < last)[0] for number, total in enumerate(totals)
    ]
    return torch.stack(gradients)


def spread(members: Float[Tensor, "members atoms 3"]) -> Float[Tensor, " atoms"]:
    """Standard deviation of vectors over the members: root of the mean squared length of their deviations."""
    return members.var(dim=0).sum(dim=-1).sqrt()
