"""From residues to chains with their ends: where a chain breaks, what closes an end, and the OpenMM topology."""

import string
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
from openmm import app, unit
from scipy.spatial import KDTree

from ai2bmd.labels import residue_label
from ai2bmd.structure.changes import Change
from ai2bmd.structure.checks import ResidueRecord
from ai2bmd.structure.geometry import Internal, place
from ai2bmd.structure.records import AtomRecord
from ai2bmd.structure.selection import CAPS, bonded

Caps = Literal["charged", "neutral", "acetyl"]
DISULFIDE_A = 2.5
"""Two sulfurs closer than this are bonded; the bond has 2.05 A."""
_END_OXYGENS = ("OXT", "OT2")
_TORSIONS = (-70.0, -120.0, 180.0, 60.0, 120.0, -30.0)
"""Torsions tried for a cap, degrees; the one farthest from other atoms is taken."""


def split_chains(residues: Sequence[ResidueRecord]) -> list[list[ResidueRecord]]:
    """Runs of residues joined by peptide bonds."""
    chains = [[residues[0]]]
    for before, after in pairwise(residues):
        if bonded(before, after):
            chains[-1].append(after)
        else:
            chains.append([after])
    return chains


def close_ends(
    chains: Sequence[Sequence[ResidueRecord]], *, caps: Literal["charged", "acetyl"], changes: list[Change]
) -> list[list[ResidueRecord]]:
    """Give chain ends what they lack: ACE and NME at breaks, and everywhere with `caps="acetyl"`.

    Ends without caps become NH3+ and COO-, when atoms are added later. Caps of the file stay.
    """
    residues = [residue for chain in chains for residue in chain]
    others = KDTree(np.array([atom.position_A for residue in residues for atom in residue.atoms]))
    taken = {residue.atoms[0].residue_key for residue in residues}
    breaks = [is_break(before[-1], after[0]) for before, after in pairwise(chains)]
    closed = []
    for chain, begins_at_break, ends_at_break in zip(chains, [False, *breaks], [*breaks, False], strict=True):
        first, last = chain[0], chain[-1]
        whole = list(chain)
        if first.name not in CAPS and (caps == "acetyl" or begins_at_break):
            whole.insert(0, _cap("ACE", first, _acetyl(first, others), taken=taken, step=-1))
            changes.append(Change("cap", first.where, _reason("ACE before", begins_at_break)))
        if last.name not in CAPS and (caps == "acetyl" or ends_at_break):
            inner = tuple(atom for atom in last.atoms if atom.name not in _END_OXYGENS)
            whole[-1] = ResidueRecord(last.name, inner)
            whole.append(_cap("NME", last, _methylamide(last, others), taken=taken, step=1))
            changes.append(Change("cap", last.where, _reason("NME after", ends_at_break)))
        closed.append(whole)
    return closed


def is_break(before: ResidueRecord, after: ResidueRecord) -> bool:
    """Whether a chain of one name has a gap here; not at a TER record, a cap or the second oxygen of an end."""
    if before.chain != after.chain or before.atoms[0].part != after.atoms[0].part:
        return False
    if before.name in CAPS or after.name in CAPS:
        return False
    return not any(atom.name in _END_OXYGENS for atom in before.atoms)


def _reason(cap: str, at_break: bool) -> str:
    return f"{cap} it{', where the chain breaks' if at_break else ''}"


def _acetyl(first: ResidueRecord, others: KDTree) -> dict[str, np.ndarray]:
    """ACE on the nitrogen: C in the plane of a peptide bond, CH3 trans to CA."""
    n, ca, c = (_position(first, name) for name in ("N", "CA", "C"))
    candidates = []
    for phi in _TORSIONS:
        carbon = place(c, ca, n, Internal(1.329, 121.7, phi))
        methyl = place(ca, n, carbon, Internal(1.507, 116.2, 180.0))
        oxygen = place(ca, n, carbon, Internal(1.231, 123.0, 0.0))
        candidates.append({"CH3": methyl, "C": carbon, "O": oxygen})
    return _roomiest(candidates, others)


def _methylamide(last: ResidueRecord, others: KDTree) -> dict[str, np.ndarray]:
    """NME on the carbonyl carbon: N opposite to O, methyl trans to CA."""
    n, ca, c = (_position(last, name) for name in ("N", "CA", "C"))
    oxygen = last.position("O")
    candidates = []
    for psi in _TORSIONS if oxygen is None else (0.0,):
        if oxygen is None:
            nitrogen = place(n, ca, c, Internal(1.329, 116.2, psi))
        else:
            nitrogen = place(oxygen, ca, c, Internal(1.329, 116.2, 180.0))
        methyl = place(ca, c, nitrogen, Internal(1.458, 121.7, 180.0))
        candidates.append({"N": nitrogen, "C": methyl})
    return _roomiest(candidates, others)


def _position(residue: ResidueRecord, name: str) -> np.ndarray:
    position = residue.position(name)
    assert position is not None  # the backbone has been checked
    return position


def _roomiest(candidates: list[dict[str, np.ndarray]], others: KDTree) -> dict[str, np.ndarray]:
    """The candidate whose outermost atoms are farthest from everything else."""

    def room(atoms: dict[str, np.ndarray]) -> float:
        outer = [position for name, position in atoms.items() if name in ("CH3", "O", "C")]
        return float(np.min(others.query(np.array(outer))[0]))

    return max(candidates, key=room)


def _cap(
    name: str, neighbour: ResidueRecord, atoms: dict[str, np.ndarray], *, taken: set[tuple[str, str]], step: int
) -> ResidueRecord:
    """The cap as a residue, numbered next to its neighbour; with an insertion code where that number is taken."""
    number, code = split_number(neighbour.number)
    choices = [str(int(number) + step), *(number + letter for letter in "XYZ" if letter != code)]
    chosen = next(choice for choice in choices if (neighbour.chain, choice) not in taken)
    taken.add((neighbour.chain, chosen))
    return ResidueRecord(
        name,
        tuple(
            replace(
                neighbour.atoms[0],
                residue_number=chosen,
                residue_name=name,
                name=atom,
                element=atom[0],
                alternate="",
                position_A=(float(at[0]), float(at[1]), float(at[2])),
            )
            for atom, at in atoms.items()
        ),
    )


def split_number(number: str) -> tuple[str, str]:
    """Residue number and insertion code."""
    digits = number.rstrip(string.ascii_letters)
    return digits, number[len(digits) :]


def heavy_atoms(residue: ResidueRecord) -> list[AtomRecord]:
    """The atoms that are not hydrogen or deuterium."""
    return [atom for atom in residue.atoms if atom.element not in ("H", "D")]


def build_topology(chains: Sequence[Sequence[ResidueRecord]]) -> tuple[app.Topology, unit.Quantity]:
    """OpenMM's topology and positions of the heavy atoms, peptide bonds and disulfides included."""
    topology, positions = app.Topology(), []
    for chain in chains:
        openmm_chain = topology.addChain(chain[0].chain)
        for residue in chain:
            added = topology.addResidue(residue.name, openmm_chain, *split_number(residue.number))
            for atom in heavy_atoms(residue):
                element = app.Element.getBySymbol(atom.element.capitalize())
                topology.addAtom(_standard_name(residue.name, atom.name), element, added)
                positions.append(atom.position_A)
    topology.createStandardBonds()
    return topology, np.array(positions) * unit.angstrom


def _standard_name(residue: str, atom: str) -> str:
    """OpenMM's name of an atom that some programs call otherwise."""
    synonyms = {("ILE", "CD"): "CD1", ("NME", "CH3"): "C", ("NME", "CA"): "C"}
    endings = {"OT1": "O", "OT2": "OXT"}
    return synonyms.get((residue, atom)) or endings.get(atom, atom)


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
