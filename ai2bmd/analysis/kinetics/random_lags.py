"""Transitions counted with lag times drawn at random: our own way, not a published method.

A Markov chain seen at random times is a Markov chain still, with T = mean of T_1^L over the lags L, so that
eigenvalues become means of powers. Here every window has a lag of its own, a Poisson number of frames with a given
mean and never 0, and timescales are found from the eigenvalues by the exact mean over the lags that were drawn, where
-lag / ln would be too long. The idea to perturb the lag by a Poisson process is that of Gong et al., J. Phys. Chem. B
126, 9465 (2022), known here by their abstract alone; their distribution of lags and their estimator could not be
checked.
"""

import numpy as np

from ai2bmd.analysis.kinetics.transitions import StateRuns, Transitions, check_lag, gather
from ai2bmd.errors import InputError


def count_with_random_lags(trajectories: StateRuns, *, mean_lag: float, seed: int = 0) -> Transitions:
    """Count one window from each frame, of a random lag; windows that leave their run are dropped.

    Dropping does not depend on the states, so it biases nothing; frames near the end of a run use shorter lags.

    Args:
        trajectories: state of each frame.
        mean_lag: in frames, 1 or more.
        seed: of the random numbers.

    Raises:
        InputError: no run is longer than the mean lag, or no two states are connected both ways.
    """
    if not mean_lag >= 1.0:
        raise InputError(f"a mean lag time of {mean_lag} frames; it must be 1 frame or more")
    check_lag(trajectories, lag=int(np.ceil(mean_lag)))
    generator, firsts, lasts = np.random.default_rng(seed), [], []
    for run in trajectories:
        last = np.arange(len(run)) + _draw(generator, mean_lag, len(run))
        inside = last < len(run)
        firsts.append(np.flatnonzero(inside))
        lasts.append(last[inside])
    drawn = np.concatenate([last - first for first, last in zip(firsts, lasts, strict=True)])
    lags, counts = np.unique(drawn, return_counts=True)
    return gather(trajectories, firsts, lasts, lags=lags, shares=counts / counts.sum(), longest_lag=int(lags[-1]))


def _draw(generator: np.random.Generator, mean: float, count: int) -> np.ndarray:
    """One frame, and a Poisson number of further ones."""
    return 1 + generator.poisson(mean - 1.0, size=count)
