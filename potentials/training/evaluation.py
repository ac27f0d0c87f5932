"""Errors of a model on labelled molecules, beside those of the plain force field.

Forces: mean absolute and root mean square error over Cartesian components. Energies: within a unit only, after the
mean over its frames is removed from model and reference, since offsets between molecules have no meaning.
"""

import dataclasses

import numpy as np
import torch
from ase import units
from jaxtyping import Bool, Float, Float64

from potentials.training.batching import plain_set
from potentials.training.dataset import UNIT, Molecules, Target, atoms_of
from potentials.training.losses import energies_and_forces
from potentials.visnet.model import ViSNet

KCAL_MOL_PER_EV = units.mol / units.kcal


@dataclasses.dataclass(frozen=True)
class Deviations:
    """Predicted less reference: energies in eV, forces in eV/A."""

    energies: Float64[np.ndarray, " molecules"]
    forces: Float[np.ndarray, "atoms 3"]


@dataclasses.dataclass(frozen=True)
class ErrorRow:
    """Errors over one set of molecules, kcal/mol and kcal/mol/A; the energy is None where it has no meaning."""

    name: str
    molecules: int
    force_mae: float
    force_rmse: float
    energy_mae: float | None
    mm_force_mae: float
    mm_energy_mae: float | None


def force_field_deviations(molecules: Molecules) -> Deviations:
    """The plain force field against the reference."""
    return Deviations(molecules.mm_energies - molecules.energies, molecules.mm_forces - molecules.forces)


def model_deviations(
    model: ViSNet, molecules: Molecules, *, target: Target, device: torch.device, atoms_per_batch: int = 1000
) -> Deviations:
    """The model (for a correction: added to the force field) against the reference."""
    data = plain_set(molecules, target)
    energies, forces = np.empty(len(molecules)), np.empty_like(molecules.forces)
    step = np.cumsum(molecules.sizes) // atoms_per_batch
    for number in np.unique(step):
        chosen = np.flatnonzero(step == number)
        batch = data.batch(chosen, model.config.cutoff_A, device=device)
        predicted, force = energies_and_forces(model, batch, differentiable=False)
        energies[chosen] = (predicted - batch.energies).cpu().numpy()
        forces[atoms_of(molecules.offsets, chosen)] = (force - batch.forces).cpu().numpy()
    return Deviations(energies, forces)


def error_row(name: str, molecules: Molecules, mask: Bool[np.ndarray, " molecules"], *, model: Deviations) -> ErrorRow:
    """Errors of model and force field over the molecules of the mask."""
    plain = force_field_deviations(molecules)
    chosen = np.flatnonzero(mask)
    atoms = atoms_of(molecules.offsets, chosen)
    comparable = bool(np.all(_comparable(molecules)[mask]))
    energy, mm_energy = (
        relative_energy_mae(deviation.energies[mask], molecules.label[mask]) if comparable else None
        for deviation in (model, plain)
    )
    return ErrorRow(
        name=name,
        molecules=len(chosen),
        force_mae=_kcal(np.abs(model.forces[atoms]).mean()),
        force_rmse=_kcal(np.sqrt(np.square(model.forces[atoms], dtype=np.float64).mean())),
        energy_mae=energy,
        mm_force_mae=_kcal(np.abs(plain.forces[atoms]).mean()),
        mm_energy_mae=mm_energy,
    )


def relative_energy_mae(deviations_eV: np.ndarray, label: np.ndarray) -> float:
    """Mean absolute deviation in kcal/mol after the mean of each label is removed.

    Labels of a single frame say nothing and are left out; not a number where there are no others.
    """
    _, place, counts = np.unique(label, return_inverse=True, return_counts=True)
    means = np.bincount(place, deviations_eV) / counts
    several = counts[place] > 1
    if not several.any():
        return float("nan")
    return _kcal(np.abs(deviations_eV - means[place])[several].mean())


def error_table(molecules: Molecules, model: Deviations) -> list[ErrorRow]:
    """Rows: all units, per total charge, per unit; all clusters, per kind, per protein; what is absent is left out."""
    unit, origin = molecules.is_unit(), np.array(molecules.origin_names)[molecules.origin]
    masks = {"units, all": unit}
    for charge in np.unique(molecules.total_charge[unit]):
        masks[f"units, charge {charge:+d}"] = unit & (molecules.total_charge == charge)
    masks["clusters, all"] = ~unit
    for kind, mask in cluster_kinds(molecules).items():
        masks[f"clusters, {kind}"] = ~unit & mask
    for name in sorted(set(origin[~unit])):
        masks[f"clusters of {name}"] = origin == name
    for label in np.unique(molecules.label[unit]):
        masks[molecules.label_names[label]] = unit & (molecules.label == label)
    return [error_row(name, molecules, mask, model=model) for name, mask in masks.items() if mask.any()]


def cluster_kinds(molecules: Molecules) -> dict[str, np.ndarray]:
    """Masks of two free residues in contact, up to four residues of a protein, and whole shells around a residue."""
    pair = np.array([name == "pair" for name in molecules.origin_names])[molecules.origin]
    residues = [sum(word not in ("ACE", "NME") for word in name.split("-")) for name in molecules.label_names]
    small = np.array(residues)[molecules.label] <= 4
    return {"pair": pair, "small": ~pair & small, "shell": ~pair & ~small}


def _comparable(molecules: Molecules) -> np.ndarray:
    """(molecules,) bool: frames of one molecule, a unit or a whole protein; a cluster's composition rarely recurs."""
    origin = np.array(molecules.origin_names)[molecules.origin]
    return (origin == UNIT) | (origin == np.array(molecules.label_names)[molecules.label])


def _kcal(value_eV: float | np.floating) -> float:
    return float(value_eV * KCAL_MOL_PER_EV)
