"""Names of residues and atoms as programs write them, and the ones used here (those of the Protein Data Bank)."""

from dataclasses import replace

from ai2bmd.errors import InputError
from ai2bmd.structure.checks import ResidueRecord
from ai2bmd.structure.records import AtomRecord

CAPS = ("ACE", "NME", "NHE")
_SIDE_CHAINS = {
    "ALA": "CB", "ARG": "CB CG CD NE CZ NH1 NH2", "ASN": "CB CG OD1 ND2", "ASP": "CB CG OD1 OD2", "CYS": "CB SG",
    "GLN": "CB CG CD OE1 NE2", "GLU": "CB CG CD OE1 OE2", "GLY": "", "HIS": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1", "LEU": "CB CG CD1 CD2", "LYS": "CB CG CD CE NZ", "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ", "PRO": "CB CG CD", "SER": "CB OG", "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2", "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH", "VAL": "CB CG1 CG2",
}  # fmt: skip
_HEAVY = {name: frozenset(f"N CA C O OXT {atoms}".split()) for name, atoms in _SIDE_CHAINS.items()}
_HEAVY |= {"ACE": frozenset({"CH3", "C", "O"}), "NME": frozenset({"N", "C"}), "NHE": frozenset({"N"})}
STANDARD = frozenset(_SIDE_CHAINS)
_RESIDUES = {
    **dict.fromkeys("HID HIE HIP HSD HSE HSP HISA HISB HISD HISE HISH HISP HIS1 HIS2 HIN".split(), "HIS"),
    **dict.fromkeys("CYX CYM CYN CYSH CYS1 CYS2 CYSS".split(), "CYS"),
    **dict.fromkeys("LYN LSN LYP LYSH LYSP".split(), "LYS"),
    **dict.fromkeys("ASH ASPH ASPP".split(), "ASP"),
    **dict.fromkeys("GLH GLUH GLUP".split(), "GLU"),
    **dict.fromkeys("ARN ARGN ARGP".split(), "ARG"),
    "NMA": "NME",
    "NH2": "NHE",
}
"""Names of protonation states and caps in Amber, CHARMM and GROMACS; the states are chosen anew."""
_ENDINGS = {
    **dict.fromkeys(("OT1", "O1", "OC1", "OCT1", "O'"), "O"),
    **dict.fromkeys(("OT2", "O2", "OC2", "OCT2", "O''", "OT"), "OXT"),
}
_ATOMS = {
    ("ILE", "CD"): "CD1",
    **dict.fromkeys([("NME", "CH3"), ("NME", "CA"), ("NME", "CAT")], "C"),
    ("NME", "NT"): "N",
    **dict.fromkeys([("ACE", "CA"), ("ACE", "CAY")], "CH3"),
    ("ACE", "CY"): "C",
    ("ACE", "OY"): "O",
}


def residue_name(name: str) -> str:
    """The standard name; others as they are. Amber puts N and C before the names of residues at chain ends."""
    if len(name) == 4 and name[0] in "NC" and _RESIDUES.get(name[1:], name[1:]) in STANDARD:
        name = name[1:]
    return _RESIDUES.get(name, name)


def is_protein(name: str) -> bool:
    """Whether a residue of this name is a standard amino acid, in whatever state, or a cap."""
    return residue_name(name) in STANDARD or residue_name(name) in CAPS or name == "MSE"


def standard_atoms(residue: ResidueRecord, name: str) -> ResidueRecord:
    """The residue with its standard name and its atoms under theirs; hydrogens keep their names.

    Raises:
        InputError: an atom that this residue does not have, or two under one name.
    """
    atoms, seen = [], set()
    for atom in residue.atoms:
        renamed = atom.name if is_hydrogen(atom) else _atom_name(atom, name)
        if not is_hydrogen(atom) and renamed in seen:
            raise InputError(f"{atom.where}: is there twice, as {renamed} too; remove one of the two")
        seen.add(renamed)
        atoms.append(replace(atom, name=renamed))
    return ResidueRecord(name, tuple(atoms))


def _atom_name(atom: AtomRecord, residue: str) -> str:
    name = _ATOMS.get((residue, atom.name), atom.name)
    if name not in _HEAVY[residue] and residue in STANDARD:
        name = _ENDINGS.get(name, name)
    if name not in _HEAVY[residue]:
        raise InputError(f"{atom.where}: {residue} has no atom of this name; correct the name or remove the atom")
    return name


def is_hydrogen(atom: AtomRecord) -> bool:
    """Hydrogen or deuterium, by the name: element columns are often wrong, and no other atom's name begins so."""
    return atom.name.lstrip("0123456789")[:1] in ("H", "D")
