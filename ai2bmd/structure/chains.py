"""From residues to chains with their ends: where a chain breaks, and what closes an end."""

import string
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.spatial import KDTree

from ai2bmd.structure.bonds import bonded
from ai2bmd.structure.changes import Change
from ai2bmd.structure.checks import ResidueRecord
from ai2bmd.structure.geometry import Internal, place
from ai2bmd.structure.names import CAPS

Caps = Literal["charged", "neutral", "acetyl"]
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
    others = [np.array(atom.position_A) for residue in residues for atom in residue.atoms]
    taken = {residue.atoms[0].residue_key for residue in residues}
    breaks = [is_break(before[-1], after[0]) for before, after in pairwise(chains)]
    closed = []
    for chain, begins_at_break, ends_at_break in zip(chains, [False, *breaks], [*breaks, False], strict=True):
        first, last = chain[0], chain[-1]
        whole = list(chain)
        if first.name not in CAPS and (caps == "acetyl" or begins_at_break):
            acetyl = _acetyl(first, KDTree(np.array(others)))
            others += acetyl.values()  # the caps on either side of a gap keep clear of each other
            whole.insert(0, _cap("ACE", first, acetyl, taken=taken, step=-1))
            changes.append(Change("cap", first.where, _reason("ACE before", begins_at_break)))
        if last.name not in CAPS and (caps == "acetyl" or ends_at_break):
            inner = tuple(atom for atom in last.atoms if atom.name != "OXT")
            whole[-1] = ResidueRecord(last.name, inner)
            methylamide = _methylamide(last, KDTree(np.array(others)))
            others += methylamide.values()
            whole.append(_cap("NME", last, methylamide, taken=taken, step=1))
            changes.append(Change("cap", last.where, _reason("NME after", ends_at_break)))
        closed.append(whole)
    return closed


def is_break(before: ResidueRecord, after: ResidueRecord) -> bool:
    """Whether a chain of one name has a gap here; not at a TER record, a cap or the second oxygen of an end."""
    if before.chain != after.chain or before.atoms[0].part != after.atoms[0].part:
        return False
    if before.name in CAPS or after.name in CAPS:
        return False
    return not any(atom.name == "OXT" for atom in before.atoms)


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
    choices = [number + letter for letter in "XYZ" if letter != code]
    if number.lstrip("-").isdecimal():  # not one beyond 9999 in letters and digits
        choices.insert(0, str(int(number) + step))
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
