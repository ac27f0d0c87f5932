"""What OpenMM's methods need to know of a temperature, and random numbers of their own."""

# pyright: reportAttributeAccessIssue=false
# (OpenMM makes its units when it is imported)
import json
import random
from collections.abc import Sequence
from typing import Any

import openmm
from openmm import unit

GAS_CONSTANT_KJ = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)


def thermodynamic_states(temperatures_K: Sequence[float], context: openmm.Context) -> list[dict[str, float]]:
    """A dictionary for each temperature, as OpenMM's methods take it.

    The integrator of multiple time steps keeps its temperature in a variable of its own.
    """
    integrator = context.getIntegrator()
    states: list[dict[str, float]] = [{"temperature": temperature} for temperature in temperatures_K]
    if isinstance(integrator, openmm.CustomIntegrator):
        for state in states:
            state["kT"] = GAS_CONSTANT_KJ * state["temperature"]
    return states


def random_state_text(generator: random.Random) -> str:
    """The state of a generator as text."""
    return json.dumps(generator.getstate())


def set_random_state(generator: random.Random, text: str) -> None:
    """Go back to a state."""
    version, numbers, gauss = json.loads(text)
    generator.setstate((version, tuple(numbers), gauss))


def plain(values: Sequence[Any]) -> list[float]:
    """Numbers that may come as OpenMM's quantities without unit."""
    return [float(value) for value in values]
