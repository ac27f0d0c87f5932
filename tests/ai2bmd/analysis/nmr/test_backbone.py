"""Backbone angles of universes: against mdtraj, with chain ends, gaps, proline, mirror images and faulty selections."""

import itertools

import MDAnalysis as mda
import mdtraj
import numpy as np
import pytest

from ai2bmd.analysis.nmr.backbone import backbone_angles
from ai2bmd.analysis.nmr.couplings import scalar_couplings
from ai2bmd.errors import InputError


def moving(path, *, frames: int, seed: int, mirrored: bool = False) -> mda.Universe:
    """Structure whose atoms jitter by 0.05 A in each frame."""
    universe = mda.Universe(str(path))
    first = universe.atoms.positions
    positions = first + 0.05 * np.random.default_rng(seed).normal(size=(frames, *first.shape))
    positions[:, :, 2] *= -1.0 if mirrored else 1.0
    universe.load_new(positions.astype(np.float32), order="fac")
    return universe


def test_angles_as_mdtraj_has_them(examples):
    runs = [moving(examples / "trpcage.pdb", frames=count, seed=count) for count in (5, 3)]
    residues = backbone_angles(runs)
    topology = mdtraj.load(str(examples / "trpcage.pdb")).topology
    for run, universe in enumerate(runs):
        frames = np.array([universe.atoms.positions for _ in universe.trajectory])
        trajectory = mdtraj.Trajectory(frames / 10.0, topology)
        phi, psi = (np.degrees(compute(trajectory)[1]) for compute in (mdtraj.compute_phi, mdtraj.compute_psi))
        ours = [residue.phi_deg[run] for residue in residues if residue.phi_deg is not None]
        assert pytest.approx(phi, abs=0.02) == np.array(ours).T
        ours = [residue.psi_deg[run] for residue in residues if residue.psi_deg is not None]
        assert pytest.approx(psi, abs=0.02) == np.array(ours).T
    assert residues[0].phi_deg is None
    assert residues[0].psi_before_deg is None
    assert residues[-1].psi_deg is None
    assert all(
        np.array_equal(before.psi_deg[1], after.psi_before_deg[1]) for before, after in itertools.pairwise(residues)
    )
    prolines = [residue for residue in residues if residue.residue_name == "PRO"]
    assert prolines
    assert not any(residue.has_amide_hydrogen for residue in prolines)
    assert all(residue.has_amide_hydrogen for residue in residues if residue.residue_name != "PRO")
    assert {residue.handedness for residue in residues} == {"L"}


def test_mirror_image_has_the_same_couplings(examples):
    """The enantiomer has phi and psi of the other sign and, as a molecule, the same spectrum."""
    left, right = (
        scalar_couplings(backbone_angles([moving(examples / "chignolin.pdb", frames=4, seed=1, mirrored=mirrored)]))
        for mirrored in (False, True)
    )
    # all residues but glycine, whose two hydrogens change places
    pairs = [
        (entry.estimate.value, right.find(entry.coupling, entry.residue).estimate.value)
        for entry in left.couplings
        if entry.residue_name != "GLY"
    ]
    assert len(pairs) > 50
    ours, mirrored = np.array(pairs).T
    assert mirrored == pytest.approx(ours, abs=1e-3)
    glycine = next(entry for entry in left.couplings if entry.coupling == "3J_HN_HA2")
    other = right.find("3J_HN_HA3", glycine.residue)
    assert other.estimate.value == pytest.approx(glycine.estimate.value, abs=1e-3)
    residues = backbone_angles([moving(examples / "chignolin.pdb", frames=1, seed=1, mirrored=True)])
    assert {residue.handedness for residue in residues if residue.residue_name != "GLY"} == {"D"}


def test_no_angle_across_a_gap_or_without_an_atom(examples):
    universe = mda.Universe(str(examples / "chignolin.pdb"))
    with_gap = mda.Merge(universe.select_atoms("not resid 5 and not (resid 8 and name C)"))
    residues = {residue.residue: residue for residue in backbone_angles([with_gap])}
    assert 5 not in residues
    assert 8 not in residues
    assert residues[4].psi_deg is None
    assert residues[6].phi_deg is None
    assert residues[7].psi_deg is not None
    assert residues[9].phi_deg is None
    assert residues[3].phi_deg is not None
    reason = scalar_couplings(residues.values()).left_out[residues[6].chain, 6, "3J_HN_HA"]
    assert "lacks atoms of its backbone" in reason


def test_alanine_dipeptide_and_files_without_hydrogens(examples):
    universe = mda.Universe(str(examples / "alanine_dipeptide.pdb"))
    found = scalar_couplings(backbone_angles([universe]))
    assert {entry.residue_name for entry in found.couplings} == {"ALA"}
    assert len(found.couplings) == 9 - 2  # no psi before the cap
    heavy = mda.Merge(universe.select_atoms("not element H"))
    assert scalar_couplings(backbone_angles([heavy])).couplings[0].estimate.value == pytest.approx(
        found.couplings[0].estimate.value
    )


def test_what_cannot_be_read_is_told(examples):
    universe = mda.Universe(str(examples / "chignolin.pdb"))
    with pytest.raises(InputError, match="no trajectory was given"):
        backbone_angles([])
    with pytest.raises(InputError, match="neither a backbone nor side chains"):
        backbone_angles(mda.Merge(universe.select_atoms("name CB")))
    with pytest.raises(InputError, match="atoms to analyse that are not the"):
        backbone_angles([universe, mda.Universe(str(examples / "trpcage.pdb"))])
