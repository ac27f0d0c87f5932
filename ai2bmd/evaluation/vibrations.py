"""Harmonic vibrations of a molecule by any ASE calculator, and one set of them beside another."""

from collections.abc import Callable
from dataclasses import dataclass

import ase.units
import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.optimize import BFGS
from jaxtyping import Float64, Int64
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from ai2bmd.errors import InputError

_MOST_STEPS = 500
_WAVENUMBER_CM = ase.units._hbar * 1e10 / (ase.units._e * ase.units._amu) ** 0.5 / ase.units.invcm
"""Of a square root of eV/A^2/u."""
_KM_MOL = 42.255
"""Of the squared derivative of the dipole by a mass-weighted coordinate in (D/A)^2/u (P. Bernath, Spectra of Atoms and
Molecules, Oxford 1995; 974.86 km/mol in (e)^2/u)."""


@dataclass(frozen=True, eq=False)
class Vibrations:
    """At a minimum of the energy."""

    positions_A: Float64[np.ndarray, "atoms 3"]
    wavenumbers_cm: Float64[np.ndarray, " modes"]
    """cm^-1, ascending; imaginary ones negative."""
    modes: Float64[np.ndarray, "modes atoms 3"]
    """Mass-weighted, of unit length."""
    intensities_km_mol: Float64[np.ndarray, " modes"] | None
    """Of infrared absorption; None where the calculator has no dipole."""


def harmonic_vibrations(
    atoms: Atoms, *, largest_force_eV_A: float = 0.002, displacement_A: float = 0.01, progress: Callable[[], object]
) -> Vibrations:
    """Go to the minimum nearby, and differentiate forces and dipoles there.

    Args:
        atoms: a free molecule of three atoms or more, not linear, with a calculator; left as it is.
        largest_force_eV_A: at which the minimum is reached.
        displacement_A: of central differences.
        progress: called after each of the 6 N displaced geometries.

    Raises:
        InputError: the minimum is not reached.
    """
    atoms = _at_minimum(atoms, largest_force_eV_A)
    hessian, dipoles = _derivatives(atoms, displacement_A, progress)
    weights = np.repeat(1.0 / np.sqrt(atoms.get_masses()), 3)
    internal = _internal_space(atoms)
    values, vectors = np.linalg.eigh(internal.T @ (weights[:, None] * hessian * weights) @ internal)
    modes = (internal @ vectors).T
    intensities = None
    if dipoles is not None:
        per_mode = (modes * weights) @ dipoles / ase.units.Debye
        intensities = _KM_MOL * np.square(per_mode).sum(axis=1)
    wavenumbers = np.sign(values) * np.sqrt(np.abs(values)) * _WAVENUMBER_CM
    return Vibrations(atoms.get_positions(), wavenumbers, modes.reshape(len(modes), -1, 3), intensities)


def matched(
    reference: Vibrations, other: Vibrations, masses_u: Float64[np.ndarray, " atoms"]
) -> Int64[np.ndarray, " modes"]:
    """For each mode of the reference that of the other which is most alike, each taken once.

    The other molecule is turned onto the reference; likeness is the squared overlap of mass-weighted modes.
    """
    centred = [one.positions_A - masses_u @ one.positions_A / masses_u.sum() for one in (reference, other)]
    turn: Rotation = Rotation.align_vectors(*centred, weights=masses_u)[0]
    turned = turn.apply(other.modes.reshape(-1, 3)).reshape(len(other.modes), -1)
    overlaps = np.square(reference.modes.reshape(len(reference.modes), -1) @ turned.T)
    return linear_sum_assignment(-overlaps)[1]


def broadened(
    wavenumbers_cm: Float64[np.ndarray, " modes"],
    heights: Float64[np.ndarray, " modes"],
    at_cm: Float64[np.ndarray, " points"],
    *,
    width_cm: float = 15.0,
) -> Float64[np.ndarray, " points"]:
    """A spectrum of Lorentzian lines of this full width at half maximum, each of its height."""
    half = 0.5 * width_cm
    return (heights * half**2 / ((at_cm[:, None] - wavenumbers_cm) ** 2 + half**2)).sum(axis=1)


def _at_minimum(atoms: Atoms, largest_force_eV_A: float) -> Atoms:
    calculator, atoms = atoms.calc, atoms.copy()
    atoms.calc = calculator
    with BFGS(atoms, logfile=None) as optimiser:
        if not optimiser.run(fmax=largest_force_eV_A, steps=_MOST_STEPS):
            raise InputError(
                f"{atoms.get_chemical_formula()}: no minimum with forces below {largest_force_eV_A} eV/A in "
                f"{_MOST_STEPS} steps; start from a better structure, or ask for less"
            )
    return atoms


def _derivatives(
    atoms: Atoms, displacement_A: float, progress: Callable[[], object]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Hessian (eV/A^2) and, where there are dipoles, their derivatives (coordinates, 3) in e."""
    place, forces, dipoles = atoms.get_positions(), [], []
    for coordinate in range(place.size):
        for sign in (1.0, -1.0):
            moved = place.copy()
            moved.flat[coordinate] += sign * displacement_A
            atoms.set_positions(moved)
            forces.append(sign * atoms.get_forces().ravel())
            dipoles.append(_dipole(atoms) * sign)
            progress()
    atoms.set_positions(place)
    hessian = -np.add.reduceat(forces, range(0, len(forces), 2)) / (2 * displacement_A)
    slopes = np.add.reduceat(dipoles, range(0, len(dipoles), 2)) / (2 * displacement_A)
    return 0.5 * (hessian + hessian.T), slopes if np.isfinite(slopes).all() else None


def _dipole(atoms: Atoms) -> np.ndarray:
    try:
        return np.asarray(atoms.get_dipole_moment(), dtype=np.float64)
    except (PropertyNotImplementedError, NotImplementedError):
        return np.full(3, np.nan)


def _internal_space(atoms: Atoms) -> np.ndarray:
    """(3 N, 3 N - 6): orthonormal, orthogonal to translations and rotations of the mass-weighted molecule."""
    masses = np.sqrt(atoms.get_masses())[:, None]
    centred = atoms.get_positions() - atoms.get_center_of_mass()
    moves = [masses * np.eye(3)[axis] for axis in range(3)]
    moves += [masses * np.cross(np.eye(3)[axis], centred) for axis in range(3)]
    rigid = np.array([np.broadcast_to(move, centred.shape).ravel() for move in moves]).T
    left, _, _ = np.linalg.svd(rigid, full_matrices=True)
    return left[:, 6:]
