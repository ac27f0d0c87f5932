"""Labels: every preset's forces are the gradient of its energy, its corrections are those of other programs."""

import dataclasses
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.units import Hartree
from pyscf import gto

import potentials.quantum_chemistry.density_functional as density_functional
from potentials import QuantumChemistryCalculator, QuantumChemistryError, label_molecule
from potentials.errors import PotentialError
from potentials.quantum_chemistry.dispersion import corrections
from potentials.quantum_chemistry.methods import METHODS

WATER = np.array([8, 1, 1]), np.array([[0.0, 0.0, 0.1174], [-0.757, 0.0, -0.4696], [0.757, 0.0, -0.4696]])
HYDROXIDE = np.array([8, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.2, 0.86]])
OXONIUM = (
    np.array([8, 1, 1, 1]),
    np.array([[0.0, 0.0, 0.1], [0.93, 0.0, -0.2], [-0.47, 0.82, -0.2], [-0.45, -0.8, -0.25]]),
)
FORMATE = np.array([[0.0, 0.0, 0.0], [1.13, 0.0, 0.57], [-1.13, 0.0, 0.57], [0.0, 0.0, -1.13]])


@pytest.mark.parametrize(
    "molecule, charge, method",
    [
        (HYDROXIDE, -1, "r2scan-3c"),
        (OXONIUM, +1, "r2scan-3c"),
        (HYDROXIDE, -1, "m06-2x/6-31g*"),
        (OXONIUM, +1, "m06-2x/6-31g*"),
        (HYDROXIDE, -1, "pbe0-d4/def2-tzvp"),
        (OXONIUM, +1, "pbe0-d4/def2-tzvp"),
        (HYDROXIDE, -1, "wb97m-d3bj/def2-tzvppd"),
        (OXONIUM, +1, "gfn2-xtb"),
        (HYDROXIDE, -1, "gfn2-xtb"),
    ],
)
def test_forces_are_the_gradient_of_the_energy(molecule, charge, method):
    numbers, positions = molecule
    direction = np.random.default_rng(1).normal(size=positions.shape)
    direction /= np.linalg.norm(direction)
    step_A = 2e-3
    forwards, backwards = (
        label_molecule(numbers, positions + sign * step_A * direction, charge, method).energy_eV for sign in (1, -1)
    )
    label = label_molecule(numbers, positions, charge, method)
    numerical = (backwards - forwards) / (2 * step_A)
    assert np.sum(label.forces_eV_A * direction) == pytest.approx(numerical, abs=2e-3)
    assert abs(numerical) > 0.1  # the comparison says something
    np.testing.assert_allclose(label.forces_eV_A.sum(axis=0), 0.0, atol=1e-8)
    assert label.record["converged"]


def test_nothing_depends_on_where_a_molecule_lies():
    numbers, positions = OXONIUM
    here = label_molecule(numbers, positions, 1, "m06-2x/6-31g*")
    there = label_molecule(numbers, positions + np.array([30.0, -20.0, 5.0]), 1, "m06-2x/6-31g*")
    assert there.energy_eV == pytest.approx(here.energy_eV, abs=1e-7)
    np.testing.assert_allclose(there.dipole_eA, here.dipole_eA, atol=1e-6)
    np.testing.assert_allclose(there.forces_eV_A, here.forces_eV_A, atol=1e-5)


def test_density_fitting_and_two_grids_cost_little_accuracy():
    """Against PySCF as it comes: no density fitting, one SCF, a tighter grid."""
    numbers, positions = WATER
    molecule = gto.M(
        atom=[(int(z), row) for z, row in zip(numbers, positions, strict=True)], basis="def2-mtzvpp", verbose=0
    )
    field = molecule.RKS(xc="r2scan")
    field.grids.level, field.conv_tol = 6, 1e-10
    extra = corrections(molecule, METHODS["r2scan-3c"])
    expected_Eh = field.kernel() + extra.dispersion_Eh + extra.counterpoise_Eh
    label = label_molecule(numbers, positions, 0, "r2scan-3c")
    assert label.energy_eV / Hartree == pytest.approx(
        expected_Eh, abs=2e-4
    )  # density fitting; the same for all conformations
    dipole_D = np.linalg.norm(label.dipole_eA) * 4.80320471
    assert dipole_D == pytest.approx(1.8546, abs=0.05)  # experiment: Clough et al., J. Chem. Phys. 59, 2254 (1973)


@pytest.mark.parametrize(
    "method, energy_Eh",
    # dftd4 4.3.1, DispersionModel(charge=-1, ga=2, gc=1) with s8=0, a1=0.42, a2=5.65, s9=2; and method="pbe0"
    [("r2scan-3c", -0.00043454121676889465), ("pbe0-d4/def2-tzvp", -0.0014560674586507779)],
)
def test_dispersion_of_an_anion_is_that_of_dftd4(method, energy_Eh):
    formate = gto.M(atom=list(zip("COOH", FORMATE, strict=True)), charge=-1, basis="sto-3g", unit="Angstrom")
    assert corrections(formate, METHODS[method]).dispersion_Eh == pytest.approx(energy_Eh, abs=1e-10)


def test_dispersion_of_the_functional_alone_is_another_one():
    """Negative control: the composite method's damping is not that of the bare functional."""
    formate = gto.M(atom=list(zip("COOH", FORMATE, strict=True)), charge=-1, basis="sto-3g")
    bare = dataclasses.replace(METHODS["r2scan-3c"], dispersion=METHODS["pbe0-d4/def2-tzvp"].dispersion)
    assert abs(corrections(formate, bare).dispersion_Eh + 0.00043454121676889465) > 1e-4


def test_counterpoise_is_that_of_the_published_program():
    """mctc-gcp's value for H2 at 1 A, r2SCAN-3c, as in the tests of pyscf-dispersion 1.7."""
    hydrogen = gto.M(atom="H 0 0 0; H 0 0 1", basis="sto-3g")
    assert corrections(hydrogen, METHODS["r2scan-3c"]).counterpoise_Eh == pytest.approx(2.982079859909563e-4, abs=1e-10)


def test_gfn2_is_that_of_tblite():
    """tblite's own example: silane, -3.7632337506836944 Hartree."""
    bohr = 0.52917721
    corner = 1.617683897558 * bohr
    positions = np.array([[0, 0, 0], [1, 1, -1], [-1, -1, -1], [1, -1, 1], [-1, 1, 1]]) * corner
    label = label_molecule(np.array([14, 1, 1, 1, 1]), positions, 0, "gfn2-xtb")
    assert label.energy_eV / Hartree == pytest.approx(-3.7632337506836944, abs=1e-6)


def test_an_scf_that_does_not_converge_says_so(monkeypatch):
    monkeypatch.setattr(density_functional, "_MOST_CYCLES", 1)
    stubborn = dataclasses.replace(METHODS["m06-2x/6-31g*"], energy_tolerance_Eh=1e-30, gradient_tolerance=1e-30)
    monkeypatch.setitem(METHODS, "m06-2x/6-31g*", stubborn)
    with pytest.raises(QuantumChemistryError, match=r"m06-2x/6-31g\*: the SCF does not converge in 1 cycles"):
        label_molecule(*WATER, 0, "m06-2x/6-31g*")


@pytest.mark.parametrize("cycles, rescue", [(60, "level shift"), (3, "second-order steps")])
def test_however_the_scf_converges_the_label_is_the_same(cycles, rescue, monkeypatch):
    numbers, positions = OXONIUM
    usual = label_molecule(numbers, positions, 1, "r2scan-3c")
    monkeypatch.setattr(density_functional, "_MOST_COARSE_CYCLES", 2)
    monkeypatch.setattr(density_functional, "_CORRECTED_GRADIENTS", ())
    monkeypatch.setattr(density_functional, "_MOST_CYCLES", cycles)
    rescued = label_molecule(numbers, positions, 1, "r2scan-3c")
    assert (usual.record["rescued_by"], rescued.record["rescued_by"]) == ("", rescue)
    assert rescued.record["gap_eV"] == pytest.approx(usual.record["gap_eV"], abs=1e-3)
    assert rescued.energy_eV == pytest.approx(usual.energy_eV, abs=1e-5)
    np.testing.assert_allclose(rescued.forces_eV_A, usual.forces_eV_A, atol=1e-3)


def test_charges_apart_have_no_ground_state_without_exact_exchange():
    """Formate and ammonium 9 A apart: the electron would leave the one for the other."""
    numbers = np.array([6, 8, 8, 1, 7, 1, 1, 1, 1])
    ammonium = np.array([[0, 0, 0], [0.6, 0.6, 0.6], [-0.6, -0.6, 0.6], [0.6, -0.6, -0.6], [-0.6, 0.6, -0.6]])
    positions = np.concatenate([FORMATE, ammonium + np.array([0.0, 0.0, 9.0])])
    reason = r"no ground state: .* 2\.\d+ eV above .*wb97m-d3bj/def2-tzvppd"
    with pytest.raises(QuantumChemistryError, match=reason):
        label_molecule(numbers, positions, 0, "r2scan-3c")
    hybrid = label_molecule(numbers, positions, 0, "m06-2x/6-31g*")
    assert hybrid.record["gap_eV"] > 0.5


@pytest.mark.parametrize(
    "numbers, positions, charge, method, reason",
    [
        (*WATER, 1, "r2scan-3c", r"charge: \+1 leaves 9 electrons"),
        (*WATER, 0, "b3lyp", "method: expected one of r2scan-3c, .* got 'b3lyp'"),
        (*WATER, 0, "ase:nothing", "method: ase:nothing is no calculator"),
        (*OXONIUM, 1, "ase:emt", r"ase:emt takes no charge, and the molecule has \+1 e"),
        (WATER[0], WATER[1] * 0.1, 0, "r2scan-3c", r"atoms 0 \(O\) and 1 \(H\) are 0.10 A apart"),
        (WATER[0], WATER[1] * np.nan, 0, "r2scan-3c", r"of atom 0 \(O\) are not finite"),
        (WATER[0][:0], WATER[1][:0], 0, "r2scan-3c", "expected one row of three numbers for each of 0 atoms"),
        (np.array([8, 1, 119]), WATER[1], 0, "r2scan-3c", "are not all elements"),
    ],
)
def test_what_cannot_be_labelled(numbers, positions, charge, method, reason):
    with pytest.raises(PotentialError, match=reason):
        label_molecule(numbers, positions, charge, method)


def test_any_calculator_of_ase():
    label = label_molecule(*WATER, 0, "ase:emt")
    assert label.record["engine"] == "ase:emt"
    assert np.isnan(label.dipole_eA).all()  # it has none
    assert np.abs(label.forces_eV_A).max() > 1.0


def test_the_ase_calculator_gives_the_label_and_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = ase.Atoms(*WATER)
    atoms.calc = QuantumChemistryCalculator("gfn2-xtb", cache=tmp_path / "cache")
    label = label_molecule(atoms.numbers, atoms.positions, 0, "gfn2-xtb")
    assert atoms.get_potential_energy() == pytest.approx(label.energy_eV, abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), label.forces_eV_A, atol=1e-9)
    energy = atoms.get_potential_energy()
    monkeypatch.setattr(
        "potentials.quantum_chemistry.calculator.label_molecule", None
    )  # from here on only what is kept
    atoms.calc = QuantumChemistryCalculator("gfn2-xtb", cache=tmp_path / "cache")
    assert atoms.get_potential_energy() == energy
    atoms.calc = QuantumChemistryCalculator("gfn2-xtb", charge=2, cache=tmp_path / "cache")
    with pytest.raises(TypeError):
        atoms.get_potential_energy()
