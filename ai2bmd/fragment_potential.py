"""Potentials evaluated on a batch of molecules: positions of all atoms in, one energy per molecule and gradients out.

`ViSNetPotential` evaluates all molecules at once, or as many as fit into memory; `ASEPotential` lets any ASE calculator
compute them one by one.
"""

import copy
import sys
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import ase
import numpy as np
import torch
from ase.calculators.calculator import Calculator
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from potentials.edge_blocks import molecules, split
from potentials.neighbours import Edges, NeighbourList
from potentials.visnet import ViSNet
from potentials.visnet.committee import member_gradients
from potentials.visnet.memory import MemoryRule, Part, divide

FragmentPotential = Callable[[Tensor], tuple[Tensor, Tensor]]
"""(fragment_atoms, 3) positions in A -> (fragments,) energies in eV, float64, and their gradients in eV/A.

A committee gives (fragments, members) energies, and the gradients of their mean.
"""


@runtime_checkable
class CommitteePotential(Protocol):
    """A `FragmentPotential` that has members."""

    def __call__(self, positions: Float[Tensor, "fragment_atoms 3"], /) -> tuple[Tensor, Tensor]:
        """See `FragmentPotential`."""
        ...

    def member_gradients(
        self, positions: Float[Tensor, "fragment_atoms 3"], /
    ) -> Float[Tensor, "members fragment_atoms 3"]:
        """Gradient of each member's energies, eV/A."""
        ...


class ViSNetPotential:
    """A ViSNet on molecules whose composition never changes, in as many parts as the memory asks for."""

    def __init__(
        self,
        model: ViSNet,
        *,
        atomic_numbers: Int64[Tensor, " fragment_atoms"],
        fragment_index: Int64[Tensor, " fragment_atoms"],
        charges: Float64[np.ndarray, " fragment_atoms"],
        device: torch.device,
        dtype: torch.dtype,
        memory_bytes: int | None = None,
    ) -> None:
        """Put a model to work on a batch of molecules; `memory_bytes` limits what an evaluation takes, if given."""
        self._model = copy.deepcopy(model).to(device, dtype).requires_grad_(False)
        self._atomic_numbers = atomic_numbers.to(device)
        self._charges = torch.from_numpy(charges).to(device, dtype)
        self._set_molecules(fragment_index.to(device))
        self._rule, self._limit = MemoryRule.of(model.config, dtype, device), memory_bytes

    def repeated(self, copies: int) -> "ViSNetPotential":
        """For so many copies of the molecules, one after the other; the network and the limit of memory are shared."""
        other = copy.copy(self)
        shift = torch.arange(copies, device=self._fragment_index.device) * (len(self._first_atom) - 1)
        other._atomic_numbers, other._charges = self._atomic_numbers.repeat(copies), self._charges.repeat(copies)
        other._set_molecules((shift[:, None] + self._fragment_index).reshape(-1))
        return other

    def _set_molecules(self, fragment_index: Int64[Tensor, " fragment_atoms"]) -> None:
        self._fragment_index, self._index = fragment_index, fragment_index.cpu().numpy()
        self._first_atom = np.searchsorted(self._index, np.arange(self._index[-1] + 2))
        self._neighbours = NeighbourList(self._model.config.cutoff_A)

    def __call__(self, positions: Float[Tensor, "fragment_atoms 3"]) -> tuple[Tensor, Tensor]:
        """Energies and gradients, see `FragmentPotential`.

        Raises:
            PotentialError: the memory is too little in whatever number of parts.
        """
        edges = self._edges(positions)
        results = [self._evaluate(positions, edges, part) for part in self._parts(edges)]
        if len(results) == 1:
            return results[0]
        energies, gradients = zip(*results, strict=True)
        return torch.cat(energies), torch.cat(gradients)

    def member_gradients(
        self, positions: Float[Tensor, "fragment_atoms 3"]
    ) -> Float[Tensor, "members fragment_atoms 3"]:
        """Gradient of each member's energies, eV/A: one backward pass each; threads may ask at the same time.

        Raises:
            PotentialError: see `__call__`.
        """
        edges = NeighbourList(self._model.config.cutoff_A).update(positions.detach().cpu().numpy(), self._index)
        return torch.cat(
            [member_gradients(*self._energies(positions, edges, part)) for part in self._parts(edges)], dim=1
        )

    def energies(self, positions: Float[Tensor, "fragment_atoms 3"]) -> Float[Tensor, "fragments *members"]:
        """Energies without gradients, which saves most of the time and memory.

        Raises:
            PotentialError: see `__call__`.
        """
        edges = self._edges(positions)
        with torch.no_grad():
            energies = torch.cat([self._energies(positions, edges, part)[0] for part in self._parts(edges)])
        return energies if energies.shape[1] > 1 else energies[:, 0]

    def parts(self, positions: Float[Tensor, "fragment_atoms 3"]) -> list[Part]:
        """How an evaluation at these positions is divided, and what each part takes.

        Raises:
            PotentialError: see `__call__`.
        """
        return self._parts(self._edges(positions))

    def _edges(self, positions: Tensor) -> Edges:
        if len(positions) != len(self._index):
            raise ValueError(f"positions: expected those of {len(self._index)} atoms, got {len(positions)}")
        return self._neighbours.update(positions.detach().cpu().numpy(), self._index)

    def _parts(self, edges: Edges) -> list[Part]:
        return divide(edges, self._first_atom, self._rule, sys.maxsize if self._limit is None else self._limit)

    def _evaluate(self, positions: Tensor, edges: Edges, part: Part) -> tuple[Tensor, Tensor]:
        energies, moving = self._energies(positions, edges, part)
        (gradients,) = torch.autograd.grad(energies.mean(dim=1).sum(), moving)
        energies = energies.detach()
        return (energies if energies.shape[1] > 1 else energies[:, 0]), gradients

    def _energies(self, positions: Tensor, edges: Edges, part: Part) -> tuple[Tensor, Tensor]:
        """(fragments, members) energies of a part and the positions to differentiate them by."""
        atoms, first_molecule = part.atoms, part.molecules.start
        moving = positions[atoms].detach().requires_grad_()
        if len(moving) < len(positions):
            edges = molecules(edges, atoms.start, atoms.stop)
        energies = self._model.member_energies(
            self._atomic_numbers[atoms],
            moving,
            self._fragment_index[atoms] - first_molecule,
            self._charges[atoms],
            [block.to(positions.device) for block in split(edges, part.blocks)],
            part.molecules.stop - first_molecule,
            part.recompute,
        )
        return energies, moving


class ASEPotential:
    """Any ASE calculator on every molecule in turn: quantum chemistry, or a force field for checks."""

    def __init__(
        self,
        calculator: Callable[[int], Calculator],
        *,
        atomic_numbers: Int64[np.ndarray, " fragment_atoms"],
        fragment_index: Int64[np.ndarray, " fragment_atoms"],
    ) -> None:
        """`calculator(fragment)` gives the calculator of each molecule."""
        self._bounds = np.searchsorted(fragment_index, np.arange(fragment_index[-1] + 2))
        self._molecules = [
            ase.Atoms(atomic_numbers[begin:end], np.zeros((end - begin, 3)), calculator=calculator(fragment))
            for fragment, (begin, end) in enumerate(zip(self._bounds[:-1], self._bounds[1:], strict=True))
        ]

    def __call__(self, positions: Float[Tensor, "fragment_atoms 3"]) -> tuple[Tensor, Tensor]:
        """Energies and gradients, see `FragmentPotential`."""
        array = positions.detach().cpu().numpy().astype(np.float64)
        energies, gradients = np.empty(len(self._molecules)), np.empty_like(array)
        for fragment, atoms in enumerate(self._molecules):
            place = slice(self._bounds[fragment], self._bounds[fragment + 1])
            atoms.set_positions(array[place])
            energies[fragment], gradients[place] = atoms.get_potential_energy(), -atoms.get_forces()
        return torch.from_numpy(energies).to(positions.device), torch.from_numpy(gradients).to(positions)
