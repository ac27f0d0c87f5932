"""Metadynamics of this program, reweighted: averages and free energies along any variable, from the biased frames.

Two ways, both for well-tempered metadynamics of bias factor g:

- `time-dependent`: weight exp((V(s, t) - c(t))/kT) with the bias at the time of the frame and the offset
  c(t) = kT ln of int exp(g/(g - 1) V/kT) ds / int exp(V/(g - 1)/kT) ds (Tiwary, Parrinello, J. Phys. Chem. B 119, 736,
  2015). It needs the bias on its grid at all times, which is made again from the frames at which Gaussians were added;
  so a frame must have been saved at each, and the result must be the bias that the run wrote at its end.
- `final-bias`: weight exp(V(s)/kT) with the bias V that the run ended with (Branduardi, Bussi, Parrinello, J. Chem.
  Theory Comput. 8, 2247, 2012). Right once the bias hardly changes in shape; frames before that are to be left out. How
  far the last bias happens to be from its mean is an error that blocks of frames do not show.

Frames beyond the range of a variable feel walls besides the bias and are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.interpolate import RegularGridInterpolator

from ai2bmd.analysis.thermodynamics.bias_history import bias_offsets
from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.analysis.thermodynamics.free_energy import FreeEnergy, free_energy
from ai2bmd.analysis.thermodynamics.weights import Weights, boltzmann_weights
from ai2bmd.errors import InputError
from ai2bmd.sampling.free_energy import FreeEnergySurface, read_free_energy
from ai2bmd.sampling.settings import Metadynamics
from ai2bmd.sampling.tables import read_sampling_table
from ai2bmd.simulation.run_directory import RunDirectory
from ai2bmd.simulation.settings import make_settings, read_settings

Method = Literal["time-dependent", "final-bias"]


@dataclass(frozen=True, eq=False)
class MetadynamicsRun:
    """A run as it lies on disk."""

    settings: Metadynamics
    temperature_K: float
    step: Int64[np.ndarray, " frames"]
    values: Float64[np.ndarray, "frames variables"]
    bias_kcal_mol: Float64[np.ndarray, " frames"]
    """At the time of the frame, walls included."""
    gaussians: Int64[np.ndarray, " frames"]
    """Added so far."""
    surface: FreeEnergySurface
    """What the bias tells in the end."""

    @property
    def periods(self) -> tuple[float | None, ...]:
        """Of the variables."""
        return tuple(360.0 if variable.periodic else None for variable in self.settings.variables)

    @property
    def inside(self) -> Bool[np.ndarray, " frames"]:
        """Frames within the range of all variables."""
        good = np.ones(len(self.values), bool)
        for column, variable in zip(self.values.T, self.settings.variables, strict=True):
            if not variable.periodic:
                good &= (column >= variable.range[0]) & (column <= variable.range[1])
        return good

    def interpolated(
        self, grid: Float64[np.ndarray, "..."], values: Float64[np.ndarray, "frames variables"]
    ) -> Float64[np.ndarray, " frames"]:
        """A quantity on the grid of `surface`, at values of the variables."""
        wrapped = values.copy()
        for number, variable in enumerate(self.settings.variables):
            if variable.periodic:
                low, high = variable.range
                wrapped[:, number] = low + np.mod(values[:, number] - low, high - low)
            axis = self.surface.axes[number]
            wrapped[:, number] = np.clip(wrapped[:, number], axis[0], axis[-1])
        return RegularGridInterpolator(self.surface.axes, grid)(wrapped)

    @property
    def final_bias_kcal_mol(self) -> Float64[np.ndarray, "..."]:
        """On the grid of `surface`, up to a constant: F = -g/(g - 1) V."""
        factor = self.settings.bias_factor
        return -(factor - 1.0) / factor * self.surface.energy_kcal_mol


@dataclass(frozen=True, eq=False)
class Reweighted:
    """Frames of a run with weights that take its bias back."""

    run: MetadynamicsRun
    method: Method
    frames: Int64[np.ndarray, " chosen"]
    """Numbers of the frames that are used."""
    weights: Weights

    def free_energy(self, *, bins: int | None = None) -> FreeEnergy:
        """Along the biased variables, one or two.

        Raises:
            InputError: there are three, or the frames hold too few independent samples.
        """
        return along_variables([self], self.weights, bins=bins)


def along_variables(each: Sequence[Reweighted], weights: Weights, *, bins: int | None) -> FreeEnergy:
    """Free energy along the variables that runs have in common, one or two, from the frames of all.

    Raises:
        InputError: there are three, or the frames hold too few independent samples.
    """
    first = each[0].run
    return free_energy(
        [one.run.values[one.frames] for one in each],
        first.temperature_K,
        names=[variable.column for variable in first.settings.variables],
        periods=first.periods,
        ranges=[variable.range for variable in first.settings.variables],
        bins=bins,
        weights=weights.runs,
    )


def read_metadynamics(path: Path) -> MetadynamicsRun:
    """Read a run directory.

    Raises:
        InputError: it is none of metadynamics, or a file is missing, damaged or empty.
    """
    directory = RunDirectory(path)
    if not directory.settings.is_file():
        raise InputError(f"{path} is not a run directory: {directory.settings.name} is missing")
    settings = make_settings(read_settings(directory.settings), where=str(directory.settings))
    if not isinstance(settings.sampling, Metadynamics):
        raise InputError(f"{path} is no metadynamics; its settings.yaml has no `method: metadynamics`")
    columns, surface = read_sampling_table(directory.sampling_table), read_free_energy(directory.free_energy_table)
    names = [variable.column for variable in settings.sampling.variables]
    if missing := [name for name in names if name not in columns]:
        raise InputError(f"{directory.sampling_table} lacks {', '.join(missing)}; it must stay as the run wrote it")
    return MetadynamicsRun(
        settings.sampling,
        settings.temperature_K,
        columns["step"].astype(np.int64),
        np.stack([columns[name] for name in names], axis=1),
        columns["bias_kcal_mol"],
        columns["gaussians"].astype(np.int64),
        surface,
    )


def reweight_metadynamics(
    run: MetadynamicsRun, *, method: Method = "time-dependent", discard: float = 0.2
) -> Reweighted:
    """Weights for the frames of a run.

    Args:
        run: of metadynamics.
        method: see above.
        discard: share of the frames at the start that is left out, where the bias still fills the first basin.

    Raises:
        InputError: a choice cannot be, no frame is left, or the method needs what the run did not save.
    """
    if method not in get_args(Method):
        raise InputError(f"method: expected {' or '.join(get_args(Method))}, got {method!r}")
    if not 0.0 <= discard < 1.0:
        raise InputError(f"discard: expected a share from 0 to below 1, got {discard:g}")
    frames, exponents = bias_exponents(run, method=method, discard=discard)
    return Reweighted(run, method, frames, boltzmann_weights([exponents]))


def bias_exponents(
    run: MetadynamicsRun, *, method: Method, discard: float
) -> tuple[Int64[np.ndarray, " chosen"], Float64[np.ndarray, " chosen"]]:
    """Numbers of the frames that are used, and the logarithm of the weight of each; see `reweight_metadynamics`."""
    start = int(discard * len(run.values))
    frames = start + np.flatnonzero(run.inside[start:])
    if not len(frames):
        raise InputError(f"metadynamics: none of {len(run.values)} frames is left; simulate longer or discard less")
    kT = thermal_energy(run.temperature_K)
    if method == "final-bias":
        bias = run.interpolated(run.final_bias_kcal_mol, run.values[frames])
    else:
        bias = run.bias_kcal_mol[frames] - bias_offsets(run)[frames]
    return frames, bias / kT
