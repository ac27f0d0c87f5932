"""Well-tempered metadynamics by `openmm.app.Metadynamics`, with walls and with a memory that can be saved."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
# (OpenMM makes its units when it is imported, and does not say that groups may be a set)
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app, unit

from ai2bmd.sampling.free_energy import FreeEnergySurface
from ai2bmd.sampling.sampler import BIAS_GROUP, WALL_GROUP, Sampler, pack, unpack
from ai2bmd.sampling.settings import Metadynamics
from ai2bmd.sampling.variables import CollectiveVariable
from ai2bmd.sampling.watch import check_ranges, current_values

if TYPE_CHECKING:
    from ai2bmd.engine import EngineState

KJ_PER_KCAL = 4.184
_KCAL_PER_EV = 23.060547830619026
_GAS_CONSTANT_KJ = 8.31446261815324e-3  # per mol and K, CODATA 2018
_WALL = 0.5
"""Energy of the walls one width beyond the range, in units of kT times the bias factor, the energy that the variables
have in the end; stiffer walls leave wider marks on the free energy at the ends of the range."""
_WALL_WIDTHS = 2.0
"""How far beyond, in widths, a system may start."""


class MetadynamicsSampler(Sampler):
    """OpenMM's metadynamics on an engine."""

    groups = frozenset({BIAS_GROUP, WALL_GROUP})

    def __init__(
        self, settings: Metadynamics, variables: Sequence[CollectiveVariable], *, temperature_K: float
    ) -> None:
        """Plan for one system."""
        self._settings, self._variables, self._temperature_K = settings, tuple(variables), temperature_K
        self.columns = (*(variable.settings.column for variable in variables), "bias_kcal_mol", "gaussians")
        self._saved: bytes | None = None

    def add_to(self, system: openmm.System) -> None:
        """Add bias and walls."""
        self._bias = [_bias_variable(variable) for variable in self._variables]
        self._method = app.Metadynamics(
            system,
            self._bias,
            self._temperature_K,
            self._settings.bias_factor,
            self._settings.height * KJ_PER_KCAL,
            self._settings.every,
        )
        self._force = system.getForce(system.getNumForces() - 1)
        self._force.setForceGroup(BIAS_GROUP)
        _add_walls(
            system,
            self._variables,
            energy_kJ=_WALL * self._settings.bias_factor * _GAS_CONSTANT_KJ * self._temperature_K,
        )

    def begin(self) -> None:
        """Start without bias.

        Raises:
            InputError: a variable is so far outside its range that walls would throw the system back.
        """
        self._set_bias(np.zeros_like(self._method._totalBias), 0)
        check_ranges(self._variables, self.values(), tolerance_widths=_WALL_WIDTHS)

    def step(self, steps: int) -> None:
        """Advance, leaving Gaussians behind."""
        before = self._simulation.currentStep // self._settings.every
        self._method.step(self._simulation, steps)
        added = self._simulation.currentStep // self._settings.every - before
        if added:
            self._gaussians += added
            self._saved = None

    def values(self) -> tuple[float, ...]:
        """The variables, in the units of the settings."""
        return current_values(self._force, self.context, self._variables)

    def rows(self, state: "EngineState") -> list[list[float | int]]:
        """Variables, bias (walls included) and number of Gaussians."""
        return [[*self.values(), state.energy_bias * _KCAL_PER_EV, self._gaussians]]

    def save(self) -> bytes:
        """The bias on its grid, and how many Gaussians it is made of."""
        if self._saved is None:
            self._saved = pack(bias_kJ=self._method._totalBias, gaussians=self._gaussians)
        return self._saved

    def load(self, state: bytes) -> None:
        """Go back to a bias."""
        if state != self._saved:
            arrays = unpack(state)
            self._set_bias(arrays["bias_kJ"], int(arrays["gaussians"]))
            self._saved = state

    def free_energy(self) -> FreeEnergySurface:
        """What the bias tells so far."""
        kJ = self._method.getFreeEnergy().value_in_unit(unit.kilojoule_per_mole)
        energy = np.transpose(kJ) / KJ_PER_KCAL  # OpenMM has the first variable last
        axes = []
        for number, variable in enumerate(self._variables):
            own = variable.settings
            low, high = own.range
            values = np.linspace(low - own.margin, high + own.margin, own.grid_points)
            inside = (values >= low - 1e-9) & (values <= high + 1e-9)
            axes.append(values[inside])
            energy = np.compress(inside, energy, axis=number)
        columns = tuple(variable.settings.column for variable in self._variables)
        return FreeEnergySurface(columns, tuple(axes), energy - energy.min())

    def _set_bias(self, bias_kJ: Float[np.ndarray, "..."], gaussians: int) -> None:
        """OpenMM's class reads a bias from files only, which could not be in step with checkpoints; so from within."""
        method = self._method
        method._selfBias, method._totalBias = bias_kJ.copy(), bias_kJ.copy()
        shape = [] if len(self._bias) == 1 else method._widths
        method._table.setFunctionParameters(*shape, bias_kJ.flatten(), *method._limits)
        self._force.updateParametersInContext(self.context)
        self._gaussians, self._saved = gaussians, None


def _bias_variable(variable: CollectiveVariable) -> app.BiasVariable:
    own, scale = variable.settings, variable.openmm
    low, high = own.range
    return app.BiasVariable(
        variable.make_force(),
        (low - own.margin) * scale,
        (high + own.margin) * scale,
        own.width * scale,
        own.periodic,
        own.grid_points,
    )


def _add_walls(system: openmm.System, variables: Sequence[CollectiveVariable], *, energy_kJ: float) -> None:
    """Springs beyond the ends of the ranges, for beyond the grid the bias ends abruptly."""
    for variable in variables:
        if variable.settings.periodic:
            continue
        low, high = (end * variable.openmm for end in variable.settings.range)
        stiffness = 2.0 * energy_kJ / (variable.settings.width * variable.openmm) ** 2
        wall = openmm.CustomCVForce(f"0.5*{stiffness!r}*(max(0,value-{high!r})^2+max(0,{low!r}-value)^2)")
        wall.addCollectiveVariable("value", variable.make_force())
        wall.setForceGroup(WALL_GROUP)
        wall.setName(f"walls of {variable.settings.name}")
        system.addForce(wall)
