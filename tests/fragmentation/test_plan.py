"""What the fragments of a plan are: kinds, names, atoms, caps."""

import numpy as np
import pytest

from fragmentation.plan import plan_fragments


def rows(plan, fragment):
    """(residue, atom name, is cap) of a fragment's atoms."""
    chosen = np.flatnonzero(plan.fragment_index == fragment)
    return [
        (plan.template_residue_names[plan.template_residue_index[i]], plan.template_atom_names[i], plan.toward[i] >= 0)
        for i in chosen
    ]


def caps(plan, topology, fragment):
    """(kept atom, cut-away atom, bond length) of a fragment's caps, by name."""
    chosen = np.flatnonzero((plan.fragment_index == fragment) & (plan.toward >= 0))
    name = lambda atom: f"{topology.residue_numbers[topology.residue_index[atom]]}:{topology.atom_names[atom]}"  # noqa: E731
    return [(name(plan.source[i]), name(plan.toward[i]), plan.bond_length_A[i]) for i in chosen]


def test_units_and_overlaps_of_a_chain(build_protein):
    plan = plan_fragments(build_protein("NALA SER CGLY"))
    assert plan.labels == (
        "A:ALA1 unit", "A:SER2 unit", "A:GLY3 unit", "A:ALA1/A:SER2 overlap", "A:SER2/A:GLY3 overlap",
    )  # fmt: skip
    assert plan.kinds == ("unit",) * 3 + ("overlap",) * 2
    assert plan.types == ("nterm-ALA", "mid-SER", "cterm-GLY", "overlap-NMA", "overlap-NMA")
    np.testing.assert_array_equal(plan.coefficients, [1, 1, 1, -1, -1])
    np.testing.assert_array_equal(plan.sizes, [18, 23, 14, 12, 12])


def test_a_middle_unit_is_acetyl_residue_methylamide(build_protein):
    plan = plan_fragments(build_protein("NALA SER CVAL"))
    whole = [("SER", name, False) for name in ("N", "H", "CA", "HA", "CB", "HB2", "HB3", "OG", "HG", "C", "O")]
    before = [("ACE", "CH3", False), ("ACE", "H1", False), ("ACE", "H2", True), ("ACE", "H3", True)]
    before += [("ACE", "C", False), ("ACE", "O", False)]
    after = [("NME", "N", False), ("NME", "H", False), ("NME", "C", False), ("NME", "H1", False)]
    after += [("NME", "H2", True), ("NME", "H3", True)]
    found = rows(plan, 1)
    assert found[:6] == before
    assert sorted(found[6:-6]) == sorted(whole)
    assert found[-6:] == after


def test_caps_stand_on_the_cut_bonds(build_protein):
    topology = build_protein("NALA GLY CVAL")
    plan = plan_fragments(topology)
    assert set(caps(plan, topology, 1)) == {
        ("1:CA", "1:N", 1.09), ("1:CA", "1:CB", 1.09), ("3:CA", "3:CB", 1.09), ("3:CA", "3:C", 1.09),
    }  # fmt: skip
    # glycine keeps both of its hydrogens
    assert set(caps(plan, topology, 2)) == {("2:CA", "2:N", 1.09)}


def test_proline_keeps_a_hydrogen_in_place_of_its_ring(build_protein):
    topology = build_protein("NALA PRO CVAL")
    plan = plan_fragments(topology)
    assert ("2:N", "2:CD", 1.01) in caps(plan, topology, 0)
    assert set(caps(plan, topology, 2)) == {("2:CA", "2:N", 1.09), ("2:CA", "2:CB", 1.09)}
    assert [row[:2] for row in rows(plan, 3)] == [
        *(("ACE", name) for name in ("CH3", "H1", "H2", "H3", "C", "O")),
        *(("NME", name) for name in ("N", "H", "C", "H1", "H2", "H3")),
    ]


@pytest.mark.parametrize("chain", ["ACE ALA NME", "NGLY NME", "ACE CALA", "ACE NME"])
def test_one_unit_is_the_molecule_itself(chain, build_protein):
    topology = build_protein(chain)
    plan = plan_fragments(topology)
    assert plan.n_fragments == 1
    np.testing.assert_array_equal(plan.source, np.arange(len(topology.atom_names)))
    np.testing.assert_array_equal(plan.toward, -1)
    assert plan.template_residue_names == topology.residue_names


def test_a_disulfide_is_one_unit(build_protein):
    plan = plan_fragments(build_protein("NALA CYX CALA", "NALA CYX CALA", disulfides=[(1, 4)]))
    fragment = plan.types.index("disulfide")
    assert plan.labels[fragment] == "A:CYX2+B:CYX2 unit"
    assert plan.sizes[fragment] == 44
    members = np.flatnonzero(plan.fragment_index == fragment)
    inside = plan.bonds[np.isin(plan.bonds, members).all(axis=1)]
    names = {tuple(plan.template_atom_names[atom] for atom in bond) for bond in inside}
    assert ("SG", "SG") in names


def test_neighbouring_cysteines_share_their_neighbours_unit(build_protein):
    plan = plan_fragments(build_protein("NALA CYX GLY CYX CALA", disulfides=[(1, 3)]))
    assert plan.types == ("nterm-ALA", "mid-CYX+mid-GLY+mid-CYX", "cterm-ALA", "overlap-NMA", "overlap-NMA")


def test_chains_and_their_ends_stay_apart(build_protein):
    plan = plan_fragments(build_protein("NALA CALA", "ACE ALA NME"))
    assert plan.types == ("nterm-ALA", "cterm-ALA", "mid-ALA", "overlap-NMA")


def test_arrays_are_sorted_and_whole(build_protein):
    plan = plan_fragments(build_protein("NALA PRO TRP CVAL"))
    assert np.all(np.diff(plan.fragment_index) >= 0)
    assert np.all(np.diff(plan.template_residue_index) >= 0)
    assert plan.template_residue_index[-1] == len(plan.template_residue_names) - 1
    np.testing.assert_array_equal(plan.fragment_index[plan.bonds[:, 0]], plan.fragment_index[plan.bonds[:, 1]])
    np.testing.assert_array_equal(plan.toward >= 0, plan.bond_length_A > 0)
