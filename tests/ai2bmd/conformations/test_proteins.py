"""Pieces of proteins are the molecules of their groups, whatever the order in the protein; one protein, one start."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from openmm import app, unit

from ai2bmd.cli import main
from ai2bmd.conformations.atom_order import atom_order, reordered
from ai2bmd.conformations.checks import FrameCheck
from ai2bmd.conformations.cutting import clusters_of, residues_in_contact, units_of
from ai2bmd.conformations.proteins import read_protein, sample_protein
from ai2bmd.conformations.sources import SamplingSettings
from ai2bmd.conformations.units import UNIT_NAMES, build_unit
from ai2bmd.labelling.conformations import read_tasks
from ai2bmd.protein import protein_topology
from ai2bmd.structure import prepare_structure, write_prepared

SETTINGS = SamplingSettings(frames=2, seed=1, temperatures_K=(300.0,), snapshots=1, clusters=3, cluster_atoms=45)


@pytest.fixture
def peptide(tmp_path: Path) -> Path:
    """A short peptide as a prepared file."""
    write_prepared(prepare_structure(sequence="GCA", caps="acetyl"), tmp_path / "peptide.pdb")
    return tmp_path / "peptide.pdb"


def test_units_of_a_protein_are_those_that_are_built(chignolin):
    topology, positions = chignolin
    pieces = list(units_of(protein_topology(topology)[0], positions))
    assert [piece.name for piece in pieces].count("overlap-NMA") == 9
    assert {"nterm-TYR", "mid-PRO", "mid-TRP", "cterm-TYR"} <= {piece.name for piece in pieces}
    units = {piece.name: build_unit(piece.name) for piece in pieces}
    for piece in pieces:
        built = units[piece.name]
        assert [atom.name for atom in piece.topology.atoms()] == list(built.protein.atom_names)
        # the second threonine of this file is L-allo-threonine
        expected = "other chirality" if piece.label == "A:THR8" else None
        assert FrameCheck(built).reason(piece.positions_A) == expected


def test_clusters_are_in_contact_and_small(chignolin):
    topology, positions = chignolin
    protein = protein_topology(topology)[0]
    sets = residues_in_contact(protein, positions)
    assert (1, 6) in sets  # TYR2 and GLY7, which is opposite to it in the hairpin
    assert (0, 1) in sets
    assert not any({0, 4} <= set(residues) for residues in sets)
    pieces = list(clusters_of(protein, positions, largest=60, wanted=100, generator=np.random.default_rng(0)))
    assert len(pieces) > 10
    assert len({piece.label for piece in pieces}) == len(pieces)
    for piece in pieces[:6]:
        molecule = piece.molecule()
        assert len(molecule.positions_A) <= 60
        assert molecule.name.startswith("cluster-")
        assert molecule.charges.sum() == pytest.approx(molecule.total_charge, abs=1e-3)
    fewer = list(clusters_of(protein, positions, largest=45, wanted=100, generator=np.random.default_rng(0)))
    assert 0 < len(fewer) < len(pieces)


def test_a_cluster_does_not_depend_on_what_comes_first():
    both = []
    for names in (("mid-ALA", "mid-GLY"), ("mid-GLY", "mid-ALA")):
        first, second = map(build_unit, names)
        modeller = app.Modeller(first.topology, first.positions_A * unit.angstrom)
        modeller.add(second.topology, (second.positions_A + 20.0) * unit.angstrom)
        ordered = reordered(modeller.topology, atom_order(modeller.topology))
        both.append([(atom.residue.index, atom.residue.name, atom.name) for atom in ordered.atoms()])
    assert both[0] == both[1]


def test_a_protein_gives_the_same_frames_again_all_of_one_start(peptide: Path):
    source = read_protein(peptide)
    first, second = (sample_protein(source, SETTINGS) for _ in range(2))
    assert first is not None
    assert second is not None
    names = [one.molecule.name for one in first]
    assert {"mid-GLY", "mid-CYS", "mid-ALA", "overlap-NMA"} <= set(names)
    assert any(name.startswith("cluster-") for name in names)
    assert [name for name in names if not name.startswith("cluster-")] == [name for name in names if name in UNIT_NAMES]
    for one, other in zip(first, second, strict=True):
        assert len(one.frames) in (1, 2, 3)
        for frame, again in zip(one.frames, other.frames, strict=True):
            assert np.array_equal(frame.positions, again.positions)
            assert (frame.start, frame.temperature_K) == (source.start, 300.0)
    assert sample_protein(source, SETTINGS, advance=lambda steps: False) is None


def test_the_command_adds_proteins_to_units(peptide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "c.h5"
    options = ["-o", str(path), "--units", "none", "--frames", "2", "--temperatures", "300", "--snapshots", "1"]
    assert main(["sample", *options, "--clusters", "3"]) == 2
    assert "nothing to sample" in capsys.readouterr().err
    assert main(["sample", str(peptide), *options, "--clusters", "3"]) == 0
    assert "units of proteins: " in capsys.readouterr().out
    before = path.stat().st_mtime_ns
    assert main(["sample", str(peptide), *options, "--clusters", "3"]) == 0
    assert path.stat().st_mtime_ns == before  # it is there already
    assert main(["sample", str(peptide), *options, "--clusters", "4"]) == 2
    assert "was made with clusters 3, not 4" in capsys.readouterr().err
    assert main(["sample", str(tmp_path / "none.pdb"), *options, "--clusters", "3"]) == 2
    assert {task.frame.start for task in read_tasks([path], charge=None)} == {read_protein(peptide).start}
    file: Any
    with h5py.File(path) as file:
        assert file["mid-CYS"]["origin"].asstr()[0] == "units of proteins: peptide.pdb A:CYS2"
