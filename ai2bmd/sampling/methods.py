"""From the settings to the method."""

from ai2bmd.sampling.metadynamics import MetadynamicsSampler
from ai2bmd.sampling.replica_exchange import ReplicaExchangeSampler
from ai2bmd.sampling.sampler import Sampler
from ai2bmd.sampling.settings import Metadynamics, Sampling, SimulatedTempering
from ai2bmd.sampling.tempering import TemperingSampler
from ai2bmd.sampling.variables import Molecule, find_variables
from ai2bmd.sampling.watch import check_ranges, values_at


def make_sampler(settings: Sampling, molecule: Molecule, *, temperature_K: float, seed: int) -> Sampler:
    """The sampler of a run.

    Raises:
        InputError: a variable does not fit the molecule.
    """
    variables = find_variables(settings.variables, molecule)
    if isinstance(settings, Metadynamics):
        return MetadynamicsSampler(settings, variables, temperature_K=temperature_K)
    if isinstance(settings, SimulatedTempering):
        return TemperingSampler(settings, variables, seed=seed)
    return ReplicaExchangeSampler(settings, variables, seed=seed)


def check_sampling(settings: Sampling, molecule: Molecule) -> None:
    """Make sure, before anything slow, that the variables fit the molecule and are in their ranges.

    Raises:
        InputError: they do not, or are not.
    """
    variables = find_variables(settings.variables, molecule)
    if isinstance(settings, Metadynamics):
        check_ranges(variables, values_at(molecule.positions_A, variables))
