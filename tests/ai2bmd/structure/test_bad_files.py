"""Every file that cannot be used gets one sentence with the place, exit status 2, and no traceback."""

import re

import pytest

from ai2bmd.cli import main

BACKBONE = ("N", "CA", "C", "O")


@pytest.fixture(scope="module")
def lines(examples):
    return (examples / "chignolin.pdb").read_text().splitlines()


def prepare(text, tmp_path, capsys, *, name="input.pdb", options=()):
    """Run `ai2bmd prepare` on a text; the one sentence it ends with."""
    path = tmp_path / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text("\n".join(text) if isinstance(text, list) else text)
    status = main(["prepare", str(path), "-o", str(tmp_path / "out.pdb"), *options])
    error = capsys.readouterr().err
    assert status == 2
    assert len(error.splitlines()) == 1
    assert error.startswith("ai2bmd prepare: error: ")
    assert not (tmp_path / "out.pdb").exists()
    return error


def residue(lines, number):
    return [line for line in lines if line.startswith("ATOM") and int(line[22:26]) == number]


def replaced(lines, number, change):
    """The lines with those of one residue changed by a function that may return None to drop it."""
    result = [change(line) if line.startswith("ATOM") and int(line[22:26]) == number else line for line in lines]
    return [line for line in result if line is not None]


def water(number):
    return f"HETATM{number:5d}  O   HOH A{number:4d}    {number:8.3f}{0:8.3f}{0:8.3f}  1.00  0.00           O"


@pytest.mark.parametrize(
    "text", ["hello, world\n", b"\x89PNG\r\n\x1a\n\xff\xfe", '{"a": 1}', "data_x\nloop_\n_a.b\n1\n"]
)
def test_not_a_structure_file(text, tmp_path, capsys):
    assert "not a structure file" in prepare(text, tmp_path, capsys)


def test_empty_and_absent_files(tmp_path, capsys):
    assert "the file is empty" in prepare("", tmp_path, capsys)
    assert main(["prepare", str(tmp_path / "no.pdb"), "-o", str(tmp_path / "o.pdb")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_truncated_pdb(lines, tmp_path, capsys):
    text = "\n".join(lines[:60])[:-45]
    assert re.search(
        r"line 60: the file is cut off within chain A, residue \w+ \d+, atom \w+", prepare(text, tmp_path, capsys)
    )


def test_truncated_mmcif(shared, tmp_path, capsys):
    text = (shared / "structures" / "1aki.cif").read_text()
    middle = text.index("ATOM   500")
    assert "cut off" in prepare(text[: middle + 30], tmp_path, capsys, name="cut.cif")


def test_only_waters(tmp_path, capsys):
    error = prepare([water(n) for n in range(1, 6)], tmp_path, capsys)
    assert "the structure holds no protein, only 5 waters" in error


def test_nucleic_acid(tmp_path, capsys):
    atoms = [f"ATOM  {n:5d}  P    DA A{n:4d}    {5 * n:8.3f}{0:8.3f}{0:8.3f}  1.00  0.00           P" for n in (1, 2)]
    assert "no protein, only 2 nucleotides" in prepare(atoms, tmp_path, capsys)


def test_unknown_residue(lines, tmp_path, capsys):
    text = replaced(lines, 3, lambda line: "HETATM" + line[6:17] + "XYZ" + line[20:])
    assert "chain A, residue XYZ 3: is a modified amino acid" in prepare(text, tmp_path, capsys)


@pytest.mark.parametrize("marked", ["by name", "by coordinates"])
def test_d_amino_acid(marked, lines, tmp_path, capsys):
    if marked == "by name":
        text = replaced(lines, 2, lambda line: line[:17] + "DTY" + line[20:])
    else:  # the mirror image of the whole molecule
        text = [
            line[:30] + f"{-float(line[30:38]):8.3f}" + line[38:] if line.startswith("ATOM") else line for line in lines
        ]
    assert re.search(r"chain A, residue \w+ \d.*D-amino acid", prepare(text, tmp_path, capsys))


def test_missing_backbone_atom(lines, tmp_path, capsys):
    text = replaced(lines, 4, lambda line: None if line[12:16].strip() == "CA" else line)
    assert "chain A, residue PRO 4: backbone atom CA missing" in prepare(text, tmp_path, capsys)


def test_overlapping_atoms(lines, tmp_path, capsys):
    first = next(line for line in residue(lines, 5) if line[12:16].strip() == "CG")
    text = replaced(
        lines, 6, lambda line: line[:30] + first[30:54] + line[54:] if line[12:16].strip() == "CB" else line
    )
    error = prepare(text, tmp_path, capsys)
    assert "chain A, residue GLU 5, atom CG: overlaps with chain A, residue THR 6, atom CB (0.00 A apart)" in error


def test_two_residues_with_one_number(lines, tmp_path, capsys):
    text = replaced(lines, 7, lambda line: line[:22] + "   6" + line[26:])
    error = prepare(text, tmp_path, capsys)
    assert "chain A, residue GLY 6, atom N: residue THR of the same chain has this number too" in error


@pytest.mark.parametrize(("value", "message"), [("     nan", "not finite"), ("   x.123", "are not numbers")])
def test_coordinates_that_are_no_numbers(value, message, lines, tmp_path, capsys):
    text = replaced(lines, 8, lambda line: line[:30] + value + line[38:] if line[12:16].strip() == "CA" else line)
    error = prepare(text, tmp_path, capsys)
    assert message in error
    assert "chain A, residue THR 8, atom CA" in error


def test_neutral_ends_are_declined_with_the_cure(lines, tmp_path, capsys):
    error = prepare(lines, tmp_path, capsys, options=["--caps", "neutral"])
    assert "use --caps acetyl for uncharged ends" in error


@pytest.mark.parametrize(
    ("sequence", "message"),
    [("ACDX", "sequence, position 4: 'X' is not one of the 20 amino acids"), ("  ", "the sequence is empty")],
)
def test_sequence_that_cannot_be_built(sequence, message, tmp_path, capsys):
    assert main(["prepare", "--sequence", sequence, "-o", str(tmp_path / "out.pdb")]) == 2
    assert message in capsys.readouterr().err


def test_output_that_would_be_lost(lines, tmp_path, capsys):
    path = tmp_path / "input.pdb"
    path.write_text("\n".join(lines))
    assert main(["prepare", str(path), "-o", str(path)]) == 2
    assert "is the input file" in capsys.readouterr().err
    assert main(["prepare", str(path), "-o", str(tmp_path / "out.cif")]) == 2
    assert "give a name that ends in .pdb" in capsys.readouterr().err


def test_no_hydrogens_where_they_are_needed(lines, tmp_path):
    from ai2bmd import AI2BMDCalculator
    from ai2bmd.errors import InputError

    path = tmp_path / "bare.pdb"
    path.write_text("\n".join(line for line in lines if line[76:78].strip() != "H"))
    with pytest.raises(InputError, match=r"chain A, residue TYR 1: has no hydrogens; add them with `ai2bmd prepare`"):
        AI2BMDCalculator(path)
