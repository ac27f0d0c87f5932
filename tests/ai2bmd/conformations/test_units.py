"""Units built from nothing are the molecules of the training data; torsions turn what they say and nothing else."""

import h5py
import numpy as np
import pytest

from ai2bmd.conformations.atom_order import atom_order, reordered
from ai2bmd.conformations.torsions import angle_of, backbone_torsions, rotatable_bonds, turned, with_angle
from ai2bmd.conformations.units import UNIT_NAMES, build_unit, parse_units
from ai2bmd.errors import InputError


@pytest.mark.parametrize(
    ("name", "charge", "atoms"),
    [("mid-ALA", 0, 22), ("mid-ASH", 0, 25), ("mid-HIE", 0, 29), ("mid-LYN", 0, 33), ("nterm-PRO", 1, 22),
     ("cterm-HIP", 0, 25), ("overlap-NMA", 0, 12), ("disulfide", 0, 44)],
)  # fmt: skip
def test_units_are_what_they_are_called(name, charge, atoms):
    unit = build_unit(name)
    assert unit.total_charge == charge
    assert unit.positions_A.shape == (atoms, 3)
    assert unit.charges.sum() == pytest.approx(charge, abs=1e-4)
    assert len(set(zip(unit.protein.residue_index.tolist(), unit.protein.atom_names, strict=True))) == atoms
    lengths = np.linalg.norm(np.diff(unit.positions_A[unit.protein.bonds], axis=1), axis=-1)
    assert lengths.min() > 0.9
    assert lengths.max() < 2.1


def _same_molecule(unit, group) -> bool:
    return (
        list(unit.protein.atom_names) == group["atom_names"].asstr()[()].tolist()
        and np.array_equal(unit.protein.atomic_numbers, group["atomic_numbers"][()])
        and np.array_equal(unit.protein.residue_index, group["residue_index"][()])
        and {frozenset(pair) for pair in unit.protein.bonds.tolist()}
        == {frozenset(pair) for pair in group["bonds"][()].tolist()}
        and np.allclose(unit.charges, group["mm_charges"][()], atol=1e-4)
    )


def test_atoms_are_those_of_the_labels_in_the_same_order(checkout):
    with h5py.File(checkout / "data" / "r2scan-3c.h5") as file:
        names = [name for name in UNIT_NAMES if name in file]
        assert len(names) >= 26
        for name in names:
            assert _same_molecule(build_unit(name), file[name]), name
        assert not _same_molecule(build_unit("mid-HID"), file["mid-HIE"])


def test_atoms_are_those_of_the_training_data_in_the_same_order(shared):
    with h5py.File(shared / "data" / "units-so3lr.h5") as file:
        assert set(file) == set(UNIT_NAMES)
        for name in UNIT_NAMES[len(UNIT_NAMES) // 3 :: 3]:
            assert _same_molecule(build_unit(name), file[name]), name


def test_order_does_not_depend_on_the_order_in_the_protein():
    unit = build_unit("mid-PHE")
    mixed = reordered(unit.topology, np.lexsort((np.random.default_rng(0).random(32), unit.protein.residue_index)))
    again = reordered(mixed, atom_order(mixed))
    assert [atom.name for atom in mixed.atoms()] != list(unit.protein.atom_names)
    assert [atom.name for atom in again.atoms()] == list(unit.protein.atom_names)
    assert [(a.index, b.index) for a, b in again.bonds()] == sorted(map(tuple, unit.protein.bonds.tolist()))


def test_names(unchecked):
    assert parse_units("all") == UNIT_NAMES
    assert len(UNIT_NAMES) == 71
    assert parse_units("disulfide, mid-ALA") == ("mid-ALA", "disulfide")
    with pytest.raises(InputError, match=r"got 'nterm-ASH'; did you mean nterm-ASP"):
        parse_units("mid-ALA,nterm-ASH")


def test_torsions_are_set_and_leave_bonds_alone():
    unit = build_unit("mid-ALA")
    (backbone,) = backbone_torsions(unit.protein)
    assert backbone.names == ("phi", "psi")
    bent = unit.positions_A
    for quadruple, turn, degrees in zip(backbone.quadruples, backbone.turns, (-60.0, 140.0), strict=True):
        bent = with_angle(bent, quadruple, turn, degrees=degrees)
    assert [angle_of(bent, quadruple) for quadruple in backbone.quadruples] == pytest.approx([-60.0, 140.0])
    assert _bond_lengths(unit, bent) == pytest.approx(_bond_lengths(unit, unit.positions_A))
    broken = bent.copy()
    broken[backbone.turns[0].moving[1:]] += 0.5
    assert _bond_lengths(unit, broken) != pytest.approx(_bond_lengths(unit, bent))


def test_rings_and_amides_do_not_turn():
    proline = build_unit("mid-PRO")
    assert [backbone.names for backbone in backbone_torsions(proline.protein)] == [("psi",)]
    arginine = build_unit("mid-ARG")
    names = arginine.protein.atom_names
    pairs = {frozenset((names[turn.first], names[turn.second])) for turn in rotatable_bonds(arginine.protein)}
    assert frozenset(("CD", "NE")) in pairs
    assert frozenset(("NE", "CZ")) not in pairs
    amides = {frozenset(pair) for pair in _pairs(arginine) if [names[atom] for atom in sorted(pair)] == ["C", "N"]}
    assert len(amides) == 2
    assert amides.isdisjoint({frozenset((turn.first, turn.second)) for turn in rotatable_bonds(arginine.protein)})
    turn = rotatable_bonds(arginine.protein)[0]
    np.testing.assert_allclose(turned(arginine.positions_A, turn, degrees=0.0), arginine.positions_A, atol=1e-12)


def _pairs(unit):
    return unit.protein.bonds.tolist()


def _bond_lengths(unit, positions_A):
    return np.linalg.norm(np.diff(positions_A[unit.protein.bonds], axis=1), axis=-1).ravel()
