"""Atoms of a PDB or mmCIF file as a flat list, before anything is known about chemistry.

First step of preparation: text goes in, the first model's atoms come out, and damage to the file itself (cut off lines,
coordinates that are no numbers) is found here, where the line is still known.
"""

import gzip
import math
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmm.app.internal.pdbx.reader.PdbxReader import PdbxReader

from ai2bmd.errors import InputError

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class AtomRecord:
    """One atom as the file has it; position in Angstrom."""

    chain: str
    residue_number: str
    """With the insertion code."""
    residue_name: str
    name: str
    element: str
    """Upper case; guessed from the name where the file leaves it out."""
    alternate: str
    occupancy: float
    position_A: tuple[float, float, float]
    part: int
    """Counts the TER records before the atom: one chain name may stand for several molecules."""

    @property
    def residue_key(self) -> tuple[str, str]:
        """Chain and number."""
        return self.chain, self.residue_number

    @property
    def where(self) -> str:
        """The atom in words, for messages."""
        return f"chain {self.chain}, residue {self.residue_name} {self.residue_number}, atom {self.name}"


@dataclass(frozen=True)
class FileRecords:
    """Atoms of the first model, the number of models in the file, and its format."""

    atoms: tuple[AtomRecord, ...]
    n_models: int
    mmcif: bool


def read_records(path: Path) -> FileRecords:
    """Read a PDB or mmCIF file; which of the two, its contents tell.

    Raises:
        InputError: no such file, empty, no structure, cut off, or coordinates that are not finite numbers.
    """
    text = read_text(path)
    mmcif = "_atom_site." in text or text.lstrip().startswith("data_")
    records = _read_mmcif(text, path) if mmcif else _read_pdb(text, path)
    if not records.atoms:
        raise InputError(f"{path}: not a structure file: it holds no atoms in PDB or mmCIF format")
    return records


def read_text(path: Path) -> str:
    """Text of a structure file; packed files (gzip) are unpacked.

    Raises:
        InputError: no such file, empty, or no text.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: {'is a folder' if path.is_dir() else 'there is no such file'}; give a structure file"
        )
    content = path.read_bytes()
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            raise InputError(f"{path}: the packed file is damaged or cut off; fetch it again") from None
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    if b"\0" in content:
        raise InputError(f"{path}: not a structure file; give a PDB or mmCIF file in plain text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # old files have such letters in their remarks


def _read_pdb(text: str, path: Path) -> FileRecords:
    atoms: list[AtomRecord] = []
    n_models, part, begun, ended, separated = 0, 0, False, False, False
    for number, line in enumerate(text.splitlines(), start=1):
        record = line[:6].rstrip().upper()
        if record == "MODEL":
            n_models, begun, ended = n_models + 1, True, bool(atoms)
        elif record in ("ENDMDL", "END"):
            ended, separated = bool(atoms), record == "END"
        elif record == "TER":
            part += 1
        elif record.startswith("ATOM") or record == "HETATM":
            if not ended:
                atoms.append(_pdb_atom(line, place=f"{path}, line {number}", part=part))
            elif separated and not begun:  # several structures one after the other
                n_models, separated = max(n_models, 1) + 1, False
    if begun and not ended:
        raise InputError(f"{path}: the file is cut off: its first model has no ENDMDL; fetch the file again")
    return FileRecords(tuple(atoms), max(n_models, 1), mmcif=False)


def _pdb_atom(line: str, *, place: str, part: int) -> AtomRecord:
    name = line[12:16].strip()
    where = f"chain {line[21:22].strip() or '?'}, residue {line[17:20].strip()} {line[22:27].strip()}, atom {name}"
    if len(line) < 54:
        raise InputError(f"{place}: the file is cut off within {where}; fetch the file again")
    return AtomRecord(
        chain=line[21].strip() or _segment(line) or "A",
        residue_number=line[22:27].strip(),
        residue_name=line[17:21].strip().upper(),
        name=name.upper(),
        element=line[76:78].strip().upper() or _guess_element(line[12:16]),
        alternate=line[16].strip(),
        occupancy=_occupancy(line[54:60]),
        position_A=_position((line[30:38], line[38:46], line[46:54]), place=f"{place}: {where}"),
        part=part,
    )


def _segment(line: str) -> str:
    """Name of the segment, by which CHARMM tells chains apart; other programs leave numbers there."""
    segment = line[72:76].strip()
    return segment if segment[:1].isalpha() else ""


def _guess_element(field: str) -> str:
    """Element from the columns of the name: two-letter elements begin one column early."""
    letters = field[:2].strip(" 0123456789'*")
    return letters[:1].upper() if field[:1] in " 0123456789H" or field.strip()[:2] in ("CA", "CD") else letters.upper()


def _occupancy(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _position(fields: tuple[str, str, str], *, place: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(field) for field in fields)
    except ValueError:
        raise InputError(f"{place}: coordinates {' '.join(fields)!r} are not numbers; correct the file") from None
    if not all(map(math.isfinite, (x, y, z))):
        raise InputError(f"{place}: coordinates are not finite ({x}, {y}, {z}); correct the file")
    return x, y, z


def _read_mmcif(text: str, path: Path) -> FileRecords:
    data: list[Any] = []
    try:
        PdbxReader(iter(text.splitlines(keepends=True))).read(data)
    except Exception as error:  # the parser raises its own and plain Python errors alike
        raise InputError(f"{path}: not readable as mmCIF ({error}); fetch the file again") from error
    sites = data[0].getObj("atom_site") if data else None
    if sites is None:
        raise InputError(f"{path}: not a structure file: the mmCIF has no atoms (no _atom_site)")
    columns = {name: place for place, name in enumerate(sites.getAttributeList())}
    missing = {"Cartn_x", "Cartn_y", "Cartn_z"} - columns.keys()
    if missing:
        raise InputError(f"{path}: _atom_site has no column {', '.join(sorted(missing))}")
    models: defaultdict[str, list[AtomRecord]] = defaultdict(list)
    for number in range(sites.getRowCount()):
        row = sites.getRow(number)
        if len(row) < len(columns):
            raise InputError(f"{path}: the file is cut off within atom {number + 1} of _atom_site; fetch it again")
        values = {name: "" if row[place] in (".", "?") else row[place] for name, place in columns.items()}
        models[values.get("pdbx_PDB_model_num", "1")].append(_mmcif_atom(values, place=f"{path}, atom {number + 1}"))
    return FileRecords(tuple(next(iter(models.values()), [])), len(models), mmcif=True)


def _mmcif_atom(values: dict[str, str], *, place: str) -> AtomRecord:
    def value(item: str) -> str:
        """The authors' name of chain, residue, number or atom; the archive's where there is none."""
        return values.get(f"auth_{item}") or values.get(f"label_{item}") or ""

    number = value("seq_id") + values.get("pdbx_PDB_ins_code", "")
    where = f"chain {value('asym_id')}, residue {value('comp_id')} {number}, atom {value('atom_id')}"
    coordinates = (values["Cartn_x"], values["Cartn_y"], values["Cartn_z"])
    return AtomRecord(
        chain=value("asym_id") or "A",
        residue_number=number,
        residue_name=value("comp_id").upper(),
        name=value("atom_id").upper(),
        element=values.get("type_symbol", "").upper() or value("atom_id")[:1],
        alternate=values.get("label_alt_id", ""),
        occupancy=_occupancy(values.get("occupancy", "")),
        position_A=_position(coordinates, place=f"{place}: {where}"),
        part=0,
    )
