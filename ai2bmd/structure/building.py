"""The way to put back the missing heavy atoms of one residue: standard geometry, and a choice of torsions.

Bond lengths, angles, rings and configurations are those of a model of the residue; what can turn freely is left open,
so that the caller can choose what has room (`ai2bmd.structure.completion`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from openmm import app

from ai2bmd.structure.geometry import Internal, Position, dihedral, place

ANCHORS = ("N", "CA", "C", "CH3")
"""Atoms that are not put back; all others are reached from them along bonds."""
NEXT_N = "N of the next residue"
_OXYGEN = Internal(1.231, 120.8, 180.0)
_SECOND_OXYGEN = Internal(1.25, 117.2, 180.0)
"""Carbonyl and carboxylate oxygens, opposite to the next nitrogen and to O (Engh and Huber, 1991)."""
_TETRAHEDRAL = (-65.0, 180.0, 65.0)
_TRIGONAL = (90.0, -90.0, 0.0, 180.0, 45.0, -45.0, 135.0, -135.0)
_FLAT_RESIDUES = {"CG": frozenset("PHE TYR TRP HIS ASN ASP".split()), "CD": frozenset({"GLN", "GLU"})}
_RIGID = frozenset({("ARG", "NE", "CZ")})
"""Bonds that are in no ring and yet do not turn."""


@dataclass(frozen=True)
class ResidueModel:
    """Heavy atoms of a residue as they should be, with their bonds."""

    name: str
    positions_A: Mapping[str, Position]
    neighbours: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, name: str, topology: app.Topology, positions_A: np.ndarray) -> "ResidueModel":
        """From the topology of a single residue."""
        bonded: dict[str, list[str]] = {atom.name: [] for atom in topology.atoms()}
        for first, second in topology.bonds():
            bonded[first.name].append(second.name)
            bonded[second.name].append(first.name)
        places = {atom.name: positions_A[atom.index] for atom in topology.atoms()}
        return cls(name, places, {atom: tuple(others) for atom, others in bonded.items()})

    def in_ring(self, first: str, second: str) -> bool:
        """Whether the bond between two atoms is part of a ring."""
        seen, front = {first}, [atom for atom in self.neighbours[first] if atom != second]
        while front:
            atom = front.pop()
            if atom == second:
                return True
            seen.add(atom)
            front += [other for other in self.neighbours[atom] if other not in seen]
        return False


@dataclass(frozen=True)
class Step:
    """Place `atom` on `parents[2]`, from its distance, angle, and the dihedral over `parents`."""

    atom: str
    parents: tuple[str, str, str]
    geometry: Internal
    choices: tuple[float, ...]
    """Dihedrals to choose from (degrees); a single one where the bond does not turn."""


def unreachable(model: ResidueModel, present: Collection[str]) -> set[str]:
    """Atoms of the file that hang on the residue by missing ones only, and can be no guide to these."""
    reached, front = set(), [atom for atom in ANCHORS if atom in present]
    while front:
        atom = front.pop()
        reached.add(atom)
        front += [other for other in model.neighbours[atom] if other in present and other not in reached]
    return {atom for atom in present if atom in model.neighbours} - reached


def building_steps(model: ResidueModel, present: Collection[str], *, ends: bool) -> list[Step]:
    """Steps that put back all atoms of the model that are not present, nearest to the backbone first.

    Args:
        model: the residue.
        present: names of the atoms that stay.
        ends: whether the chain ends here, with OXT. If it goes on, the next nitrogen must be known as `NEXT_N`.
    """
    placed = [atom for atom in model.neighbours if atom in present]
    steps = []
    if "O" not in present and not ends:
        alpha = "CA" if "CA" in model.neighbours else "CH3"
        steps.append(Step("O", (NEXT_N, alpha, "C"), _OXYGEN, (_OXYGEN.dihedral,)))
        placed.append("O")
    while len(placed) < len(model.neighbours):
        atom, parent = next(
            (atom, parent)
            for parent in placed
            for atom in model.neighbours[parent]
            if atom not in placed  # the order of `placed` makes this a breadth-first search
        )
        steps.append(_step(model, placed, atom=atom, parent=parent))
        placed.append(atom)
    if ends and "OXT" not in present:
        steps.append(Step("OXT", ("O", "CA", "C"), _SECOND_OXYGEN, (_SECOND_OXYGEN.dihedral,)))
    return steps


def _step(model: ResidueModel, placed: list[str], *, atom: str, parent: str) -> Step:
    around = [other for other in model.neighbours[parent] if other in placed]
    middle = around[0]
    if len(around) > 1:  # a sibling fixes the direction, and with it the configuration of the parent
        first, turns = around[1], False
    else:
        first = next(other for other in model.neighbours[middle] if other in placed and other != parent)
        bond = model.name, middle, parent
        turns = not (bond in _RIGID or model.in_ring(middle, parent))
    a, b, c, d = (model.positions_A[name] for name in (first, middle, parent, atom))
    along, back = d - c, b - c
    distance = float(np.linalg.norm(along))
    angle = float(np.degrees(np.arccos(along @ back / distance / np.linalg.norm(back))))
    standard = dihedral(a, b, c, d)
    flat = parent == "C" or model.name in _FLAT_RESIDUES.get(parent, ())
    choices = (_TRIGONAL if flat else _TETRAHEDRAL) if turns else (standard,)
    return Step(atom, (first, middle, parent), Internal(distance, angle, standard), choices)


def conformations(steps: list[Step], known: Mapping[str, Position]) -> Iterator[dict[str, Position]]:
    """Positions of the missing atoms, for every choice of torsions."""
    for torsions in product(*(step.choices for step in steps)):
        places = dict(known)
        for step, torsion in zip(steps, torsions, strict=True):
            a, b, c = (places[name] for name in step.parents)
            places[step.atom] = place(a, b, c, step.geometry._replace(dihedral=torsion))
        yield {step.atom: places[step.atom] for step in steps}
