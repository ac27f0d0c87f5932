"""From a sequence to the heavy atoms of its backbone, with standard bond lengths and angles."""

from typing import Literal, get_args

import numpy as np

from ai2bmd.errors import InputError
from ai2bmd.structure.checks import ResidueRecord
from ai2bmd.structure.geometry import Internal, Position, place
from ai2bmd.structure.records import AtomRecord

Conformation = Literal["extended", "helix", "strand"]
_TORSIONS = {"extended": (-180.0, 180.0), "helix": (-57.0, -47.0), "strand": (-120.0, 130.0)}
"""phi, psi in degrees; helix: IUPAC-IUB 1970, strand: antiparallel sheet."""
_PROLINE_PHI = -65.0
LETTERS = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL".split(),
        strict=True,
    )
)
"""Residue of each one-letter code."""
# Backbone geometry: Engh and Huber, Acta Cryst. A 47, 392 (1991).
_N_CA, _CA_C, _C_N, _C_O, _CA_CB = 1.458, 1.525, 1.329, 1.231, 1.530
_N_CA_C, _CA_C_N, _C_N_CA, _CA_C_O, _C_CA_CB = 111.2, 116.2, 121.7, 120.8, 110.1
_CB_DIHEDRAL = 122.9  # N-C-CA-CB of an L-amino acid, degrees (from N, about C-CA)


def build_sequence(sequence: str, conformation: Conformation) -> tuple[ResidueRecord, ...]:
    """Backbone and CB of every residue, chain A, numbered from 1.

    Args:
        sequence: one-letter codes of the 20 amino acids; blanks are skipped.
        conformation: extended, helix or strand; proline keeps phi = -65 degrees.

    Raises:
        InputError: empty, a letter that is no amino acid, or an unknown conformation.
    """
    if conformation not in get_args(Conformation):
        raise InputError(f"conformation: expected {', '.join(get_args(Conformation))}, got {conformation!r}")
    letters = "".join(sequence.split()).upper()
    if not letters:
        raise InputError("the sequence is empty; give one-letter codes such as YYDPETGTWY")
    for place_in_sequence, letter in enumerate(letters, start=1):
        if letter not in LETTERS:
            raise InputError(
                f"sequence, position {place_in_sequence}: {letter!r} is not one of the 20 amino acids "
                f"({''.join(LETTERS)}); correct the sequence"
            )
    names = [LETTERS[letter] for letter in letters]
    return tuple(
        ResidueRecord(name, tuple(_record(name, number, atom, position) for atom, position in atoms.items()))
        for number, (name, atoms) in enumerate(zip(names, _backbone(names, conformation), strict=True), start=1)
    )


def _backbone(names: list[str], conformation: Conformation) -> list[dict[str, Position]]:
    """Positions by atom name, residue by residue."""
    phi, psi = _TORSIONS[conformation]
    n, ca = np.zeros(3), np.array([_N_CA, 0.0, 0.0])
    c = ca + _CA_C * np.array([-np.cos(np.radians(_N_CA_C)), np.sin(np.radians(_N_CA_C)), 0.0])
    residues = []
    for number, name in enumerate(names):
        if number:
            before = residues[-1]
            n = place(before["N"], before["CA"], before["C"], Internal(_C_N, _CA_C_N, psi))
            ca = place(before["CA"], before["C"], n, Internal(_N_CA, _C_N_CA, 180.0))
            turn = _PROLINE_PHI if name == "PRO" else phi
            c = place(before["C"], n, ca, Internal(_CA_C, _N_CA_C, turn))
        atoms = {"N": n, "CA": ca, "C": c, "O": place(n, ca, c, Internal(_C_O, _CA_C_O, psi + 180.0))}
        if name == "PRO":
            atoms |= _proline_ring(n, ca, c)
        elif name != "GLY":
            atoms["CB"] = place(n, c, ca, Internal(_CA_CB, _C_CA_CB, _CB_DIHEDRAL))
        residues.append(atoms)
    return residues


def _proline_ring(n: Position, ca: Position, c: Position) -> dict[str, Position]:
    """CB, CG and CD with the C-gamma endo pucker (chi1 = 30, CD-N-CA-CB = -11 degrees)."""
    cb = place(n, c, ca, Internal(_CA_CB, _C_CA_CB, 116.0))
    return {
        "CB": cb,
        "CG": place(n, ca, cb, Internal(1.492, 104.5, 30.0)),
        "CD": place(cb, ca, n, Internal(1.473, 112.0, -11.0)),
    }


def _record(name: str, number: int, atom: str, position: Position) -> AtomRecord:
    x, y, z = map(float, position)
    return AtomRecord("A", str(number), name, atom, atom[0], "", 1.0, (x, y, z), 0)
