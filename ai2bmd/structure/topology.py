"""OpenMM's topology of the heavy atoms: names of atoms and chains, peptide bonds, disulfides."""

import string
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from openmm import app, unit
from scipy.spatial import KDTree

from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label
from ai2bmd.structure.chains import split_number
from ai2bmd.structure.changes import Change
from ai2bmd.structure.checks import ResidueRecord
from ai2bmd.structure.names import is_hydrogen

DISULFIDE_A = 2.5
"""Two sulfurs closer than this are bonded; the bond has 2.05 A."""
_CHAIN_NAMES = string.ascii_uppercase + string.ascii_lowercase + string.digits


def build_topology(
    chains: Sequence[Sequence[ResidueRecord]], changes: list[Change]
) -> tuple[app.Topology, unit.Quantity]:
    """Topology and positions of the heavy atoms, with peptide bonds.

    Raises:
        InputError: more chains than a PDB file has names for.
    """
    names = _chain_names([chain[0].chain for chain in chains], changes)
    topology, positions = app.Topology(), []
    for chain in chains:
        openmm_chain = topology.addChain(names[chain[0].chain])
        for residue in chain:
            added = topology.addResidue(residue.name, openmm_chain, *split_number(residue.number))
            for atom in residue.atoms:
                if is_hydrogen(atom):
                    continue
                topology.addAtom(atom.name, app.Element.getBySymbol(atom.name[0]), added)
                positions.append(atom.position_A)
    bond_chains(topology)
    return topology, np.array(positions) * unit.angstrom


def bond_chains(topology: app.Topology) -> None:
    """Add all bonds within residues and along chains; OpenMM does not know those of the cap NHE."""
    topology.createStandardBonds()
    for chain in topology.chains():
        for before, after in pairwise(chain.residues()):
            if after.name == "NHE":
                carbon = next(atom for atom in before.atoms() if atom.name == "C")
                topology.addBond(carbon, next(after.atoms()))


def _chain_names(chains: Sequence[str], changes: list[Change]) -> dict[str, str]:
    """Chains under names of one character, as a PDB file needs; those that have one keep it."""
    distinct = list(dict.fromkeys(chains))
    names = {chain: chain for chain in distinct if len(chain) == 1}
    free = (name for name in _CHAIN_NAMES if name not in names)
    for chain in distinct:
        if chain in names:
            continue
        name = next(free, None)
        if name is None:
            raise InputError(f"the file has {len(distinct)} chains; a prepared structure can hold {len(_CHAIN_NAMES)}")
        names[chain] = name
        changes.append(Change("renamed", f"chain {chain}", f"chain {name}, for a PDB file takes one character"))
    return names


def add_disulfides(topology: app.Topology, positions: unit.Quantity, changes: list[Change]) -> None:
    """Bond the sulfurs of cysteines that are near each other, the nearest pairs first."""
    sulfurs = [atom for atom in topology.atoms() if atom.name == "SG" and atom.residue.name == "CYS"]
    if len(sulfurs) < 2:
        return
    places = np.array(positions.value_in_unit(unit.angstrom))[[atom.index for atom in sulfurs]]
    pairs = KDTree(places).query_pairs(DISULFIDE_A)
    used: set[int] = set()
    for first, second in sorted(pairs, key=lambda pair: np.linalg.norm(places[pair[0]] - places[pair[1]])):
        if used & {first, second}:
            continue
        used |= {first, second}
        topology.addBond(sulfurs[first], sulfurs[second])
        distance = np.linalg.norm(places[first] - places[second])
        names = " and ".join(residue_label(atom.residue) for atom in (sulfurs[first], sulfurs[second]))
        changes.append(Change("disulfide", names, f"S-S {distance:.2f} A"))
