"""Files as other programs write them: their names, numbers, encodings, and several molecules under one chain name."""

import gzip

import numpy as np
import pytest

from ai2bmd.errors import InputError
from ai2bmd.protein import protein_topology
from ai2bmd.structure import load_or_prepare, prepare_structure, read_prepared, write_prepared


@pytest.fixture(scope="module")
def heavy(examples):
    lines = (examples / "chignolin.pdb").read_text().splitlines()
    return [line for line in lines if line.startswith("ATOM") and line[76:78].strip() != "H" and " OXT" not in line]


def prepared(content, tmp_path, **options):
    path = tmp_path / "raw.pdb"
    path.write_bytes(content if isinstance(content, bytes) else ("\n".join(content) + "\n").encode())
    return prepare_structure(path, **options)


def names(structure):
    return protein_topology(structure.topology)[0].residue_names


def peptide(sequence, tmp_path, **options):
    """Lines of a peptide with all its atoms."""
    write_prepared(prepare_structure(sequence=sequence, **options), tmp_path / "peptide.pdb")
    return [line for line in (tmp_path / "peptide.pdb").read_text().splitlines() if line.startswith(("ATOM", "HETATM"))]


def renamed(lines, number, *, residue=None, atoms=None):
    result = []
    for line in lines:
        if int(line[22:26]) == number:
            name = line[12:16].strip()
            field = f" {atoms[name]:<3}" if atoms and name in atoms else line[12:16]
            line = line[:12] + field + line[16] + (residue or line[17:21]).ljust(4) + line[21:]
        result.append(line)
    return result


def shifted(lines, by_A):
    return [line[:30] + f"{float(line[30:38]) + by_A:8.3f}" + line[38:] for line in lines]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "NALA"),
        (2, "HSD"),
        (2, "HISB"),
        (3, "CYS2"),
        (3, "CYSH"),
        (4, "LYSH"),
        (5, "GLUP"),
        (6, "ASPP"),
        (7, "CVAL"),
    ],
)
def test_names_of_residues(number, name, tmp_path):
    lines = peptide("AHCKEDV", tmp_path)
    expected = names(prepared(lines, tmp_path))
    assert names(prepared(renamed(lines, number, residue=name), tmp_path)) == expected


@pytest.mark.parametrize(
    "atoms", [{"O": "OT1", "OXT": "OT2"}, {"O": "O1", "OXT": "O2"}, {"OXT": "OT"}, {"CD1": "CD"}, {"H": "HN"}]
)
def test_names_of_atoms(atoms, tmp_path):
    lines = peptide("AGI", tmp_path)
    structure = prepared(renamed(lines, 3, atoms=atoms), tmp_path)
    assert structure.topology.getNumAtoms() == len(lines)
    assert [change.kind for change in structure.changes] == ["hydrogens"]


def test_an_atom_that_the_residue_does_not_have_is_named(tmp_path):
    lines = renamed(peptide("AGI", tmp_path), 3, atoms={"CD1": "CX"})
    with pytest.raises(InputError, match=r"chain A, residue ILE 3, atom CX: ILE has no atom of this name"):
        prepared(lines, tmp_path)


def test_amide_at_the_end(tmp_path):
    lines = peptide("AGA", tmp_path, caps="acetyl")
    amide = [line for line in lines if int(line[22:26]) != 4 or line[12:16].strip() == "N"]
    structure = prepared(renamed(amide, 4, residue="NH2"), tmp_path)
    write_prepared(structure, tmp_path / "out.pdb")
    assert names(structure) == names(read_prepared(tmp_path / "out.pdb")) == ("ACE", "ALA", "GLY", "ALA", "NHE")


@pytest.mark.parametrize(("atom", "number"), [("C", 4), ("CH3", 0)])
def test_incomplete_caps_are_told(atom, number, tmp_path):
    lines = peptide("AGA", tmp_path, caps="acetyl")
    cut = [line for line in lines if int(line[22:26]) != number or line[12:16].strip() != atom]
    with pytest.raises(InputError, match=rf"residue (ACE|NME) {number}: cap without atom {atom}"):
        prepared(cut, tmp_path)


def test_caps_in_a_gap_of_one_residue_keep_apart(tmp_path):
    lines = [line for line in peptide("AAAAA", tmp_path) if int(line[22:26]) not in (2, 4)]
    structure = prepared(lines, tmp_path)
    assert names(structure) == ("ALA", "NME", "ACE", "ALA", "NME", "ACE", "ALA")
    places = [structure.positions_A[atom.index] for atom in structure.topology.atoms() if atom.element.symbol != "H"]
    distances = np.linalg.norm(np.array(places)[:, None] - places, axis=-1)
    assert distances[np.triu_indices(len(places), 1)].min() > 1.1


def test_an_amino_acid_alone_needs_caps(heavy, tmp_path):
    alone = [line for line in heavy if int(line[22:26]) == 9]
    with pytest.raises(InputError, match=r"chain A, residue TRP 9: stands alone.*--caps acetyl"):
        prepared(alone, tmp_path)
    assert names(prepared(alone, tmp_path, caps="acetyl")) == ("ACE", "TRP", "NME")


@pytest.mark.parametrize("how", ["packed", "byte order mark", "old letters", "old line ends", "lower case"])
def test_encodings(how, heavy, tmp_path):
    text = ("\n".join(heavy) + "\n").encode()
    content = {
        "packed": gzip.compress(text),
        "byte order mark": b"\xef\xbb\xbf" + text,
        "old letters": "REMARK 2 RESOLUTION 2 Å\n".encode("latin-1") + text,
        "old line ends": text.replace(b"\n", b"\r\n"),
        "lower case": text.lower(),
    }[how]
    assert prepared(content, tmp_path).topology.getNumAtoms() == 166
    assert load_or_prepare(tmp_path / "raw.pdb").topology.getNumAtoms() == 166


def test_a_packed_file_that_is_cut_off(heavy, tmp_path):
    with pytest.raises(InputError, match="packed file is damaged or cut off"):
        prepared(gzip.compress("\n".join(heavy).encode())[:-200], tmp_path)


def test_molecules_of_one_chain_name_become_chains(heavy, tmp_path):
    blank = [line[:21] + " " + line[22:] for line in heavy]
    structure = prepared([*blank, "TER", *shifted(blank, 40.0), "TER"], tmp_path)
    assert protein_topology(structure.topology)[0].chain_ids == ("A",) * 10 + ("B",) * 10


def test_segments_of_charmm_become_chains(heavy, tmp_path):
    lines = [line[:21] + " " + line[22:72] + "PROA" + line[76:] for line in heavy]
    others = [line[:72] + "PROB" + line[76:] for line in shifted(lines, 40.0)]
    assert len(set(protein_topology(prepared([*lines, *others], tmp_path).topology)[0].chain_ids)) == 2


def test_numbers_of_water_begin_again(heavy, tmp_path):
    water = [
        "HETATM  900  O   HOH A   1      30.000   0.000   0.000",
        "HETATM  901  O   HOH A   1      36.000   0.000   0.0",
    ]
    structure = prepared([*heavy, "TER", *(line.ljust(54) for line in water)], tmp_path)
    assert [change.detail for change in structure.changes if change.kind == "removed"] == ["1 water"]


def test_numbers_of_letters_and_digits(heavy, tmp_path):
    lines = [line[:22] + f"A{int(line[22:26]):03d}" + line[26:] for line in heavy]
    assert prepared(lines, tmp_path, caps="acetyl").topology.getNumResidues() == 12


@pytest.mark.parametrize("marks", [("MODEL        1", "END"), ("", "END")])
def test_models_without_an_end_of_their_own(marks, heavy, tmp_path):
    first, last = marks
    structure = prepared([first, *heavy, last, first, *heavy, last], tmp_path)
    assert structure.topology.getNumAtoms() == 166
    assert any(change.detail == "the first of 2 models is used" for change in structure.changes)
