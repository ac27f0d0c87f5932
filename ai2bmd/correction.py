"""The ab initio correction C(R) of a protein and its forces, in either coupling (section 2 of the design).

`units`: C = sum_k s_k Delta(u_k(R)) over capped fragments. `whole`: C = Delta(R) on the graph of the whole protein.
A full model V takes the place of Delta with the force field's own energy of the same molecules subtracted; so does
E_amber19 + Delta where the environment is another force field (`subtracted_energy.py`).
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64

from ai2bmd.device import correction_memory_bytes
from ai2bmd.environment import EnvironmentName
from ai2bmd.errors import InputError
from ai2bmd.fragment_potential import CommitteePotential, FragmentPotential, ViSNetPotential
from ai2bmd.fragment_system import fragment_charges
from ai2bmd.subtracted_energy import ForceFieldTerm, subtracted_energy
from ai2bmd.wall import ShortRangeWall
from fragmentation.caps import PlanTensors, expand
from fragmentation.combine import combine
from fragmentation.plan import FragmentPlan, plan_fragments
from fragmentation.topology import ProteinTopology
from potentials.model_file import CommitteeCard, LoadedModel
from potentials.visnet.committee import spread
from potentials.visnet.memory import Part

Coupling = Literal["units", "whole"]
DEFAULT_COUPLING: Coupling = "whole"


@dataclass(frozen=True)
class CorrectionResult:
    """Value of the correction at one geometry."""

    energy: float
    """eV."""
    forces: Float[np.ndarray, "atoms 3"]
    """eV/A, on the protein's real atoms: the exact gradient, caps included."""
    fragment_energies: Float64[np.ndarray, " fragments"]
    """eV, of each fragment before signs; of the one protein in `whole`."""
    member_energies: Float64[np.ndarray, " members"] | None = None
    """eV, the correction by each member of a committee, spread about their mean, `energy`, as the error is expected to
    be. None for a model without members."""
    wall_energy: float = 0.0
    """eV, part of `energy`: what the wall adds at contacts closer than any the model was trained on."""

    @property
    def energy_std(self) -> float | None:
        """Expected error of the energy relative to the geometry of reference, eV; None for a model without members."""
        return None if self.member_energies is None else float(self.member_energies.std(ddof=1))


class Correction:
    """C(R): positions of the protein's atoms in, energy and forces out."""

    def __init__(
        self,
        plan: FragmentPlan,
        potential: FragmentPotential,
        *,
        force_field: ForceFieldTerm | None = None,
        wall: ForceFieldTerm | None = None,
        committee: CommitteeCard | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Put a potential to work on the fragments of a plan.

        Args:
            plan: the fragments; one that holds the whole protein for `whole`.
            potential: Delta, or V; with what `force_field` subtracts.
            force_field: signed sum of the fragments' force field energies and its forces, subtracted.
            wall: energy (eV) and forces (eV/A) against contacts that the model knows nothing of, added.
            committee: scales of the spread, where the potential has members.
            device: where positions are expanded.
            dtype: float type of the positions.
        """
        self.plan = plan
        self._tensors = PlanTensors.of(plan, device=device or "cpu", dtype=dtype)
        self._signs = self._tensors.coefficients[self._tensors.fragment_index].to(dtype)[:, None]
        self._potential, self._force_field, self._wall = potential, force_field, wall
        self._device, self._dtype, self._committee = device, dtype, committee
        self._reference: float | np.ndarray = 0.0

    def refer_to(self, positions: Float[np.ndarray, "atoms 3"]) -> None:
        """Take a geometry (A) as the one to which energies are relative: there the members agree.

        Absolute energies of a molecule have no meaning, and what members think of them is no error of a simulation.
        """
        if self._committee is not None:
            self._reference = 0.0
            result = self.evaluate(positions)
            assert result.member_energies is not None  # there is a committee
            self._reference = result.member_energies - result.energy

    @property
    def has_members(self) -> bool:
        """Whether the model is a committee, which tells its error."""
        return self._committee is not None

    def exchanged(self, exchange: Callable[[FragmentPotential], FragmentPotential]) -> "Correction":
        """The same correction, its molecules evaluated by what `exchange` makes of the potential."""
        other = copy.copy(self)
        other._potential = exchange(self._potential)
        return other

    def evaluate(self, positions: Float[np.ndarray, "atoms 3"]) -> CorrectionResult:
        """Energy and forces at positions in Angstrom; the input is left as it is."""
        real = torch.tensor(positions, dtype=self._dtype, device=self._device, requires_grad=True)
        expanded = expand(self._tensors, real)
        energies, gradients = self._potential(expanded.detach())
        members = None
        if self._committee is not None:
            members = combine(self._tensors, energies).cpu().numpy()
            energies = energies.mean(dim=1)
        energy = combine(self._tensors, energies).item()
        gradients = gradients * self._signs
        if self._force_field is not None:
            classical, classical_forces = self._force_field(expanded.detach().cpu().numpy())
            energy -= classical
            gradients = gradients + torch.from_numpy(classical_forces).to(gradients)
        (gradient,) = torch.autograd.grad(expanded, real, gradients)
        forces = -gradient.cpu().numpy()
        wall_energy = 0.0
        if self._wall is not None:
            wall_energy, wall_forces = self._wall(positions)
            energy, forces = energy + wall_energy, (forces + wall_forces).astype(forces.dtype)
        if members is not None and self._committee is not None:
            members = energy + self._committee.energy_scale * (members - members.mean()) - self._reference
        return CorrectionResult(energy, forces, energies.cpu().numpy(), members, wall_energy)

    def energies(self, positions: Float[np.ndarray, "frames atoms 3"]) -> Float64[np.ndarray, " frames"]:
        """Energy (eV) of each of several frames (A), evaluated together where the potential is a ViSNet; no forces."""
        if not isinstance(self._potential, ViSNetPotential):
            return np.array([self.evaluate(frame).energy for frame in positions])
        real = torch.tensor(positions, dtype=self._dtype, device=self._device)
        with torch.no_grad():
            expanded = [expand(self._tensors, frame) for frame in real]
        energies = self._potential.repeated(len(real)).energies(torch.cat(expanded)).to(torch.float64)
        energies = energies.reshape(len(real), len(self._tensors.coefficients), -1).mean(dim=2)
        found = (energies @ self._tensors.coefficients).cpu().numpy()
        if self._force_field is not None:
            found -= [self._force_field(frame.cpu().numpy())[0] for frame in expanded]
        if self._wall is not None:
            found += [self._wall(frame)[0] for frame in positions]
        return found

    def force_std(self, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, " atoms"]:
        """Expected length of the error of each atom's force, eV/A; takes a backward pass for each member.

        Raises:
            InputError: the model has no members.
        """
        if self._committee is None or not isinstance(self._potential, CommitteePotential):
            raise InputError(
                "forces_std: the model has one member and does not know its error; take a model with a committee "
                "(scripts/make_committee.py gives it one)"
            )
        real = torch.tensor(positions, dtype=self._dtype, device=self._device, requires_grad=True)
        expanded = expand(self._tensors, real)
        gradients = self._potential.member_gradients(expanded.detach()) * self._signs
        members = [torch.autograd.grad(expanded, real, member, retain_graph=True)[0] for member in gradients]
        return self._committee.force_scale * spread(torch.stack(members)).cpu().numpy()

    def parts(self, positions: Float[np.ndarray, "atoms 3"]) -> list[Part]:
        """The parts in which a ViSNet is evaluated at these positions (A), one after the other, and their memory.

        Raises:
            PotentialError: the memory it may take is too little in whatever number of parts.
            TypeError: the potential is not a ViSNet.
        """
        if not isinstance(self._potential, ViSNetPotential):
            raise TypeError(f"potential: expected a ViSNetPotential, got {type(self._potential).__name__}")
        real = torch.tensor(positions, dtype=self._dtype, device=self._device)
        return self._potential.parts(expand(self._tensors, real))


def model_correction(
    topology: ProteinTopology,
    model: LoadedModel,
    *,
    charges: Float64[np.ndarray, " atoms"],
    coupling: Coupling,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    environment: EnvironmentName = "amber19",
    memory_bytes: int | None = None,
) -> Correction:
    """The correction that a ViSNet gives a protein.

    Args:
        topology: the protein.
        model: a correction model, or a full model (then in `units`).
        charges: amber19's partial charge (e) of each protein atom, whatever the environment: the model knows no others.
        coupling: units or whole.
        device: torch device.
        dtype: float type of the network.
        environment: that the correction is added to.
        memory_bytes: most that an evaluation of the network may take; None is what `correction_memory_bytes` allows.

    Raises:
        InputError: unknown coupling, or a full model with `whole`.
        FragmentationError: the protein cannot be cut.
    """
    if coupling not in ("units", "whole"):
        raise InputError(f"coupling: expected units or whole, got {coupling!r}")
    if model.card.kind == "full" and coupling == "whole":
        raise InputError("a full model can be coupled through units only; use --coupling units or a correction model")
    plan = plan_fragments(topology) if coupling == "units" else whole_plan(topology)
    potential = ViSNetPotential(
        model.model,
        atomic_numbers=torch.from_numpy(plan.atomic_numbers),
        fragment_index=torch.from_numpy(plan.fragment_index),
        charges=fragment_charges(plan) if coupling == "units" else charges,
        device=device,
        dtype=dtype,
        memory_bytes=correction_memory_bytes(device) if memory_bytes is None else memory_bytes,
    )
    classical = subtracted_energy(plan, kind=model.card.kind, environment=environment)
    wall = ShortRangeWall(topology)
    return Correction(
        plan,
        potential,
        force_field=classical,
        wall=wall,
        committee=model.card.committee,
        device=device,
        dtype=dtype,
    )


def whole_plan(topology: ProteinTopology) -> FragmentPlan:
    """The protein as a single fragment without caps."""
    atoms = len(topology.atomic_numbers)
    return FragmentPlan(
        labels=("protein",),
        kinds=("protein",),
        types=("protein",),
        coefficients=np.ones(1),
        fragment_index=np.zeros(atoms, dtype=np.int64),
        atomic_numbers=topology.atomic_numbers,
        source=np.arange(atoms),
        toward=np.full(atoms, -1),
        bond_length_A=np.zeros(atoms),
        template_residue_index=topology.residue_index,
        template_residue_names=topology.residue_names,
        template_atom_names=topology.atom_names,
        bonds=topology.bonds,
    )
