"""Preparation of files and sequences: completeness, protonation, disulfides, ends, chains, and the record of it."""

import json
import re

import numpy as np
import openmm
import pytest
from openmm import app

from ai2bmd.cli import main
from ai2bmd.environment import build_environment
from ai2bmd.protein import protein_topology
from ai2bmd.structure import load_or_prepare, prepare_structure, read_prepared, write_prepared
from ai2bmd.structure.geometry import dihedral
from fragmentation.plan import plan_fragments

ALL = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture(scope="module")
def lines(examples):
    return (examples / "chignolin.pdb").read_text().splitlines()


@pytest.fixture(scope="module")
def heavy(lines):
    """Chignolin as deposited files are: no hydrogens, no second oxygen at the end."""
    return [line for line in lines if line.startswith("ATOM") and line[76:78].strip() != "H" and " OXT" not in line]


def prepared(lines, tmp_path, **options):
    path = tmp_path / "raw.pdb"
    path.write_text("\n".join(lines) + "\nEND\n")
    return prepare_structure(path, **options)


def residue_names(structure):
    return protein_topology(structure.topology)[0].residue_names


def kinds(structure):
    return [change.kind for change in structure.changes]


def energy_after_minimisation(structure):
    system = build_environment(structure.topology, solvent="gas")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("CPU"))
    context.setPositions(structure.positions_A / 10)
    openmm.LocalEnergyMinimizer.minimize(context, 10, 300)
    return context.getState(energy=True).getPotentialEnergy()._value


def test_stripped_atoms_come_back(heavy, lines, tmp_path):
    missing = [
        line
        for line in heavy
        if not (
            line[17:20] == "TRP"
            and line[12:16].strip()[0] == "C"
            and " C " not in line[12:17]
            and " CA " not in line[12:17]
        )
    ]
    assert len(missing) < len(heavy) - 5
    structure = prepared(missing, tmp_path)
    assert structure.topology.getNumAtoms() == sum(line.startswith("ATOM") for line in lines)
    assert any(change.kind == "added" and "TRP 9" in change.where for change in structure.changes)
    assert energy_after_minimisation(structure) < 0


def test_atoms_of_the_file_stay_where_they_are(heavy, tmp_path):
    structure = prepared(heavy, tmp_path)
    where = {(atom.residue.id, atom.name): structure.positions_A[atom.index] for atom in structure.topology.atoms()}
    for line in heavy:
        expected = [float(line[start : start + 8]) for start in (30, 38, 46)]
        np.testing.assert_allclose(where[line[22:26].strip(), line[12:16].strip()], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("pH", "acid", "histidine", "lysine"),
    [(1.0, "ASH", "HIP", "LYS"), (7.0, "ASP", ("HID", "HIE"), "LYS"), (13.0, "ASP", ("HID", "HIE"), "LYN")],
)
def test_protonation_follows_pH(pH, acid, histidine, lysine):
    names = residue_names(prepare_structure(sequence="GDGHGKGG", pH=pH, caps="acetyl"))
    assert names[2] == acid
    assert names[4] in histidine
    assert names[6] == lysine


def test_charged_ends_keep_their_side_chain_charged():
    structure = prepare_structure(sequence="DGGE", pH=1.0)
    assert residue_names(structure) == ("ASP", "GLY", "GLY", "GLU")
    assert any("kept charged" in change.detail for change in structure.changes)


def test_file_is_ready_after_a_round_trip(heavy, tmp_path):
    structure = prepared(heavy, tmp_path)
    write_prepared(structure, tmp_path / "out.pdb")
    again = read_prepared(tmp_path / "out.pdb")
    assert again.changes == structure.changes
    assert residue_names(again) == residue_names(structure)
    np.testing.assert_allclose(again.positions_A, structure.positions_A, atol=6e-4)  # PDB has three decimals
    taken = load_or_prepare(tmp_path / "out.pdb")
    np.testing.assert_array_equal(taken.positions_A, again.positions_A)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"changes": [1]}', b'{"changes": [{"kind": 1}]}',
             b'{"changes": [{"kind": 1, "where": 2, "detail": 3}]}'],
)  # fmt: skip
def test_damaged_or_unrelated_file_beside_a_prepared_one(text, examples, tmp_path, caplog):
    (tmp_path / "ready.pdb").write_bytes((examples / "chignolin.pdb").read_bytes())
    (tmp_path / "ready.json").write_bytes(text)
    structure = load_or_prepare(tmp_path / "ready.pdb")
    assert structure.changes == ()  # read as it is, not prepared again
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'ready.json'}: is no list of changes as `ai2bmd prepare` writes it; what preparation changed in "
        f"{tmp_path / 'ready.pdb'} is not known"
    ]


@pytest.mark.parametrize("conformation", ["extended", "helix", "strand"])
def test_sequence_has_the_torsions_asked_for(conformation):
    structure = prepare_structure(sequence=ALL, conformation=conformation)
    at = {(int(atom.residue.id), atom.name): structure.positions_A[atom.index] for atom in structure.topology.atoms()}
    phi, psi = {"extended": (180, 180), "helix": (-57, -47), "strand": (-120, 130)}[conformation]
    for number in range(2, len(ALL)):
        wanted = -65 if ALL[number - 1] == "P" else phi
        found = dihedral(at[number - 1, "C"], at[number, "N"], at[number, "CA"], at[number, "C"])
        assert abs((found - wanted + 180) % 360 - 180) < 0.1
        found = dihedral(at[number, "N"], at[number, "CA"], at[number, "C"], at[number + 1, "N"])
        assert abs((found - psi + 180) % 360 - 180) < 0.1
    protein, _ = protein_topology(structure.topology)
    assert plan_fragments(protein).n_fragments == 2 * len(ALL) - 1
    assert energy_after_minimisation(structure) < 0


@pytest.mark.parametrize("sequence", ["P", "PP", "GPG", "PGP", "G", "C"])
def test_short_sequences(sequence):
    structure = prepare_structure(sequence=sequence, caps="acetyl")
    assert structure.topology.getNumResidues() == len(sequence) + 2
    assert np.isfinite(energy_after_minimisation(structure))


def moved(lines, *, chain, shift):
    return [line[:21] + chain + line[22:30] + f"{float(line[30:38]) + shift:8.3f}" + line[38:] for line in lines]


def test_several_chains_each_with_its_ends(heavy, tmp_path):
    structure = prepared([*heavy, "TER", *moved(heavy, chain="B", shift=40.0)], tmp_path)
    protein, _ = protein_topology(structure.topology)
    assert protein.chain_ids == ("A",) * 10 + ("B",) * 10
    assert sum(atom.name == "OXT" for atom in structure.topology.atoms()) == 2
    assert plan_fragments(protein).n_fragments == 38


def test_chain_break_is_capped_and_told(heavy, tmp_path):
    gap = [line for line in heavy if int(line[22:26]) not in (5, 6)]
    structure = prepared(gap, tmp_path)
    assert residue_names(structure)[3:7] == ("PRO", "NME", "ACE", "GLY")
    assert [change.detail for change in structure.changes if change.kind == "cap"] == [
        "NME after it, where the chain breaks",
        "ACE before it, where the chain breaks",
    ]
    write_prepared(structure, tmp_path / "out.pdb")
    assert len(residue_names(read_prepared(tmp_path / "out.pdb"))) == 10
    assert energy_after_minimisation(structure) < 0


def test_caps_of_the_file_are_kept(tmp_path):
    write_prepared(prepare_structure(sequence="AAA", caps="acetyl"), tmp_path / "capped.pdb")
    structure = prepare_structure(tmp_path / "capped.pdb")
    assert residue_names(structure) == ("ACE", "ALA", "ALA", "ALA", "NME")
    assert "cap" not in kinds(structure)


def test_disulfides_from_geometry(shared):
    structure = prepare_structure(shared / "structures" / "1aki.pdb")
    assert residue_names(structure).count("CYX") == 8
    assert kinds(structure).count("disulfide") == 4


def test_distant_cysteines_stay_free():
    structure = prepare_structure(sequence="CGGC")
    assert residue_names(structure) == ("CYS", "GLY", "GLY", "CYS")


def test_alternate_locations_by_occupancy(heavy, tmp_path):
    index = next(i for i, line in enumerate(heavy) if line[17:20] == "THR" and line[12:16].strip() == "OG1")
    line = heavy[index]
    pair = [
        line[:16] + "A" + line[17:56] + "0.30" + line[60:],
        line[:16] + "B" + line[17:30] + f"{float(line[30:38]) + 0.4:8.3f}" + line[38:56] + "0.70" + line[60:],
    ]
    structure = prepared([*heavy[:index], *pair, *heavy[index + 1 :]], tmp_path)
    oxygen = next(atom for atom in structure.topology.atoms() if atom.residue.id == "6" and atom.name == "OG1")
    assert structure.positions_A[oxygen.index][0] == pytest.approx(float(line[30:38]) + 0.4)
    assert any(
        change.kind == "alternate location" and change.detail == "kept B, dropped A" for change in structure.changes
    )


def test_selenomethionine_becomes_methionine(tmp_path):
    write_prepared(prepare_structure(sequence="AMA"), tmp_path / "amt.pdb")
    text = (tmp_path / "amt.pdb").read_text()
    text = re.sub(r"ATOM  (.....) {2}SD  MET(.*) S", r"HETATM\1 SE   MSE\2SE", text).replace("MET", "MSE")
    (tmp_path / "mse.pdb").write_text(text)
    structure = prepare_structure(tmp_path / "mse.pdb")
    assert residue_names(structure) == ("ALA", "MET", "ALA")
    assert "replaced" in kinds(structure)


def test_water_and_ligands_are_named(heavy, tmp_path):
    water = "HETATM  900  O   HOH A 201      30.000   0.000   0.000  1.00  0.00           O"
    ligand = "HETATM  901  C1  LIG A 202      36.000   0.000   0.000  1.00  0.00           C"
    structure = prepared([*heavy, water, ligand], tmp_path)
    removed = [(change.where, change.detail) for change in structure.changes if change.kind == "removed"]
    assert removed == [("chain A", "1 water"), ("chain A 202", "1 LIG")]


def test_chains_with_long_names_get_free_letters(heavy, tmp_path):
    (tmp_path / "raw.pdb").write_text("\n".join([*heavy, "TER", *moved(heavy, chain="B", shift=40.0)]) + "\nEND\n")
    file = app.PDBFile(str(tmp_path / "raw.pdb"))
    for chain, name in zip(file.topology.chains(), ("B", "B-2"), strict=True):
        chain.id = name
    with (tmp_path / "long.cif").open("w") as out:
        app.PDBxFile.writeFile(file.topology, file.positions, out, keepIds=True)
    structure = prepare_structure(tmp_path / "long.cif")
    assert [chain.id for chain in structure.topology.chains()] == ["B", "A"]
    assert [change.where for change in structure.changes if change.kind == "renamed"] == ["chain B-2"]
    write_prepared(structure, tmp_path / "out.pdb")
    assert len(residue_names(read_prepared(tmp_path / "out.pdb"))) == 20


def test_wrong_or_absent_element_columns(heavy, tmp_path):
    shifted = [line[:12] + line[12:16].strip().ljust(4) + line[16:66] for line in heavy]
    assert prepared(shifted, tmp_path).topology.getNumAtoms() == 166


def test_insertion_codes_stay(heavy, tmp_path):
    renumbered = [line[:22] + "   3A" + line[27:] if int(line[22:26]) == 4 else line for line in heavy]
    structure = prepared(renumbered, tmp_path)
    assert protein_topology(structure.topology)[0].residue_numbers[2:5] == ("3", "3A", "5")


def test_command_writes_structure_table_and_json(heavy, tmp_path, capsys):
    (tmp_path / "raw.pdb").write_text("\n".join(heavy))
    assert main(["prepare", str(tmp_path / "raw.pdb"), "-o", str(tmp_path / "sub" / "out.pdb")]) == 0
    printed = capsys.readouterr().out
    assert "added" in printed
    assert "10 residues, 166 atoms" in printed
    changes = json.loads((tmp_path / "sub" / "out.json").read_text())["changes"]
    assert changes
    assert all(change["detail"] in printed for change in changes)


def test_the_predicted_model_format(heavy, tmp_path):
    """mmCIF with confidence in place of B factors and no cell, as structure prediction programs write it."""
    pdb = tmp_path / "raw.pdb"
    pdb.write_text("\n".join(heavy) + "\nEND\n")
    file = app.PDBFile(str(pdb))
    with (tmp_path / "model.cif").open("w") as out:
        app.PDBxFile.writeFile(file.topology, file.positions, out, keepIds=True)
    structure = load_or_prepare(tmp_path / "model.cif")
    assert structure.topology.getNumAtoms() == 166


@pytest.mark.parametrize("name", ["1ubq.pdb", "1l2y.pdb", "3o5r.cif"])
def test_deposited_files(name, shared):
    structure = prepare_structure(shared / "structures" / name)
    plan_fragments(protein_topology(structure.topology)[0])
    assert energy_after_minimisation(structure) < 0


def test_tells_a_side_chain_of_the_other_hand(examples):
    """Threonine 8 of chignolin.pdb is L-allo-threonine."""

    def told(structure):
        return [(change.where, change.detail) for change in structure.changes if change.kind == "chirality"]

    ((where, detail),) = told(prepare_structure(examples / "chignolin.pdb"))
    assert "THR 8" in where
    assert "kept" in detail
    # Trp-cage has an isoleucine, as it should be
    assert told(prepare_structure(examples / "trpcage.pdb")) == []
