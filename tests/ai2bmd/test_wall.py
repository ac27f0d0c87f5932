"""The wall: nothing where the model has data, smooth, and in the way of a hydroxyl hydrogen without radius."""

import h5py
import numpy as np
import pytest
import torch
from openmm import app

from ai2bmd.assembly import corrected_system
from ai2bmd.protein import protein_topology
from ai2bmd.wall import (
    CLOSEST_A,
    CLOSEST_THREE_BONDS_A,
    KINDS,
    STIFFNESS_EV_A3,
    ShortRangeWall,
    bonds_between,
    contact_kinds,
)
from fragmentation.topology import ProteinTopology


def wall_of(topology: app.Topology) -> ShortRangeWall:
    return ShortRangeWall(protein_topology(topology)[0])


def molecule(numbers: np.ndarray, bonds: np.ndarray) -> ProteinTopology:
    """Atoms and bonds as a single residue; the wall asks for no more."""
    count = len(numbers)
    return ProteinTopology(numbers, ("X",) * count, np.zeros(count, int), ("ALA",), ("A",), ("1",), bonds)


@pytest.fixture
def two_atoms() -> ShortRangeWall:
    """A hydrogen and a carbon that are not bonded."""
    return ShortRangeWall(molecule(np.array([1, 6]), np.zeros((0, 2), np.int64)))


@pytest.mark.parametrize("distance", [1.5, 2.25, 2.28, 3.0])
def test_energy_and_force_by_hand(distance, two_atoms):
    energy, forces = two_atoms(np.array([[0.0, 0, 0], [0, distance, 0]]))
    depth = max(0.0, CLOSEST_A["HC"][KINDS.index("CA")] - distance)
    assert energy == pytest.approx(STIFFNESS_EV_A3 * depth**3, abs=1e-12)
    assert forces[1, 1] == pytest.approx(3 * STIFFNESS_EV_A3 * depth**2, abs=1e-12)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-12)


def test_bonds_and_angles_are_left_alone(chignolin):
    """Atoms up to two bonds apart are closer than the contacts of the wall, and do not feel it."""
    topology, positions = chignolin
    protein, _ = protein_topology(topology)
    assert wall_of(topology)(positions)[0] == 0.0
    unbonded = ProteinTopology(
        protein.atomic_numbers,
        protein.atom_names,
        protein.residue_index,
        protein.residue_names,
        protein.chain_ids,
        protein.residue_numbers,
        protein.bonds[:0],
    )
    assert ShortRangeWall(unbonded)(positions)[0] > 100


@pytest.mark.parametrize("name", ["chignolin", "trpcage"])
def test_dynamics_at_300_K_hardly_feels_it(name, examples, shared):
    wall = wall_of(app.PDBFile(str(examples / f"{name}.pdb")).topology)
    with h5py.File(shared / "data" / "proteins-so3lr.h5") as data:
        energies = [wall(positions)[0] for positions in data[f"{name}/positions"][:]]
    assert np.mean(energies) < 0.01
    assert max(energies) < 0.2


def test_training_data_hardly_feel_it(shared):
    energies = []
    with h5py.File(shared / "data" / "units-so3lr.h5") as data:
        for unit in data.values():
            numbers, bonds = unit["atomic_numbers"][:].astype(int), unit["bonds"][:].astype(int)
            wall = ShortRangeWall(molecule(numbers, bonds))
            energies += [wall(positions)[0] for positions in unit["positions"][::50]]
    assert np.mean(np.array(energies) > 0.01) < 0.005
    assert max(energies) < 0.5


def test_tables_are_symmetric_and_hydrogens_keep_van_der_waals_distances():
    for rows in (CLOSEST_A, CLOSEST_THREE_BONDS_A):
        for kind, row in rows.items():
            assert [rows[other][KINDS.index(kind)] for other in rows] == list(row[: len(rows)])
    assert all(1.4 < distance < 2.9 for row in CLOSEST_A.values() for distance in row)


def test_kinds(chignolin):
    topology, _ = chignolin
    protein, _ = protein_topology(topology)
    kinds = contact_kinds(protein.atomic_numbers, protein.bonds)
    found = {(atom.residue.name, atom.name): KINDS[kinds[atom.index]] for atom in topology.atoms()}
    assert {name: found["TYR", name] for name in ("HH", "OH", "CZ", "HE1", "CA", "C", "N", "H")} == {
        "HH": "HO",
        "OH": "O",
        "CZ": "CA",
        "HE1": "HC",
        "CA": "CT",
        "C": "CO",
        "N": "N",
        "H": "HN",
    }
    assert found["ASP", "CG"] == "CO"
    assert found["TRP", "CE2"] == "CA"


def test_bonds_between_along_a_branched_chain():
    """0-1-2-3-4 with 5 on atom 1."""
    near = bonds_between(6, np.array([[0, 1], [2, 1], [2, 3], [3, 4], [1, 5]]))
    pairs = np.stack(near.coords, axis=1)
    assert pairs.tolist() == sorted(pairs.tolist())
    assert pairs[near.data == 1].tolist() == [[0, 1], [1, 2], [1, 5], [2, 3], [3, 4]]
    assert pairs[near.data == 2].tolist() == [[0, 2], [0, 5], [1, 3], [2, 4], [2, 5]]
    assert pairs[near.data == 3].tolist() == [[0, 3], [1, 4], [3, 5]]


def test_hydroxyl_hydrogen_in_a_ring_is_pushed_out(chignolin, random_model):
    topology, positions = chignolin
    index = {(atom.residue.id, atom.name): atom.index for atom in topology.atoms()}
    hydrogen, carbon, beside = index["8", "HG1"], index["10", "CZ"], (index["10", "CE1"], index["10", "CE2"])
    normal = np.cross(*(positions[atom] - positions[carbon] for atom in beside))
    moved = positions.copy()
    moved[hydrogen] = positions[carbon] + 1.3 * normal / np.linalg.norm(normal)
    energy, forces = wall_of(topology)(moved)
    assert energy > STIFFNESS_EV_A3 * 0.5**3
    assert forces[hydrogen] @ normal / np.linalg.norm(normal) > 3 * STIFFNESS_EV_A3 * 0.5**2
    built = corrected_system(topology, solvent="gas", coupling="whole", model=random_model, device=torch.device("cpu"))
    assert built.correction is not None
    total = built.correction.evaluate(moved).forces[hydrogen]
    built.correction._wall = None  # negative control
    without = built.correction.evaluate(moved).forces[hydrogen]
    np.testing.assert_allclose(total - without, forces[hydrogen], rtol=1e-4, atol=1e-3)


def test_forces_are_the_gradient(chignolin):
    topology, positions = chignolin
    wall, generator = wall_of(topology), np.random.default_rng(1)
    squeezed = 0.6 * positions
    direction = generator.normal(size=positions.shape)
    slope = (wall(squeezed + 1e-5 * direction)[0] - wall(squeezed - 1e-5 * direction)[0]) / 2e-5
    assert -np.vdot(wall(squeezed)[1], direction) == pytest.approx(slope, rel=1e-6)


def test_hydroxyl_hydrogen_stays_off_the_hydrogen_three_bonds_away(chignolin):
    topology, positions = chignolin
    index = {(atom.residue.id, atom.name): atom.index for atom in topology.atoms()}
    hydrogen, other = index["8", "HG1"], index["8", "HB"]
    moved = positions.copy()
    moved[hydrogen] = positions[other] + 0.8 * (positions[hydrogen] - positions[other]) / np.linalg.norm(
        positions[hydrogen] - positions[other]
    )
    assert wall_of(topology)(moved)[0] > STIFFNESS_EV_A3 * 0.5**3
