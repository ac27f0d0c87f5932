"""What another level of theory adds to the free energy of unfolding, from frames of both states.

Of a state s, whose frames have I = 1 among all, with w = exp(-dE/kT):

    dF_s = -kT ln(<I w> / <I>)

To first order an error of dF_s is the mean of psi = -kT I (w / <w>_s - 1) / <I> over all frames, in the order of time
and with 0 where the run was elsewhere (the influence function: Hampel, J. Am. Stat. Assoc. 69, 383, 1974). So psi of
unfolded less psi of folded frames has all that an error must have in it: how long dE is remembered within a visit, that
visits lie apart, and that both states share what is slow in dE, which then cancels in the difference.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from ai2bmd.analysis.correlation import Pieces, statistical_inefficiency
from ai2bmd.analysis.errors_of_means import mean
from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.level_reweighting import level_cure
from ai2bmd.analysis.thermodynamics.weights import Weights, check_weights
from ai2bmd.errors import InputError


@dataclass(frozen=True, eq=False)
class _State:
    """One of the states."""

    free_energy: float
    influence: list[Float64[np.ndarray, " frames"]]
    """Of every frame of each run, 0 outside of the state."""
    samples: float
    """Independent ones in the state, by their weight."""


def state_shift(changes_kcal_mol: Pieces, folded: Pieces, temperature_K: float, *, cumulant: bool = False) -> Estimate:
    """What another level adds to the free energy of unfolding, kcal/mol: its dF of unfolded frames less that of folded.

    Args:
        changes_kcal_mol: dE of each frame, one array a run.
        folded: 1 for each folded frame.
        temperature_K: of both levels.
        cumulant: to second order instead of by exponential average; for where that is refused.

    Raises:
        InputError: a state has no frames, or too few carry the weight in one.
    """
    changes = [np.asarray(piece, np.float64) for piece in changes_kcal_mol]
    kT, found = thermal_energy(temperature_K), []
    for state, name in ((0.0, "unfolded"), (1.0, "folded")):
        inside = [np.asarray(own) == state for own in folded]
        if not any(own.any() for own in inside):
            raise InputError(f"reweighting: there is no {name} frame; give runs that have both states")
        found.append((_by_cumulant if cumulant else _by_exponential)(changes, inside, kT, name))
    unfolded, native = found
    error = mean([one - other for one, other in zip(unfolded.influence, native.influence, strict=True)])
    samples = min(error.effective_samples, unfolded.samples, native.samples)
    return Estimate(unfolded.free_energy - native.free_energy, error.error, samples, "kcal/mol")


def _by_exponential(
    changes: list[Float64[np.ndarray, " frames"]], inside: list[Bool[np.ndarray, " frames"]], kT: float, name: str
) -> _State:
    """Refused where too few frames of the state carry its weight."""
    own = np.concatenate(changes)[np.concatenate(inside)]
    lowest, total = own.min(), sum(map(len, changes))
    factors = [np.where(at, np.exp(-(piece - lowest) / kT), 0.0) for piece, at in zip(changes, inside, strict=True)]
    joined = np.concatenate(factors)
    average = joined.sum() / len(own)
    share = len(own) / total
    influence = [-kT * at * (factor / average - 1.0) / share for factor, at in zip(factors, inside, strict=True)]
    kish = float(joined.sum() ** 2 / (joined**2).sum())
    samples = kish / statistical_inefficiency(influence)
    weights = Weights(tuple(own / joined.sum() for own in factors), kish, float(joined.max() / joined.sum()), samples)
    cure = level_cure(float(own.std()) / kT, kT)
    check_weights(weights, what=f"reweighting {name} frames to the other level", cure=cure)
    return _State(float(lowest - kT * np.log(average)), influence, samples)


def _by_cumulant(
    changes: list[Float64[np.ndarray, " frames"]], inside: list[Bool[np.ndarray, " frames"]], kT: float, _name: str
) -> _State:
    own = np.concatenate(changes)[np.concatenate(inside)]
    middle, variance, share = own.mean(), own.var(), len(own) / sum(map(len, changes))
    influence = [
        at * (piece - middle - ((piece - middle) ** 2 - variance) / (2.0 * kT)) / share
        for piece, at in zip(changes, inside, strict=True)
    ]
    samples = len(own) / statistical_inefficiency(influence)
    return _State(float(middle - variance / (2.0 * kT)), influence, samples)
