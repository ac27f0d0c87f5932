"""Which atoms of a file are simulated: one model, one conformation, the amino acids; the rest is named and left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from ai2bmd.errors import InputError
from ai2bmd.structure.bonds import bonded, cut_bonds
from ai2bmd.structure.changes import Change
from ai2bmd.structure.checks import ResidueRecord, group_residues
from ai2bmd.structure.names import CAPS, STANDARD, is_protein, residue_name, standard_atoms
from ai2bmd.structure.records import AtomRecord

WATERS = frozenset("HOH WAT DOD H2O SOL TIP TIP3 TP3 T3P OPC SPC".split())
_NUCLEOTIDES = frozenset("A C G U I DA DC DG DT DI DU".split())
_D_AMINO_ACIDS = frozenset("DAL DAR DSG DAS DCY DGN DGL DHI DIL DLE DLY MED DPN DPR DSN DTH DTR DTY DVA".split())


def select_protein(atoms: Sequence[AtomRecord]) -> tuple[tuple[ResidueRecord, ...], list[Change]]:
    """The amino acids and caps of a file, in one conformation each, with selenomethionine made methionine.

    Returns:
        Residues with standard names, and what was left out or changed.

    Raises:
        InputError: no protein in the file, a D-amino acid, a modified amino acid within a chain, or two residues with
            one number.
    """
    changes: list[Change] = []
    residues = group_residues(_one_conformation(_chains_apart(atoms), changes), counted=is_protein)
    kept: list[ResidueRecord] = []
    removed: list[ResidueRecord] = []
    joined = _in_a_chain(residues)
    for residue in residues:
        name = residue_name(residue.name)
        if name in STANDARD or name in CAPS:
            kept.append(standard_atoms(residue, name))
        elif name == "MSE":
            kept.append(_as_methionine(residue, changes))
        elif name in _D_AMINO_ACIDS:
            raise InputError(
                f"{residue.where}: is a D-amino acid, which this version does not support; replace it by its L form"
            )
        elif id(residue) in joined:
            raise InputError(
                f"{residue.where}: is a modified amino acid that the force field does not know; replace it in the "
                "file by the standard residue it comes from, or remove it"
            )
        else:
            removed.append(residue)
    if not any(residue.name in STANDARD for residue in kept):
        raise InputError(f"the structure holds no protein, only {_contents(residues)}; give a file with amino acids")
    molecules = [residue for residue in removed if residue.name not in WATERS]
    return tuple(kept), changes + _removals(removed) + cut_bonds(kept, molecules)


def _chains_apart(atoms: Sequence[AtomRecord]) -> list[AtomRecord]:
    """Molecules that share the name of their chain, and begin to count anew after a TER, under names of their own."""
    first_part: dict[tuple[str, str], int] = {}
    names: dict[tuple[str, int], str] = {}
    for atom in atoms:
        part = first_part.setdefault(atom.residue_key, atom.part) if is_protein(atom.residue_name) else atom.part
        if part != atom.part and (atom.chain, atom.part) not in names:
            copies = sum(chain == atom.chain for chain, _ in names)
            names[atom.chain, atom.part] = f"{atom.chain}-{copies + 2}"
    return [replace(atom, chain=names.get((atom.chain, atom.part), atom.chain)) for atom in atoms]


def _one_conformation(atoms: Iterable[AtomRecord], changes: list[Change]) -> list[AtomRecord]:
    """Of each residue keep the alternate location with the most occupancy."""
    weight: defaultdict[tuple[str, str], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    every = list(atoms)
    for atom in every:
        if atom.alternate:
            weight[atom.residue_key][atom.alternate] += atom.occupancy
    best = {key: min(found, key=lambda label: (-found[label], label)) for key, found in weight.items()}
    names = {atom.residue_key: atom.residue_name for atom in every if atom.alternate == best.get(atom.residue_key)}
    for (chain, number), label in best.items():
        name = names[chain, number]
        if len(weight[chain, number]) > 1 and name not in WATERS:
            where = f"chain {chain}, residue {name} {number}"
            others = ", ".join(sorted(set(weight[chain, number]) - {label}))
            changes.append(Change("alternate location", where, f"kept {label}, dropped {others}"))
    return [atom for atom in every if not atom.alternate or atom.alternate == best[atom.residue_key]]


def _in_a_chain(residues: Sequence[ResidueRecord]) -> set[int]:
    """Ids of residues that are bonded like amino acids to the one before or after."""
    joined: set[int] = set()
    for before, after in pairwise(residues):
        if bonded(before, after):
            joined |= {id(before), id(after)}
    return joined


def _as_methionine(residue: ResidueRecord, changes: list[Change]) -> ResidueRecord:
    changes.append(Change("replaced", residue.where, "selenomethionine by methionine"))
    atoms = (replace(atom, name="SD", element="S") if atom.name == "SE" else atom for atom in residue.atoms)
    return standard_atoms(ResidueRecord("MET", tuple(atoms)), "MET")


def _removals(residues: Sequence[ResidueRecord]) -> list[Change]:
    """A line for all water, one for all nucleotides, and one for each other kind of molecule."""
    groups: defaultdict[str, list[ResidueRecord]] = defaultdict(list)
    for residue in residues:
        kind = _kind(residue.name)
        groups[residue.name if kind == "molecule" else kind].append(residue)
    changes = []
    for group, members in groups.items():
        numbers: defaultdict[str, list[str]] = defaultdict(list)
        for residue in members:
            numbers[residue.chain].append(residue.number)
        named = group not in ("water", "nucleotide")
        where = "; ".join(f"chain {chain}" + f" {', '.join(own)}" * named for chain, own in sorted(numbers.items()))
        changes.append(Change("removed", where, f"{len(members)} {group}{'' if named else 's' * (len(members) > 1)}"))
    return changes


def _kind(name: str) -> str:
    if name in WATERS:
        return "water"
    return "nucleotide" if name in _NUCLEOTIDES else "molecule"


def _contents(residues: Sequence[ResidueRecord]) -> str:
    kinds = Counter(_kind(residue.name) for residue in residues)
    return " and ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in kinds.items())
