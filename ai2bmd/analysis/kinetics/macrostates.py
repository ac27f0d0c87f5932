"""States of interest as sets of microstates: found by their slow exchange, or named by whoever knows them.

Found: PCCA+ (Röblitz, Weber, Adv. Data Anal. Classif. 7, 147, 2013), each microstate given to the state it belongs to
most; from a membership of 0.9 on it is in the core. Named: a microstate belongs to a named state when most of its
frames do; microstates may stay outside of all, and every member is core.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.markov_model import MarkovModel
from ai2bmd.analysis.kinetics.transitions import StateRuns
from ai2bmd.errors import InputError

_MOST_STATES = 5
_CORE = 0.9
"""Membership from which on a microstate is in the core of its state."""
_GAP = 1.5
"""A smaller gap between timescales separates nothing: two states then say it all."""


@dataclass(frozen=True, eq=False)
class Macrostates:
    """Disjoint sets of the microstates of a model."""

    names: tuple[str, ...]
    members: tuple[Int64[np.ndarray, " microstates"], ...]
    """As numbered in the model."""
    cores: tuple[Int64[np.ndarray, " microstates"], ...]
    """The part of the members that is surely in the state: between these passages and paths are taken, for to cross a
    border and to return at once is neither."""
    populations: tuple[Estimate, ...]
    """Of the members, at equilibrium."""
    reason: str
    """How they were found."""

    def index(self, name: str) -> int:
        """Of a state.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"there is no state {name!r}; the states are {', '.join(self.names)}")
        return self.names.index(name)

    def of_frames(self, model: MarkovModel, trajectories: StateRuns) -> list[Int64[np.ndarray, " frames"]]:
        """Which state each frame is in; -1 for none."""
        largest = max(int(run.max(initial=0)) for run in trajectories)
        table = np.full(max(largest, int(model.transitions.states.max())) + 2, -1)  # the last: for -1
        for number, members in enumerate(self.members):
            table[model.transitions.states[members]] = number
        return [table[run] for run in trajectories]


def find_macrostates(model: MarkovModel, *, count: int | None = None) -> Macrostates:
    """The most persistent states, the most populated first.

    Args:
        model: of the microstates.
        count: of states; by the largest gap between timescales longer than the lag if None.

    Raises:
        InputError: more states are asked for than there are microstates.
    """
    from deeptime.markov import pcca

    reason = f"{count} states were asked for."
    if count is None:
        count, reason = _count_by_gap(model)
    if not 2 <= count <= len(model.stationary):
        raise InputError(f"{count} states of {len(model.stationary)} microstates; give 2 to {len(model.stationary)}")
    memberships = np.asarray(pcca(model.matrix, count, stationary_distribution=model.stationary).memberships)
    sets = [np.flatnonzero(memberships.argmax(1) == state) for state in range(count)]
    order = sorted(
        (state for state in range(count) if len(sets[state])), key=lambda s: -model.stationary[sets[s]].sum()
    )
    cores = [np.flatnonzero(memberships[:, state] >= min(_CORE, memberships[:, state].max())) for state in order]
    names = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(order)])
    return _macrostates(model, names, [sets[state] for state in order], cores, reason)


def name_macrostates(
    model: MarkovModel, trajectories: StateRuns, frames: Mapping[str, Sequence[Bool[np.ndarray, " frames"]]]
) -> Macrostates:
    """States given by which frames are in them, such as {"folded": [q > 0.8 for q in runs], ...}.

    Raises:
        InputError: fewer than two states, frames in two states, or a state that no microstate belongs to.
    """
    if len(frames) < 2:
        raise InputError(f"{len(frames)} state is named; rates need two or more")
    joined, states = np.concatenate(list(trajectories)), model.transitions.states
    visits = np.bincount(joined[joined >= 0], minlength=int(states.max()) + 1)[states]
    sets, taken = [], np.zeros(len(joined), dtype=bool)
    for name, masks in frames.items():
        if [len(mask) for mask in masks] != [len(run) for run in trajectories]:
            raise InputError(f"state {name!r}: one array a run with one value a frame is needed")
        inside = np.concatenate([np.asarray(mask, dtype=bool) for mask in masks])
        if (taken & inside).any():
            raise InputError(f"{int((taken & inside).sum())} frames of state {name!r} are also in another state")
        taken |= inside
        hits = np.bincount(joined[inside & (joined >= 0)], minlength=int(states.max()) + 1)[states]
        sets.append(np.flatnonzero(hits > 0.5 * visits))
        if not len(sets[-1]):
            raise InputError(
                f"state {name!r} has {int(inside.sum())} frames, but is the larger part of no microstate: widen the "
                "state, take more microstates, or features that tell it from the others"
            )
    return _macrostates(model, tuple(frames), sets, sets, "The states were named.")


def _macrostates(
    model: MarkovModel,
    names: tuple[str, ...],
    sets: Sequence[np.ndarray],
    cores: Sequence[np.ndarray],
    reason: str,
) -> Macrostates:
    samples = model.relaxations(model.slowest_ps)
    populations = tuple(
        model.estimate(model.stationary[members].sum(), model.stationaries[:, members].sum(1), samples=samples)
        for members in sets
    )
    return Macrostates(names, tuple(sets), tuple(cores), populations, reason)


def _count_by_gap(model: MarkovModel) -> tuple[int, str]:
    times = [scale.value for scale in model.timescales(_MOST_STATES)]
    slow = [time for time in times if time > model.lag_ps]
    if len(slow) < 2:
        return 2, "Two states, for no more than one process is slower than the lag time."
    ratios = [before / after for before, after in zip(slow, times[1:], strict=False)]
    best = int(np.argmax(ratios))
    if ratios[best] < _GAP:
        return 2, "Two states, for no gap separates the timescales."
    return (
        best + 2,
        f"{best + 2} states, for timescale {best + 2} is {ratios[best]:.2g} times shorter than the one before.",
    )
