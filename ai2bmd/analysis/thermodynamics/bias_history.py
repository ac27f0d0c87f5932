"""The bias of metadynamics at every time, made again from the frames at which Gaussians were added."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.thermodynamics.constants import thermal_energy
from ai2bmd.errors import InputError

if TYPE_CHECKING:
    from ai2bmd.analysis.thermodynamics.metadynamics import MetadynamicsRun

_TOLERANCE_KCAL_MOL = 0.05
"""Most by which the bias made again may differ from what the run wrote, in units of the free energy."""


def bias_offsets(run: "MetadynamicsRun") -> Float64[np.ndarray, " frames"]:
    """c(t) of each frame, kcal/mol, to be subtracted from the bias that the run wrote.

    A frame at which a Gaussian was added had not felt it yet: its height is subtracted too.

    Raises:
        InputError: frames were not saved whenever a Gaussian was added, or they do not give the bias of the run.
    """
    places = deposits(run)
    kT, factor = thermal_energy(run.temperature_K), run.settings.bias_factor
    grid = [np.asarray(axis) for axis in run.surface.axes]
    bias = np.zeros([len(axis) for axis in grid])
    once = tuple(slice(None, -1 if variable.periodic else None) for variable in run.settings.variables)
    offsets, heights = np.zeros(len(places) + 1), np.zeros(len(places))
    for number, place in enumerate(places):
        heights[number] = _add(run, grid, bias, run.values[place])
        above = np.logaddexp.reduce(factor / (factor - 1.0) * bias[once].ravel() / kT)
        offsets[number + 1] = kT * (above - np.logaddexp.reduce(bias[once].ravel() / (factor - 1.0) / kT))
    check(run, bias)
    found = offsets[run.gaussians]
    found[places] = offsets[:-1] + heights
    return found


def deposits(run: "MetadynamicsRun") -> Int64[np.ndarray, " gaussians"]:
    """The frame at which each Gaussian was added.

    Raises:
        InputError: there was none at some.
    """
    at = np.flatnonzero(np.diff(run.gaussians, prepend=0) == 1)
    whole = (run.step[at] % run.settings.every == 0).all()
    if len(at) != run.gaussians[-1] or not whole:
        raise InputError(
            f"metadynamics: the bias at each time cannot be made again: {run.gaussians[-1]} Gaussians were added and "
            f"frames saved at {len(at)} of them; take the method final-bias, or save_every such that "
            f"{run.settings.every} steps, the interval of Gaussians, are a multiple of it"
        )
    return at


def _add(
    run: "MetadynamicsRun",
    grid: list[Float64[np.ndarray, " points"]],
    bias: Float64[np.ndarray, "..."],
    centre: Float64[np.ndarray, " variables"],
) -> float:
    """Add a Gaussian, its height lowered by the bias that is there (Barducci et al. 2008), which is returned."""
    shape: np.ndarray = np.ones(())
    place: list[np.ndarray] = []
    for axis, variable, value in zip(grid, run.settings.variables, centre, strict=True):
        away = axis - value
        if variable.periodic:
            away = away - 360.0 * np.round(away / 360.0)
        shape = np.multiply.outer(shape, np.exp(-0.5 * (away / variable.width) ** 2))
        place.append(_linear(axis, value, periodic=variable.periodic))
    there = bias
    for weights in place:
        there = np.tensordot(weights, there, axes=(0, 0))
    kT = thermal_energy(run.temperature_K)
    height = run.settings.height * float(np.exp(-float(there) / (kT * (run.settings.bias_factor - 1.0))))
    bias += height * shape
    return height


def _linear(axis: Float64[np.ndarray, " points"], value: float, *, periodic: bool) -> Float64[np.ndarray, " points"]:
    """Weights of the points for the value of a function between them."""
    if periodic:
        value = axis[0] + np.mod(value - axis[0], 360.0)
    step = axis[1] - axis[0]
    place = np.clip((value - axis[0]) / step, 0.0, len(axis) - 1.0)
    low = min(int(place), len(axis) - 2)
    weights = np.zeros(len(axis))
    weights[low], weights[low + 1] = low + 1.0 - place, place - low
    return weights


def check(run: "MetadynamicsRun", bias: Float64[np.ndarray, "..."]) -> None:
    """Make sure that a bias made again is that of the run.

    Raises:
        InputError: it is not.
    """
    factor = run.settings.bias_factor
    energy = -factor / (factor - 1.0) * bias
    worst = float(np.abs(energy - energy.min() - run.surface.energy_kcal_mol).max())
    if worst > max(_TOLERANCE_KCAL_MOL, 0.01 * float(np.ptp(energy))):
        raise InputError(
            f"metadynamics: the bias made again from the frames differs from that of the run by up to {worst:.2f} "
            "kcal/mol; take the method final-bias"
        )
