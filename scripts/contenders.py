"""This project's ViSNet and torch_geometric's on the same molecules with the same weights, for scripts/benchmark.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from openmm import app, unit
from torch import Tensor

from ai2bmd.protein import protein_topology
from fragmentation.caps import PlanTensors, expand
from fragmentation.plan import plan_fragments
from potentials.neighbours import Edges, build_edges
from potentials.visnet import ViSNet, ViSNetConfig
from potentials.visnet.weights import load_torch_geometric

EXAMPLES = Path(__file__).parents[1] / "examples"
CUTOFF_A = 5.0
CHANNELS, LAYERS = 64, 3


@dataclass(frozen=True)
class Molecules:
    """The capped fragments of one protein, in one batch."""

    atomic_numbers: Tensor
    positions: Tensor
    fragment_index: Tensor
    n_fragments: int
    edges: Edges


class GivenNeighbours(torch.nn.Module):
    """Takes the place of torch_geometric's neighbour search, whose compiled helper is not on PyPI."""

    def __init__(self, edges: Edges) -> None:
        super().__init__()
        self.index = torch.stack([edges.source, edges.target])
        self.others = self.index[0] != self.index[1]

    def forward(self, positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs, distances, vectors."""
        vectors = positions[self.index[0]] - positions[self.index[1]]
        lengths = torch.zeros(len(vectors), device=positions.device)
        lengths[self.others] = vectors[self.others].norm(dim=1)
        return self.index, lengths, vectors


def example(name: str) -> tuple[app.Topology, np.ndarray]:
    """Topology and positions (A) of an example."""
    pdb = app.PDBFile(str(EXAMPLES / f"{name}.pdb"))
    positions_A = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)  # pyright: ignore[reportOptionalMemberAccess]
    return pdb.topology, positions_A


def chignolin_fragments(device: torch.device) -> Molecules:
    """Chignolin's units and overlaps."""
    topology, positions_A = example("chignolin")
    protein, atoms = protein_topology(topology)
    plan = plan_fragments(protein)
    positions = expand(PlanTensors.of(plan), torch.from_numpy(positions_A[atoms]).float())
    return Molecules(
        atomic_numbers=torch.from_numpy(plan.atomic_numbers).to(device),
        positions=positions.to(device),
        fragment_index=torch.from_numpy(plan.fragment_index).to(device),
        n_fragments=plan.n_fragments,
        edges=build_edges(positions.numpy(), plan.fragment_index, CUTOFF_A).to(device),
    )


def contenders(molecules: Molecules, *, lmax: Literal[1, 2], device: torch.device) -> tuple[ViSNet, torch.nn.Module]:
    """This project's ViSNet and torch_geometric's, with the same weights and neighbours."""
    from torch_geometric.nn.models import ViSNet as ReferenceViSNet  # a dependency of the tests only

    torch.manual_seed(1)
    reference = ReferenceViSNet(
        lmax=lmax, hidden_channels=CHANNELS, num_layers=LAYERS, cutoff=CUTOFF_A, derivative=True
    ).to(device)
    reference.representation_model.register_module("distance", GivenNeighbours(molecules.edges))
    config = ViSNetConfig(
        hidden_channels=CHANNELS,
        num_layers=LAYERS,
        lmax=lmax,
        cutoff_A=CUTOFF_A,
        envelope="cosine",
        charge_features=False,
        vector_limit=None,
        max_atomic_number=100,
    )
    ours = ViSNet(config)
    load_torch_geometric(ours, {name: weight.cpu() for name, weight in reference.state_dict().items()})
    return ours.to(device), reference


def our_forces(model: ViSNet, molecules: Molecules, *, differentiable: bool) -> tuple[Tensor, Tensor]:
    """Energies (eV) and forces (eV/A) of this project's model."""
    moving = molecules.positions.clone().requires_grad_()
    charges = torch.zeros_like(moving[:, 0])
    energies = model(
        molecules.atomic_numbers, moving, molecules.fragment_index, charges, molecules.edges, molecules.n_fragments
    )
    (gradient,) = torch.autograd.grad(energies.sum(), moving, create_graph=differentiable)
    return energies, -gradient


def their_forces(model: torch.nn.Module, molecules: Molecules) -> tuple[Tensor, Tensor]:
    """The same of torch_geometric's, which keeps the graph of its forces while training only."""
    energies, forces = model(molecules.atomic_numbers, molecules.positions.clone(), molecules.fragment_index)
    return energies[:, 0], forces
