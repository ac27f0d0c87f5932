"""The protein in one piece: atoms and molecules scattered over periodic images come back together."""

import numpy as np
import pytest

from ai2bmd.imaging import ProteinImaging, nearest_image_shift

CUBE = np.diag([30.0, 30.0, 30.0])
DODECAHEDRON = 30.0 * np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, np.sqrt(0.5)]])
OCTAHEDRON = 30.0 * np.array(
    [[1.0, 0.0, 0.0], [1 / 3, 2 * np.sqrt(2) / 3, 0.0], [-1 / 3, np.sqrt(2) / 3, np.sqrt(6) / 3]]
)
boxes = pytest.mark.parametrize("box", [CUBE, DODECAHEDRON, OCTAHEDRON], ids=["cube", "dodecahedron", "octahedron"])


def chain(start, *, atoms, step):
    """A straight chain."""
    return np.array(start) + np.arange(atoms)[:, None] * np.array(step)


@pytest.fixture
def complex_of_three():
    """Three chains in a row, longer together than half the box: 24 A in 30 A."""
    positions = np.concatenate(
        [
            chain([0, 0, 0], atoms=6, step=[1.4, 0.1, 0]),
            chain([9, 0, 2], atoms=6, step=[1.4, 0.1, 0]),
            chain([17, 0, 0], atoms=6, step=[1.4, 0.1, 0]),
        ]
    )
    bonds = np.array([(i, i + 1) for i in range(17) if i % 6 != 5])
    return positions, bonds


@boxes
def test_scattered_atoms_come_back(box, complex_of_three):
    positions, bonds = complex_of_three
    imaging = ProteinImaging(len(positions), bonds)
    generator = np.random.default_rng(1)
    for _ in range(20):
        images = generator.integers(-2, 3, size=positions.shape)
        images[0] = 0
        np.testing.assert_allclose(imaging(positions + images @ box, box), positions, atol=1e-12)


@boxes
def test_moving_everything_moves_the_result(box, complex_of_three):
    positions, bonds = complex_of_three
    imaging = ProteinImaging(len(positions), bonds)
    np.testing.assert_allclose(imaging(positions + box[2], box), positions + box[2], atol=1e-12)


def test_a_molecule_in_one_piece_is_left_bit_for_bit(complex_of_three):
    positions, bonds = complex_of_three
    np.testing.assert_array_equal(ProteinImaging(len(positions), bonds)(positions, CUBE), positions)


@boxes
def test_nearest_image_is_the_nearest_of_all(box):
    vectors = np.random.default_rng(2).uniform(-60.0, 60.0, size=(500, 3))
    grid = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ box
    shortest = np.sqrt(np.square(vectors[:, None] + grid).sum(2).min(1))
    np.testing.assert_allclose(np.linalg.norm(vectors + nearest_image_shift(vectors, box), axis=1), shortest)
