"""The plan of a protein's fragments: index arrays and signed coefficients, made once and never rebuilt.

For residues 1..n of a chain, unit i holds CA, HA, C, O of residue i - 1, all of residue i, and N, H, CA, HA of
residue i + 1; an overlap holds what two neighbouring units share and is subtracted. Cut bonds are closed with
hydrogens, so that units are ACE-X-NME and overlaps ACE-NME (N-methylacetamide). Joined by a disulfide, two units
are one. With the overlaps subtracted every atom, and every pair of atoms that share a unit, counts exactly once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from fragmentation.blocks import Molecule, assemble
from fragmentation.partition import net_coefficients
from fragmentation.residues import CA, CO, NH, REST, ChainLinks, chain_links
from fragmentation.topology import ProteinTopology


@dataclass(frozen=True, eq=False)
class FragmentPlan:
    """Fragments as molecules, flat over their atoms; see `fragmentation.caps.expand` for their positions."""

    labels: tuple[str, ...]
    """(fragments,) such as "A:ASP3 unit" and "A:PRO4/A:GLU5 overlap"."""
    kinds: tuple[str, ...]
    """(fragments,) "unit", "overlap" or "cluster"."""
    types: tuple[str, ...]
    """(fragments,) the molecule it is: mid-ALA, nterm-ALA, cterm-ALA, overlap-NMA, disulfide, or such names joined."""
    coefficients: Float64[np.ndarray, " fragments"]
    fragment_index: Int64[np.ndarray, " fragment_atoms"]
    """Ascending."""
    atomic_numbers: Int64[np.ndarray, " fragment_atoms"]
    source: Int64[np.ndarray, " fragment_atoms"]
    """Protein atom; for a cap the kept atom it sits on."""
    toward: Int64[np.ndarray, " fragment_atoms"]
    """For a cap the protein atom it stands for; -1 for a real atom."""
    bond_length_A: Float64[np.ndarray, " fragment_atoms"]
    """Length of a cap's bond; 0 for a real atom."""
    template_residue_index: Int64[np.ndarray, " fragment_atoms"]
    """Into template_residue_names, ascending."""
    template_residue_names: tuple[str, ...]
    """(template_residues,) of all fragments in a row; what is left of a neighbour is called ACE or NME."""
    template_atom_names: tuple[str, ...]
    bonds: Int64[np.ndarray, "fragment_bonds 2"]
    """Between fragment atoms."""

    @property
    def n_fragments(self) -> int:
        """Number of fragments."""
        return len(self.labels)

    @property
    def sizes(self) -> Int64[np.ndarray, " fragments"]:
        """Number of atoms of each fragment."""
        return np.bincount(self.fragment_index, minlength=self.n_fragments)

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the protein."""
        return int(self.source.max()) + 1

    @property
    def protein_bonds(self) -> Int64[np.ndarray, "bonds 2"]:
        """Bonds between atoms of the protein, each once; every one lies in some fragment."""
        bonds = np.sort(self.source[self.bonds], axis=1)
        return np.unique(bonds[bonds[:, 0] < bonds[:, 1]], axis=0)


def plan_fragments(topology: ProteinTopology) -> FragmentPlan:
    """Cut a protein into units and overlaps.

    Raises:
        FragmentationError: a residue that is unknown, incomplete, or bonded in a way that cannot be cut.
    """
    links = chain_links(topology)
    groups, overlaps = exact_groups(links)
    units = [assemble(topology, links, pieces_of_cores(links, group)) for group in groups]
    shared = [assemble(topology, links, _overlap_pieces(*pair)) for pair in overlaps]
    labels = [f"{'+'.join(_name(topology, links, core) for core in group)} unit" for group in groups]
    labels += [f"{'/'.join(_name(topology, links, core) for core in pair)} overlap" for pair in overlaps]
    return join(
        units + shared,
        labels=labels,
        kinds=["unit"] * len(groups) + ["overlap"] * len(overlaps),
        types=[group_type(topology, links, group) for group in groups] + ["overlap-NMA"] * len(overlaps),
    )


def pieces_of_cores(links: ChainLinks, cores: Sequence[int]) -> set[int]:
    """Pieces of the units of these cores: the cores themselves and the near side of their neighbours."""
    pieces = set()
    for core in cores:
        pieces.update(4 * core + role for role in (NH, CA, CO, REST))
        if (before := links.preceding.get(core)) is not None:
            pieces.update((4 * before + CA, 4 * before + CO))
        if (after := links.following.get(core)) is not None:
            pieces.update((4 * after + NH, 4 * after + CA))
    return pieces


def _overlap_pieces(before: int, after: int) -> set[int]:
    return {4 * before + CA, 4 * before + CO, 4 * after + NH, 4 * after + CA}


def exact_groups(links: ChainLinks) -> tuple[list[tuple[int, ...]], list[tuple[int, int]]]:
    """Cores of each unit, and the pairs of neighbours with an overlap.

    Cysteines of a disulfide share a unit. Where that makes some pair of pieces count more or less than once (they
    are near in sequence, or two disulfides join the same stretches), all units that hold the pair become one.
    """
    group = list(range(len(links.cores)))
    for first, second in links.disulfides:
        _merge(group, [group[first], group[second]])
    while True:
        members: dict[int, list[int]] = {}
        for core, number in enumerate(group):
            members.setdefault(number, []).append(core)
        overlaps = [pair for pair in links.following.items() if group[pair[0]] != group[pair[1]]]
        units = {number: pieces_of_cores(links, cores) for number, cores in members.items()}
        fragments = [*units.values(), *(_overlap_pieces(*pair) for pair in overlaps)]
        signs = np.repeat([1.0, -1.0], [len(units), len(overlaps)])
        pairs, net = net_coefficients([sorted(pieces) for pieces in fragments], signs)
        wrong = pairs[net != 1.0]
        if not len(wrong):
            return [tuple(cores) for cores in members.values()], overlaps
        holders = [[number for number, pieces in units.items() if pieces.issuperset(pair)] for pair in wrong.tolist()]
        for numbers in holders:
            _merge(group, [group[number] for number in numbers])


def _merge(group: list[int], numbers: Sequence[int]) -> None:
    chosen, lowest = set(numbers), min(numbers)
    group[:] = [lowest if number in chosen else number for number in group]


def _name(topology: ProteinTopology, links: ChainLinks, core: int) -> str:
    return topology.name(links.cores[core])


def group_type(topology: ProteinTopology, links: ChainLinks, group: Sequence[int]) -> str:
    """Name of the molecule that a unit is."""
    names = [_core_type(topology, links, core) for core in group]
    apart = len(group) == 2 and links.following.get(group[0]) != group[1] != links.preceding.get(group[0])
    return "disulfide" if apart and names == ["mid-CYX", "mid-CYX"] else "+".join(names)


def _core_type(topology: ProteinTopology, links: ChainLinks, core: int) -> str:
    residue = links.cores[core]
    name = topology.residue_names[residue]
    caps = {topology.residue_names[other] for other in links.residues_of_core[core]} - {name}
    if name == "ACE":
        return "overlap-NMA" if "NME" in caps else "ACE-NHE"
    before = core in links.preceding or "ACE" in caps
    after = core in links.following or not caps.isdisjoint({"NME", "NHE"})
    place = {(True, True): "mid", (False, True): "nterm", (True, False): "cterm", (False, False): "free"}[before, after]
    return f"{place}-{name}{'-NHE' * ('NHE' in caps)}"


def join(
    molecules: Sequence[Molecule], *, labels: Sequence[str], kinds: Sequence[str], types: Sequence[str]
) -> FragmentPlan:
    """Lay molecules end to end; those of kind "overlap" count -1, others +1."""
    sizes = np.array([len(molecule.source) for molecule in molecules], dtype=np.int64)
    first_atom = np.concatenate([[0], np.cumsum(sizes)])
    n_residues = [len(molecule.residue_names) for molecule in molecules]
    first_residue = np.concatenate([[0], np.cumsum(n_residues)])
    return FragmentPlan(
        labels=tuple(labels),
        kinds=tuple(kinds),
        types=tuple(types),
        coefficients=np.array([-1.0 if kind == "overlap" else 1.0 for kind in kinds]),
        fragment_index=np.repeat(np.arange(len(molecules)), sizes),
        atomic_numbers=np.concatenate([molecule.atomic_numbers for molecule in molecules]),
        source=np.concatenate([molecule.source for molecule in molecules]),
        toward=np.concatenate([molecule.toward for molecule in molecules]),
        bond_length_A=np.concatenate([molecule.bond_length_A for molecule in molecules]),
        template_residue_index=np.concatenate(
            [molecule.residue_index + first for molecule, first in zip(molecules, first_residue, strict=False)]
        ),
        template_residue_names=tuple(name for molecule in molecules for name in molecule.residue_names),
        template_atom_names=tuple(name for molecule in molecules for name in molecule.atom_names),
        bonds=np.concatenate([molecule.bonds + first for molecule, first in zip(molecules, first_atom, strict=False)]),
    )
