"""E_env: the same as in the training data, and clear errors."""

import h5py
import numpy as np
import openmm
import pytest
from openmm import app

from ai2bmd.engine import degrees_of_freedom, masses
from ai2bmd.environment import FORCE_FIELD, ForceFieldEnergy, build_environment, partial_charges
from ai2bmd.errors import InputError
from ai2bmd.solvation import Solvation, solvate


@pytest.mark.parametrize(("group", "name"), [("chignolin", "chignolin"), ("trpcage", "trpcage")])
def test_gas_phase_energy_and_forces_of_the_reference_data(group, name, shared, examples):
    topology = app.PDBFile(str(examples / f"{name}.pdb")).topology
    energy = ForceFieldEnergy(build_environment(topology, solvent="gas"))
    with h5py.File(shared / "data" / "proteins-so3lr.h5") as data:
        for frame in range(2):
            ours, forces = energy(data[f"{group}/positions"][frame])
            assert ours == pytest.approx(data[f"{group}/mm_energy"][frame], abs=2e-3)  # positions are float32
            np.testing.assert_allclose(forces, data[f"{group}/mm_forces"][frame], atol=2e-3)


def test_charges_sum_to_the_charge_of_the_protein(chignolin):
    topology, _ = chignolin  # chignolin: N-terminus +1, C-terminus, Asp and Glu -1 each
    assert partial_charges(build_environment(topology, solvent="gas")).sum() == pytest.approx(-2, abs=1e-4)


def test_gbn2_adds_a_solvation_energy_with_its_gradient(chignolin):
    topology, positions = chignolin
    gas, water = (ForceFieldEnergy(build_environment(topology, solvent=solvent)) for solvent in ("gas", "gbn2"))
    solvation = water(positions)[0] - gas(positions)[0]
    assert -20 < solvation < -5  # eV: three charged groups and two termini
    direction = np.random.default_rng(0).normal(size=positions.shape)
    step = 1e-4
    slope = (water(positions + step * direction)[0] - water(positions - step * direction)[0]) / (2 * step)
    assert -np.vdot(water(positions)[1], direction) == pytest.approx(slope, rel=1e-5)


def test_no_constraints_and_no_cutoff(chignolin):
    system = build_environment(chignolin[0], solvent="gbn2")
    assert system.getNumConstraints() == 0
    assert not system.usesPeriodicBoundaryConditions()
    assert not any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())


def test_residue_without_template_is_named(chignolin):
    topology, positions = chignolin
    modeller = app.Modeller(topology, positions * 0.1)
    modeller.delete([next(atom for atom in topology.atoms() if atom.residue.id == "3" and atom.name == "CG")])
    with pytest.raises(InputError, match=f"chain A, residue ASP 3: its atoms fit no template of {FORCE_FIELD}"):
        build_environment(modeller.topology, solvent="gas")


def test_unknown_solvent(chignolin):
    with pytest.raises(InputError, match=r"solvent: expected one of gas, gbn2, opc.* got 'water'"):
        build_environment(chignolin[0], solvent="water")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def in_water(chignolin):
    """Topology of chignolin in a small box of TIP3P."""
    return solvate(*chignolin, Solvation("tip3p", padding_A=4.0)).topology


@pytest.mark.parametrize("constraints", ["none", "h-bonds"])
def test_water_is_rigid_and_constraints_are_of_the_protein(in_water, constraints):
    system = build_environment(in_water, solvent="tip3p", constraints=constraints)
    waters = sum(residue.name == "HOH" for residue in in_water.residues())
    hydrogens = sum(atom.element.symbol == "H" for atom in list(in_water.atoms())[:166])
    expected = 3 * waters + (hydrogens if constraints == "h-bonds" else 0)
    assert system.getNumConstraints() == expected
    assert degrees_of_freedom(system) == 3 * in_water.getNumAtoms() - expected


def test_heavy_hydrogens_keep_the_mass_of_the_protein(in_water):
    plain, heavy = (build_environment(in_water, solvent="tip3p", hydrogen_mass_u=mass) for mass in (None, 3.0))
    before, after = masses(plain), masses(heavy)
    assert after.sum() == pytest.approx(before.sum())
    np.testing.assert_array_equal(after[166:], before[166:])
    hydrogens = np.flatnonzero(before[:166] < 1.1)
    np.testing.assert_allclose(after[hydrogens], 3.0)


def test_explicit_water_needs_a_box_and_one_that_is_large_enough(chignolin, in_water):
    with pytest.raises(InputError, match="explicit water needs a structure with a periodic box"):
        build_environment(chignolin[0], solvent="opc")
    vectors = in_water.getPeriodicBoxVectors()
    in_water.setPeriodicBoxVectors([vector * 0.6 for vector in vectors])
    try:
        with pytest.raises(InputError, match="less than twice the cutoff of interactions"):
            build_environment(in_water, solvent="tip3p")
    finally:
        in_water.setPeriodicBoxVectors(vectors)
