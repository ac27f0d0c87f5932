"""Simulated tempering by `openmm.app.ExpandedEnsembleSampler`, of which OpenMM's SimulatedTempering is another name."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# (OpenMM makes its units when it is imported)
import json
import random
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import openmm
from openmm import app

from ai2bmd.sampling.sampler import Sampler
from ai2bmd.sampling.settings import SimulatedTempering
from ai2bmd.sampling.temperatures import plain, random_state_text, set_random_state, thermodynamic_states
from ai2bmd.sampling.variables import CollectiveVariable
from ai2bmd.sampling.watch import add_watch, current_values

if TYPE_CHECKING:
    from ai2bmd.engine import EngineState

_REMEMBERED = (
    "currentIteration",
    "currentStateIndex",
    "_stage",
    "_weights",
    "_weightUpdateFactor",
    "_histogram",
    "_hasMadeTransition",
)
"""Attributes of OpenMM's class; the last four it has only where it looks for the weights itself."""
_GLOBAL_RANDOM = threading.Lock()


class TemperingSampler(Sampler):
    """OpenMM's simulated tempering on an engine."""

    def __init__(self, settings: SimulatedTempering, variables: Sequence[CollectiveVariable], *, seed: int) -> None:
        """Plan for one system."""
        self._settings, self._variables, self._seed = settings, tuple(variables), seed
        weights = (f"weight_{number}" for number in range(len(settings.temperatures_K)))
        names = (variable.settings.column for variable in variables)
        self.columns = (*names, "temperature_index", "thermostat_K", *weights)
        self._watch: openmm.CustomCVForce | None = None

    def add_to(self, system: openmm.System) -> None:
        """Add the variables to look at."""
        if self._variables:
            self._watch = add_watch(system, self._variables)

    def begin(self) -> None:
        """Start at the lowest temperature."""
        states = thermodynamic_states(self._settings.temperatures_K, self.context)
        weights = None if self._settings.weights is None else list(self._settings.weights)
        self._method = app.ExpandedEnsembleSampler(states, self._simulation, self._settings.every, weights=weights)
        self._simulation.reporters.clear()  # its way to be called; here `step` does so
        self._random = random.Random(self._seed)

    def draw_velocities(self, seed: int, *, temperature_K: float) -> None:
        """For the temperature it is at."""
        super().draw_velocities(seed, temperature_K=self._settings.temperatures_K[self._method.currentStateIndex])

    def step(self, steps: int) -> None:
        """Advance, changing the temperature now and then."""
        every = self._settings.every
        while steps > 0:
            part = min(steps, every - self._simulation.currentStep % every)
            self._simulation.step(part)
            steps -= part
            if self._simulation.currentStep % every == 0:
                self._change_temperature()

    def _change_temperature(self) -> None:
        self.context.getState(energy=True)  # a model that others share is asked here, where nobody has to wait
        state = self.context.getState(velocities=True)
        with _GLOBAL_RANDOM:  # OpenMM's class draws from Python's own generator
            others = random.getstate()
            random.setstate(self._random.getstate())
            try:
                self._method.attemptStateChange(state)
            finally:
                self._random.setstate(random.getstate())
                random.setstate(others)

    def rows(self, state: "EngineState") -> list[list[float | int]]:
        """Variables, temperature and weights."""
        values = current_values(self._watch, self.context, self._variables) if self._watch is not None else ()
        index = self._method.currentStateIndex
        return [[*values, index, self._settings.temperatures_K[index], *plain(self._method.weights)]]

    def save(self) -> bytes:
        """Temperature, weights and random numbers."""
        kept = {name: getattr(self._method, name) for name in _REMEMBERED if hasattr(self._method, name)}
        kept["_weights"] = plain(kept["_weights"])
        if "_weightUpdateFactor" in kept:
            kept["_weightUpdateFactor"] = float(kept["_weightUpdateFactor"])
        return json.dumps({"method": kept, "random": random_state_text(self._random)}).encode()

    def load(self, state: bytes) -> None:
        """Go back to what it was."""
        self.begin()
        kept = json.loads(state)
        for name, value in kept["method"].items():
            setattr(self._method, name, value)
        set_random_state(self._random, kept["random"])
        self._method._sampler.applyState(self._method.currentStateIndex)
