"""Replica exchange by `openmm.app.ReplicaExchangeSampler`: a replica at each temperature, in one context by turns."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOptionalSubscript=false
# (OpenMM makes its units when it is imported)
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import openmm
from openmm import app, unit

from ai2bmd.sampling.sampler import EngineSimulation, Sampler, pack, unpack
from ai2bmd.sampling.settings import ReplicaExchange
from ai2bmd.sampling.temperatures import GAS_CONSTANT_KJ, random_state_text, set_random_state, thermodynamic_states
from ai2bmd.sampling.variables import CollectiveVariable
from ai2bmd.sampling.watch import add_watch, current_values

if TYPE_CHECKING:
    from ai2bmd.engine import Engine, EngineState

_EV_PER_KJ = 1.0 / 96.48533212331002


class _Exchanges(app.ReplicaExchangeSampler):
    """OpenMM's method with random numbers of its own, and with a count of what was accepted between neighbours."""

    def __init__(self, states: list[dict[str, float]], simulation: EngineSimulation, every: int, seed: int) -> None:
        super().__init__(states, simulation, every)
        self.random = random.Random(seed)
        self.kT_kJ = [GAS_CONSTANT_KJ * state["temperature"] for state in states]
        self.attempted, self.accepted = np.zeros((2, len(states) - 1), dtype=int)

    def exchangeReplicas(self) -> None:  # OpenMM's name
        """Try to exchange the temperatures of pairs at random (Sugita and Okamoto, Chem. Phys. Lett. 314, 141)."""
        self.attempted[:], self.accepted[:] = 0, 0
        for _ in range(self.exchangesPerIteration):
            first, second = self.random.sample(range(len(self.states)), 2)
            states = self.replicaStateIndex[first], self.replicaStateIndex[second]
            beta = [1.0 / self.kT_kJ[state] for state in states]
            energies = self.replicaStateEnergy[first], self.replicaStateEnergy[second]
            exponent = (beta[0] - beta[1]) * (energies[0] - energies[1])
            accepted = self.random.random() < math.exp(min(0.0, exponent))
            if accepted:
                self.replicaStateIndex[first], self.replicaStateIndex[second] = states[1], states[0]
            if abs(states[0] - states[1]) == 1:
                self.attempted[min(states)] += 1
                self.accepted[min(states)] += accepted


@dataclass(frozen=True, eq=False)
class ReplicaView:
    """A replica at one instant."""

    replica: int
    temperature_index: int
    state: "EngineState"
    values: tuple[float, ...]
    """Of the variables."""


class ReplicaExchangeSampler(Sampler):
    """OpenMM's replica exchange on an engine, whose context shows the replica at the lowest temperature."""

    def __init__(self, settings: ReplicaExchange, variables: Sequence[CollectiveVariable], *, seed: int) -> None:
        """Plan for one system."""
        self._settings, self._variables, self._seed = settings, tuple(variables), seed
        names = (variable.settings.column for variable in variables)
        self.columns = ("temperature_index", "thermostat_K", "replica", *names, "potential_energy_eV")
        self.replicas = count = len(settings.temperatures_K)
        pairs = [f"{lower}_{lower + 1}" for lower in range(count - 1)]
        self.exchange_columns = (
            *(f"temperature_of_replica_{number}" for number in range(count)),
            *(f"energy_of_replica_{number}_eV" for number in range(count)),
            *(f"attempted_{pair}" for pair in pairs),
            *(f"accepted_{pair}" for pair in pairs),
        )
        self._watch: openmm.CustomCVForce | None = None
        self._exchanges: list[list[float | int]] = []
        self._views: dict[int, ReplicaView] = {}

    @property
    def temperatures_K(self) -> tuple[float, ...]:
        """From the lowest."""
        return self._settings.temperatures_K

    def add_to(self, system: openmm.System) -> None:
        """Add the variables to look at."""
        if self._variables:
            self._watch = add_watch(system, self._variables)

    def begin(self) -> None:
        """Start all replicas at the context's positions, each with velocities of its temperature."""
        self._make_method()
        self.draw_velocities(self._seed % (2**31 - 1) + 1, temperature_K=self.temperatures_K[0])

    def _make_method(self) -> None:
        states = thermodynamic_states(self.temperatures_K, self.context)
        self._method = _Exchanges(states, self._simulation, self._settings.every, self._seed)
        self._exchanges, self._views = [], {}

    def draw_velocities(self, seed: int, *, temperature_K: float) -> None:
        """For all replicas, each at its temperature."""
        drawn = np.random.SeedSequence(seed).generate_state(len(self.temperatures_K)) % (2**31 - 1) + 1
        for replica, own in enumerate(drawn.tolist()):
            self._show(replica)
            index = self._method.replicaStateIndex[replica]
            self.context.setVelocitiesToTemperature(self.temperatures_K[index], own)
            self._method.replicaConformation[replica] = self._conformation()
        self._show_lowest()

    def step(self, steps: int) -> None:
        """Advance every replica, and exchange temperatures now and then."""
        every = self._settings.every
        while steps > 0:
            part = min(steps, every - self._simulation.currentStep % every)
            due = (self._simulation.currentStep + part) % every == 0
            energies_kJ = []
            for replica in range(len(self.temperatures_K)):
                self._method.simulateReplica(replica, part)
                if due:
                    energy = self.context.getState(energy=True).getPotentialEnergy()
                    energies_kJ.append(energy.value_in_unit(unit.kilojoule_per_mole))
            if due:
                self._exchange(energies_kJ)
            self._show_lowest()
            steps -= part

    def look(self, engine: "Engine", check: "Callable[[EngineState], str | None]") -> str | None:
        """What is wrong with a replica at a higher temperature; the context stays at it."""
        views = {}
        for index, temperature_K in enumerate(self.temperatures_K):
            replica = self._method.replicaStateIndex.index(index)
            self._show(replica)
            self._method._sampler.applyState(index)
            state = engine.state()
            if index and (problem := check(state)):
                before = next((view for view in self._views.values() if view.replica == replica), None)
                self.before_A = None if before is None else before.state.positions_A
                return f"(replica {replica} at {temperature_K:.0f} K) {problem}"
            values = current_values(self._watch, self.context, self._variables) if self._watch is not None else ()
            views[index] = ReplicaView(replica, index, state, values)
        self._views = views
        self._show_lowest()
        return None

    def views(self) -> list[ReplicaView]:
        """All replicas at the last look, by temperature."""
        return list(self._views.values())

    def rows(self, state: "EngineState") -> list[list[float | int]]:
        """A row for each temperature."""
        return [
            [index, self.temperatures_K[index], view.replica, *view.values, view.state.potential_energy]
            for index, view in self._views.items()
        ]

    def take_exchanges(self) -> list[list[float | int]]:
        """Rows about the exchanges since the last call: step, time (ps), then numbers for `exchange_columns`."""
        rows, self._exchanges = self._exchanges, []
        return rows

    def save(self) -> bytes:
        """Positions, velocities and temperature of each replica, and random numbers."""
        conformations = self._method.replicaConformation
        return pack(
            positions_nm=np.stack([state.getPositions(asNumpy=True)._value for state in conformations]),
            velocities=np.stack([state.getVelocities(asNumpy=True)._value for state in conformations]),
            temperature_index=np.array(self._method.replicaStateIndex),
            random=np.array(random_state_text(self._method.random)),
        )

    def load(self, state: bytes) -> None:
        """Go back to what it was."""
        self._make_method()
        arrays, method = unpack(state), self._method
        method.replicaStateIndex = arrays["temperature_index"].tolist()
        method._previousReplicaStateIndex = method.replicaStateIndex[:]
        set_random_state(method.random, str(arrays["random"]))
        for replica, (positions_nm, velocities) in enumerate(
            zip(arrays["positions_nm"], arrays["velocities"], strict=True)
        ):
            self.context.setPositions(positions_nm)
            self.context.setVelocities(velocities)
            method.replicaConformation[replica] = self._conformation()
        self._show_lowest()

    def _exchange(self, energies_kJ: list[float]) -> None:
        method, before = self._method, self._method.replicaStateIndex[:]
        if not np.isfinite(energies_kJ).all():
            return  # the guard has the word
        method.replicaStateEnergy = energies_kJ
        method.currentIteration += 1
        method.exchangeReplicas()
        for replica, (old, new) in enumerate(zip(before, method.replicaStateIndex, strict=True)):
            if old != new:
                self._show(replica)
                scale = math.sqrt(self.temperatures_K[new] / self.temperatures_K[old])
                velocities = method.replicaConformation[replica].getVelocities(asNumpy=True)
                self.context.setVelocities(velocities * scale)
                method.replicaConformation[replica] = self._conformation()
        method._previousReplicaStateIndex = method.replicaStateIndex[:]
        time_ps = self.context.getTime().value_in_unit(unit.picosecond)
        counts = [*method.attempted.tolist(), *method.accepted.tolist()]
        energies_eV = [energy * _EV_PER_KJ for energy in energies_kJ]
        self._exchanges.append(
            [self._simulation.currentStep, time_ps, *method.replicaStateIndex, *energies_eV, *counts]
        )

    def _conformation(self) -> Any:
        return self.context.getState(positions=True, velocities=True, parameters=True, integratorParameters=True)

    def _show(self, replica: int) -> None:
        self.context.setState(self._method.replicaConformation[replica])

    def _show_lowest(self) -> None:
        self._show(self._method.replicaStateIndex.index(0))
        self._method._sampler.applyState(0)
