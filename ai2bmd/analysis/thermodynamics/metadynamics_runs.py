"""Several runs of metadynamics together: each is weighted by its own bias, and counts by its number of frames.

Each run is an estimate of the unbiased ensemble of its own, so the weights of each add up to its share of the frames,
whatever the offset of its bias. Runs that disagree show in the errors, whose blocks are of all runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from ai2bmd.analysis.thermodynamics.free_energy import FreeEnergy
from ai2bmd.analysis.thermodynamics.metadynamics import (
    MetadynamicsRun,
    Method,
    Reweighted,
    along_variables,
    bias_exponents,
    reweight_metadynamics,
)
from ai2bmd.analysis.thermodynamics.weights import Weights, boltzmann_weights
from ai2bmd.errors import InputError


@dataclass(frozen=True, eq=False)
class PooledMetadynamics:
    """Frames of several runs with weights that take their biases back."""

    each: tuple[Reweighted, ...]
    """Every run alone."""
    weights: Weights
    """Of all together; they add up to 1."""

    @property
    def method(self) -> Method:
        """The same for all."""
        return self.each[0].method

    def free_energy(self, *, bins: int | None = None) -> FreeEnergy:
        """Along the biased variables, one or two.

        Raises:
            InputError: there are three, or the frames hold too few independent samples.
        """
        return along_variables(self.each, self.weights, bins=bins)


def pool_metadynamics(
    runs: Sequence[MetadynamicsRun], *, method: Method = "time-dependent", discard: float = 0.2
) -> PooledMetadynamics:
    """Weights for the frames of independent runs; see `reweight_metadynamics`.

    Args:
        runs: with the same variables at the same temperature; heights and bias factors may differ.
        method: for all.
        discard: share of the frames at the start of each that is left out.

    Raises:
        InputError: the runs are not of the same variables and temperature, or one cannot be reweighted so.
    """
    if not runs:
        raise InputError("runs: expected one or more of metadynamics, got none")
    known = {_ensemble(run) for run in runs}
    if len(known) > 1:
        raise InputError(
            f"runs: expected metadynamics along the same variables, ranges and temperature, got {len(known)} different "
            "kinds; analyse them one by one"
        )
    each = tuple(reweight_metadynamics(run, method=method, discard=discard) for run in runs)
    if len(each) == 1:
        return PooledMetadynamics(each, each[0].weights)
    exponents = [bias_exponents(run, method=method, discard=discard)[1] for run in runs]
    return PooledMetadynamics(each, boltzmann_weights([own - logsumexp(own) + np.log(len(own)) for own in exponents]))


def _ensemble(run: MetadynamicsRun) -> tuple[object, ...]:
    variables = tuple((one.column, one.of, one.range, one.periodic) for one in run.settings.variables)
    return (run.temperature_K, *variables)
