"""The wall: nothing where the model has data, smooth, and in the way of a hydroxyl hydrogen without radius."""

import h5py
import numpy as np
import pytest
import torch
from openmm import app

from ai2bmd.assembly import corrected_system
from ai2bmd.protein import protein_topology
from ai2bmd.wall import CLOSEST_CONTACT_A, STIFFNESS_EV_A3, ShortRangeWall
from fragmentation.topology import ProteinTopology


def wall_of(topology: app.Topology) -> ShortRangeWall:
    return ShortRangeWall(protein_topology(topology)[0])


@pytest.fixture
def two_atoms() -> ShortRangeWall:
    """A hydrogen and a carbon that are not bonded."""
    none = np.zeros((0, 2), np.int64)
    return ShortRangeWall(
        ProteinTopology(np.array([1, 6]), ("H", "C"), np.array([0, 0]), ("ALA",), ("A",), ("1",), none)
    )


@pytest.mark.parametrize("distance", [1.5, 1.75, 1.81, 3.0])
def test_energy_and_force_by_hand(distance, two_atoms):
    energy, forces = two_atoms(np.array([[0.0, 0, 0], [0, distance, 0]]))
    depth = max(0.0, CLOSEST_CONTACT_A[1, 6] - distance)
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
        assert max(wall(positions)[0] for positions in data[f"{name}/positions"][:]) < 0.01


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
