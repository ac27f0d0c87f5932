"""All analyses at once, for molecules and trajectories that do not allow all of them."""

import dataclasses

import MDAnalysis
import numpy as np
import pytest

from ai2bmd.analysis import StructureSettings, analyse_structure, rmsd, rmsf
from ai2bmd.analysis.structure.everything import Absent
from ai2bmd.errors import InputError


def absent(structure) -> dict[str, str]:
    values = {field.name: getattr(structure, field.name) for field in dataclasses.fields(structure)}
    return {name: value.reason for name, value in values.items() if isinstance(value, Absent)}


def test_one_pass_gives_what_single_ones_do(shaken):
    runs = [shaken(60, seed=1), shaken(30, seed=2)]
    found = analyse_structure(runs)
    assert absent(found) == {}
    assert found.remarks == ()
    for ours, single in zip(found.rmsd.values, rmsd(runs).values, strict=True):
        assert ours == pytest.approx(single)
    assert found.fluctuation.heavy_A == pytest.approx(rmsf(runs).heavy_A)
    assert found.reading.frames == (60, 30)
    assert [len(part) for part in found.secondary.codes.values] == [60, 30]
    assert sum(len(part) for part in found.surface.total.values) == 90


def test_parts_can_be_chosen(shaken):
    """What is asked for is the same as in everything; the rest is not there."""
    everything = analyse_structure(shaken(40))
    some = analyse_structure(shaken(40), StructureSettings(parts=["dihedrals", "fluctuation"]))
    assert some.parts == ("fluctuation", "dihedrals")
    assert np.array_equal(some.rmsd.joined(), everything.rmsd.joined())
    assert np.array_equal(some.fluctuation.heavy_A, everything.fluctuation.heavy_A)
    assert np.array_equal(some.dihedrals.angles.joined(), everything.dihedrals.angles.joined())
    for part in ("rotamers", "surface", "clusters", "components"):
        assert getattr(some, part) == Absent("it was not asked for")
    assert analyse_structure(shaken(40), StructureSettings(parts=[])).parts == ()


@pytest.mark.parametrize(
    ("parts", "told"), [(["surfaces"], "no 'surfaces'; expected some of fluctuation"), (["rotamers"], "'dihedrals'")]
)
def test_parts_that_are_not_there(shaken, parts, told):
    with pytest.raises(InputError, match=told):
        analyse_structure(shaken(2), StructureSettings(parts=parts))


def test_one_frame(shaken):
    found = analyse_structure(shaken(1))
    assert set(absent(found)) == {"fluctuation", "clusters", "components"}
    assert "one frame" in found.fluctuation.reason
    assert found.rmsd.values[0] == pytest.approx([0.0], abs=1e-4)
    assert np.isnan(found.surface.total.mean().error)


def test_without_hydrogens(shaken):
    found = analyse_structure(shaken(5).select_atoms("not element H"))
    assert set(absent(found)) == {"hydrogen_bonds"}
    assert found.secondary.content("EB").value > 0.1
    turning = [(each.residue_label, each.kind) for each in found.rotamers]
    assert turning == [(each.residue_label, each.kind) for each in analyse_structure(shaken(2)).rotamers]


def test_capped_dipeptide(shaken):
    found = analyse_structure(shaken(8, name="alanine_dipeptide.pdb"))
    assert found.atoms_used == "heavy-atom"
    assert set(absent(found)) == {"native_contacts", "rotamers"}
    assert [each.kind for each in found.dihedrals.dihedrals] == ["phi", "omega", "psi"]
    assert np.isnan(found.fluctuation.alpha_A[[0, 2]]).all()


def test_a_molecule_that_is_no_protein(shaken):
    universe = shaken(12)
    universe.residues.resnames = ["LIG"] * 10
    universe.atoms.names = [f"X{number}" for number in range(166)]
    found = analyse_structure(universe)
    reasons = absent(found)
    assert set(reasons) == {"secondary", "dihedrals", "rotamers"}
    assert "no residue has the backbone atoms" in reasons["secondary"]
    assert found.hydrogen_bonds.number.values[0].min() > 0


def test_two_chains_with_a_disulfide(shaken, checkout):
    """Two copies of chignolin side by side, a sulfur bridge between their ends: contacts and bonds of both."""
    one, two = MDAnalysis.Universe(str(checkout / "examples/chignolin.pdb")), shaken(1)
    for universe, chain in ((one, "A"), (two, "B")):
        universe.atoms.chainIDs = [chain] * 166
        universe.residues[0].resname = "CYX"
        universe.select_atoms("resid 1 and name CG").names = ["SG"]
        universe.select_atoms("resid 1 and name SG").elements = ["S"]
    two.atoms.positions += [9.0, 0.0, 0.0]
    pair = MDAnalysis.Merge(one.atoms, two.atoms)
    frames = pair.atoms.positions + np.random.default_rng(0).normal(scale=0.05, size=(5, 332, 3))
    pair.load_new(frames.astype(np.float32), order="fac")
    found = analyse_structure(pair)
    assert absent(found) == {}
    assert len(found.contact_map.residue_labels) == 20
    assert found.contact_map.residue_labels[:2] == ("A:CYX1", "A:TYR2")
    assert found.contact_map.frequency[:10, 10:].max() > 0.5
    assert len(found.dihedrals.of("phi")[0]) == 18


def test_a_reference_of_its_own(shaken):
    universe, reference = shaken(6), shaken(1)
    settings = StructureSettings(superpose_on="name CA CB", reference=reference, cluster_cutoff_A=0.5)
    reference.atoms.positions += 3.0
    found = analyse_structure(universe, settings)
    assert found.rmsd.values[0][0] == pytest.approx(0.0, abs=1e-3)
    assert (found.atoms_used, found.reference) == ("name CA CB", "the reference structure")
    with pytest.raises(InputError, match="the reference has 272 atoms, expected the 166"):
        analyse_structure(universe, StructureSettings(reference=shaken(1, name="trpcage.pdb")))
