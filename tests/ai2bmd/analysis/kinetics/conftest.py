"""Processes whose kinetics are known exactly: a Markov chain of three states, and diffusion in a double well."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.linalg import expm

FRAME_PS = 2.0
BARRIER = 3.0
DIFFUSION = 0.02  # times the time of a frame


@dataclass(frozen=True)
class Chain:
    """A reversible Markov chain and what follows from its matrix."""

    matrix: np.ndarray

    @property
    def stationary(self) -> np.ndarray:
        values, vectors = np.linalg.eig(self.matrix.T)
        vector = vectors[:, values.real.argmax()].real
        return vector / vector.sum()

    def timescales(self, count: int) -> np.ndarray:
        """In frames."""
        values = np.sort(np.linalg.eigvals(self.matrix).real)[::-1]
        return -1.0 / np.log(values[1 : count + 1])

    def first_passage(self, source: int, target: int) -> float:
        """In frames, from the fundamental matrix (Kemeny, Snell)."""
        pi = self.stationary
        fundamental = np.linalg.inv(np.eye(len(pi)) - self.matrix + np.outer(np.ones(len(pi)), pi))
        return (fundamental[target, target] - fundamental[source, target]) / pi[target]

    def run(self, *, frames: int, copies: int, seed: int) -> np.ndarray:
        """Copies that start at equilibrium, shape (copies, frames)."""
        generator = np.random.default_rng(seed)
        cumulative = np.cumsum(self.matrix, axis=1)
        states = np.empty((frames, copies), dtype=np.int64)
        states[0] = generator.choice(len(self.matrix), size=copies, p=self.stationary)
        for frame in range(1, frames):
            states[frame] = (cumulative[states[frame - 1]] < generator.random(copies)[:, None]).sum(1)
        return states.T.copy()


@pytest.fixture(scope="session")
def chain() -> Chain:
    """Two states that exchange fast, and a third."""
    return Chain(np.array([[0.93, 0.06, 0.01], [0.09, 0.90, 0.01], [0.006, 0.004, 0.99]]))


@pytest.fixture(scope="session")
def two_states() -> Chain:
    """One twice as populated as the other."""
    return Chain(np.array([[0.99, 0.01], [0.02, 0.98]]))


@dataclass(frozen=True)
class DoubleWell:
    """Diffusion in U = barrier (x^2 - 1)^2 (kT) on a grid, seen every frame: a chain of as many states as the grid."""

    places: np.ndarray
    chain: Chain

    def first_passage(self, source: float, target: float) -> float:
        """Exact mean time in frames from one place until another, or one beyond it, is reached."""
        start = int(np.abs(self.places - source).argmin())
        left = self.places < target - 1e-9
        inside = self.chain.matrix[np.ix_(left, left)]
        return float(np.linalg.solve(np.eye(left.sum()) - inside, np.ones(left.sum()))[start])


@pytest.fixture(scope="session")
def double_well() -> DoubleWell:
    """Transition matrix of a frame from the Smoluchowski operator: hops with rates D exp(-dU / 2) / width^2."""
    places = np.linspace(-2.0, 2.0, 41)
    energy, width = BARRIER * (places**2 - 1.0) ** 2, places[1] - places[0]
    ahead = np.exp(-np.diff(energy) / 2.0) / width**2
    back = np.exp(np.diff(energy) / 2.0) / width**2
    operator = np.diag(ahead, 1) + np.diag(back, -1)
    operator -= np.diag(operator.sum(1))
    return DoubleWell(places, Chain(expm(DIFFUSION * operator)))
