"""Vibrations of molecules whose frequencies are known, and modes that are found again."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.vibrations import VibrationsData

from ai2bmd.errors import InputError
from ai2bmd.evaluation.vibrations import broadened, harmonic_vibrations, matched
from potentials import QuantumChemistryCalculator


class Springs(Calculator):
    """A triangle of equal springs."""

    implemented_properties = ("energy", "forces")
    constant_eV_A2, length_A = 30.0, 1.1

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        vectors = self.atoms.positions[:, None] - self.atoms.positions
        lengths = np.linalg.norm(vectors, axis=2) + np.eye(3)
        stretch = (lengths - self.length_A) * (1 - np.eye(3))
        self.results["energy"] = 0.25 * self.constant_eV_A2 * (stretch**2).sum()
        self.results["forces"] = -self.constant_eV_A2 * (stretch[..., None] * vectors / lengths[..., None]).sum(axis=1)


def nothing() -> None:
    """No progress is shown."""


def test_triangle_of_springs() -> None:
    """Equal masses m and springs k: 3 k / m for breathing and 3 k / 2 m, twice, for the others."""
    atoms = Atoms("C3", [[0.0, 0.0, 0.0], [1.2, 0.0, 0.0], [0.5, 1.0, 0.1]], calculator=Springs())
    found = harmonic_vibrations(atoms, largest_force_eV_A=1e-6, displacement_A=1e-3, progress=nothing)
    omega = np.sqrt(np.array([1.5, 1.5, 3.0]) * 30.0 / 12.011)  # sqrt(eV / A^2 u)
    expected = omega * units._hbar * 1e10 / np.sqrt(units._e * units._amu) / units.invcm
    np.testing.assert_allclose(found.wavenumbers_cm, expected, rtol=1e-4)
    assert found.intensities_km_mol is None


def test_water_is_like_another_program_has_it() -> None:
    """ASE's own analysis of the same Hessian, and the intensities of GFN2-xTB's strong and weak lines in order."""
    water = molecule("H2O")
    water.calc = QuantumChemistryCalculator("gfn2-xtb")
    found = harmonic_vibrations(water, progress=nothing)
    assert len(found.wavenumbers_cm) == 3
    hessian = np.zeros((9, 9))
    place = Atoms("OH2", found.positions_A, calculator=QuantumChemistryCalculator("gfn2-xtb"))
    for coordinate in range(9):
        for sign in (1, -1):
            moved = found.positions_A.copy()
            moved.flat[coordinate] += sign * 0.01
            place.set_positions(moved)
            hessian[coordinate] -= sign * place.get_forces().ravel() / 0.02
    place.set_positions(found.positions_A)
    theirs = VibrationsData.from_2d(place, 0.5 * (hessian + hessian.T)).get_frequencies()[-3:].real
    np.testing.assert_allclose(found.wavenumbers_cm, theirs, rtol=2e-3)
    assert found.intensities_km_mol is not None
    assert (found.intensities_km_mol > 0).all()


def test_turned_and_reordered_modes_are_found_again() -> None:
    water = molecule("H2O")
    water.calc = QuantumChemistryCalculator("gfn2-xtb")
    found = harmonic_vibrations(water, progress=nothing)
    turned = water.copy()
    turned.rotate(130.0, (1.0, 2.0, 0.5))
    turned.calc = QuantumChemistryCalculator("gfn2-xtb")
    other = harmonic_vibrations(turned, progress=nothing)
    shuffled = type(other)(other.positions_A, other.wavenumbers_cm[[2, 0, 1]], other.modes[[2, 0, 1]], None)
    assert matched(found, shuffled, water.get_masses()).tolist() == [1, 2, 0]


def test_a_line_has_its_height_and_width() -> None:
    at = np.array([1000.0, 1010.0, 3000.0])
    spectrum = broadened(np.array([1000.0]), np.array([2.0]), at, width_cm=20.0)
    assert spectrum[0] == pytest.approx(2.0)
    assert spectrum[1] == pytest.approx(1.0)
    assert spectrum[2] < 1e-3


def test_says_when_there_is_no_minimum() -> None:
    atoms = Atoms("C3", [[0.0, 0.0, 0.0], [1.2, 0.0, 0.0], [0.5, 1.0, 0.1]], calculator=Springs())
    with pytest.raises(InputError, match="no minimum"):
        harmonic_vibrations(atoms, largest_force_eV_A=1e-30, progress=nothing)
