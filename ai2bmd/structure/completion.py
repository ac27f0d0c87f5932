"""Missing heavy atoms put back: PDBFixer tells which, `ai2bmd.structure.building` how, and here side chains find room.

Residue by residue the torsions are taken that keep the new atoms farthest from all others; residues in each other's
way choose again until nothing changes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from openmm import app, unit
from pdbfixer import PDBFixer
from scipy.spatial.distance import cdist

from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label
from ai2bmd.structure.building import NEXT_N, ResidueModel, Step, building_steps, conformations, unreachable
from ai2bmd.structure.changes import Change
from ai2bmd.structure.geometry import Position
from ai2bmd.structure.topology import bond_chains

_ROOM_A = 3.3
"""Atoms not bonded to each other that are closer are in each other's way."""
_CLASH_A = 1.2
"""New atoms closer to another atom than this could not be relaxed by minimisation."""
_NEIGHBOURHOOD_A = 25.0
"""Between centres of residues that may touch."""
_SWEEPS = 6
_BONDS_APART = 3


@dataclass(frozen=True, eq=False)
class _Task:
    """One incomplete residue."""

    residue: app.topology.Residue
    steps: list[Step]
    candidates: Float64[np.ndarray, "candidates new_atoms 3"]
    apart: Float64[np.ndarray, "new_atoms kept_atoms"]
    """1 where a new atom and one that the residue has are more than three bonds apart, otherwise 0."""
    own_apart: Float64[np.ndarray, "new_atoms new_atoms"]


def complete_heavy_atoms(
    topology: app.Topology, positions: unit.Quantity, *, changes: list[Change], note: bool
) -> tuple[app.Topology, unit.Quantity]:
    """Add missing heavy atoms.

    Args:
        topology: heavy atoms with peptide bonds; every amino acid has N, CA and C.
        positions: of its atoms.
        changes: takes a line for each residue that was incomplete, if `note`.
        note: whether to tell.

    Raises:
        InputError: there is no room for the atoms that are missing.
    """
    fixer = PDBFixer(pdbfile=io.StringIO("ATOM      1  N   ALA A   1       0.000   0.000   0.000\n"))
    fixer.topology, fixer.positions, fixer.missingResidues = topology, positions, {}
    fixer.findMissingAtoms()
    models = {
        name: ResidueModel.of(name, model.topology, np.array(model.positions.value_in_unit(unit.angstrom)))
        for name, model in fixer.templates.items()
    }
    places = np.array(positions.value_in_unit(unit.angstrom))
    known = [{atom.name: places[atom.index] for atom in residue.atoms()} for residue in topology.residues()]
    tasks = []
    for residue in topology.residues():
        if residue not in fixer.missingAtoms and residue not in fixer.missingTerminals:
            continue
        model, mine = models[residue.name], known[residue.index]
        for name in unreachable(model, mine):
            del mine[name]
        tasks.append(_task(residue, model, known, ends=residue in fixer.missingTerminals))
        if note:
            changes += _told(tasks[-1], list(residue.atoms()))
    chosen = _choose(tasks, known)
    names = {task.residue.index: [step.atom for step in task.steps] for task in tasks}
    return _joined(topology, known, {index: (names[index], places) for index, places in chosen.items()})


def _task(
    residue: app.topology.Residue, model: ResidueModel, known: Sequence[dict[str, Position]], *, ends: bool
) -> _Task:
    mine = known[residue.index]
    guide = dict(mine)
    if not ends and "O" not in mine:
        guide[NEXT_N] = known[residue.index + 1]["N"]
    steps = building_steps(model, mine, ends=ends)
    candidates = np.array([list(found.values()) for found in conformations(steps, guide)])
    bonded = {**model.neighbours, "OXT": ("C",)}
    new = [step.atom for step in steps]
    return _Task(residue, steps, candidates, _apart(bonded, new, list(mine)), _apart(bonded, new, new))


def _apart(bonded: dict[str, tuple[str, ...]], first: list[str], second: list[str]) -> Float64[np.ndarray, "a b"]:
    table = np.ones((len(first), len(second)))
    for row, atom in enumerate(first):
        near = {atom}
        for _ in range(_BONDS_APART):
            near |= {other for name in near for other in bonded.get(name, ())}
        table[row] = [other not in near for other in second]
    return table


def _told(task: _Task, atoms: list[app.topology.Atom]) -> list[Change]:
    before = {atom.name for atom in atoms}
    names = [step.atom for step in task.steps if step.atom != "OXT"]
    missing, moved = (", ".join(name for name in names if (name in before) is again) for again in (False, True))
    where = residue_label(task.residue)
    told = []
    if missing:
        beyond = f"; {moved}, which hung on them, built anew" * bool(moved)
        told.append(Change("added", where, f"missing atom{'s' * (', ' in missing)} {missing}{beyond}"))
    if task.steps[-1].atom == "OXT":
        told.append(Change("added", where, "end of the chain: OXT"))
    return told


def _choose(tasks: Sequence[_Task], known: Sequence[dict[str, Position]]) -> dict[int, Float64[np.ndarray, "new 3"]]:
    """Positions of the new atoms of each residue, by its index."""
    kept = [np.array(list(atoms.values())) for atoms in known]
    centres = np.array([atoms.mean(axis=0) for atoms in kept])
    chosen: dict[int, np.ndarray] = {}
    near = {
        task.residue.index: np.flatnonzero(
            np.linalg.norm(centres - centres[task.residue.index], axis=1) < _NEIGHBOURHOOD_A
        ).tolist()
        for task in tasks
    }
    for _ in range(_SWEEPS):
        changed = False
        for task in tasks:
            mine = task.residue.index
            others = [kept[i] for i in near[mine] if i != mine]
            others += [chosen[i] for i in near[mine] if i != mine and i in chosen]
            best = _roomiest(task, kept[mine], np.concatenate(others) if others else np.zeros((0, 3)))
            changed |= mine not in chosen or not np.array_equal(chosen[mine], best)
            chosen[mine] = best
        if not changed:
            break
    _check_room(tasks, kept, chosen)
    return chosen


def _roomiest(
    task: _Task, own: Float64[np.ndarray, "kept 3"], others: Float64[np.ndarray, "others 3"]
) -> Float64[np.ndarray, "new 3"]:
    """The candidate whose atoms are least in the way of others."""
    count, atoms, _ = task.candidates.shape
    if count == 1:
        return task.candidates[0]
    flat = task.candidates.reshape(-1, 3)
    crowding = _overlap(cdist(flat, others)).sum(axis=1).reshape(count, atoms).sum(axis=1)
    crowding += (_overlap(cdist(flat, own)).reshape(count, atoms, -1) * task.apart).sum(axis=(1, 2))
    inside = np.linalg.norm(task.candidates[:, :, None] - task.candidates[:, None], axis=-1)
    crowding += (_overlap(inside) * task.own_apart).sum(axis=(1, 2)) / 2.0
    return task.candidates[np.argmin(crowding)]


def _overlap(distances_A: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, _ROOM_A - distances_A) ** 2


def _check_room(tasks: Sequence[_Task], kept: Sequence[np.ndarray], chosen: dict[int, np.ndarray]) -> None:
    for task in tasks:
        mine = task.residue.index
        for index, atoms in enumerate(kept):
            if index == mine:
                continue
            there = np.concatenate([atoms, chosen[index]]) if index in chosen else atoms
            if abs(index - mine) > 1 and cdist(chosen[mine], there).min() < _CLASH_A:
                raise InputError(
                    f"{residue_label(task.residue)}: there is no room for its missing atoms "
                    f"{', '.join(step.atom for step in task.steps)}; build the side chain with a modelling program"
                )


def _joined(
    topology: app.Topology,
    known: Sequence[dict[str, Position]],
    added: dict[int, tuple[list[str], Float64[np.ndarray, "new 3"]]],
) -> tuple[app.Topology, unit.Quantity]:
    """Topology and positions of all heavy atoms, the new ones last in their residue."""
    joined, positions = app.Topology(), []
    for chain in topology.chains():
        new_chain = joined.addChain(chain.id)
        for residue in chain.residues():
            new_residue = joined.addResidue(residue.name, new_chain, residue.id, residue.insertionCode)
            names, places = added.get(residue.index, ([], np.zeros((0, 3))))
            atoms = [*known[residue.index].items(), *zip(names, places, strict=True)]
            for name, position in atoms:
                joined.addAtom(name, app.Element.getBySymbol(name[0]), new_residue)
                positions.append(position)
    bond_chains(joined)
    return joined, np.array(positions) * unit.angstrom
