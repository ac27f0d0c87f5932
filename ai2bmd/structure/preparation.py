"""The way from a deposited file, a predicted model or a sequence to a structure ready for simulation."""

from pathlib import Path
from typing import get_args

import numpy as np
from openmm import unit

from ai2bmd.errors import InputError
from ai2bmd.labels import atom_label
from ai2bmd.structure.bonds import check_bond_lengths, check_crosslinks, check_order, check_scale
from ai2bmd.structure.chains import Caps, close_ends, split_chains
from ai2bmd.structure.changes import Change
from ai2bmd.structure.checks import (
    ResidueRecord,
    check_backbone,
    check_caps,
    check_chirality,
    check_file_overlaps,
    check_none_alone,
    check_overlaps,
    told_side_chain_chirality,
)
from ai2bmd.structure.completion import complete_heavy_atoms
from ai2bmd.structure.files import PreparedStructure, check_ready, read_prepared
from ai2bmd.structure.names import CAPS, is_hydrogen
from ai2bmd.structure.protonation import add_hydrogens
from ai2bmd.structure.records import read_records
from ai2bmd.structure.selection import select_protein
from ai2bmd.structure.sequence import Conformation, build_sequence
from ai2bmd.structure.topology import add_disulfides, build_topology


def load_or_prepare(path: str | Path) -> PreparedStructure:
    """A prepared structure as it is; any other protein file prepared with the defaults.

    Raises:
        InputError: the file cannot be used, see `prepare_structure`.
    """
    try:
        return read_prepared(path)
    except InputError:
        return prepare_structure(path)


def prepare_structure(
    path: str | Path | None = None,
    *,
    sequence: str | None = None,
    conformation: Conformation = "extended",
    pH: float = 7.0,
    caps: Caps = "charged",
) -> PreparedStructure:
    """Make a file or a sequence ready: complete atoms, hydrogens, protonation states, disulfides, chain ends.

    Args:
        path: PDB or mmCIF file; or
        sequence: one-letter codes, built in the given conformation.
        conformation: extended, helix or strand.
        pH: decides protonation states.
        caps: charged (NH3+, COO-) or acetyl (ACE, NME) chain ends. Ends at a break within a chain are always capped.

    Raises:
        InputError: the file is damaged or holds something that cannot be simulated; the text names residue and atom.
    """
    if (path is None) == (sequence is None):
        raise InputError("give either a structure file or a sequence")
    if not 0 <= pH <= 14:
        raise InputError(f"pH: expected a number from 0 to 14, got {pH}")
    ends = _ends(caps)
    changes: list[Change] = []
    residues = _residues_of_file(Path(path), changes) if path else build_sequence(sequence or "", conformation)
    check_order(residues)
    runs = split_chains(residues)
    check_caps(runs)
    check_crosslinks(runs, changes)
    chains = close_ends(runs, caps=ends, changes=changes)
    check_none_alone(chains)
    topology, positions = build_topology(chains, changes)
    check_bond_lengths(topology, np.array(positions.value_in_unit(unit.angstrom)))
    topology, positions = complete_heavy_atoms(topology, positions, changes=changes, note=path is not None)
    add_disulfides(topology, positions, changes)
    topology, positions = add_hydrogens(topology, positions, pH=pH, changes=changes)
    check_ready(topology)
    places = np.array(positions.value_in_unit(unit.angstrom))
    atoms = list(topology.atoms())
    check_overlaps(places, lambda number: atom_label(atoms[number]))
    return PreparedStructure(topology, places, tuple(changes))


def _ends(caps: Caps):
    if caps not in get_args(Caps):
        raise InputError(f"caps: expected {', '.join(get_args(Caps))}, got {caps!r}")
    if caps == "neutral":
        raise InputError(
            "caps: amber19/ff19SB describes charged chain ends and caps only, not neutral NH2 and COOH; "
            "use --caps acetyl for uncharged ends"
        )
    return caps


def _residues_of_file(path: Path, changes: list[Change]) -> tuple[ResidueRecord, ...]:
    records = read_records(path)
    if records.n_models > 1:
        changes.append(Change("model", path.name, f"the first of {records.n_models} models is used"))
    residues, left_out = select_protein(records.atoms)
    changes += left_out
    amino_acids = [residue for residue in residues if residue.name not in CAPS]
    check_backbone(amino_acids)
    check_scale(amino_acids)
    check_file_overlaps([atom for residue in residues for atom in residue.atoms])
    check_chirality(amino_acids)
    changes += told_side_chain_chirality(amino_acids)
    hydrogens = sum(is_hydrogen(atom) for residue in residues for atom in residue.atoms)
    if hydrogens:
        changes.append(Change("hydrogens", path.name, f"{hydrogens} of the file are replaced by newly placed ones"))
    return residues
