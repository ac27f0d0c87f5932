"""A protein as arrays: atoms, residues and covalent bonds. What every plan of fragments is made from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64

CAP_RESIDUES = frozenset({"ACE", "NME", "NHE"})


@dataclass(frozen=True, eq=False)
class ProteinTopology:
    """The protein atoms of a system, with no others; atom i of the positions is atom i here.

    Raises:
        ValueError: arrays of different lengths.
    """

    atomic_numbers: Int64[np.ndarray, " atoms"]
    atom_names: tuple[str, ...]
    """(atoms,) PDB names; N, CA, C and O are looked for in every amino acid."""
    residue_index: Int64[np.ndarray, " atoms"]
    """Ascending; residues without gaps from 0."""
    residue_names: tuple[str, ...]
    """(residues,) Amber names: HID, HIE, HIP, CYX, ASH, GLH, LYN, ACE, NME, NHE and the standard ones."""
    chain_ids: tuple[str, ...]
    residue_numbers: tuple[str, ...]
    """(residues,) as in the file, insertion code included."""
    bonds: Int64[np.ndarray, "bonds 2"]
    """All covalent bonds, disulfides included."""

    def __post_init__(self) -> None:
        if not len(self.atomic_numbers) == len(self.atom_names) == len(self.residue_index):
            raise ValueError("atomic_numbers, atom_names and residue_index must have one entry for each atom")
        if not len(self.residue_names) == len(self.chain_ids) == len(self.residue_numbers):
            raise ValueError("residue_names, chain_ids and residue_numbers must have one entry for each residue")

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """Bonded atoms of each atom, ascending."""
        lists: list[list[int]] = [[] for _ in self.atom_names]
        for first, second in self.bonds.tolist():
            lists[first].append(second)
            lists[second].append(first)
        return tuple(tuple(sorted(bonded)) for bonded in lists)

    @cached_property
    def first_atom(self) -> Int64[np.ndarray, " bounds"]:
        """Residue r holds the atoms first_atom[r] to first_atom[r + 1]."""
        return np.searchsorted(self.residue_index, np.arange(len(self.residue_names) + 1)).astype(np.int64)

    def atoms_of(self, residue: int) -> range:
        """Atoms of a residue."""
        return range(int(self.first_atom[residue]), int(self.first_atom[residue + 1]))

    def atom(self, residue: int, name: str) -> int | None:
        """The atom of this name in a residue, None if there is none."""
        return next((atom for atom in self.atoms_of(residue) if self.atom_names[atom] == name), None)

    def name(self, residue: int) -> str:
        """A residue in short, such as A:ASP3."""
        return f"{self.chain_ids[residue]}:{self.residue_names[residue]}{self.residue_numbers[residue]}"

    def where(self, residue: int) -> str:
        """A residue in the words of an error: chain A, residue ASP 3."""
        return f"chain {self.chain_ids[residue]}, residue {self.residue_names[residue]} {self.residue_numbers[residue]}"
