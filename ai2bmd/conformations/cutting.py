"""Units and clusters of residues in contact, cut from one conformation of a protein as molecules of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float64
from openmm import app
from scipy.spatial import KDTree

from ai2bmd.conformations.atom_order import atom_order, reordered
from ai2bmd.conformations.molecules import CappedMolecule, capped_molecule
from ai2bmd.conformations.units import UNIT_NAMES, build_unit
from ai2bmd.fragment_system import fragment_openmm_topology
from fragmentation.caps import PlanTensors, expand
from fragmentation.clusters import plan_clusters
from fragmentation.plan import FragmentPlan, plan_fragments
from fragmentation.topology import CAP_RESIDUES, ProteinTopology

_CONTACT_A = 3.0
"""Closest atoms, hydrogens included, of residues that touch."""
_CHAIN_NEIGHBOURS = 2
"""Residues so near in the chain touch always; a cluster of them is a piece of the chain."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of a protein, its atoms in the order of the files."""

    name: str
    """Of the group: mid-ALA, cluster-ACE-ALA-NME-ACE-GLY-NME."""
    label: str
    """Its residues in the protein, such as A:ALA3."""
    topology: app.Topology
    positions_A: Float64[np.ndarray, "atoms 3"]

    def molecule(self) -> CappedMolecule:
        """The molecule that it is a conformation of; a unit as built, a cluster as it is here.

        Raises:
            InputError: the force field has no template for a residue.
        """
        if self.name in UNIT_NAMES:
            return build_unit(self.name)
        return capped_molecule(self.name, self.topology, self.positions_A)


def units_of(protein: ProteinTopology, positions_A: Float64[np.ndarray, "atoms 3"]) -> Iterator[Piece]:
    """All units and overlaps that are among `UNIT_NAMES`."""
    plan = plan_fragments(protein)
    known = [number for number, name in enumerate(plan.types) if name in UNIT_NAMES]
    yield from _pieces(plan, known, positions_A)


def clusters_of(
    protein: ProteinTopology,
    positions_A: Float64[np.ndarray, "atoms 3"],
    *,
    largest: int,
    wanted: int,
    generator: np.random.Generator,
) -> Iterator[Piece]:
    """Clusters in a random order: two residues in sequence, or one with one or two that it touches.

    Args:
        protein: to be cut.
        positions_A: of its atoms.
        largest: number of atoms, caps included.
        wanted: of so many clusters at most.
        generator: draws.
    """
    sets = residues_in_contact(protein, positions_A)
    if not sets:
        return
    plan = plan_clusters(protein, sets)
    first = {label: number for number, label in reversed(list(enumerate(plan.labels)))}  # each once
    small = [number for number in first.values() if plan.sizes[number] <= largest]
    yield from _pieces(plan, generator.permutation(sorted(small))[:wanted].tolist(), positions_A)


def residues_in_contact(protein: ProteinTopology, positions_A: Float64[np.ndarray, "atoms 3"]) -> list[tuple[int, ...]]:
    """Residues of each cluster of two or three; ascending, each once."""
    first, second = KDTree(positions_A).query_pairs(_CONTACT_A, output_type="ndarray").T
    touching: dict[int, set[int]] = {}
    sets: set[tuple[int, ...]] = set()
    for a, b in set(zip(protein.residue_index[first].tolist(), protein.residue_index[second].tolist(), strict=True)):
        if a == b or not CAP_RESIDUES.isdisjoint((protein.residue_names[a], protein.residue_names[b])):
            continue
        low, high = min(a, b), max(a, b)
        same_chain = protein.chain_ids[low] == protein.chain_ids[high]
        if same_chain and high - low <= _CHAIN_NEIGHBOURS:
            sets.add(tuple(range(low, high + 1)))
            continue
        sets.add((low, high))
        touching.setdefault(low, set()).add(high)
        touching.setdefault(high, set()).add(low)
    for residue, others in touching.items():
        sets.update(tuple(sorted((residue, *pair))) for pair in combinations(sorted(others), 2))
    return sorted(sets)


def _pieces(
    plan: FragmentPlan, fragments: Sequence[int], positions_A: Float64[np.ndarray, "atoms 3"]
) -> Iterator[Piece]:
    placed = torch.from_numpy(np.ascontiguousarray(positions_A, dtype=np.float64))
    expanded = expand(PlanTensors.of(plan, dtype=torch.float64), placed).numpy()
    for number in fragments:
        topology = fragment_openmm_topology(plan, [number])
        order = atom_order(topology)
        ordered = reordered(topology, order)
        name = plan.types[number]
        if plan.kinds[number] == "cluster":
            name = "-".join(["cluster", *(residue.name for residue in ordered.residues())])
        label = plan.labels[number].removesuffix(f" {plan.kinds[number]}")
        yield Piece(name, label, ordered, expanded[plan.fragment_index == number][order])
