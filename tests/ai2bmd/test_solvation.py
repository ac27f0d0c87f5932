"""Solvation: the right box, neutral, as salty as asked for, the protein unchanged."""

import random
from collections import Counter

import numpy as np
import openmm
import pytest
from openmm import unit

from ai2bmd.box_contents import check_box, solvent_molecules
from ai2bmd.environment import SOLVENTS, WATER_MODELS, build_environment, partial_charges
from ai2bmd.errors import InputError
from ai2bmd.simulation.launch import start_run
from ai2bmd.simulation.settings import make_settings
from ai2bmd.solvation import BOX_VECTORS, SITES, Solvation, image_distance_A, solvate
from ai2bmd.structure import PreparedStructure


def counts(topology):
    return Counter(residue.name for residue in topology.residues())


@pytest.mark.parametrize("water", sorted(set(WATER_MODELS) & set(SOLVENTS["amber19"])))
def test_water_models(water, chignolin):
    topology, positions = chignolin
    solvated = solvate(topology, positions, Solvation(water, padding_A=4.0, salt_M=0.3))
    found = counts(solvated.topology)
    system = build_environment(solvated.topology, solvent=water)
    assert partial_charges(system).sum() == pytest.approx(0.0, abs=1e-4)
    assert solvated.topology.getNumAtoms() == 166 + found["NA"] + found["CL"] + SITES[water] * found["HOH"]
    assert found["NA"] - found["CL"] == 2  # chignolin has a charge of -2
    molar = found["CL"] / found["HOH"] * 55.3
    assert molar == pytest.approx(0.3, abs=0.08)  # one ion more or less
    moved = solvated.positions_A[:166] - positions
    np.testing.assert_allclose(moved - moved[0], 0.0, atol=1e-12)
    nonbonded = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    assert nonbonded.getNonbondedMethod() == openmm.NonbondedForce.PME


@pytest.mark.parametrize("box", BOX_VECTORS)
def test_images_of_the_protein_keep_their_distance(box, chignolin):
    topology, positions = chignolin
    solvated = solvate(topology, positions, Solvation("tip3p", padding_A=5.0, box=box))
    vectors = np.array(
        [row.value_in_unit(unit.angstrom) for row in solvated.topology.getPeriodicBoxVectors()], dtype=float
    )
    grid = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    images = grid[np.any(grid != 0, axis=1)] @ vectors
    assert np.linalg.norm(images, axis=1).min() == pytest.approx(image_distance_A(positions, padding_A=5.0), rel=1e-6)
    protein = solvated.positions_A[:166]
    nearest = min(np.linalg.norm(protein[:, None] - (protein + image)[None], axis=2).min() for image in images)
    assert nearest > 10.0


def test_the_seed_decides_the_ions_and_nothing_else_is_disturbed(chignolin):
    before = random.getstate()
    places = [solvate(*chignolin, Solvation("tip3p", padding_A=4.0, seed=seed)).positions_A for seed in (1, 1, 2)]
    np.testing.assert_array_equal(places[0], places[1])
    assert np.abs(places[0] - places[2]).max() > 1.0
    assert random.getstate() == before


def test_crystal_water_is_kept_but_where_it_touches(chignolin):
    topology, positions = chignolin
    outside = positions.max(0) + 1.0
    oxygens = np.array([outside, outside + 3.0, positions[3] + 0.5])
    solvated = solvate(topology, positions, Solvation("opc", padding_A=5.0), crystal_water_A=oxygens)
    waters = [residue for residue in solvated.topology.residues() if residue.name == "HOH"]
    assert [atom.name for atom in waters[0].atoms()] == ["O", "H1", "H2", "M"]
    first = [next(residue.atoms()).index for residue in waters[:3]]
    moved = solvated.positions_A[0] - positions[0]
    np.testing.assert_allclose(solvated.positions_A[first[:2]] - moved, oxygens[:2], atol=1e-9)
    distances = np.linalg.norm(solvated.positions_A[first[2]] - moved - oxygens[2])
    assert distances > 1.0  # the third one touched the protein
    build_environment(solvated.topology, solvent="opc")


@pytest.mark.parametrize("padding", ["6 A", "12 A"])
def test_the_forecast_counts_the_molecules(chignolin, padding):
    topology, positions = chignolin
    settings = make_settings({"solvent": "tip3p", "padding": padding}, where="test")
    solvated = solvate(topology, positions, Solvation("tip3p", padding_A=settings.padding_A))
    found = counts(solvated.topology)
    molecules, ions = solvent_molecules(PreparedStructure(topology, positions), settings)
    assert molecules == pytest.approx(found["HOH"], rel=0.08)  # the smaller the box, the more gaps
    assert ions == pytest.approx(found["NA"] + found["CL"], abs=2)


def test_a_box_that_no_machine_can_hold_is_refused_before_it_is_built(chignolin, tmp_path):
    topology, positions = chignolin
    settings = make_settings({"solvent": "opc", "padding": "12 A"}, where="test")
    check_box(5_000, settings)
    stretched = PreparedStructure(topology, positions * 150.0)
    with pytest.raises(
        InputError, match=r"about [\d,]+ atoms and take \d+ GiB of memory, .* take a --padding smaller than 12 A"
    ):
        start_run(stretched, settings, output=tmp_path / "run", name="run", say=lambda line: None)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"padding_A": 0.5}, "padding: expected 2 to 200 A, got 0.5 A"),
        ({"salt_M": -1.0}, "salt: expected 0 to 5 M, got -1 M"),
    ],
)
def test_values_without_meaning(changes, message, chignolin):
    with pytest.raises(InputError, match=message):
        solvate(*chignolin, Solvation("opc", **changes))
