"""A fragment as a molecule: whole residues, and neighbours reduced to ACE and NME whose cut bonds end in hydrogens."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from fragmentation.residues import CA, CO, NH, ChainLinks
from fragmentation.topology import ProteinTopology

CAP_LENGTHS_A = {6: 1.09, 7: 1.01}
"""Length of the bond from a kept atom (by atomic number) to the hydrogen that closes a cut bond."""


@dataclass(frozen=True, eq=False)
class Molecule:
    """One fragment; arrays as in `FragmentPlan`, counted from 0 within the molecule."""

    atomic_numbers: Int64[np.ndarray, " fragment_atoms"]
    source: Int64[np.ndarray, " fragment_atoms"]
    toward: Int64[np.ndarray, " fragment_atoms"]
    bond_length_A: Float64[np.ndarray, " fragment_atoms"]
    residue_index: Int64[np.ndarray, " fragment_atoms"]
    residue_names: tuple[str, ...]
    atom_names: tuple[str, ...]
    bonds: Int64[np.ndarray, "fragment_bonds 2"]


@dataclass(frozen=True)
class _Row:
    """One atom of a fragment: a real one, or a cap on `source` in the direction of `toward`."""

    name: str
    source: int
    toward: int = -1


def assemble(topology: ProteinTopology, links: ChainLinks, pieces: Collection[int]) -> Molecule:
    """Build the molecule of these pieces (4 * core + role).

    An amino acid of which only CA and C, O are among the pieces becomes ACE, one with N, H and CA becomes NME.
    """
    kept = {atom for piece in pieces for atom in links.atoms_of_piece[piece]}
    roles: dict[int, set[int]] = {}
    for piece in sorted(pieces):
        roles.setdefault(piece // 4, set()).add(piece % 4)
    residues: list[tuple[str, list[_Row]]] = []
    for core, present in roles.items():
        residue = links.cores[core]
        if present == {CA, CO}:
            rows = _methyl_rows(topology, residue, kept, carbon="CH3")
            rows += [_Row(name, _atom(topology, residue, name)) for name in ("C", "O")]
            residues.append(("ACE", rows))
        elif present == {NH, CA}:
            rows = _amide_rows(topology, residue, kept) + _methyl_rows(topology, residue, kept, carbon="C")
            residues.append(("NME", rows))
        else:
            for whole in links.residues_of_core[core]:
                rows = [_Row(topology.atom_names[atom], atom) for atom in topology.atoms_of(whole)]
                residues.append((topology.residue_names[whole], rows))
    return _molecule(topology, residues)


def _atom(topology: ProteinTopology, residue: int, name: str) -> int:
    return next(atom for atom in topology.atoms_of(residue) if topology.atom_names[atom] == name)


def _methyl_rows(topology: ProteinTopology, residue: int, kept: set[int], *, carbon: str) -> list[_Row]:
    """CA as a methyl group: its own hydrogens first, then caps for the bonds that are cut."""
    alpha = _atom(topology, residue, "CA")
    bonded = topology.neighbours[alpha]
    hydrogens = [(atom, -1) for atom in bonded if atom in kept and topology.atomic_numbers[atom] == 1]
    caps = [(alpha, atom) for atom in bonded if atom not in kept]
    rows = [_Row(f"H{number}", *place) for number, place in enumerate(hydrogens + caps, start=1)]
    return [_Row(carbon, alpha), *rows]


def _amide_rows(topology: ProteinTopology, residue: int, kept: set[int]) -> list[_Row]:
    """N with its hydrogen, or with a cap in place of proline's CD."""
    nitrogen = _atom(topology, residue, "N")
    bonded = topology.neighbours[nitrogen]
    hydrogens = [_Row("H", atom) for atom in bonded if atom in kept and topology.atomic_numbers[atom] == 1]
    return [_Row("N", nitrogen), *hydrogens, *(_Row("H", nitrogen, atom) for atom in bonded if atom not in kept)]


def _molecule(topology: ProteinTopology, residues: list[tuple[str, list[_Row]]]) -> Molecule:
    rows = [row for _, residue_rows in residues for row in residue_rows]
    source = np.array([row.source for row in rows], dtype=np.int64)
    toward = np.array([row.toward for row in rows], dtype=np.int64)
    is_cap = toward >= 0
    elements = topology.atomic_numbers[source]
    lengths = [CAP_LENGTHS_A[element] if cap else 0.0 for element, cap in zip(elements.tolist(), is_cap, strict=True)]
    return Molecule(
        atomic_numbers=np.where(is_cap, 1, elements),
        source=source,
        toward=toward,
        bond_length_A=np.array(lengths),
        residue_index=np.repeat(np.arange(len(residues)), [len(residue_rows) for _, residue_rows in residues]),
        residue_names=tuple(name for name, _ in residues),
        atom_names=tuple(row.name for row in rows),
        bonds=_bonds(topology, rows),
    )


def _bonds(topology: ProteinTopology, rows: list[_Row]) -> Int64[np.ndarray, "fragment_bonds 2"]:
    place = {row.source: number for number, row in enumerate(rows) if row.toward < 0}
    bonds = [(place[row.source], number) for number, row in enumerate(rows) if row.toward >= 0]
    for atom, number in place.items():
        bonds += [(number, place[other]) for other in topology.neighbours[atom] if other > atom and other in place]
    return np.array(bonds, dtype=np.int64).reshape(-1, 2)
