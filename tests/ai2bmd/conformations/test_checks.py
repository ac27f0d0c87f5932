"""What is no conformation of its molecule any more is rejected, for the reason that is true."""

import numpy as np
import pytest
from ase.data import covalent_radii

from ai2bmd.conformations.backbone_grid import BackboneGrid
from ai2bmd.conformations.checks import FrameCheck
from ai2bmd.conformations.distortion import Distortion
from ai2bmd.conformations.gas_phase import GasPhase
from ai2bmd.conformations.sources import Candidate, Sampled, take
from ai2bmd.conformations.torsions import angle_of, rotatable_bonds, turned, with_backbone
from ai2bmd.conformations.units import build_unit


@pytest.fixture(scope="module")
def alanine():
    return build_unit("mid-ALA")


def spoilt(molecule, spoil) -> np.ndarray:
    positions = molecule.positions_A.copy()
    spoil(molecule.protein, positions)
    return positions


def broken(protein, positions):
    positions[protein.atom(1, "HB1")] += 0.6 * (positions[protein.atom(1, "HB1")] - positions[protein.atom(1, "CB")])


def mirrored(protein, positions):
    positions *= [1.0, 1.0, -1.0]


def lost(protein, positions):
    positions[3, 1] = np.nan


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(broken, "bond broken"), (mirrored, "other chirality"), (lost, "not finite")],
)
def test_spoilt_frames_are_rejected(alanine, spoil, reason):
    check = FrameCheck(alanine)
    assert check.reason(alanine.positions_A) is None
    assert check.reason(spoilt(alanine, spoil)) == reason
    sampled = Sampled(alanine)
    assert not take(sampled, check, Candidate("dynamics", spoilt(alanine, spoil), 300.0), start=0)
    assert take(sampled, check, Candidate("dynamics", alanine.positions_A, 300.0), start=1)
    assert len(sampled.frames) == 1
    assert sampled.rejected == {("dynamics", reason): 1}


def test_atoms_too_close_are_rejected_and_others_are_not():
    molecule, generator = build_unit("mid-LYS"), np.random.default_rng(2)
    check, reasons = FrameCheck(molecule), set()
    radii = covalent_radii[molecule.protein.atomic_numbers]
    bonded = {frozenset(pair) for pair in molecule.protein.bonds.tolist()}
    pairs = [pair for pair in np.argwhere(np.triu(np.ones((34, 34)), 1)) if frozenset(pair.tolist()) not in bonded]
    first, second = np.array(pairs).T
    for _ in range(300):
        positions = molecule.positions_A
        for turn in rotatable_bonds(molecule.protein):
            positions = turned(positions, turn, degrees=generator.uniform(-180.0, 180.0))
        reason = check.reason(positions)
        reasons.add(reason)
        distances = np.linalg.norm(positions[first] - positions[second], axis=1)
        formed = (distances / (radii[first] + radii[second])).min() < 1.25
        assert (reason == "bond formed") == formed
        if reason == "atoms in contact":
            assert distances.min() < 2.3  # the widest of the wall's contacts in a lysine
    assert reasons == {None, "bond formed", "atoms in contact"}


def test_distorted_copies_are_the_same_molecule_with_other_bonds(alanine):
    generator, distortion, check = np.random.default_rng(1), Distortion(alanine.protein), FrameCheck(alanine)
    first, second = alanine.protein.bonds.T
    length = np.linalg.norm(alanine.positions_A[first] - alanine.positions_A[second], axis=1)
    ratios = []
    for _ in range(60):
        copy = distortion.distorted(alanine.positions_A, generator)
        assert check.reason(copy) in (None, "atoms in contact")
        ratios.append(np.linalg.norm(copy[first] - copy[second], axis=1) / length)
    assert 0.75 < np.min(ratios) < 0.9
    assert 1.15 < np.max(ratios) < 1.35
    assert np.median(ratios) == pytest.approx(1.0, abs=0.01)  # most bonds of a copy are left alone


def test_thin_bins_are_visited_and_torsions_held_there(alanine):
    gas, generator = GasPhase(alanine), np.random.default_rng(5)
    grid = BackboneGrid(gas.backbone)
    visited = set()
    for _ in range(36):
        residue, degrees = grid.draw_thin(generator)
        visited.add(grid.bin_of(with_backbone(alanine.positions_A, residue, degrees), 0))
    assert len(visited) == 36  # each of the plane once before any twice
    (residue,), degrees = gas.backbone, [70.0, -100.0]  # far from any minimum
    start = with_backbone(alanine.positions_A, residue, degrees)
    gas.hold(residue, degrees)
    held = gas.minimised(start)
    gas.hold(None)
    free = gas.minimised(start)
    for positions, near in ((held, True), (free, False)):
        angles = [angle_of(positions, quadruple) for quadruple in residue.quadruples]
        assert np.allclose(angles, degrees, atol=5.0) == near


def test_the_same_seed_gives_the_same_dynamics_whatever_was_done_before(alanine):
    gas, other = GasPhase(alanine), GasPhase(alanine)
    start = gas.minimised(alanine.positions_A)
    gas.dynamics(start, temperature_K=500.0, seed=9, times_ps=(0.01,))
    same = [one.dynamics(start, temperature_K=300.0, seed=5, times_ps=(0.05,))[0] for one in (gas, other)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], gas.dynamics(start, temperature_K=300.0, seed=6, times_ps=(0.05,))[0])
