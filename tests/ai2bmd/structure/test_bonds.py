"""Bonds by the coordinates of a file: lengths that cannot be, rings and crosslinks, bonds to what is removed."""

import re

import numpy as np
import pytest

from ai2bmd.errors import InputError
from ai2bmd.structure import load_or_prepare, prepare_structure, write_prepared
from ai2bmd.structure.bonds import check_crosslinks
from ai2bmd.structure.chains import split_chains
from ai2bmd.structure.records import read_records
from ai2bmd.structure.selection import select_protein


@pytest.fixture(scope="module")
def chignolin(examples):
    lines = (examples / "chignolin.pdb").read_text().splitlines()
    return [line for line in lines if line.startswith("ATOM")]


def peptide(sequence, tmp_path):
    """Lines of the heavy atoms, by residue number."""
    write_prepared(prepare_structure(sequence=sequence), tmp_path / "peptide.pdb")
    lines = [line for line in (tmp_path / "peptide.pdb").read_text().splitlines() if line.startswith("ATOM")]
    heavy = [line for line in lines if line[76:78].strip() != "H" and line[12:16].strip() != "OXT"]
    return {number: [line for line in heavy if int(line[22:26]) == number] for number in range(1, len(sequence) + 1)}


def loaded(lines, tmp_path):
    (tmp_path / "raw.pdb").write_text("\n".join(lines) + "\nEND\n")
    return load_or_prepare(tmp_path / "raw.pdb")


def place(line):
    return np.array([float(line[start : start + 8]) for start in (30, 38, 46)])


def at(line, position):
    return line[:30] + "".join(f"{x:8.3f}" for x in position) + line[54:]


def atom(lines, name, number=None):
    return next(line for line in lines if line[12:16].strip() == name and number in (None, int(line[22:26])))


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (10.0, "14.7 A apart .* expected 1.46 A; they look like Angstrom taken for nm: divide them by 10"),
        (0.1, "0.147 A apart .* they look like nm: multiply them by 10"),
        (1.88973, "2.7. A apart .* multiply them by 0.5"),
    ],
)
def test_other_units(factor, message, chignolin, tmp_path):
    scaled = [at(line, factor * place(line)) for line in chignolin]
    with pytest.raises(InputError, match="chain A, residue TYR 1: the coordinates are not in Angstrom: .*" + message):
        loaded(scaled, tmp_path)
    assert loaded([at(line, 1.02 * place(line)) for line in chignolin], tmp_path).topology.getNumResidues() == 10


def test_residues_moved_apart(tmp_path):
    residues = peptide("AAAA", tmp_path)
    apart = [at(line, place(line) + 3.0 * number) for number in residues for line in residues[number]]
    message = r"chain A, residue ALA 1, atom C: is \d\.\d A from atom N of residue ALA 2, expected 1.33 A, and no other"
    with pytest.raises(InputError, match=message):
        loaded(apart, tmp_path)
    some = [line for number in (1, 3, 4) for line in residues[number]]
    assert loaded(some, tmp_path).topology.getNumResidues() == 3 + 2
    one_break = [at(line, place(line) + 3.0 * (number > 2)) for number in residues for line in residues[number]]
    assert loaded(one_break, tmp_path).topology.getNumResidues() == 4 + 2


def test_atom_out_of_place(chignolin, tmp_path):
    moved = [at(line, place(line) + 4.0) if line is atom(chignolin, "CZ", 2) else line for line in chignolin]
    with pytest.raises(
        InputError, match=r"residue TYR 2, atom CE1: is \d\.\d A from atom CZ, to which it should be bonded"
    ):
        loaded(moved, tmp_path)


def test_gap_of_a_file_with_hydrogens_is_not_bridged(chignolin, tmp_path):
    structure = loaded([line for line in chignolin if int(line[22:26]) != 5], tmp_path)
    assert [residue.name for residue in structure.topology.residues()][3:7] == ["PRO", "NME", "ACE", "THR"]


def test_ring_and_chain_under_two_names(tmp_path):
    residues = peptide("AAAA", tmp_path)
    opened_elsewhere = [line for number in (3, 4, 1, 2) for line in residues[number]]
    message = "residue ALA {}, atom .: is bonded to chain ., residue ALA {}, atom . .1.33 A.*rings and crosslinks"
    with pytest.raises(InputError, match=message.format(3, 2)):
        loaded(opened_elsewhere, tmp_path)
    renamed = [line[:21] + "AABB"[number - 1] + line[22:] for number in residues for line in residues[number]]
    with pytest.raises(InputError, match=message.format(2, 3)):
        loaded(renamed, tmp_path)


def test_crosslink_of_side_chains(tmp_path):
    acid, base = ([line for lines in peptide(name, tmp_path).values() for line in lines] for name in ("GDG", "GKG"))
    carbon, nitrogen = place(atom(acid, "CG", 2)), place(atom(base, "NZ", 2))
    outwards = place(atom(acid, "OD2", 2)) - carbon
    outwards /= np.linalg.norm(outwards)
    inwards = nitrogen - place(atom(base, "CE", 2))
    inwards /= np.linalg.norm(inwards)
    mean = outwards - inwards  # half a turn about it takes the one direction to the other, reversed
    mean /= np.linalg.norm(mean)

    def joined(length_A):
        other = []
        for line in base:
            arm = place(line) - nitrogen
            turned = 2.0 * mean * (mean @ arm) - arm
            other.append(at(line[:21] + "B" + line[22:], carbon + length_A * outwards + turned))
        return [*(line for line in acid if line is not atom(acid, "OD2", 2)), "TER", *other]

    with pytest.raises(
        InputError, match=r"residue ASP 2, atom CG: is bonded to chain B, residue LYS 2, atom NZ \(1.33 A\)"
    ):
        loaded(joined(1.33), tmp_path)
    assert found(joined(1.70), tmp_path) == ["1.70 A from chain B, residue LYS 2, atom NZ; taken as not bonded"]
    assert found(joined(1.80), tmp_path) == []


def found(lines, tmp_path):
    """What is told of atoms that come close."""
    changes = []
    (tmp_path / "raw.pdb").write_text("\n".join(lines) + "\nEND\n")
    residues, _ = select_protein(read_records(tmp_path / "raw.pdb").atoms)
    check_crosslinks(split_chains(residues), changes)
    assert {change.kind for change in changes} <= {"close"}
    return [change.detail for change in changes]


def roomiest(lines, centre, length_A):
    """The place at a distance from an atom that is farthest from all others."""
    others = np.array([place(line) for line in lines if not np.allclose(place(line), centre)])
    directions = np.random.default_rng(1).normal(size=(500, 3))
    places = centre + length_A * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return max(places, key=lambda here: np.linalg.norm(others - here, axis=1).min())


@pytest.mark.parametrize(
    ("residue", "name", "element", "on", "length_A", "told"),
    [
        ("NAG", "C1", "C", ("OH", 2), 1.43, True),
        ("NAG", "C1", "C", ("OH", 2), 2.60, False),
        ("ZN", "ZN", "ZN", ("OH", 2), 2.05, True),
        ("HOH", "O", "O", ("OH", 2), 1.80, False),
    ],
)
def test_bonds_to_removed_molecules_are_told(residue, name, element, on, length_A, told, chignolin, tmp_path):
    heavy = [line for line in chignolin if line[76:78].strip() != "H"]
    position = roomiest(heavy, place(atom(heavy, *on)), length_A)
    start = f"HETATM  900 {name:>2}   {residue:>3} B   1 ".ljust(54)
    line = at(start, position) + f"  1.00  0.00          {element:>2}"
    changes = [change for change in loaded([*heavy, "TER", line], tmp_path).changes if change.kind == "bond cut"]
    expected = f"to chain B, residue {residue} 1, atom {name}, removed ({length_A:.2f} A)"
    assert [(change.where, change.detail) for change in changes] == told * [
        (f"chain A, residue TYR {on[1]}, atom {on[0]}", expected)
    ]


def test_sugars_and_ions_of_deposited_files(shared):
    def cut(name):
        changes = select_protein(read_records(shared / "structures" / name).atoms)[1]
        return [f"{change.where} {change.detail}" for change in changes if change.kind == "bond cut"]

    sugars = cut("1igy.pdb")
    assert len(sugars) == 2
    assert all(re.search(r"residue ASN 314, atom ND2 to chain [EF], residue NAG 1, atom C1", line) for line in sugars)
    assert sum("residue CA 40" in line for line in cut("5ugo.cif")) == 6
    assert cut("3o5r.cif") == []
