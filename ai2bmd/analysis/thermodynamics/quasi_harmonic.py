"""Configurational entropy of a molecule taken as harmonic: from the covariance of its atoms about their mean.

Frames are superposed on their mean, by mass as Eckart's frame has it (Phys. Rev. 47, 552, 1935): without masses the
turning of light atoms would count as vibration. Of the mass-weighted covariance each eigenvalue lambda is a mode of
frequency omega = sqrt(kT/lambda), except the six smallest, which are what is left of moving and turning. Then

    S = R/2 sum ln(1 + kT e^2 lambda / hbar^2)                  Schlitter, Chem. Phys. Lett. 215, 617 (1993)
    S = R sum [x/(exp(x) - 1) - ln(1 - exp(-x))],  x = hbar omega/kT
                                                                Andricioaei, Karplus, J. Chem. Phys. 115, 6289 (2001)

The second is the entropy of quantum oscillators, the first a bound from above to it. Both are bounds from above to that
of the true distribution: minima between which the molecule goes, and all that is not linear, count as one wide mode.
And both rise with the length of a run. So they compare like with like, at equal length, and are no absolute numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64

from ai2bmd.analysis.correlation import statistical_inefficiency
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.superposition import superpose
from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.errors import InputError

_HBAR_J_S, _BOLTZMANN_J_K = 1.054571817e-34, 1.380649e-23
_U_A2 = 1.66053906660e-27 * 1e-20
"""u A^2 in kg m^2."""
_CM_S = 2.99792458e10
_MOST_ATOMS = 1000
_BLOCKS = 10
_CHUNK = 256
Chunks = Callable[[], Iterator[Float32[np.ndarray, "frames atoms 3"]]]


@dataclass(frozen=True, eq=False)
class QuasiHarmonicEntropy:
    """Entropy in cal/mol/K, and how far it depends on the length of the run."""

    andricioaei_karplus: Estimate
    schlitter: Estimate
    first_half: float
    """The former from the first half of the frames alone."""
    frequencies_per_cm: Float64[np.ndarray, " modes"]
    """Of the modes, from the lowest."""
    of_modes_cal_mol_K: Float64[np.ndarray, " modes"]
    """What each adds to the entropy of Andricioaei and Karplus."""
    converged: bool
    """Whether the first half of the frames gives as much, within two errors."""
    statement: str
    """What it means, and whether it has converged."""


def quasi_harmonic_entropy(
    universe: Any, temperature_K: float, *, selection: str = "not name H*", stride: int = 1
) -> QuasiHarmonicEntropy:
    """Of chosen atoms of a trajectory, read twice, a few hundred frames at a time.

    Args:
        universe: of MDAnalysis, with masses; the molecule in one piece.
        temperature_K: of the thermostat.
        selection: atoms.
        stride: every how manieth frame.

    Raises:
        InputError: too many atoms, or too few frames for so many.
    """
    atoms = universe.select_atoms(selection)

    def chunks() -> Iterator[np.ndarray]:
        chunk = []
        for _ in universe.trajectory[::stride]:
            chunk.append(atoms.positions)
            if len(chunk) == _CHUNK:
                yield np.stack(chunk)
                chunk = []
        if chunk:
            yield np.stack(chunk)

    frames = len(range(0, len(universe.trajectory), stride))
    return entropy_of_frames(chunks, np.asarray(atoms.masses, np.float64), temperature_K, frames=frames)


def entropy_of_frames(
    chunks: Chunks,
    masses_u: Float64[np.ndarray, " atoms"],
    temperature_K: float,
    *,
    frames: int,
    runs: Sequence[int] = (),
) -> QuasiHarmonicEntropy:
    """Of positions (A) that `chunks` gives anew each time it is called; see `quasi_harmonic_entropy`.

    Args:
        chunks: positions of all frames, of one run after the other.
        masses_u: of the atoms.
        temperature_K: of the thermostat.
        frames: number of all.
        runs: number of frames of each run; all are of one if there is none.

    Raises:
        InputError: too many atoms, or too few frames for so many.
    """
    modes = 3 * len(masses_u) - 6
    if not 2 < len(masses_u) <= _MOST_ATOMS:
        raise InputError(
            f"selection: expected 3 to {_MOST_ATOMS} atoms for a quasi-harmonic entropy, got {len(masses_u)}; choose "
            "others, such as `name CA`"
        )
    if frames < 2 * modes:
        raise InputError(
            f"quasi-harmonic entropy: {frames} frames do not determine {modes} modes, {2 * modes} are the least; "
            "simulate longer, or choose fewer atoms, such as `name CA`"
        )
    mean = _mean(chunks, masses_u)
    counts, sums, products, deviations = _moments(chunks, mean, masses_u, frames)
    inefficiency = statistical_inefficiency(np.split(deviations, np.cumsum(runs)[:-1]) if len(runs) else [deviations])
    return _result(counts, sums, products, temperature_K, samples=frames / inefficiency)


def _mean(chunks: Chunks, masses_u: Float64[np.ndarray, " atoms"]) -> Float64[np.ndarray, "atoms 3"]:
    """Mean structure of frames superposed on the first."""
    total, count, reference = np.zeros((len(masses_u), 3)), 0, None
    for chunk in chunks():
        reference = chunk[0].astype(np.float64) if reference is None else reference
        _, turned = superpose(chunk, reference, atoms=np.arange(len(masses_u)), weights=masses_u)
        total += turned.sum(0, dtype=np.float64)
        count += len(chunk)
    return total / count


def _moments(
    chunks: Chunks, mean: Float64[np.ndarray, "atoms 3"], masses_u: Float64[np.ndarray, " atoms"], frames: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of blocks in the order of time: numbers of frames, sums and products of mass-weighted coordinates about the mean;
    and the squared deviation of each frame."""
    size, root = mean.size, np.sqrt(np.repeat(masses_u, 3))
    counts, sums, products = np.zeros(_BLOCKS), np.zeros((_BLOCKS, size)), np.zeros((_BLOCKS, size, size))
    deviations, first = [], 0
    for chunk in chunks():
        _, turned = superpose(chunk, mean, atoms=np.arange(len(masses_u)), weights=masses_u)
        away = (turned.reshape(len(chunk), -1) - mean.ravel()) * root
        block = np.minimum((first + np.arange(len(chunk))) * _BLOCKS // frames, _BLOCKS - 1)
        for number in np.unique(block):
            own = away[block == number]
            counts[number] += len(own)
            sums[number] += own.sum(0)
            products[number] += own.T @ own
        deviations.append((away**2).sum(1))
        first += len(chunk)
    return counts, sums, products, np.concatenate(deviations)


def _result(
    counts: np.ndarray, sums: np.ndarray, products: np.ndarray, temperature_K: float, *, samples: float
) -> QuasiHarmonicEntropy:
    def eigenvalues(chosen: np.ndarray) -> np.ndarray:
        number, total = counts[chosen].sum(), sums[chosen].sum(0)
        covariance = products[chosen].sum(0) / number - np.outer(total, total) / number**2
        return np.maximum(np.linalg.eigvalsh(covariance)[6:], 1e-12)

    every = np.arange(_BLOCKS)
    whole = eigenvalues(every)
    without = np.array([entropies(eigenvalues(np.delete(every, block)), temperature_K) for block in every])
    errors = np.sqrt((_BLOCKS - 1) / _BLOCKS * ((without - without.mean(0)) ** 2).sum(0))
    quantum, bound = entropies(whole, temperature_K)
    half = entropies(eigenvalues(every[: _BLOCKS // 2]), temperature_K)[0]
    frequencies = np.sqrt(_BOLTZMANN_J_K * temperature_K / (whole[::-1] * _U_A2)) / (2.0 * np.pi * _CM_S)
    rise = quantum - half
    converged = bool(abs(rise) < 2.0 * errors[0])
    statement = (
        "An upper bound, with anharmonic motion counted as one wide mode; compare systems at equal length only. "
        f"The first half of the frames alone gives {half:.1f} cal/mol/K, "
        + ("as the whole does." if converged else f"{rise:+.1f} since: it has not converged.")
    )
    return QuasiHarmonicEntropy(
        Estimate(quantum, float(errors[0]), samples, "cal/mol/K"),
        Estimate(bound, float(errors[1]), samples, "cal/mol/K"),
        half,
        frequencies,
        entropies_of_modes(whole[::-1], temperature_K)[0],
        converged,
        statement,
    )


def entropies(eigenvalues_u_A2: Float[np.ndarray, " modes"], temperature_K: float) -> tuple[float, float]:
    """Andricioaei's and Karplus's entropy and Schlitter's, cal/mol/K, from eigenvalues of the covariance."""
    quantum, bound = entropies_of_modes(eigenvalues_u_A2, temperature_K)
    return float(quantum.sum()), float(bound.sum())


def entropies_of_modes(
    eigenvalues_u_A2: Float[np.ndarray, " modes"], temperature_K: float
) -> tuple[Float64[np.ndarray, " modes"], Float64[np.ndarray, " modes"]]:
    """The same of each mode."""
    thermal_energy(temperature_K)  # refuses what is no temperature
    kT = _BOLTZMANN_J_K * temperature_K
    inverse = np.asarray(eigenvalues_u_A2, np.float64) * _U_A2 * kT / _HBAR_J_S**2  # (kT / hbar omega)^2
    x = np.minimum(1.0 / np.sqrt(inverse), 500.0)
    factor = 1000.0 * GAS_CONSTANT_KCAL
    return factor * (x / np.expm1(x) - np.log1p(-np.exp(-x))), factor * 0.5 * np.log1p(np.e**2 * inverse)
