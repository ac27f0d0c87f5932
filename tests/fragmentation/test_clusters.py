"""Capped segments and clusters."""

import numpy as np
import pytest

from fragmentation.clusters import plan_clusters

CHAIN = "NALA SER GLY PRO TRP VAL THR ILE CVAL"


def names(plan, fragment):
    chosen = np.unique(plan.template_residue_index[plan.fragment_index == fragment])
    return "-".join(plan.template_residue_names[residue] for residue in chosen)


@pytest.mark.parametrize(
    "residues, expected",
    [
        ([2], "ACE-GLY-NME"),
        ([2, 3], "ACE-GLY-PRO-NME"),
        ([0], "ALA-NME"),
        ([8, 7], "ACE-ILE-VAL"),
        ([1, 5], "ACE-SER-NME-ACE-VAL-NME"),
        ([1, 3], "ACE-SER-GLY-PRO-NME"),
        ([1, 4], "ACE-SER-GLY-PRO-TRP-NME"),
        (range(9), "ALA-SER-GLY-PRO-TRP-VAL-THR-ILE-VAL"),
    ],
)
def test_segments_and_gaps(residues, expected, build_protein):
    plan = plan_clusters(build_protein(CHAIN), [residues])
    assert names(plan, 0) == expected
    assert plan.kinds == ("cluster",)
    np.testing.assert_array_equal(plan.coefficients, [1.0])


def test_several_clusters_are_one_batch(build_protein):
    plan = plan_clusters(build_protein(CHAIN), [[2], [1, 6], [3]])
    assert plan.n_fragments == 3
    assert [names(plan, fragment) for fragment in range(3)] == [
        "ACE-GLY-NME", "ACE-SER-NME-ACE-THR-NME", "ACE-PRO-NME",
    ]  # fmt: skip
    assert plan.types == ("mid-GLY", "mid-SER+mid-THR", "mid-PRO")


def test_both_halves_of_a_disulfide(build_protein):
    plan = plan_clusters(build_protein("NALA CYX CALA", "ACE CYX NME", disulfides=[(1, 4)]), [[1]])
    assert names(plan, 0) == "ACE-CYX-NME-ACE-CYX-NME"
    assert plan.types == ("disulfide",)


def test_a_cap_stands_for_its_amino_acid(build_protein):
    assert names(plan_clusters(build_protein("ACE ALA GLY SER NME"), [[0]]), 0) == "ACE-ALA-NME"


@pytest.mark.parametrize("residues", [[], [9], [-1]])
def test_residues_that_are_not_there(residues, build_protein):
    with pytest.raises(ValueError, match="expected indices from 0 to 8"):
        plan_clusters(build_protein(CHAIN), [residues])
