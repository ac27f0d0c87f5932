"""Melting from replica exchange in one line: threshold on a variable, MBAR over temperatures, Gibbs-Helmholtz fit."""

from collections.abc import Sequence

import numpy as np

from ai2bmd.analysis.thermodynamics.exchange_run import ExchangeRun, join_exchange_runs
from ai2bmd.analysis.thermodynamics.folding import Side, assign_folded, stability_of_ensembles
from ai2bmd.analysis.thermodynamics.melting import Melting, fit_melting
from ai2bmd.errors import InputError


def melting_of_exchange(runs: Sequence[ExchangeRun], variable: str, cut: float, *, folded: Side) -> Melting:
    """Melting temperature, enthalpy and heat-capacity change.

    Whether folded counts among the slow quantities by which frames are thinned, at each temperature and along the
    replicas.

    Args:
        runs: with the same temperatures.
        variable: column of a collective variable that the runs looked at, such as rmsd_A or native_contacts.
        cut: between folded and unfolded.
        folded: on which side of the cut.

    Raises:
        InputError: there is no such variable, too few frames, or no temperature on either side of melting.
    """
    for run in runs:
        if variable not in run.variables:
            raise InputError(
                f"variable: expected one that the runs looked at ({', '.join(run.variables) or 'they have none'}), got "
                f"{variable!r}; name it under `variables:` of the run's sampling"
            )
    states = [np.stack(assign_folded(list(run.variables[variable]), cut, folded=folded)) for run in runs]
    ensembles = join_exchange_runs(runs, slow={"folded": states})
    each = [np.concatenate([own[number] for own in states]) for number in range(len(runs[0].temperatures_K))]
    return fit_melting(stability_of_ensembles(ensembles, each))
