"""What of a molecule turns about which bond, and the backbone angles of a unit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial.transform import Rotation

from ai2bmd.structure.geometry import dihedral
from fragmentation.topology import ProteinTopology


@dataclass(frozen=True, eq=False)
class Turn:
    """A bond, and the atoms on the far side of it."""

    first: int
    second: int
    moving: Int64[np.ndarray, " moving"]
    """Atoms that move with `second`, itself included."""


def far_side(protein: ProteinTopology, first: int, second: int) -> Turn | None:
    """What hangs on `second` once its bond to `first` is cut; None in a ring."""
    seen, open_atoms = {second}, [second]
    while open_atoms:
        atom = open_atoms.pop()
        for other in protein.neighbours[atom]:
            if other == first and atom == second:
                continue
            if other == first:
                return None
            if other not in seen:
                seen.add(other)
                open_atoms.append(other)
    return Turn(first, second, np.array(sorted(seen)))


def rotatable_bonds(protein: ProteinTopology) -> tuple[Turn, ...]:
    """Single bonds between heavy atoms that are no ring and no end; the smaller side moves.

    A bond between two atoms of carbon or nitrogen with three neighbours each is a partial double bond (amides,
    guanidinium) and keeps its plane.
    """
    turns = []
    for first, second in protein.bonds.tolist():
        counts = len(protein.neighbours[first]), len(protein.neighbours[second])
        if min(counts) < 2 or counts == (3, 3):
            continue
        sides = [far_side(protein, first, second), far_side(protein, second, first)]
        found = [side for side in sides if side is not None]
        if found:
            turns.append(min(found, key=lambda side: len(side.moving)))
    return tuple(turns)


def turned(
    positions_A: Float64[np.ndarray, "atoms 3"], turn: Turn, *, degrees: float
) -> Float64[np.ndarray, "atoms 3"]:
    """Positions with the far side of a bond turned about it."""
    axis = positions_A[turn.second] - positions_A[turn.first]
    rotation = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis))
    result = positions_A.copy()
    result[turn.moving] = rotation.apply(positions_A[turn.moving] - positions_A[turn.first]) + positions_A[turn.first]
    return result


@dataclass(frozen=True, eq=False)
class BackboneTorsions:
    """Backbone angles of one residue that can turn: phi and psi, or one of them."""

    residue: int
    names: tuple[str, ...]
    quadruples: Int64[np.ndarray, "angles 4"]
    turns: tuple[Turn, ...]


def backbone_torsions(protein: ProteinTopology) -> tuple[BackboneTorsions, ...]:
    """Of every residue of a unit; phi of proline is in its ring, chain ends have one angle."""
    found = []
    for residue in range(len(protein.residue_names)):
        nitrogen, alpha, carbon = (protein.atom(residue, name) for name in ("N", "CA", "C"))
        if nitrogen is None or alpha is None or carbon is None:
            continue
        before, after = _other_residue(protein, nitrogen, residue), _other_residue(protein, carbon, residue)
        candidates = [
            ("phi", (before, nitrogen, alpha, carbon), far_side(protein, nitrogen, alpha)),
            ("psi", (nitrogen, alpha, carbon, after), far_side(protein, alpha, carbon)),
        ]
        angles = [(name, atoms, turn) for name, atoms, turn in candidates if None not in atoms and turn is not None]
        if angles:
            names, atoms, turns = zip(*angles, strict=True)
            found.append(BackboneTorsions(residue, names, np.array(atoms, dtype=np.int64), turns))
    return tuple(found)


def angle_of(positions_A: Float64[np.ndarray, "atoms 3"], quadruple: Int64[np.ndarray, " 4"]) -> float:
    """Dihedral angle in degrees."""
    return dihedral(*positions_A[quadruple])


def with_angle(
    positions_A: Float64[np.ndarray, "atoms 3"], quadruple: Int64[np.ndarray, " 4"], turn: Turn, *, degrees: float
) -> Float64[np.ndarray, "atoms 3"]:
    """Positions with a dihedral angle set."""
    return turned(positions_A, turn, degrees=degrees - angle_of(positions_A, quadruple))


def with_backbone(
    positions_A: Float64[np.ndarray, "atoms 3"], backbone: BackboneTorsions, degrees: Sequence[float]
) -> Float64[np.ndarray, "atoms 3"]:
    """Positions with the backbone angles of one residue set."""
    for quadruple, turn, angle in zip(backbone.quadruples, backbone.turns, degrees, strict=True):
        positions_A = with_angle(positions_A, quadruple, turn, degrees=angle)
    return positions_A


def _other_residue(protein: ProteinTopology, atom: int, residue: int) -> int | None:
    """The bonded atom that is in another residue."""
    return next((other for other in protein.neighbours[atom] if protein.residue_index[other] != residue), None)
