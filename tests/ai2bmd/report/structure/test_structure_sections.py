"""Sections on structure: of several trajectories, of one frame, of what is no protein."""

import base64
import io
import re
from xml.etree import ElementTree

import MDAnalysis
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ai2bmd.analysis import analyse_structure
from ai2bmd.report.enough import coarse
from ai2bmd.report.structure.ensembles import cluster_section
from ai2bmd.report.structure.page import structure_sections


@pytest.fixture
def moving(examples):
    """`moving(frames, seed)`: chignolin that breathes slowly, shaken."""

    def make(frames: int, *, seed: int = 0) -> MDAnalysis.Universe:
        universe = MDAnalysis.Universe(str(examples / "chignolin.pdb"))
        random = np.random.default_rng(seed)
        start = universe.atoms.positions - universe.atoms.positions.mean(0)
        size = 1.0 + 0.15 * np.clip(np.cumsum(random.normal(scale=0.1, size=frames)), 0, 3)
        noise = random.normal(scale=0.1, size=(frames, *start.shape))
        moved = (size[:, None, None] * start + noise) @ Rotation.random(frames, random_state=seed).as_matrix()
        universe.load_new(moved.astype(np.float32), order="fac", dt=10.0)
        return universe

    return make


def test_every_result_has_its_section_with_picture_table_and_judgement(moving):
    structure = analyse_structure([moving(120, seed=1), moving(80, seed=2)])
    sections = {section.title: section for section in structure_sections(structure)}
    assert len(sections) == 12
    figures = {name: plot for section in sections.values() for name, plot in section.figures.items()}
    assert len(figures) == 11  # one map of secondary structure for each trajectory; bonds and rotamers have tables
    for plot in figures.values():
        assert ElementTree.fromstring(plot.svg).tag.endswith("svg")
    tables = {name: table for section in sections.values() for name, table in section.tables.items()}
    frames = tables["frames"]
    assert len(frames.rows) == 200
    assert frames.header[:3] == ("trajectory", "time_ps", "rmsd_A")
    column = [row[2] for row in frames.rows]
    assert column == pytest.approx(structure.rmsd.joined(), abs=1e-6)
    for table in tables.values():
        assert len(table.csv().splitlines()) == len(table.rows) + 1
    quantities = [quantity.name for section in sections.values() for quantity in section.quantities]
    assert "fraction in helix" in quantities
    assert "native contacts Q" in quantities
    assert "every frame" in sections["Surface"].note
    assert sum(len(section.citations) for section in sections.values()) >= 6
    page = "".join(section.html() for section in sections.values())
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page)
    assert "trajectory 2" in page


def test_representative_frames_can_be_downloaded(moving):
    structure = analyse_structure(moving(60))
    section = cluster_section(structure)
    (text,) = re.findall(r'download="cluster-1.pdb" href="data:chemical/x-pdb;base64,([^"]*)"', section.body)
    pdb = base64.b64decode(text).decode()
    assert "CRYST1" not in pdb
    read = MDAnalysis.Universe(io.StringIO(pdb), format="PDB")
    assert np.abs(read.atoms.positions - structure.clusters.clusters[0].positions_A).max() < 1e-3
    assert read.atoms.names.tolist() == structure.trajectories[0].atoms.names.tolist()


def test_what_is_absent_says_why(moving):
    universe = moving(1)
    sections = {section.title: section for section in structure_sections(analyse_structure(universe))}
    assert "One frame makes no clusters" in sections["Clusters"].body
    assert "One frame shows no fluctuation." in sections["Fluctuation of each residue"].body
    assert sections["Surface"].quantities[0].grade == "poor"
    universe.residues.resnames = ["LIG"] * 10
    universe.atoms.names = [f"X{number}" for number in range(166)]
    sections = {section.title: section for section in structure_sections(analyse_structure(universe))}
    assert "No residue has the backbone atoms" in sections["Secondary structure"].body
    assert "neither a backbone nor side chains" in sections["Rotamers of side chains"].body


def test_averages_of_neighbours_keep_the_mean():
    values = np.arange(10.0)
    assert coarse(values, 3).tolist() == [1.0, 4.0, 7.0]
    assert coarse(values, 1) is values
    assert coarse(values[:2], 3).tolist() == [0.0, 1.0]
