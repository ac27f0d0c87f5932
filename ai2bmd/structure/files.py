"""Prepared structures on disk: NAME.pdb, and NAME.json beside it with what preparation changed."""

import io
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from openmm import app, unit

from ai2bmd.environment import FORCE_FIELD_FILE
from ai2bmd.errors import InputError
from ai2bmd.labels import residue_label
from ai2bmd.protein import protein_topology
from ai2bmd.structure.bonds import check_bond_lengths
from ai2bmd.structure.changes import Change, read_changes, write_changes
from ai2bmd.structure.checks import check_backbone, check_chirality, check_file_overlaps, group_residues
from ai2bmd.structure.names import CAPS, is_protein
from ai2bmd.structure.records import read_records, read_text

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PreparedStructure:
    """A protein with all its atoms, every residue known to the force field."""

    topology: app.Topology
    positions_A: Float64[np.ndarray, "atoms 3"]
    changes: tuple[Change, ...] = ()
    """What preparation did to reach it; empty if it came so."""


def read_prepared(path: str | Path) -> PreparedStructure:
    """Read a prepared PDB file; chains and residue numbers are kept as they are.

    Raises:
        InputError: the file is damaged, or not ready: hydrogens missing, other molecules than protein, atoms that
            overlap, a D-amino acid, or a residue without template in amber19/ff19SB.
    """
    path = Path(path)
    records = read_records(path)
    residues = group_residues(records.atoms, counted=is_protein)
    if records.n_models > 1 or any(atom.alternate for atom in records.atoms):
        raise InputError(f"{path}: holds several models or alternate locations; run `ai2bmd prepare {path}` first")
    check_file_overlaps(records.atoms)
    file = _openmm_file(path, mmcif=records.mmcif)
    if file.topology.getNumAtoms() != len(records.atoms):
        raise InputError(f"{path}: some of its atoms are there twice; run `ai2bmd prepare {path}` first")
    for residue in file.topology.residues():
        residue.name = {"NH2": "NHE"}.get(residue.name, residue.name)  # OpenMM has renamed it
    check_ready(file.topology)
    amino_acids = [residue for residue in residues if residue.name not in CAPS]
    check_backbone(amino_acids)
    check_chirality(amino_acids)
    positions_A = np.array(file.getPositions(asNumpy=True) / unit.angstrom, dtype=np.float64)  # pyright: ignore[reportOptionalOperand]
    check_bond_lengths(file.topology, positions_A)
    return PreparedStructure(file.topology, positions_A, _changes_beside(path))


def _changes_beside(path: Path) -> tuple[Change, ...]:
    """What preparation changed; nothing of the run depends on it, so a damaged or unrelated file is told and left."""
    beside = path.with_suffix(".json")
    try:
        return read_changes(beside) if beside.is_file() else ()
    except InputError as error:
        _LOGGER.warning("%s; what preparation changed in %s is not known", error, path)
        return ()


def read_written(path: Path) -> app.PDBFile | app.PDBxFile:
    """A structure as a run wrote it, unchecked: `.cif` as mmCIF, else PDB.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return (app.PDBxFile if path.suffix == ".cif" else app.PDBFile)(str(path))
    except Exception as error:  # OpenMM raises errors of many kinds
        raise InputError(
            f"{path} is missing or damaged ({' '.join(str(error).split())}); it belongs to the run and must stay as it "
            "was written: put a copy back, or start the run anew"
        ) from error


def _openmm_file(path: Path, *, mmcif: bool) -> app.PDBFile | app.PDBxFile:
    try:
        return (app.PDBxFile if mmcif else app.PDBFile)(io.StringIO(read_text(path)))
    except Exception as error:  # OpenMM raises errors of many kinds
        raise InputError(f"{path}: OpenMM cannot read it ({error}); run `ai2bmd prepare {path}` first") from error


def check_ready(topology: app.Topology) -> None:
    """The topology is protein only, has its hydrogens, and the force field knows every residue.

    Raises:
        InputError: what is wrong with the first residue that is not.
    """
    protein, indices = protein_topology(topology)
    inside = set(indices.tolist())
    for residue in topology.residues():
        where = residue_label(residue)
        atoms = list(residue.atoms())
        if atoms[0].index not in inside:
            raise InputError(f"{where}: is not part of a protein; `ai2bmd prepare` removes such molecules")
        if not any(atom.element is app.element.hydrogen for atom in atoms):
            raise InputError(f"{where}: has no hydrogens; add them with `ai2bmd prepare`")
    for residue in app.ForceField(FORCE_FIELD_FILE).getUnmatchedResidues(topology):
        where = residue_label(residue)
        name = protein.residue_names[residue.index]
        raise InputError(
            f"{where}: its atoms fit no template of amber19/ff19SB (taken as {name}); atoms are missing or too many, "
            "or a chain end is in a form the force field lacks: run `ai2bmd prepare` on the file, with --caps acetyl "
            "for a chain end"
        )


def write_prepared(prepared: PreparedStructure, path: str | Path) -> None:
    """Write PATH (PDB) and the changes beside it as JSON."""
    path = Path(path)
    with path.open("w", encoding="utf-8") as file:
        app.PDBFile.writeFile(prepared.topology, prepared.positions_A * unit.angstrom, file, keepIds=True)
    write_changes(prepared.changes, path.with_suffix(".json"))
