"""Analyses against cases known by hand, and against MDAnalysis."""

import math

import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.analysis import dihedrals as reference_dihedrals
from MDAnalysis.analysis import rms
from scipy.spatial.transform import Rotation

from ai2bmd.analysis.structure.dihedrals import backbone_quadruples, dihedrals_deg
from ai2bmd.analysis.structure.motion import gyration_A
from ai2bmd.analysis.superposition import superpose
from ai2bmd.protein import protein_topology
from ai2bmd.report.energies import energy_drift, temperature_error
from ai2bmd.report.movie import chosen_frames
from ai2bmd.report.report import analyse
from ai2bmd.report.structure.dihedrals import backbone_pairs


def _everything(positions):
    return np.arange(positions.shape[-2])


def test_a_turned_copy_has_no_rmsd_and_a_mirror_image_has_one(chignolin):
    _, positions = chignolin
    copies = np.stack([Rotation.from_rotvec([0.3 * k, 1.0, -2.0]).apply(positions) + k for k in range(3)])
    rmsd, turned = superpose(copies, positions, atoms=_everything(positions))
    assert rmsd.max() < 1e-6
    assert np.abs(turned - positions).max() < 1e-4
    assert superpose(-positions[None], positions, atoms=_everything(positions))[0][0] > 1.0


def test_rmsd_of_one_displaced_atom():
    """A cross of six atoms stretched by 0.1 along x: no rotation helps, two of six atoms are 0.1 away."""
    cross = np.concatenate([np.eye(3), -np.eye(3)]) * 2.0
    stretched = cross + 0.1 * np.sign(cross) * [1, 0, 0]
    rmsd, _ = superpose(stretched[None], cross, atoms=np.arange(6))
    assert rmsd[0] == pytest.approx(0.1 * math.sqrt(2 / 6))


def test_radius_of_gyration_of_two_masses():
    """Masses m and 3m at distance d: Rg^2 = (3/16) d^2."""
    frames = np.array([[[0.0, 0, 0], [0, 0, 4.0]], [[1.0, 1, 1], [1, 1, 2]]])
    assert gyration_A(frames, np.array([1.0, 3.0])) == pytest.approx([math.sqrt(3.0), math.sqrt(3 / 16)])


def test_backbone_angles_of_a_built_helix():
    """Atoms placed one after another with phi -60 and psi -45 give these angles back, in each frame."""
    chain = _grow([-45.0, 180.0, -60.0] * 4)
    quadruples = np.array([[k, k + 1, k + 2, k + 3] for k in range(len(chain) - 3)])
    angles = dihedrals_deg(np.stack([chain, chain[:, [1, 2, 0]]]).astype(np.float32), quadruples)
    assert np.abs(np.angle(np.exp(1j * np.radians(angles - [-45.0, 180.0, -60.0] * 4)))).max() < 1e-3
    assert dihedrals_deg(-chain[None].astype(np.float32), quadruples)[0, 2] == pytest.approx(60.0, abs=0.1)


def _grow(angles):
    """A chain with bonds of 1.5 A, right angles, and the given dihedrals (degrees, clockwise along the bond)."""
    atoms = [np.array([1.5, 1.5, 0]), np.array([1.5, 0, 0]), np.zeros(3)]
    for angle in np.radians(angles):
        a, b, c = atoms[-3:]
        cis, along = (a - b) / 1.5, (c - b) / 1.5
        atoms.append(c + 1.5 * (math.cos(angle) * cis + math.sin(angle) * np.cross(along, cis)))
    return np.array(atoms)


def test_backbone_quadruples(chignolin):
    protein, _ = protein_topology(chignolin[0])
    residues, quadruples = backbone_quadruples(protein)
    assert residues.tolist() == list(range(1, 9))
    assert [protein.atom_names[atom] for atom in quadruples[0]] == ["C", "N", "CA", "C", "N"]


def test_mdanalysis_opens_the_run_and_agrees(run_directory):
    universe = MDAnalysis.Universe(
        str(run_directory / "prepared.pdb"), str(run_directory / "trajectory.h5"), format="H5MD"
    )
    rmsd = rms.RMSD(universe, select="name CA").run().results.rmsd[:, 2]
    angles = reference_dihedrals.Ramachandran(universe.select_atoms("resid 2-9")).run().results.angles
    radii = [universe.atoms.radius_of_gyration() for _ in universe.trajectory]
    structure = analyse(run_directory).structure
    (own,), (own_radii,) = structure.rmsd.values, structure.radius_of_gyration.values
    assert own == pytest.approx(rmsd, abs=1e-3)
    assert own[1:].min() > 0.1
    assert own_radii == pytest.approx(radii, abs=1e-3)
    _, phi, psi = backbone_pairs(structure.dihedrals)
    difference = np.stack([phi, psi], axis=2) - angles
    assert np.abs((difference + 180) % 360 - 180).max() < 1e-2


def test_fluctuation_of_a_shaken_protein(run_directory):
    """Noise of 0.1 A on each coordinate: 0.1 sqrt(3) A, less what superposition and the mean take away."""
    fluctuation = analyse(run_directory).structure.fluctuation
    assert fluctuation.heavy_A.mean() == pytest.approx(0.173, abs=0.02)
    assert fluctuation.alpha_A.mean() == pytest.approx(0.15, abs=0.03)


def test_drift_and_error_of_the_temperature():
    time = np.linspace(0.0, 2.0, 11)
    assert energy_drift(time, -300.0 + 0.05 * time, atoms=10) == pytest.approx(5.0)
    assert energy_drift(time[:2], time[:2], atoms=10) is None
    error = temperature_error(300.0, degrees_of_freedom=1800, length_ps=100.0, memory_ps=0.5)
    assert error == pytest.approx(300.0 * math.sqrt(2 / 1800) / 10)


def test_long_trajectories_of_large_proteins_are_thinned():
    assert chosen_frames(30, atoms=166).tolist() == list(range(30))
    many = chosen_frames(100_001, atoms=6000)
    assert len(many) == 66
    assert (many[0], many[-1]) == (0, 100_000)
