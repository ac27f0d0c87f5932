"""Amino acids in their chain: which atoms belong together when it is cut, and whether they are all there.

An amino acid falls into four pieces that are kept or left out whole: N with its hydrogens, CA with its hydrogens, C
with O, and the rest. ACE, NME and NHE of the input belong to the rest of the amino acid they are bonded to.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64

from fragmentation.errors import FragmentationError
from fragmentation.topology import CAP_RESIDUES, ProteinTopology

NH, CA, CO, REST = range(4)

_CHAIN_FORMULAS = {
    "ALA": "C3H5NO", "ARG": "C6H13N4O", "ASN": "C4H6N2O2", "ASP": "C4H4NO3", "ASH": "C4H5NO3", "CYS": "C3H5NOS",
    "CYX": "C3H4NOS", "GLN": "C5H8N2O2", "GLU": "C5H6NO3", "GLH": "C5H7NO3", "GLY": "C2H3NO", "HID": "C6H7N3O",
    "HIE": "C6H7N3O", "HIP": "C6H8N3O", "ILE": "C6H11NO", "LEU": "C6H11NO", "LYS": "C6H13N2O", "LYN": "C6H12N2O",
    "MET": "C5H9NOS", "PHE": "C9H9NO", "PRO": "C5H7NO", "SER": "C3H5NO2", "THR": "C4H7NO2", "TRP": "C11H10N2O",
    "TYR": "C9H9NO2", "VAL": "C5H9NO", "ACE": "C2H3O", "NME": "CH4N", "NHE": "H2N",
}  # fmt: skip
_ELEMENTS = {"H": 1, "C": 6, "N": 7, "O": 8, "S": 16}
_WORDS = {1: "hydrogen", 6: "carbon", 7: "nitrogen", 8: "oxygen", 16: "sulfur"}
AMINO_ACIDS = frozenset(_CHAIN_FORMULAS) - CAP_RESIDUES


@dataclass(frozen=True, eq=False)
class ChainLinks:
    """How the residues hang together. A core is an amino acid (or the first cap of a molecule that has none)."""

    cores: tuple[int, ...]
    """(cores,) residue of each core."""
    core_of_residue: Int64[np.ndarray, " residues"]
    piece: Int64[np.ndarray, " atoms"]
    """4 * core + NH, CA, CO or REST."""
    following: dict[int, int]
    """Core whose N is bonded to this core's C."""
    disulfides: tuple[tuple[int, int], ...]
    """Pairs of cores."""

    @cached_property
    def preceding(self) -> dict[int, int]:
        """Core whose C is bonded to this core's N."""
        return {after: before for before, after in self.following.items()}

    @cached_property
    def residues_of_core(self) -> tuple[tuple[int, ...], ...]:
        """The core's residue with the caps that belong to it, ascending."""
        return _members(self.core_of_residue, len(self.cores))

    @cached_property
    def atoms_of_piece(self) -> tuple[tuple[int, ...], ...]:
        """Atoms of each piece, ascending."""
        return _members(self.piece, 4 * len(self.cores))


def _members(group: Int64[np.ndarray, " members"], count: int) -> tuple[tuple[int, ...], ...]:
    lists: list[list[int]] = [[] for _ in range(count)]
    for member, number in enumerate(group.tolist()):
        lists[number].append(member)
    return tuple(tuple(members) for members in lists)


def chain_links(topology: ProteinTopology) -> ChainLinks:
    """Find peptide bonds, disulfides and the owner of every cap, and check each residue.

    Raises:
        FragmentationError: unknown residue, missing or surplus atoms, a chain end that is not closed, or a bond
            between residues that is neither a peptide bond nor a disulfide.
    """
    _check_names(topology)
    peptides, disulfides, cap_bonds = _links(topology)
    _check_atoms(topology, peptides, cap_bonds)
    core_residues, owner = _owners(topology, cap_bonds)
    number = {residue: core for core, residue in enumerate(core_residues)}
    core_of_residue = np.array([number[residue] for residue in owner], dtype=np.int64)
    piece = 4 * core_of_residue[topology.residue_index] + _roles(topology)
    return ChainLinks(
        cores=tuple(core_residues),
        core_of_residue=core_of_residue,
        piece=piece,
        following={number[before]: number[after] for before, after in peptides},
        disulfides=tuple((number[first], number[second]) for first, second in disulfides),
    )


def _check_names(topology: ProteinTopology) -> None:
    for residue, name in enumerate(topology.residue_names):
        if name not in _CHAIN_FORMULAS:
            raise FragmentationError(
                f"{topology.where(residue)}: only the standard amino acids, their protonation states and the caps "
                "ACE, NME and NHE can be cut into fragments; remove or replace this residue"
            )
        for atom_name in () if name in CAP_RESIDUES else ("N", "CA", "C", "O"):
            if topology.atom(residue, atom_name) is None:
                raise FragmentationError(
                    f"{topology.where(residue)}: backbone atom {atom_name} is missing; build it with `ai2bmd prepare`"
                )


_Pairs = list[tuple[int, int]]


def _links(topology: ProteinTopology) -> tuple[_Pairs, _Pairs, _Pairs]:
    """Bonds between residues as pairs of residues: peptide bonds (C side first), disulfides, bonds of caps."""
    peptides, disulfides, cap_bonds = [], [], []
    residue_of = topology.residue_index
    between = topology.bonds[residue_of[topology.bonds[:, 0]] != residue_of[topology.bonds[:, 1]]]
    for pair in between.tolist():
        first, second = sorted(pair, key=lambda atom: (topology.atom_names[atom], atom))
        residues = int(residue_of[first]), int(residue_of[second])
        names = topology.atom_names[first], topology.atom_names[second]
        if names == ("C", "N"):
            caps = any(topology.residue_names[residue] in CAP_RESIDUES for residue in residues)
            (cap_bonds if caps else peptides).append(residues)
        elif names == ("SG", "SG"):
            disulfides.append(residues)
        else:
            raise FragmentationError(
                f"{topology.where(residues[0])}, atom {names[0]}: bonded to atom {names[1]} of "
                f"{topology.where(residues[1])}; between residues only peptide bonds and disulfides can be cut"
            )
    return peptides, disulfides, cap_bonds


def _owners(topology: ProteinTopology, cap_bonds: _Pairs) -> tuple[list[int], list[int]]:
    """Residues that are cores, and the core residue that each residue belongs to."""
    owner = list(range(len(topology.residue_names)))
    for before, after in cap_bonds:
        cap, other = (before, after) if topology.residue_names[before] in CAP_RESIDUES else (after, before)
        both = topology.residue_names[other] in CAP_RESIDUES
        owner[max(before, after) if both else cap] = min(before, after) if both else other
    cores = [residue for residue, core in enumerate(owner) if core == residue]
    return cores, owner


def _roles(topology: ProteinTopology) -> Int64[np.ndarray, " atoms"]:
    roles = np.full(len(topology.atom_names), REST, dtype=np.int64)
    for residue, name in enumerate(topology.residue_names):
        if name in CAP_RESIDUES:
            continue
        for atom in topology.atoms_of(residue):
            role = {"N": NH, "CA": CA, "C": CO, "O": CO}.get(topology.atom_names[atom], REST)
            roles[atom] = role if topology.atomic_numbers[atom] != 1 else roles[atom]
            if role in (NH, CA):
                for bonded in topology.neighbours[atom]:
                    if topology.atomic_numbers[bonded] == 1:
                        roles[bonded] = role
    return roles


def _check_atoms(topology: ProteinTopology, peptides: _Pairs, cap_bonds: _Pairs) -> None:
    """Compare each residue's elements with its formula in a chain, plus what closes a free terminus."""
    if not np.any(topology.atomic_numbers == 1):
        raise FragmentationError("the protein has no hydrogens; add them with `ai2bmd prepare`")
    c_linked = {before for before, _ in peptides + cap_bonds}
    n_linked = {after for _, after in peptides + cap_bonds}
    for residue, name in enumerate(topology.residue_names):
        if name in CAP_RESIDUES and residue not in (c_linked if name == "ACE" else n_linked):
            raise FragmentationError(f"{topology.where(residue)}: this cap is not bonded to a chain; remove it")
        begins = name not in CAP_RESIDUES and residue not in n_linked
        ends = name not in CAP_RESIDUES and residue not in c_linked
        _check_formula(topology, residue, begins=begins, ends=ends)
        _check_bonds(topology, residue)


def _check_formula(topology: ProteinTopology, residue: int, *, begins: bool, ends: bool) -> None:
    difference = Counter(topology.atomic_numbers[list(topology.atoms_of(residue))].tolist())
    difference.subtract(_formula(topology.residue_names[residue]))
    hydrogens = difference.pop(1, 0)
    if ends:
        difference[8] -= 1
        if difference[8] == -1:
            raise FragmentationError(
                f"{topology.where(residue)}: the chain ends here without an oxygen OXT; "
                "close the chain or a break in it with `ai2bmd prepare`"
            )
    # NH2 or NH3+ at the beginning (proline one fewer of each, of one fewer inside a chain), COO- or COOH at the end
    least, most = (1, 2) if begins else (0, 0)
    most += ends
    wrong = {_WORDS.get(element, "foreign"): count for element, count in difference.items() if count}
    if not least <= hydrogens <= most:
        wrong["hydrogen"] = hydrogens - (least if hydrogens < least else most)
    if wrong:
        what = " and ".join(
            f"{abs(count)} {word} atom{'s' * (abs(count) > 1)} too {'many' if count > 0 else 'few'}"
            for word, count in wrong.items()
        )
        place = "the beginning" if begins else "the end" if ends else "the inside"
        raise FragmentationError(
            f"{topology.where(residue)}: {what} for this residue at {place} of a chain; "
            "check its protonation and the ends of the chain, or complete it with `ai2bmd prepare`"
        )


def _formula(name: str) -> Counter[int]:
    parts = re.findall(r"([A-Z])(\d*)", _CHAIN_FORMULAS[name])
    return Counter({_ELEMENTS[symbol]: int(count or 1) for symbol, count in parts})


def _check_bonds(topology: ProteinTopology, residue: int) -> None:
    for atom in topology.atoms_of(residue):
        count = len(topology.neighbours[atom])
        if count == 0 or (topology.atomic_numbers[atom] == 1 and count > 1):
            raise FragmentationError(
                f"{topology.where(residue)}, atom {topology.atom_names[atom]}: has {count} bonds; "
                "give the atoms their standard names so that their bonds can be told"
            )
