"""Looking at collective variables: of a context, of a structure, and whether they are where they are biased."""

from collections.abc import Sequence

import numpy as np
import openmm
from jaxtyping import Float

from ai2bmd.errors import InputError
from ai2bmd.sampling.sampler import WATCH_GROUP
from ai2bmd.sampling.variables import CollectiveVariable


def current_values(
    force: openmm.CustomCVForce, context: openmm.Context, variables: Sequence[CollectiveVariable]
) -> tuple[float, ...]:
    """Values, in the units of the settings, of the variables that a force was given."""
    found = force.getCollectiveVariableValues(context)
    return tuple(value / variable.openmm for value, variable in zip(found, variables, strict=True))


def add_watch(system: openmm.System, variables: Sequence[CollectiveVariable]) -> openmm.CustomCVForce:
    """Add a force without energy that knows the variables."""
    force = openmm.CustomCVForce("0")
    for number, variable in enumerate(variables):
        force.addCollectiveVariable(f"value{number}", variable.make_force())
    force.setForceGroup(WATCH_GROUP)
    force.setName("variables looked at")
    system.addForce(force)
    return force


def values_at(positions_A: Float[np.ndarray, "atoms 3"], variables: Sequence[CollectiveVariable]) -> tuple[float, ...]:
    """Values, in the units of the settings, at positions of the whole system with the protein in one piece."""
    system = openmm.System()
    for _ in range(len(positions_A)):
        system.addParticle(1.0)
    force = add_watch(system, variables)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions_A / 10.0)
    return current_values(force, context, variables)


def check_ranges(
    variables: Sequence[CollectiveVariable], values: Sequence[float], *, tolerance_widths: float = 0.0
) -> None:
    """Make sure that variables are where they are biased.

    Raises:
        InputError: one is outside its range, by more than so many widths.
    """
    for variable, value in zip(variables, values, strict=True):
        own = variable.settings
        low, high = own.range
        beyond = max(low - value, value - high)
        if not own.periodic and beyond > tolerance_widths * own.width:
            raise InputError(
                f"sampling: {own.name} is {value:.4g} at the start, outside its range {low:g} to {high:g}; give a "
                "`range` that holds it"
            )
