"""Mean first-passage times and rates between states of a Markov state model.

From a state means from the microstates of its core as populated at equilibrium, into a state into its core. A passage
shorter than the lag time is not seen: times of cores that are left and entered again at once come out too long, by up
to about one lag.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.macrostates import Macrostates
from ai2bmd.analysis.kinetics.markov_model import MarkovModel, Matrices, sampled_values

_PS_PER_US = 1e6


@dataclass(frozen=True)
class Passage:
    """From one state to another."""

    source: str
    target: str
    time_ps: Estimate
    """Mean first-passage time. Its effective samples: expected number of passages there and back in all data."""
    rate_per_us: Estimate
    """Its inverse."""

    def __str__(self) -> str:
        samples = self.time_ps.effective_samples
        return (
            f"{self.source} to {self.target}: {self.time_ps}, about {samples:.2g} passages there and back in all data"
        )


def passages(model: MarkovModel, states: Macrostates) -> tuple[Passage, ...]:
    """Between every two states, both ways."""
    count = len(states.names)
    into = [first_passage_times(model, members) for members in states.cores]
    values, copies = np.zeros((count, count)), np.zeros((count, count, len(model.matrices)))
    for source, members in enumerate(states.cores):
        for target in range(count):
            if source != target:
                value, sampled = into[target]
                weights, resampled = model.stationary[members], model.stationaries[:, members]
                values[source, target] = (value[members] * weights).sum() / weights.sum()
                copies[source, target] = (sampled[:, members] * resampled).sum(1) / resampled.sum(1)
    return tuple(
        _passage(model, states, source, target, values, copies)
        for source in range(count)
        for target in range(count)
        if source != target
    )


def passage_between(model: MarkovModel, states: Macrostates, source: str, target: str) -> Passage:
    """From one named state to another.

    Raises:
        InputError: there is no such state.
    """
    wanted = states.names[states.index(source)], states.names[states.index(target)]
    return next(item for item in passages(model, states) if (item.source, item.target) == wanted)


def first_passage_times(
    model: MarkovModel, target: Int64[np.ndarray, " microstates"]
) -> tuple[Float64[np.ndarray, " states"], Float64[np.ndarray, "repeats states"]]:
    """Mean time (ps) from each microstate until a set is reached first, and those of resampled models."""

    def times(matrices: Matrices, _) -> np.ndarray:
        outside = np.setdiff1d(np.arange(matrices.shape[1]), target)
        result = np.zeros(matrices.shape[:2])
        system = np.eye(len(outside)) - matrices[:, outside[:, None], outside]
        result[:, outside] = np.linalg.solve(system, np.ones((len(matrices), len(outside), 1)))[..., 0]
        return result * model.lag_ps

    return sampled_values(model, times)


def _passage(
    model: MarkovModel,
    states: Macrostates,
    source: int,
    target: int,
    values: Float64[np.ndarray, "states states"],
    copies: Float64[np.ndarray, "states states repeats"],
) -> Passage:
    samples = model.length_ps / (values[source, target] + values[target, source])
    time = model.estimate_time(values[source, target], copies[source, target], samples=samples, unit="ps")
    rate = model.estimate_time(
        _PS_PER_US / values[source, target], _PS_PER_US / copies[source, target], samples=samples, unit="1/\u00b5s"
    )
    return Passage(states.names[source], states.names[target], time, rate)
