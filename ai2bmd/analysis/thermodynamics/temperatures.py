"""Ensembles at several temperatures put together, such as those of replica exchange: averages at any temperature.

The reduced potential of a frame at temperature T is U/kT at constant volume, with U its potential energy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.analysis.correlation import Pieces
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.analysis.thermodynamics.ensemble_estimates import (
    ensemble_free_energy,
    ensemble_mean,
    ensemble_means,
    ensemble_variance,
)
from ai2bmd.analysis.thermodynamics.free_energy import FEWEST_SAMPLES, FreeEnergy
from ai2bmd.analysis.thermodynamics.mbar import Mbar, solve, thin
from ai2bmd.errors import InputError


@dataclass(frozen=True, eq=False)
class TemperatureEnsembles:
    """Ensembles put together."""

    mbar: Mbar
    temperatures_K: tuple[float, ...]
    energies_kcal_mol: Float64[np.ndarray, " frames"]
    """Of the frames kept, less the mean of all."""

    def _reduced(self, temperature_K: float) -> Float64[np.ndarray, " frames"]:
        return self.energies_kcal_mol / thermal_energy(temperature_K)

    def mean(
        self, observable: Sequence[Float[np.ndarray, " frames"]], temperature_K: float, *, unit: str = ""
    ) -> Estimate:
        """Average at a temperature.

        Args:
            observable: for each ensemble the values of all its frames.
            temperature_K: need not be one of those simulated.
            unit: of the observable.

        Raises:
            InputError: the temperature is too far from those simulated.
        """
        kept = self.mbar.keep(observable)
        return ensemble_mean(self.mbar, kept, self._reduced(temperature_K), what=f"{temperature_K:g} K", unit=unit)

    def means(
        self, observable: Sequence[Float[np.ndarray, " frames"]], temperatures_K: Sequence[float]
    ) -> tuple[Float64[np.ndarray, " temperatures"], Float64[np.ndarray, "temperatures temperatures"]]:
        """Averages at several temperatures and their covariance: they come from the same frames.

        Raises:
            InputError: see `mean`.
        """
        kept = self.mbar.keep(observable)
        values, influences = [], []
        for temperature_K in temperatures_K:
            reduced = self._reduced(temperature_K)
            found, _, _ = ensemble_means(self.mbar, kept[:, None], reduced, what=f"{temperature_K:g} K")
            values.append(found[0])
            influences.append(self.mbar.weights_at(reduced) * (kept - found[0]))
        return np.array(values), self.mbar.covariance(np.stack(influences, axis=1))

    def free_energy(
        self,
        samples: Sequence[Float[np.ndarray, "frames ..."]],
        temperature_K: float,
        *,
        names: Sequence[str] = (),
        periods: Sequence[float | None] | None = None,
        bins: int | Sequence[int] | None = None,
        fewest_samples: float = FEWEST_SAMPLES,
    ) -> FreeEnergy:
        """Profile or surface at a temperature, see `ensemble_free_energy`.

        Raises:
            InputError: see there.
        """
        return ensemble_free_energy(
            self.mbar,
            samples,
            self._reduced(temperature_K),
            temperature_K,
            names=names,
            periods=periods,
            bins=bins,
            fewest_samples=fewest_samples,
            what=f"{temperature_K:g} K",
        )

    def heat_capacity(self, temperature_K: float, *, degrees_of_freedom: int = 0) -> Estimate:
        """d<E>/dT at constant volume in kcal/mol/K: of a mixture its derivative is the fluctuation of the energy.

        Args:
            temperature_K: need not be one of those simulated.
            degrees_of_freedom: of the momenta, each of which adds R/2; 0 for the potential energy alone.

        Raises:
            InputError: see `mean`.
        """
        kT = thermal_energy(temperature_K)
        variance = ensemble_variance(
            self.mbar, self.energies_kcal_mol, self._reduced(temperature_K), what=f"{temperature_K:g} K"
        )
        factor = GAS_CONSTANT_KCAL / kT**2
        kinetic = 0.5 * degrees_of_freedom * GAS_CONSTANT_KCAL
        return Estimate(
            factor * variance.value + kinetic, factor * variance.error, variance.effective_samples, "kcal/mol/K"
        )


def join_temperatures(
    energies_kcal_mol: Sequence[Pieces],
    temperatures_K: Sequence[float],
    *,
    slow: Sequence[Sequence[Pieces]] = (),
    least_inefficiency: float = 1.0,
) -> TemperatureEnsembles:
    """Put ensembles at several temperatures together.

    Args:
        energies_kcal_mol: potential energies, for each temperature one array a run.
        temperatures_K: of the ensembles.
        slow: quantities of the frames, each as the energies, that may forget more slowly; frames are thinned by the
            slowest.
        least_inefficiency: in frames, to take at least. In replica exchange a structure goes from temperature to
            temperature, and is remembered for longer than the frames at one temperature show.

    Raises:
        InputError: energies and temperatures do not fit, frames are too few, or temperatures do not overlap.
    """
    if len(energies_kcal_mol) != len(temperatures_K) or len(temperatures_K) < 2:
        raise InputError(
            f"energies: expected those of each temperature, two temperatures or more, got {len(energies_kcal_mol)} for "
            f"{len(temperatures_K)}"
        )
    joined = [np.concatenate([np.asarray(piece, np.float64) for piece in pieces]) for pieces in energies_kcal_mol]
    middle = float(np.concatenate(joined).mean())
    joined = [own - middle for own in joined]
    inverse = np.array([1.0 / thermal_energy(temperature_K) for temperature_K in temperatures_K])
    thinned = [
        thin([pieces, *(quantity[number] for quantity in slow)], least=least_inefficiency)
        for number, pieces in enumerate(energies_kcal_mol)
    ]
    names = [f"{temperature_K:g} K" for temperature_K in temperatures_K]
    mbar = solve([inverse[:, None] * own for own in joined], thinned, names=names)
    return TemperatureEnsembles(mbar, tuple(temperatures_K), mbar.keep(joined))
