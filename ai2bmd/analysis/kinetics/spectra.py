"""Vibrational density of states from velocities, and the infrared spectrum from dipoles or charges.

Density of states: 1 / kT times the one-sided spectrum of the mass-weighted velocities (2 / kT times the two-sided one).
The integral of the spectrum is sum m <v^2>, by equipartition kT for each degree of freedom: that of the density counts
the degrees of freedom that move at that temperature.

Infrared: molar absorption N beta G / (12 eps0 c^2), G the one-sided spectrum of the rate of the dipole: a band's
integral is the intensity (km/mol) that quantum chemistry gives for a normal mode. Classical motion needs a quantum
correction (Ramírez et al., J. Chem. Phys. 121, 3973, 2004), given here relative to the harmonic one, with
x = hc wavenumber / kT:

    harmonic   1 (exact for harmonic vibrations)
    standard   2 tanh(x / 2) / x
    schofield  2 sinh(x / 2) / x
    none       (1 - exp(-x)) / x
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.power_spectrum import CM_PER_FS, WINDOW, PowerSpectrum, power_spectrum
from ai2bmd.errors import InputError

KB_U_A2_PS2_K = 0.831446261815324
"""Boltzmann constant; the same number as the gas constant in 10 J/mol/K."""
KCM1_PER_K = 0.695034800
"""Boltzmann constant over hc."""
_INFRARED = 6.02214076e23 / (12.0 * 8.8541878128e-12 * 299792458.0**2) / 1000.0
"""km/mol from (C m / s)^2 / J."""
_CM_S_PER_EA_PS = 1.602176634e-19 * 1e-10 / 1e-12
_BOLTZMANN_J_K = 1.380649e-23
_FASTEST_CM1 = 4000.0

CORRECTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "harmonic": lambda x: np.ones_like(x),
    "standard": lambda x: 2.0 * np.tanh(x / 2.0) / x,
    "schofield": lambda x: 2.0 * np.sinh(x / 2.0) / x,
    "none": lambda x: -np.expm1(-x) / x,
}


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Against wavenumbers."""

    kind: str
    unit: str
    wavenumbers_cm1: Float64[np.ndarray, " bins"]
    density: Float64[np.ndarray, " bins"]
    errors: Float64[np.ndarray, " bins"]
    """Standard errors; nan below four windows."""
    integral: Estimate
    """Over all wavenumbers; effective samples: windows."""
    resolution_cm1: float
    highest_cm1: float
    """Half the sampling frequency."""
    window: str
    quantum_correction: str
    remarks: tuple[str, ...]

    def peak_cm1(self, low: float = 0.0, high: float = np.inf) -> float:
        """Where it is highest, between two wavenumbers; by a parabola through the three highest points."""
        inside = np.flatnonzero((self.wavenumbers_cm1 >= low) & (self.wavenumbers_cm1 <= high))
        if not len(inside):
            raise InputError(f"no wavenumber of the spectrum lies between {low} and {high} cm^-1")
        top = int(inside[np.argmax(self.density[inside])])
        if not 0 < top < len(self.density) - 1:
            return float(self.wavenumbers_cm1[top])
        before, at, after = np.log(np.maximum(self.density[top - 1 : top + 2], 1e-300))
        shift = 0.5 * (before - after) / (before - 2.0 * at + after)
        return float(self.wavenumbers_cm1[top] + shift * self.wavenumbers_cm1[1])


def vibrational_density(
    velocities_A_ps: Sequence[Float[np.ndarray, "frames atoms 3"]],
    masses_u: Float[np.ndarray, " atoms"],
    *,
    frame_fs: float,
    temperature_K: float,
    resolution_cm1: float = 10.0,
) -> Spectrum:
    """Density of states per cm^-1.

    Args:
        velocities_A_ps: one array for each independent run.
        masses_u: of the atoms.
        frame_fs: time between frames.
        temperature_K: of the run.
        resolution_cm1: full width of a sharp line.

    Raises:
        InputError: runs too short for the resolution, or masses of other atoms.
    """
    _check_temperature(temperature_K)
    runs = [np.asarray(run).reshape(len(run), -1) for run in velocities_A_ps]
    weights = np.repeat(np.asarray(masses_u, dtype=np.float64), 3)
    if any(run.shape[1] != len(weights) for run in runs):
        raise InputError(f"velocities of {[run.shape[1] // 3 for run in runs]} atoms, but {len(weights) // 3} masses")
    found = power_spectrum(runs, frame_fs=frame_fs, resolution_cm1=resolution_cm1, weights=weights)
    return _spectrum("vibrational density of states", "", found, 1.0 / (KB_U_A2_PS2_K * temperature_K), frame_fs)


def infrared_from_dipoles(
    dipoles_eA: Sequence[Float[np.ndarray, "frames 3"]],
    *,
    frame_fs: float,
    temperature_K: float,
    resolution_cm1: float = 10.0,
    quantum_correction: str = "harmonic",
) -> Spectrum:
    """Infrared spectrum, km/mol per cm^-1, from the dipole moment of all that absorbs.

    Raises:
        InputError: runs too short for the resolution, or a correction of another name.
    """
    runs = [np.asarray(run) for run in dipoles_eA]
    found = power_spectrum(
        runs, frame_fs=frame_fs, resolution_cm1=resolution_cm1, centre=lambda piece: piece - piece.mean(0)
    )
    per_ps = 2.0 * np.pi * CM_PER_FS * 1000.0 * found.wavenumbers_cm1
    return _infrared(found, per_ps**2, temperature_K, quantum_correction, frame_fs)


def infrared_from_charges(
    velocities_A_ps: Sequence[Float[np.ndarray, "frames atoms 3"]],
    charges_e: Float[np.ndarray, " atoms"],
    *,
    frame_fs: float,
    temperature_K: float,
    resolution_cm1: float = 10.0,
    quantum_correction: str = "harmonic",
) -> Spectrum:
    """Infrared spectrum, km/mol per cm^-1, of fixed charges: bands are in place, their heights are rough.

    Raises:
        InputError: runs too short for the resolution, charges of other atoms, or a correction of another name.
    """
    charges = np.asarray(charges_e, dtype=np.float64)
    if any(run.shape[1] != len(charges) for run in velocities_A_ps):
        raise InputError(f"velocities of {[run.shape[1] for run in velocities_A_ps]} atoms, but {len(charges)} charges")
    rates = [np.einsum("fac,a->fc", run, charges) for run in velocities_A_ps]
    found = power_spectrum(rates, frame_fs=frame_fs, resolution_cm1=resolution_cm1)
    return _infrared(found, np.ones(len(found.density)), temperature_K, quantum_correction, frame_fs)


def _infrared(
    found: PowerSpectrum,
    squares: Float64[np.ndarray, " bins"],
    temperature_K: float,
    quantum_correction: str,
    frame_fs: float,
) -> Spectrum:
    _check_temperature(temperature_K)
    if quantum_correction not in CORRECTIONS:
        raise InputError(f"quantum correction {quantum_correction!r}; choose one of {', '.join(CORRECTIONS)}")
    x = np.maximum(found.wavenumbers_cm1 / (KCM1_PER_K * temperature_K), 1e-9)
    factor = _INFRARED * _CM_S_PER_EA_PS**2 / (_BOLTZMANN_J_K * temperature_K)
    factors = factor * squares * CORRECTIONS[quantum_correction](x)
    return _spectrum("infrared spectrum", "km/mol", found, factors, frame_fs, quantum_correction)


def _spectrum(
    kind: str,
    whole: str,
    found: PowerSpectrum,
    factors: float | Float64[np.ndarray, " bins"],
    frame_fs: float,
    quantum_correction: str = "none needed",
) -> Spectrum:
    windows = found.windows * factors
    width, highest = found.wavenumbers_cm1[1], 0.5 / (frame_fs * CM_PER_FS)
    remarks = ()
    if highest < _FASTEST_CM1:
        remarks = (
            f"Frames {frame_fs:g} fs apart show vibrations up to {highest:.0f} cm^-1; faster ones appear below that at "
            "wrong places.",
        )
    sums = windows.sum(1) * width
    integral = Estimate(float(sums.mean()), float(found.error(sums)), float(len(windows)), whole)
    return Spectrum(
        kind,
        f"{whole} per cm\u207b\u00b9".strip(),
        found.wavenumbers_cm1,
        windows.mean(0),
        found.error(windows),
        integral,
        found.resolution_cm1,
        highest,
        WINDOW,
        quantum_correction,
        remarks,
    )


def _check_temperature(temperature_K: float) -> None:
    if not temperature_K > 0.0:
        raise InputError(f"a temperature of {temperature_K} K; it must be above 0")
