"""Constants of thermodynamics (CODATA 2018) in the units of this part: kcal/mol and K."""

from ai2bmd.errors import InputError

GAS_CONSTANT_KCAL = 8.31446261815324e-3 / 4.184
"""kcal/mol/K."""
KCAL_PER_EV = 96.48533212331002 / 4.184


def thermal_energy(temperature_K: float) -> float:
    """kT in kcal/mol.

    Raises:
        InputError: the temperature is not positive.
    """
    if not temperature_K > 0.0:
        raise InputError(f"temperature_K: expected a positive temperature in K, got {temperature_K!r}")
    return GAS_CONSTANT_KCAL * temperature_K
