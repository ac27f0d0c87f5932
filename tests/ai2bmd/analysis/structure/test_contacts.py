"""Contacts, hydrogen bonds and surface against brute force and other programs."""

import freesasa
import MDAnalysis
import mdtraj
import numpy as np
import pytest
from MDAnalysis.analysis.contacts import soft_cut_q

from ai2bmd.analysis import contact_map, from_universe, hydrogen_bonds, native_contacts, surface
from ai2bmd.analysis.structure.mdtraj_view import as_mdtraj, mdtraj_topology
from ai2bmd.errors import InputError


def frames_of(universe) -> np.ndarray:
    return np.stack([state.positions.copy() for state in universe.trajectory])


def in_mdtraj(universe):
    return as_mdtraj(frames_of(universe), mdtraj_topology(from_universe(universe).molecule))


def test_native_contacts_as_mdanalysis_has_them(shaken):
    universe = shaken(20)
    found = native_contacts(universe)
    positions = frames_of(universe)
    far = np.linalg.norm(positions[:, found.pairs[:, 0]] - positions[:, found.pairs[:, 1]], axis=2)
    assert (found.distances_A < 4.5).all()
    assert far[0] == pytest.approx(found.distances_A, abs=1e-4)
    theirs = [soft_cut_q(here, found.distances_A, beta=5.0, lambda_constant=1.8) for here in far]
    assert found.series.values[0] == pytest.approx(theirs, abs=1e-5)
    molecule = from_universe(universe).molecule
    residues = molecule.residue_index[found.pairs]
    assert (residues[:, 1] - residues[:, 0] >= 4).all()
    assert (molecule.atomic_numbers[found.pairs] > 1).all()


def test_native_contacts_are_lost_when_a_protein_swells(shaken):
    universe = shaken(1)
    start = universe.atoms.positions
    universe.load_new(np.stack([start, 3.0 * start, 1.1 * start]), order="fac")
    q = native_contacts(universe).series.values[0]
    assert q[0] > 0.99
    assert q[1] < 0.01
    assert 0.9 < q[2] < q[0]
    with pytest.raises(InputError, match="give a folded reference"):
        native_contacts(universe, reference=MDAnalysis.Merge(universe.select_atoms("all")).load_new(3.0 * start[None]))


def test_contact_map_by_brute_force(shaken):
    universe = shaken(15)
    molecule, positions = from_universe(universe).molecule, frames_of(universe)
    heavy = molecule.atomic_numbers > 1
    near = np.zeros((15, 10, 10), dtype=bool)
    for one in range(10):
        for two in range(10):
            a, b = (positions[:, heavy & (molecule.residue_index == residue)] for residue in (one, two))
            near[:, one, two] = (np.linalg.norm(a[:, :, None] - b[:, None], axis=3) < 4.5).any((1, 2)) & (one != two)
    found = contact_map(universe)
    assert found.frequency == pytest.approx(near.mean(0))
    apart = np.triu(np.ones((10, 10), dtype=bool), 4)
    assert found.number.values[0] == pytest.approx((near & apart).sum((1, 2)))
    assert found.number.values[0].min() > 0


def test_hydrogen_bonds_as_mdtraj_has_them(shaken):
    """Baker and Hubbard's criterion; mdtraj lists hydrogens one by one, and nitrogens as acceptors."""
    universe = shaken(10)
    frames = in_mdtraj(universe)
    ours = hydrogen_bonds(universe)
    molecule = from_universe(universe).molecule
    for frame in range(10):
        theirs = mdtraj.baker_hubbard(frames[frame], freq=0.0, exclude_water=False)
        pairs = {(donor, acceptor) for donor, _, acceptor in theirs.tolist() if molecule.atomic_numbers[acceptor] == 8}
        assert ours.number.values[0][frame] == len(pairs)
    native = {(bond.donor_label, bond.acceptor_label) for bond in ours.bonds if bond.occupancy.value > 0.5}
    assert {("ASP3 N", "THR8 O"), ("THR8 N", "ASP3 O")} & native
    assert ours.found == len(ours.bonds)
    total = sum(bond.occupancy.value for bond in ours.bonds)
    assert total == pytest.approx(ours.number.values[0].mean())


def test_hydrogen_bonds_need_hydrogens(shaken):
    with pytest.raises(InputError, match="no nitrogen or oxygen with hydrogens"):
        hydrogen_bonds(shaken(2).select_atoms("not element H"))


def test_surface_as_freesasa_has_it(shaken):
    """The other program's Shrake-Rupley with the same radii; both sample spheres, so areas differ by a percent."""
    universe = shaken(3)
    found = surface(universe, stride=1)
    radii = [{"H": 1.2, "C": 1.7, "N": 1.55, "O": 1.52}[element] for element in universe.atoms.elements]
    settings = freesasa.Parameters({"algorithm": freesasa.LeeRichards, "n-slices": 100, "probe-radius": 1.4})
    residues = from_universe(universe).molecule.residue_index
    areas = np.zeros((3, 10))
    for frame, positions in enumerate(frames_of(universe)):
        result = freesasa.calcCoord(positions.ravel().tolist(), radii, settings)
        areas[frame] = np.bincount(residues, weights=[result.atomArea(atom) for atom in range(166)])
    assert found.total.values[0] == pytest.approx(areas.sum(1), rel=0.01)
    assert [each.value for each in found.residue_A2] == pytest.approx(areas.mean(0), rel=0.03, abs=2.0)
    assert np.abs(areas.sum(1) / found.total.values[0] - 1).max() > 1e-6  # not the same program


def test_the_surface_of_one_atom_is_that_of_its_sphere():
    universe = MDAnalysis.Universe.empty(1, trajectory=True)
    for name, value in (("elements", "O"), ("names", "O"), ("resnames", "LIG"), ("resids", 1), ("segids", "A")):
        universe.add_TopologyAttr(name, [value])
    assert surface(universe).total.values[0] == pytest.approx(4 * np.pi * (1.52 + 1.4) ** 2, rel=1e-4)


def test_coarse_models_have_no_contacts_and_no_surface(shaken):
    universe = shaken(2)
    alphas = MDAnalysis.Merge(universe.select_atoms("name CA"))
    alphas.del_TopologyAttr("elements")
    assert (from_universe(alphas).molecule.atomic_numbers == 6).all()  # not calcium
    for analysis in (contact_map, native_contacts, surface):
        with pytest.raises(InputError, match=r"one heavy atom each.*give all atoms"):
            analysis(alphas)
