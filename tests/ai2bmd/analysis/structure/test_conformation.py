"""Secondary structure, dihedral angles, clusters and principal components."""

import mdtraj
import numpy as np
import pytest
from MDAnalysis.analysis import pca
from MDAnalysis.analysis.dssp import DSSP

from ai2bmd.analysis import (
    dihedral_angles,
    find_clusters,
    from_universe,
    hydrogen_bonds,
    principal_components,
    rotamers,
    secondary_structure,
)
from ai2bmd.analysis.structure.clusters import find_middles
from ai2bmd.analysis.structure.dihedrals import side_chain_dihedrals
from ai2bmd.analysis.structure.mdtraj_view import as_mdtraj, mdtraj_topology
from ai2bmd.analysis.structure.principal import cosine_content
from ai2bmd.analysis.structure.secondary import HELIX, KINDS, SHEET
from ai2bmd.errors import InputError


def test_secondary_structure_as_mdanalysis_has_it(shaken):
    """Another implementation with three classes and its own hydrogens: nearly all residues agree, helix and strand."""
    for name, classes, least in (("trpcage.pdb", HELIX, 0.4), ("chignolin.pdb", SHEET, 0.15)):
        universe = shaken(10, name=name)
        found = secondary_structure(universe)
        letters = np.array(list(KINDS))[found.codes.values[0]]
        ours = np.where(np.isin(letters, list("HGI")), "H", np.where(np.isin(letters, list("E")), "E", "-"))
        theirs = DSSP(universe).run().results.dssp
        assert (ours == theirs).mean() > 0.85
        assert found.content(classes).value > least
        assert found.frequency(classes).mean() == pytest.approx(found.content(classes).value)


@pytest.mark.parametrize("names", [("OT1", "OT2"), ("OC1", "OC2")])
def test_oxygens_of_the_end_by_other_names(shaken, names):
    """CHARMM's and GROMACS' names of O and OXT cost no residue and no bond."""
    usual, other = shaken(3, name="trpcage.pdb"), shaken(3, name="trpcage.pdb")
    last = other.residues[-1].atoms
    for old, new in zip(("O", "OXT"), names, strict=True):
        last.select_atoms(f"name {old}").names = [new]
    assert {"O", "OXT"}.isdisjoint(last.names)
    here, there = secondary_structure(usual), secondary_structure(other)
    assert there.residue_labels == here.residue_labels
    assert np.array_equal(there.codes.values[0], here.codes.values[0])
    assert list(map(str, hydrogen_bonds(other).bonds)) == list(map(str, hydrogen_bonds(usual).bonds))


def test_a_stretched_chain_has_no_helix(shaken):
    universe = shaken(4, name="trpcage.pdb")
    universe.load_new(np.stack([1.5 * state.positions for state in universe.trajectory]), order="fac")
    assert secondary_structure(universe).content("HGIEB").value == 0.0


def test_angles_as_mdtraj_has_them(shaken):
    universe = shaken(6, name="trpcage.pdb")
    found = dihedral_angles(universe)
    positions = np.stack([state.positions.copy() for state in universe.trajectory])
    frames = as_mdtraj(positions, mdtraj_topology(from_universe(universe).molecule))
    theirs = {
        "phi": mdtraj.compute_phi,
        "psi": mdtraj.compute_psi,
        "omega": mdtraj.compute_omega,
        **{f"chi{number}": getattr(mdtraj, f"compute_chi{number}") for number in range(1, 5)},
    }
    for kind, compute in theirs.items():
        atoms, angles = compute(frames)
        place = {tuple(four): column for column, four in enumerate(atoms.tolist())}
        columns = [number for number, dihedral in enumerate(found.dihedrals) if dihedral.kind == kind]
        assert len(columns) == len(place)
        for column in columns:
            other = np.degrees(angles[:, place[found.dihedrals[column].atoms]])
            difference = found.angles.values[0][:, column] - other
            assert np.abs((difference + 180) % 360 - 180).max() < 0.01


def test_side_chains_are_found_by_their_bonds_whatever_the_residue_is_called(shaken):
    universe = shaken(1)
    before = [(each.kind, each.atoms) for each in side_chain_dihedrals(from_universe(universe).molecule)]
    universe.residues.resnames = ["DTY"] * 10
    after = [(each.kind, each.atoms) for each in side_chain_dihedrals(from_universe(universe).molecule)]
    assert before == after
    assert len(before) == 17  # chi1 of all but glycine, chi2 of 8 less 2 threonines and with proline, chi3 of glutamate


def test_rotamers_of_a_turning_side_chain(shaken):
    """CG, CD and so on of glutamate turned about CA-CB by hand: a third of the frames in each well."""
    universe = shaken(1)
    start = universe.atoms.positions.astype(float)
    glutamate = universe.select_atoms("resid 5")
    alpha, beta = (start[glutamate.select_atoms(f"name {name}").indices[0]] for name in ("CA", "CB"))
    moving = glutamate.select_atoms("not name N H CA HA C O CB").indices
    axis = (beta - alpha) / np.linalg.norm(beta - alpha)
    frames = []
    for angle in np.tile([0.0, 120.0, 240.0], 40):
        turned = start.copy()
        turned[moving] = _turn(start[moving] - beta, axis, np.radians(angle)) + beta
        frames.append(turned)
    universe.load_new(np.array(frames, dtype=np.float32), order="fac")
    found = {(each.residue_label, each.kind): each for each in rotamers(dihedral_angles(universe))}
    chi1 = found["GLU5", "chi1"]
    assert [each.value for each in chi1.populations] == pytest.approx([1 / 3] * 3)
    assert chi1.transitions == 119
    still = found["TRP9", "chi1"]
    assert sorted(each.value for each in still.populations) == [0, 0, 1]
    assert all(np.isnan(each.error) for each in still.populations)  # it never turned: nothing is known of its error
    assert ("PRO4", "chi1") not in found
    assert ("TRP9", "chi2") not in found


def _turn(vectors, axis, angle):
    """Rodrigues' formula."""
    along = vectors @ axis
    return (
        vectors * np.cos(angle) + np.cross(axis, vectors) * np.sin(angle) + np.outer(along, axis) * (1 - np.cos(angle))
    )


def test_clusters_of_two_shapes(shaken):
    """Two shapes 7 : 3, shaken; both are found, with their shares, and the middle is a frame of its own."""
    universe = shaken(400)
    frames = np.stack([state.positions.copy() for state in universe.trajectory])
    swollen = np.arange(400) % 10 >= 7
    frames[swollen] *= 1.6
    universe.load_new(frames, order="fac")
    found = find_clusters(universe, "name CA")
    assert [each.population.value for each in found.clusters] == pytest.approx([0.7, 0.3])
    assert found.unassigned.value == 0.0
    assert np.array_equal(found.membership.values[0] == 1, swollen)
    for number, cluster in enumerate(found.clusters):
        assert swollen[cluster.frame] == bool(number)
        assert np.array_equal(cluster.positions_A, frames[cluster.frame])
    assert len(find_clusters(universe, "name CA", cutoff_A=20.0).clusters) == 1
    narrow = find_clusters(universe, "name CA", cutoff_A=0.05)
    assert len(narrow.clusters) == 10
    assert narrow.unassigned.value > 0.9


def test_the_middle_has_most_neighbours():
    """Points on a line at 0, 1, 2, 10, 11: the middle of the first three, then one of the others."""
    points = np.array([0.0, 1, 2, 10, 11])
    assert find_middles(np.abs(points[:, None] - points), 1.2).tolist() == [1, 3]


def test_clusters_need_frames_and_atoms(shaken):
    with pytest.raises(InputError, match="one frame makes no clusters"):
        find_clusters(shaken(1))
    with pytest.raises(InputError, match="choose three or more"):
        find_clusters(shaken(5), "index 1 2")
    with pytest.raises(InputError, match="expected a distance above 0"):
        find_clusters(shaken(5), cutoff_A=-1.0)


def test_components_as_mdanalysis_has_them(shaken):
    universe = shaken(200)
    found = principal_components(universe)
    theirs = pca.PCA(universe, select="name CA", align=True, n_components=5).run().results
    assert found.variances_A2[:5] == pytest.approx(theirs.variance * 199 / 200, rel=0.05)
    projected = found.projections.values[0]
    assert projected.var(0) == pytest.approx(found.variances_A2[:10], rel=1e-3)
    assert projected.mean(0) == pytest.approx(np.zeros(10), abs=1e-3)
    assert found.explained.sum() == pytest.approx(1.0)
    assert found.cosine_content.max() < 0.2


def test_one_motion_is_one_component(shaken):
    """A hinge that swings: all is in the first component, which is that direction."""
    universe = shaken(1)
    frames = np.repeat(universe.atoms.positions[None], 100, axis=0)
    moving = universe.select_atoms("name CA and resid 1").indices[0]
    frames[:, moving, 0] += 0.1 * np.sin(np.arange(100))
    universe.load_new(frames, order="fac")
    found = principal_components(universe, "name CA")
    assert found.explained[0] > 0.98
    assert np.linalg.norm(found.directions[0, 0]) > 0.7


def test_cosine_content_tells_diffusion_from_rest():
    generator = np.random.default_rng(0)
    time = (np.arange(1000) + 0.5) / 1000
    assert cosine_content(np.cos(np.pi * time)[:, None]) == pytest.approx([1.0], abs=1e-6)
    assert cosine_content(generator.normal(size=(1000, 3))).max() < 0.05
