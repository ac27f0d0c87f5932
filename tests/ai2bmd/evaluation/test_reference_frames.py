"""Frames that only test: helices are helices, held angles are where they were held, and pictures show both."""

from pathlib import Path

import numpy as np
import pytest

from ai2bmd.conformations.torsions import angle_of, backbone_torsions
from ai2bmd.conformations.units import build_unit
from ai2bmd.errors import InputError
from ai2bmd.evaluation.dihedral_maps import backbone_angles, write_map
from ai2bmd.evaluation.frames import LabelledMolecule
from ai2bmd.evaluation.predictions import Prediction
from potentials.label_store import is_test


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("reference_frames")


def labelled(molecule, frames) -> LabelledMolecule:
    """Frames with an energy of sin(psi)."""
    positions = np.array([frame.positions for frame in frames])
    nothing = np.zeros(len(frames))
    bare = LabelledMolecule(
        molecule.constants, positions, nothing, 0 * positions, nothing, 0 * positions, np.arange(len(frames)), nothing
    )
    _, angles = backbone_angles(bare)
    return LabelledMolecule(
        molecule.constants,
        positions,
        np.sin(np.radians(angles[:, -1])),
        0 * positions,
        nothing,
        0 * positions,
        np.arange(len(frames)),
        nothing,
    )


def test_a_helix_is_one(script) -> None:
    molecule = script.helix("eaaak", "EAAAK")
    residues = backbone_torsions(molecule.protein)
    assert len(residues) == 5
    for residue in residues:
        angles = [angle_of(molecule.positions_A, quadruple) for quadruple in residue.quadruples]
        assert angles == pytest.approx([script.HELIX_DEGREES[name] for name in residue.names], abs=0.01)
    assert len(molecule.protein.atomic_numbers) == 79


@pytest.mark.parametrize(("name", "count"), [("mid-ALA", 16), ("mid-PRO", 4)])
def test_angles_are_held_and_drawn(script, name: str, count: int, tmp_path: Path) -> None:
    molecule = build_unit(name)
    frames = script.held(molecule, 90.0)
    assert len(frames) == count
    assert all(is_test(frame.start) for frame in frames)
    one = labelled(molecule, frames)
    _, angles = backbone_angles(one)
    off = (angles + 45.0) % 90.0 - 45.0
    assert np.abs(off).max() < 6.0
    assert len(np.unique(np.round(angles / 90.0) % 4, axis=0)) == count
    write_map(one, {"a": Prediction(2 * one.energies, one.forces)}, "reference", tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_a_map_needs_one_residue(script) -> None:
    molecule = script.helix("ala2", "AA")
    positions = molecule.positions_A.astype(np.float32)[None]
    nothing = np.zeros(1)
    several = LabelledMolecule(
        molecule.constants, positions, nothing, positions, nothing, positions, np.zeros(1, int), nothing
    )
    with pytest.raises(InputError, match="found 2"):
        backbone_angles(several)
