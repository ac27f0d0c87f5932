"""Melting: the free energy of unfolding against temperature, fitted by the Gibbs-Helmholtz equation.

    dG(T) = dH0 - T dS0 + dCp (T - T0 - T ln(T/T0))

is linear in enthalpy and entropy at T0, the middle of the temperatures, and in the heat-capacity change; so the fit has
one solution. At the melting temperature dG = 0, and there dH = dH0 + dCp (Tm - T0). Becktel, Schellman, Biopolymers
26, 1859 (1987).

Free energies are weighted by their own errors; where they are correlated, as from ensembles put together, the whole
covariance goes into the errors of the result.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.folding import Stability
from ai2bmd.errors import InputError

_DETERMINED = 2.0
"""Standard errors that the heat-capacity change must be away from 0."""
_TEMPERATURES_FOR_CURVATURE = 4


@dataclass(frozen=True, eq=False)
class Melting:
    """The fit."""

    stability: Stability
    """What was fitted."""
    temperature: Estimate
    """Melting temperature in K."""
    enthalpy: Estimate
    """Of unfolding at the melting temperature, kcal/mol."""
    heat_capacity_change: Estimate
    """Of unfolding, kcal/mol/K; not a number where the fit leaves it out."""
    heat_capacity_determined: bool
    statement: str
    """What the temperatures do and do not determine."""
    reduced_chi2: float
    """About 1 if the errors are right and the states are two; not a number without a temperature to spare."""
    middle_K: float
    """T0."""
    parameters: Float64[np.ndarray, " parameters"]
    """dH0 (kcal/mol), dS0 (kcal/mol/K), and dCp (kcal/mol/K) if it is fitted."""
    covariance: Float64[np.ndarray, "parameters parameters"]

    def __str__(self) -> str:
        lines = (
            f"melting temperature: {self.temperature}",
            f"enthalpy of unfolding there: {self.enthalpy}",
            f"heat-capacity change: {self.heat_capacity_change}",
            self.statement,
        )
        return "\n".join(filter(None, lines))

    def curve(
        self, temperatures_K: Float[np.ndarray, " temperatures"]
    ) -> tuple[Float64[np.ndarray, " temperatures"], Float64[np.ndarray, " temperatures"]]:
        """Fitted free energy of unfolding and its standard error, kcal/mol."""
        design = _design(np.asarray(temperatures_K, np.float64), self.middle_K)[:, : len(self.parameters)]
        errors = np.sqrt(np.einsum("ti,ij,tj->t", design, self.covariance, design))
        return design @ self.parameters, errors


def fit_melting(stability: Stability) -> Melting:
    """Melting temperature, enthalpy and heat-capacity change.

    Raises:
        InputError: there are fewer than two temperatures, or the free energy of unfolding does not change its sign.
    """
    temperatures_K = stability.temperatures_K
    if len(temperatures_K) < 2:
        reasons = "; ".join(stability.left_out)
        raise InputError(
            f"melting: {len(temperatures_K)} temperature has both states in it, and two are the least for a melting "
            f"temperature, {_TEMPERATURES_FOR_CURVATURE} for a heat-capacity change{': ' if reasons else ''}{reasons}"
        )
    middle_K = float(temperatures_K.mean())
    curved = len(temperatures_K) >= _TEMPERATURES_FOR_CURVATURE
    parameters, covariance, chi2 = _fit(stability, middle_K, 3 if curved else 2)
    melting_K, error_K = _melting_temperature(stability, parameters, covariance, middle_K)
    enthalpy, enthalpy_error = _enthalpy(parameters, covariance, melting_K, middle_K)
    samples = stability.effective_samples
    change = Estimate(float("nan"), float("nan"), samples, "kcal/mol/K")
    if curved:
        change = Estimate(float(parameters[2]), float(np.sqrt(covariance[2, 2])), samples, "kcal/mol/K")
    determined = curved and abs(change.value) > _DETERMINED * change.error
    return Melting(
        stability,
        Estimate(melting_K, error_K, samples, "K"),
        Estimate(enthalpy, enthalpy_error, samples, "kcal/mol"),
        change,
        determined,
        _statement(stability, change, melting_K=melting_K, curved=curved, determined=determined),
        chi2,
        middle_K,
        parameters,
        covariance,
    )


def _design(temperatures_K: Float64[np.ndarray, " temperatures"], middle_K: float) -> Float64[np.ndarray, "temps 3"]:
    """Derivative of dG with respect to dH0, dS0 and dCp."""
    curvature = temperatures_K - middle_K - temperatures_K * np.log(temperatures_K / middle_K)
    return np.stack([np.ones_like(temperatures_K), -temperatures_K, curvature], axis=1)


def _fit(stability: Stability, middle_K: float, number: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Parameters, their covariance, and chi2 for each temperature to spare."""
    errors = stability.errors_kcal_mol
    if not (np.isfinite(errors).all() and (errors > 0.0).all()):
        raise InputError("melting: every free energy of unfolding needs an error above 0; leave out those without")
    design = _design(stability.temperatures_K, middle_K)[:, :number] / errors[:, None]
    scale = np.linalg.norm(design, axis=0)
    solver = np.linalg.pinv(design / scale) / scale[:, None] / errors
    parameters = solver @ stability.unfolding_kcal_mol
    covariance = solver @ stability.covariance @ solver.T
    left = (stability.unfolding_kcal_mol / errors - design @ parameters) ** 2
    spare = len(errors) - number
    return parameters, covariance, float(left.sum() / spare) if spare else float("nan")


def _melting_temperature(
    stability: Stability, parameters: np.ndarray, covariance: np.ndarray, middle_K: float
) -> tuple[float, float]:
    """Where the fit goes from positive to negative, nearest to the middle, and its standard error.

    Raises:
        InputError: nowhere.
    """
    grid = np.linspace(0.6 * middle_K, 1.6 * middle_K, 4001)
    energy = _design(grid, middle_K)[:, : len(parameters)] @ parameters
    crossings = np.flatnonzero((energy[:-1] > 0.0) & (energy[1:] <= 0.0))
    if not len(crossings):
        raise InputError(
            "melting: the free energy of unfolding does not go from positive to negative as temperature rises "
            f"({stability.unfolding_kcal_mol[0]:.2f} kcal/mol at {stability.temperatures_K[0]:g} K, "
            f"{stability.unfolding_kcal_mol[-1]:.2f} at {stability.temperatures_K[-1]:g} K); simulate at temperatures "
            "on both sides of melting"
        )
    place = crossings[np.argmin(np.abs(grid[crossings] - middle_K))]
    part = energy[place] / (energy[place] - energy[place + 1])
    melting_K = float(grid[place] + part * (grid[place + 1] - grid[place]))
    gradient = _temperature_gradient(parameters, melting_K, middle_K)
    return melting_K, float(np.sqrt(gradient @ covariance @ gradient))


def _temperature_gradient(parameters: np.ndarray, melting_K: float, middle_K: float) -> np.ndarray:
    """Derivative of the melting temperature: what dG gains must be lost by the entropy times its rise."""
    entropy = parameters[1] + (parameters[2] * np.log(melting_K / middle_K) if len(parameters) == 3 else 0.0)
    return _design(np.array([melting_K]), middle_K)[0, : len(parameters)] / entropy


def _enthalpy(parameters: np.ndarray, covariance: np.ndarray, melting_K: float, middle_K: float) -> tuple[float, float]:
    """At the melting temperature, with its standard error."""
    change = parameters[2] if len(parameters) == 3 else 0.0
    gradient = change * _temperature_gradient(parameters, melting_K, middle_K)
    gradient[0] += 1.0
    if len(parameters) == 3:
        gradient[2] += melting_K - middle_K
    return float(parameters[0] + change * (melting_K - middle_K)), float(np.sqrt(gradient @ covariance @ gradient))


def _statement(stability: Stability, change: Estimate, *, melting_K: float, curved: bool, determined: bool) -> str:
    low, high = stability.temperatures_K.min(), stability.temperatures_K.max()
    sentences = []
    if not curved:
        sentences.append(
            f"{len(stability.temperatures_K)} temperatures with both states do not determine the heat-capacity change "
            "of unfolding: the enthalpy was taken as the same at all of them."
        )
    elif not determined:
        sentences.append(
            f"The range from {low:g} to {high:g} K does not determine the heat-capacity change of unfolding: "
            f"{change}, which cannot be told from 0."
        )
    if not low <= melting_K <= high:
        sentences.append(f"The melting temperature is extrapolated from {low:g} to {high:g} K.")
    if stability.left_out:
        sentences.append(f"Left out: {'; '.join(stability.left_out)}.")
    return " ".join(sentences)
