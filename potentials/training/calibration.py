"""Is a committee's spread its error? Rank correlation, calibration factors and what is left after them.

Forces: the error of an atom is the length of its force error, the spread the root of the mean squared length of the
members' deviations. Energies: both are relative to the mean over the frames of the same unit; a cluster has none.
"""

import dataclasses
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.stats import rankdata

from potentials.model_file import CommitteeCard
from potentials.training.batching import plain_set
from potentials.training.dataset import Molecules, Target, atoms_of, select
from potentials.visnet.committee import member_gradients
from potentials.visnet.committee import spread as spread_of
from potentials.visnet.model import ViSNet

_BINS = 10
_FEWEST_MOLECULES = 10
"""Of either half of the held-out ones."""
_FEWEST_ENERGIES = 20
"""Relative energies below which the scale of the forces serves for energies too: one covariance is behind both."""


@dataclasses.dataclass(frozen=True)
class Spreads:
    """Errors (eV/A, eV) beside spreads of the same; relative energies, not a number where there is one frame only."""

    force_errors: Float[np.ndarray, " atoms"]
    force_spreads: Float[np.ndarray, " atoms"]
    energy_errors: Float64[np.ndarray, " molecules"]
    energy_spreads: Float64[np.ndarray, " molecules"]


def measure_spreads(
    model: ViSNet, molecules: Molecules, *, target: Target, device: torch.device, atoms_per_batch: int = 1000
) -> Spreads:
    """Errors and spreads of a committee on labelled molecules."""
    data = plain_set(molecules, target)
    energies = np.empty((len(molecules), model.config.members))
    errors, spreads = np.empty(len(molecules.positions)), np.empty(len(molecules.positions))
    part = np.cumsum(molecules.sizes) // atoms_per_batch
    for number in np.unique(part):
        chosen = np.flatnonzero(part == number)
        batch = data.batch(chosen, model.config.cutoff_A, device=device)
        positions = batch.positions.detach().requires_grad_()
        members = model.member_energies(
            batch.atomic_numbers, positions, batch.fragment_index, batch.charges, batch.edges, len(batch.sizes)
        )
        gradients = member_gradients(members, positions)
        atoms = atoms_of(molecules.offsets, chosen)
        errors[atoms] = (gradients.mean(dim=0) + batch.forces).norm(dim=1).cpu().numpy()
        spreads[atoms] = spread_of(gradients).cpu().numpy()
        energies[chosen] = (members.detach() - batch.energies[:, None]).cpu().numpy()
    relative = _relative(energies, np.where(molecules.is_unit(), molecules.label, -1 - np.arange(len(molecules))))
    return Spreads(errors, spreads, np.abs(relative.mean(axis=1)), relative.std(axis=1, ddof=1))


def calibrate(model: ViSNet, tested: Molecules, *, target: Target, device: torch.device) -> CommitteeCard:
    """Scales of a committee from held-out molecules, judged on others: every second trajectory is left for that.

    Where there are too few molecules, all serve for both, and the card says so.
    """
    fitted, judged = _halves(tested)
    separate = min(int(fitted.sum()), int(judged.sum())) >= _FEWEST_MOLECULES
    everything = np.ones(len(tested), bool)
    spreads = [
        measure_spreads(model, select(tested, np.flatnonzero(mask)), target=target, device=device)
        for mask in ((fitted, judged) if separate else (everything,))
    ]
    first, last = spreads[0], spreads[-1]
    force_scale = _scale(first.force_errors, first.force_spreads)
    known = np.isfinite(first.energy_errors)
    enough = int(known.sum()) >= _FEWEST_ENERGIES
    energy_scale = _scale(first.energy_errors[known], first.energy_spreads[known]) if enough else force_scale
    calibration: dict[str, Any] = {
        "molecules": int(fitted.sum()) if separate else len(tested),
        "judged_on": int(judged.sum()) if separate else "the same",
        "energies": int(known.sum()) if enough else "too few, scale of the forces",
        "forces": agreement(last.force_errors, last.force_spreads, scale=force_scale),
        "relative_energies": agreement(last.energy_errors, last.energy_spreads, scale=energy_scale),
    }
    return CommitteeCard(energy_scale, force_scale, calibration)


def agreement(errors: np.ndarray, spreads: np.ndarray, *, scale: float) -> dict[str, Any]:
    """Rank correlation of spread and error, and miscalibration without and with the scale.

    Miscalibration is the mean over ten bins of equal size, ordered by spread, of |rms spread / rms error - 1| (Levi,
    Gispan, Giladi, Fetaya, Sensors 22, 5540, 2022, there relative to the spread).
    """
    known = np.isfinite(errors) & np.isfinite(spreads)
    errors, spreads = errors[known], spreads[known]
    if len(errors) < 2 * _BINS:
        return {"number": len(errors)}
    return {
        "number": len(errors),
        "spearman": round(float(np.corrcoef(rankdata(errors), rankdata(spreads))[0, 1]), 3),
        "miscalibration_before": round(_miscalibration(errors, spreads), 3),
        "miscalibration_after": round(_miscalibration(errors, scale * spreads), 3),
    }


def _miscalibration(errors: np.ndarray, spreads: np.ndarray) -> float:
    return float(np.mean(np.abs(1.0 / _ratios(errors, spreads) - 1.0)))


def _scale(errors: np.ndarray, spreads: np.ndarray) -> float:
    """The mean over bins, of logarithms, so that a few outliers do not decide alone."""
    return float(np.exp(np.log(_ratios(errors, spreads)).mean()))


def _ratios(errors: np.ndarray, spreads: np.ndarray) -> Float64[np.ndarray, " bins"]:
    """RMS error over RMS spread in bins of equal size, from the smallest spreads to the largest."""
    bins = np.array_split(np.argsort(spreads, kind="stable"), min(_BINS, len(spreads)))
    return np.array([_rms(errors[chosen]) / _rms(spreads[chosen]) for chosen in bins])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _relative(energies: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Less the mean over the frames of the same label, corrected for what that takes off their variance."""
    relative = np.full_like(energies, np.nan)
    for one in np.unique(label):
        chosen = label == one
        frames = int(chosen.sum())
        if frames > 1:
            deviation = energies[chosen] - energies[chosen].mean(axis=0)
            relative[chosen] = deviation * np.sqrt(frames / (frames - 1))
    return relative


def _halves(molecules: Molecules) -> tuple[np.ndarray, np.ndarray]:
    """Masks of every second trajectory of each kind of molecule, and of the others; kinds take turns to begin."""
    odd = np.zeros(len(molecules), bool)
    for number, one in enumerate(np.unique(molecules.label)):
        chosen = np.flatnonzero(molecules.label == one)
        odd[chosen] = (np.unique(molecules.start[chosen], return_inverse=True)[1] + number) % 2 == 1
    return ~odd, odd
