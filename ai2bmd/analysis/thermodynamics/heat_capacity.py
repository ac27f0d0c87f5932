"""Heat capacity at constant volume from the fluctuation of the potential energy, C = (<U^2> - <U>^2) / kT^2.

Nuclei are classical: bonds to hydrogen take a whole kT where in nature they are at rest, so differences between states
mean more than the heat capacity itself.
"""

import numpy as np

from ai2bmd.analysis.correlation import Pieces, effective_samples
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL, thermal_energy
from ai2bmd.errors import InputError

_FEWEST_SAMPLES = 10.0


def heat_capacity(energies_kcal_mol: Pieces, temperature_K: float, *, degrees_of_freedom: int = 0) -> Estimate:
    """Heat capacity in kcal/mol/K; the derivative through MBAR is `TemperatureEnsembles.heat_capacity`.

    Args:
        energies_kcal_mol: potential energies, one array a run, all at the temperature.
        temperature_K: of the thermostat.
        degrees_of_freedom: of the momenta, each of which adds R/2; 0 for the potential energy alone.

    Raises:
        InputError: the runs hold too few independent samples, or an energy is not finite.
    """
    kT = thermal_energy(temperature_K)
    middle = mean(energies_kcal_mol).value
    deviations = [np.asarray(piece, np.float64) - middle for piece in energies_kcal_mol]
    samples = effective_samples(deviations)
    if samples < _FEWEST_SAMPLES:
        raise InputError(
            f"heat capacity: {sum(map(len, deviations))} frames hold {samples:.1f} independent energies, and "
            f"{_FEWEST_SAMPLES:g} are the least; simulate longer"
        )
    variance = mean([own**2 for own in deviations])
    factor = samples / (samples - 1.0) * GAS_CONSTANT_KCAL / kT**2  # the mean was taken from the same frames
    kinetic = 0.5 * degrees_of_freedom * GAS_CONSTANT_KCAL
    number = min(samples, variance.effective_samples)
    return Estimate(factor * variance.value + kinetic, factor * variance.error, number, "kcal/mol/K")
