"""Replica exchange of this program: energies and variables at each temperature, and how long replicas remember."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.correlation import find_equilibration, statistical_inefficiency
from ai2bmd.analysis.thermodynamics.constants import KCAL_PER_EV
from ai2bmd.analysis.thermodynamics.temperatures import TemperatureEnsembles, join_temperatures
from ai2bmd.errors import InputError
from ai2bmd.sampling.settings import ReplicaExchange
from ai2bmd.sampling.tables import read_sampling_table
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import make_settings, read_settings


@dataclass(frozen=True, eq=False)
class ExchangeRun:
    """Frames of one run, for each temperature those at it in the order of time."""

    temperatures_K: tuple[float, ...]
    energies_kcal_mol: Float64[np.ndarray, "temperatures frames"]
    """Potential energy: environment and correction."""
    replica: Int64[np.ndarray, "temperatures frames"]
    """Which replica was at that temperature."""
    variables: Mapping[str, Float64[np.ndarray, "temperatures frames"]]
    """Collective variables by the name of their column."""

    def from_frame(self, start: int) -> "ExchangeRun":
        """Without the frames before one."""
        rest = {name: values[:, start:] for name, values in self.variables.items()}
        return ExchangeRun(self.temperatures_K, self.energies_kcal_mol[:, start:], self.replica[:, start:], rest)

    def at_rest(self) -> "ExchangeRun":
        """Without the frames before the energy came to rest at every temperature, half of all at most."""
        frames = self.energies_kcal_mol.shape[1]
        start = max(find_equilibration(own).start for own in self.energies_kcal_mol)
        return self.from_frame(min(start, frames // 2))


def read_exchange_run(path: Path) -> ExchangeRun:
    """Read a run directory.

    Raises:
        InputError: it is none of replica exchange, or its table is damaged or empty.
    """
    directory = RunDirectory(path)
    if not directory.settings.is_file():
        raise InputError(f"{path} is not a run directory: {directory.settings.name} is missing")
    settings = make_settings(read_settings(directory.settings), where=str(directory.settings)).sampling
    if not isinstance(settings, ReplicaExchange):
        raise InputError(f"{path} is no replica exchange; its settings.yaml has no `method: replica-exchange`")
    columns, count = read_sampling_table(directory.sampling_table), len(settings.temperatures_K)
    frames = len(columns["step"]) // count
    if not frames:
        raise InputError(
            f"{directory.sampling_table} holds no frame yet; let the run go on with `ai2bmd resume {path}`"
        )
    order = np.lexsort((columns["temperature_index"], columns["step"]))[: frames * count].reshape(frames, count)
    by_temperature = {name: values[order].T for name, values in columns.items()}
    if (by_temperature["temperature_index"] != np.arange(count)[:, None]).any():
        raise InputError(
            f"{directory.sampling_table} lacks rows of some temperatures; it must stay as the run wrote it"
        )
    return ExchangeRun(
        settings.temperatures_K,
        by_temperature["potential_energy_eV"] * KCAL_PER_EV,
        by_temperature["replica"].astype(np.int64),
        {variable.column: by_temperature[variable.column] for variable in settings.variables},
    )


def walk_inefficiency(
    values: Sequence[Float[np.ndarray, "temperatures frames"]],
    replicas: Sequence[Int64[np.ndarray, "temperatures frames"]],
) -> float:
    """Statistical inefficiency (frames) of a quantity along the replicas through all temperatures.

    A structure that is slow to change is carried from temperature to temperature: the frames at one temperature then
    look more independent than they are.

    Args:
        values: of the quantity, one array a run.
        replicas: which replica had each temperature.
    """
    walks = []
    for own, replica in zip(values, replicas, strict=True):
        order = np.argsort(replica, axis=0)
        walks += list(np.take_along_axis(np.asarray(own, np.float64), order, axis=0))
    return statistical_inefficiency(walks)


def join_exchange_runs(
    runs: Sequence[ExchangeRun], *, slow: Mapping[str, Sequence[Float[np.ndarray, "temperatures frames"]]] | None = None
) -> TemperatureEnsembles:
    """Put the temperatures of one or several runs together.

    Frames are thinned by the slowest of the energy at each temperature, and of the variables at each temperature and
    along the replicas.

    Args:
        runs: with the same temperatures.
        slow: further quantities of the frames by name, such as whether folded; for each, one array a run.

    Raises:
        InputError: temperatures or variables differ, or see `join_temperatures`.
    """
    if not runs or len({run.temperatures_K for run in runs}) > 1:
        raise InputError(f"runs: expected one or more with the same temperatures, got {len(runs)}")
    if len({tuple(sorted(run.variables)) for run in runs}) > 1:
        seen = " and ".join(", ".join(run.variables) or "none" for run in runs)
        raise InputError(f"runs: expected the same variables in each, got {seen}; analyse them one by one")
    quantities = {name: [run.variables[name] for run in runs] for name in runs[0].variables} | dict(slow or {})
    cyclic = {name for name in quantities if name.endswith("_deg")}
    series = []
    for name, values in quantities.items():
        if name in cyclic:
            series += [[np.cos(np.radians(own)) for own in values], [np.sin(np.radians(own)) for own in values]]
        else:
            series.append(list(values))
    replicas = [run.replica for run in runs]
    least = max((walk_inefficiency(values, replicas) for values in series), default=1.0)
    temperatures = range(len(runs[0].temperatures_K))
    return join_temperatures(
        [[run.energies_kcal_mol[number] for run in runs] for number in temperatures],
        runs[0].temperatures_K,
        slow=[[[own[number] for own in values] for number in temperatures] for values in series],
        least_inefficiency=least,
    )
