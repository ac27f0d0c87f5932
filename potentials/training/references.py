"""Energy references: what of an energy depends on composition alone.

Absolute energies of different molecules cannot be compared (a force field has no heats of formation), so an energy is
split into a sum over elements, which the model keeps, a sum over nuisance features (which unit it is, or which
residues a cluster has), which training discards, and the rest, which the model learns.
"""

import re

import numpy as np
from jaxtyping import Float32, Float64

from potentials.training.dataset import Molecules

_ELEMENTS = (1, 6, 7, 8, 16)
_RIDGE = 1.0  # molecules; keeps features that hardly vary from taking large opposite values


def element_counts(molecules: Molecules, n_elements: int) -> Float64[np.ndarray, "molecules elements"]:
    """How many atoms of each atomic number a molecule has; column z is atomic number z."""
    molecule = np.repeat(np.arange(len(molecules)), molecules.sizes)
    counts = np.bincount(molecule * n_elements + molecules.atomic_numbers, minlength=len(molecules) * n_elements)
    return counts.reshape(len(molecules), n_elements).astype(np.float64)


def element_references(
    molecules: Molecules, energies: Float64[np.ndarray, " molecules"], n_elements: int
) -> Float64[np.ndarray, " elements"]:
    """Energy per element in eV: least squares of the energies on composition, zero where an element is absent."""
    return np.linalg.lstsq(element_counts(molecules, n_elements), energies, rcond=1e-8)[0]


def nuisance_features(molecules: Molecules) -> Float32[np.ndarray, "molecules features"]:
    """What the offset of a molecule may depend on.

    One column per unit label. For clusters: counts of each residue name (ACE and NME included), of free N and C
    termini, of elements (hydrogens tell protonation states and disulfides), the total charge, and a constant.
    """
    unit = molecules.is_unit()
    residues = sorted({word for name in _cluster_labels(molecules, unit) for word in name.split("-")})
    labels = np.zeros((len(molecules.label_names), len(residues) + 2), np.float32)
    for index in np.unique(molecules.label[~unit]):
        labels[index] = _residue_counts(molecules.label_names[index], residues)
    unit_labels = np.unique(molecules.label[unit])
    columns = [
        (molecules.label[:, None] == unit_labels[None, :]) & unit[:, None],
        labels[molecules.label] * ~unit[:, None],
        element_counts(molecules, max(_ELEMENTS) + 1)[:, _ELEMENTS] * ~unit[:, None],
        (molecules.total_charge * ~unit)[:, None],
        ~unit[:, None],
    ]
    return np.concatenate([column.astype(np.float32) for column in columns], axis=1)


def nuisance_offsets(
    features: Float32[np.ndarray, "molecules features"],
    residuals: Float64[np.ndarray, " molecules"],
    *,
    ridge: float = _RIDGE,
) -> Float64[np.ndarray, " features"]:
    """Ridge least squares of the residual energies (eV) on the features."""
    normal = features.T.astype(np.float64) @ features.astype(np.float64)
    return np.linalg.solve(normal + ridge * np.eye(len(normal)), features.T.astype(np.float64) @ residuals)


def _cluster_labels(molecules: Molecules, unit: np.ndarray) -> list[str]:
    return [molecules.label_names[index] for index in np.unique(molecules.label[~unit])]


def _residue_counts(label: str, residues: list[str]) -> list[int]:
    words = label.split("-")
    # a segment ends with NME or with a free C terminus, after which the next one can only begin with ACE
    free_c_termini = len(re.findall(r"(?<!NME)-ACE", label)) + (words[-1] != "NME")
    free_n_termini = words[0] != "ACE"
    return [words.count(name) for name in residues] + [free_n_termini, free_c_termini]
