"""Capped segments and clusters: chosen residues cut out of a protein as one molecule, as training data has them."""

from collections.abc import Iterable, Sequence

from fragmentation.blocks import assemble
from fragmentation.plan import FragmentPlan, group_type, join, pieces_of_cores
from fragmentation.residues import ChainLinks, chain_links
from fragmentation.topology import ProteinTopology


def plan_clusters(topology: ProteinTopology, clusters: Sequence[Iterable[int]]) -> FragmentPlan:
    """Cut out one molecule for each set of residues, neighbours in the chain reduced to ACE and NME.

    Residues in sequence make one segment. A gap of one or two residues is filled, since its caps would stand in
    each other's way, and the other cysteine of a disulfide is added.

    Args:
        topology: the protein.
        clusters: residue indices of each molecule; a cap stands for the amino acid it belongs to.

    Raises:
        FragmentationError: a residue that is unknown, incomplete, or bonded in a way that cannot be cut.
        ValueError: an empty set, or an index out of range.
    """
    links = chain_links(topology)
    chosen = [_closed(links, _cores(links, residues)) for residues in clusters]
    return join(
        [assemble(topology, links, pieces_of_cores(links, cores)) for cores in chosen],
        labels=[f"{'+'.join(topology.name(links.cores[core]) for core in cores)} cluster" for cores in chosen],
        kinds=["cluster"] * len(chosen),
        types=[group_type(topology, links, cores) for cores in chosen],
    )


def _cores(links: ChainLinks, residues: Iterable[int]) -> set[int]:
    count, chosen = len(links.core_of_residue), set(residues)
    if not chosen or min(chosen) < 0 or max(chosen) >= count:
        raise ValueError(f"residues of a cluster: expected indices from 0 to {count - 1}, got {sorted(chosen)}")
    return {int(links.core_of_residue[residue]) for residue in chosen}


def _closed(links: ChainLinks, cores: set[int]) -> list[int]:
    """Add the other half of disulfides and fill gaps, until nothing changes."""
    following = links.following
    while True:
        grown = set(cores)
        for pair in links.disulfides:
            if not cores.isdisjoint(pair):
                grown.update(pair)
        for core in cores:
            after = following.get(core)
            second = None if after is None else following.get(after)
            third = None if second is None else following.get(second)
            if second in cores and after is not None:
                grown.add(after)
            elif third in cores and after is not None and second is not None:
                grown.update((after, second))
        if grown == cores:
            return sorted(cores)
        cores = grown
