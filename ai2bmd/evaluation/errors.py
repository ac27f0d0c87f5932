"""Errors of predictions over sets of frames, with standard errors from whole trajectories.

Frames of one trajectory are alike, so they are not independent: standard errors are those of the jackknife that leaves
out one trajectory after the other (Efron, Stein, Ann. Statist. 9, 586, 1981). Relative energies share the mean of their
molecule, so there it leaves out one molecule after the other, where there are several.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ase.units
import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.stats import rankdata

from ai2bmd.evaluation.frames import LabelledMolecule
from ai2bmd.evaluation.predictions import Prediction

KCAL_MOL = ase.units.kcal / ase.units.mol


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error; not a number where there are too few frames for it."""

    value: float
    error: float

    def __str__(self) -> str:
        """Two decimals."""
        if not np.isfinite(self.value):
            return ""
        return f"{self.value:.2f}" if not np.isfinite(self.error) else f"{self.value:.2f} ± {self.error:.2f}"


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Of one contender in each frame, kcal/mol and A; not a number where it predicts nothing."""

    force_absolute: Float64[np.ndarray, " frames"]
    """Sum over Cartesian components."""
    force_squared: Float64[np.ndarray, " frames"]
    energy: Float64[np.ndarray, " frames"]
    """Deviation less its mean over the frames of the molecule, times sqrt(n / (n - 1)) for n frames, which the mean
    takes off; not a number for n = 1."""


@dataclass(frozen=True, eq=False)
class FrameTable:
    """All frames of an evaluation, molecule after molecule."""

    names: tuple[str, ...]
    """Of the molecule of each frame."""
    molecule: Int64[np.ndarray, " frames"]
    """A number for each molecule."""
    total_charge: Int64[np.ndarray, " frames"]
    temperature_K: Float64[np.ndarray, " frames"]
    components: Int64[np.ndarray, " frames"]
    """Of the forces: three an atom."""
    trajectory: Int64[np.ndarray, " frames"]
    """A number for each trajectory of each molecule."""
    errors: dict[str, FrameErrors]
    """By contender."""


@dataclass(frozen=True)
class SetErrors:
    """Errors of one contender over a set of frames, kcal/mol/A and kcal/mol."""

    kind: str
    name: str
    frames: int
    trajectories: int
    contender: str
    force_mae: Estimate
    force_rmse: float
    energy_mae: Estimate


def frame_table(molecules: Sequence[LabelledMolecule], predictions: Sequence[dict[str, Prediction]]) -> FrameTable:
    """Errors of all contenders; `predictions` holds those of each molecule by contender."""
    frames = [labelled.frames for labelled in molecules]
    contenders = list(dict.fromkeys(name for each in predictions for name in each))
    numbers = np.repeat(np.arange(len(molecules)), frames)
    starts = np.concatenate([labelled.start for labelled in molecules])
    return FrameTable(
        names=tuple(labelled.molecule.name for labelled in molecules for _ in range(labelled.frames)),
        molecule=numbers,
        total_charge=np.repeat([labelled.molecule.total_charge for labelled in molecules], frames),
        temperature_K=np.concatenate([labelled.temperature_K for labelled in molecules]),
        components=np.repeat([3 * len(labelled.molecule.atomic_numbers) for labelled in molecules], frames),
        trajectory=np.unique(np.stack([numbers, starts]), axis=1, return_inverse=True)[1].reshape(-1),
        errors={name: _all_errors(molecules, predictions, name) for name in contenders},
    )


def sets(table: FrameTable) -> list[tuple[str, str, Bool[np.ndarray, " frames"]]]:
    """(kind, name, mask): all, neutral and charged, by charge, by temperature, by place in the chain, by molecule.

    Of the kinds between the first and the last, a set that is everything is left out.
    """
    names, charge = np.array(table.names), table.total_charge
    bridged = names == "disulfide"
    found = [("all", "all", np.ones(len(names), bool))]
    found += [("charged", "neutral", (charge == 0) & ~bridged), ("charged", "charged", charge != 0)]
    found += [("charged", "disulfide", bridged)]
    found += [("charge", f"charge {value:+d}", charge == value) for value in np.unique(charge)]
    found += [("temperature", *each) for each in _by_temperature(table.temperature_K)]
    places = np.array([name.split("-")[0] for name in table.names])
    several = [place for place in np.unique(places) if len(set(names[places == place])) > 1]
    found += [("place", f"{place}-...", places == place) for place in several]
    found += [("molecule", name, names == name) for name in dict.fromkeys(table.names)]
    kept = ("all", "molecule")
    return [(kind, name, mask) for kind, name, mask in found if mask.any() and (kind in kept or not mask.all())]


def set_errors(table: FrameTable) -> list[SetErrors]:
    """Errors of each contender over each set that it predicts all frames of."""
    rows = []
    for kind, name, mask in sets(table):
        for contender, errors in table.errors.items():
            if not np.isfinite(errors.force_absolute[mask]).all():
                continue
            components, trajectory = table.components[mask], table.trajectory[mask]
            squared = float(errors.force_squared[mask].sum() / components.sum())
            rows.append(
                SetErrors(
                    kind,
                    name,
                    frames=int(mask.sum()),
                    trajectories=len(np.unique(trajectory)),
                    contender=contender,
                    force_mae=jackknife(errors.force_absolute[mask], components, trajectory),
                    force_rmse=squared**0.5,
                    energy_mae=_energy_mean(table, np.abs(errors.energy), mask),
                )
            )
    return rows


def gain(table: FrameTable, before: str, after: str) -> tuple[Estimate, Estimate]:
    """By how much the force MAE and the relative energy MAE fall from one contender to another, on the same frames."""
    first, second = table.errors[before], table.errors[after]
    known = np.isfinite(first.force_absolute) & np.isfinite(second.force_absolute)
    force = (first.force_absolute - second.force_absolute)[known]
    energy = np.abs(first.energy) - np.abs(second.energy)
    return jackknife(force, table.components[known], table.trajectory[known]), _energy_mean(table, energy, known)


def rank_correlation(molecules: Sequence[LabelledMolecule], predictions: Sequence[Prediction]) -> float:
    """Spearman's, over atoms, of the expected and the true length of the error of the force."""
    true = [
        np.linalg.norm(prediction.forces - labelled.forces, axis=-1).ravel()
        for labelled, prediction in zip(molecules, predictions, strict=True)
    ]
    expected = [prediction.force_std.ravel() for prediction in predictions if prediction.force_std is not None]
    return float(np.corrcoef(rankdata(np.concatenate(expected)), rankdata(np.concatenate(true)))[0, 1])


def jackknife(
    numerator: Float64[np.ndarray, " n"], denominator: Float64[np.ndarray, " n"], group: Int64[np.ndarray, " n"]
) -> Estimate:
    """Ratio of sums, and its standard error from leaving out one group after the other."""
    _, place = np.unique(group, return_inverse=True)
    above, below = np.bincount(place, numerator), np.bincount(place, denominator)
    value, groups = above.sum() / below.sum(), len(above)
    if groups < 2:
        return Estimate(float(value), float("nan"))
    without = (above.sum() - above) / (below.sum() - below)
    variance = (groups - 1) / groups * np.square(without - without.mean()).sum()
    return Estimate(float(value), float(np.sqrt(variance)))


def _energy_mean(table: FrameTable, values: np.ndarray, mask: np.ndarray) -> Estimate:
    known = mask & np.isfinite(values)
    if not known.any():
        return Estimate(float("nan"), float("nan"))
    group = table.molecule if len(np.unique(table.molecule[known])) > 1 else table.trajectory
    mean = jackknife(values[known], np.ones(known.sum()), group[known])
    # of two the deviations are the same
    return mean if known.sum() > 2 else Estimate(mean.value, float("nan"))


def _by_temperature(temperature_K: np.ndarray) -> list[tuple[str, np.ndarray]]:
    known = temperature_K[np.isfinite(temperature_K)]
    found = [(f"{value:.0f} K" if value else "not from dynamics", temperature_K == value) for value in np.unique(known)]
    return [*found, ("temperature unknown", np.isnan(temperature_K))]


def _all_errors(
    molecules: Sequence[LabelledMolecule], predictions: Sequence[dict[str, Prediction]], contender: str
) -> FrameErrors:
    parts = [_errors(labelled, each.get(contender)) for labelled, each in zip(molecules, predictions, strict=True)]
    return FrameErrors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _errors(labelled: LabelledMolecule, prediction: Prediction | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if prediction is None:
        nothing = np.full(labelled.frames, np.nan)
        return nothing, nothing, nothing
    difference = (prediction.forces.astype(np.float64) - labelled.forces) / KCAL_MOL
    energy = (prediction.energies - labelled.energies) / KCAL_MOL
    n = labelled.frames
    relative = (energy - energy.mean()) * np.sqrt(n / (n - 1)) if n > 1 else np.full(1, np.nan)
    return np.abs(difference).sum(axis=(1, 2)), np.square(difference).sum(axis=(1, 2)), relative
