"""What is subtracted from a model's energy of each molecule, so that with the environment it is not counted twice.

The environment has the molecules' energy E_env in it. A model of total energies V is to replace it: V - E_env. A model
of corrections stands for V = E_amber19 + Delta: in amber19 the two cancel and nothing is left to subtract; in another
environment it is E_env - E_amber19 that has to go.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.amoeba import build_amoeba
from ai2bmd.environment import EnvironmentName, ForceFieldEnergy, build_environment
from ai2bmd.errors import InputError
from ai2bmd.fragment_system import fragment_kinds, fragment_openmm_topology, fragment_system
from fragmentation.plan import FragmentPlan

ForceFieldTerm = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Positions of all fragments' atoms (A) -> signed sum of their energies (eV) and its forces (eV/A)."""


def subtracted_energy(
    plan: FragmentPlan, *, kind: Literal["correction", "full"], environment: EnvironmentName
) -> ForceFieldTerm | None:
    """The term of a plan; None if there is nothing to subtract.

    Args:
        plan: the fragments, or the whole protein as one.
        kind: of the model.
        environment: that the model is to work in.

    Raises:
        InputError: a force field has no template for a fragment.
    """
    if environment == "amber19":
        return _amber(plan) if kind == "full" else None
    amoeba = AmoebaFragments(plan)
    return amoeba if kind == "full" else _difference(amoeba, _amber(plan))


def _amber(plan: FragmentPlan) -> ForceFieldTerm:
    if plan.kinds == ("protein",):  # no list of pairs, which grows with the square
        return ForceFieldEnergy(build_environment(fragment_openmm_topology(plan), solvent="gas"))
    return ForceFieldEnergy(fragment_system(plan, scale=plan.coefficients))


def _difference(first: ForceFieldTerm, second: ForceFieldTerm) -> ForceFieldTerm:
    def term(positions: np.ndarray) -> tuple[float, np.ndarray]:
        (energy, forces), (other_energy, other_forces) = first(positions), second(positions)
        return energy - other_energy, forces - other_forces

    return term


class AmoebaFragments:
    """AMOEBA on each fragment alone, in the gas phase.

    Polarization is not a sum of pairs, and OpenMM's AMOEBA cannot leave out interactions between molecules: each
    chemically different fragment has a System of its own, at work on all its copies in turn.
    """

    def __init__(self, plan: FragmentPlan) -> None:
        """Build the Systems.

        Raises:
            InputError: AMOEBA has no template for a fragment.
        """
        bounds = np.searchsorted(plan.fragment_index, np.arange(plan.n_fragments + 1)).tolist()
        self._places = [slice(begin, end) for begin, end in pairwise(bounds)]
        self._signs = plan.coefficients.tolist()
        known: dict[tuple, ForceFieldEnergy] = {}
        self._molecules = []
        for fragment, chemistry in enumerate(fragment_kinds(plan)):
            if chemistry not in known:
                known[chemistry] = _amoeba_alone(plan, fragment)
            self._molecules.append(known[chemistry])

    def __call__(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float64[np.ndarray, "atoms 3"]]:
        """See `ForceFieldTerm`."""
        energy, forces = 0.0, np.empty(positions.shape)
        for place, sign, molecule in zip(self._places, self._signs, self._molecules, strict=True):
            own_energy, own_forces = molecule(positions[place])
            energy += sign * own_energy
            forces[place] = sign * own_forces
        return energy, forces


def _amoeba_alone(plan: FragmentPlan, fragment: int) -> ForceFieldEnergy:
    try:
        return ForceFieldEnergy(build_amoeba(fragment_openmm_topology(plan, [fragment]), solvent="gas"))
    except InputError as error:
        raise InputError(f"fragment {plan.labels[fragment]} ({plan.types[fragment]}): {error}") from error
