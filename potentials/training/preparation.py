"""From settings to what the loop needs: training molecules less references, a fixed validation part, provenance."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from potentials.errors import PotentialError
from potentials.model_file import file_sha256
from potentials.training.batching import TrainingSet
from potentials.training.config import RecordSettings, TrainingConfig
from potentials.training.dataset import Molecules, concatenate, load_clusters, load_units, select
from potentials.training.references import element_counts, element_references, nuisance_features, nuisance_offsets
from potentials.training.split import held_out

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class PreparedData:
    """Training molecules, validation molecules (never trained on), eV per element, name and SHA-256 of the files."""

    training: TrainingSet
    validation: Molecules
    element_energies: Float64[np.ndarray, " elements"]
    files: tuple[dict[str, str], ...]


def load_data(config: TrainingConfig, folder: Path) -> Molecules:
    """All molecules of the files the settings name, held-out ones included."""
    parts = [load_units(folder / name) for name in config.data.units]
    if config.data.clusters is not None:
        parts.append(load_clusters(folder / config.data.clusters))
    return concatenate(parts)


def data_files(config: TrainingConfig, folder: Path) -> tuple[dict[str, str], ...]:
    """Name and SHA-256 of each data file."""
    names = [*config.data.units, *([config.data.clusters] if config.data.clusters else [])]
    return tuple({"name": Path(name).name, "sha256": file_sha256(folder / name)} for name in names)


def prepare_data(config: TrainingConfig, folder: Path, *, n_elements: int) -> PreparedData:
    """Load, split and reference the data.

    Raises:
        PotentialError: a file is unusable, or an element is beyond the model's `n_elements`.
    """
    molecules = load_data(config, folder)
    return prepare_molecules(config, molecules, files=data_files(config, folder), n_elements=n_elements)


def prepare_molecules(
    config: TrainingConfig, molecules: Molecules, *, files: tuple[dict[str, str], ...], n_elements: int
) -> PreparedData:
    """Split and reference molecules in memory, which came from `files`.

    Raises:
        PotentialError: they are unusable, or an element is beyond the model's `n_elements`.
    """
    if molecules.atomic_numbers.max() >= n_elements:
        raise PotentialError(
            f"data has atomic number {molecules.atomic_numbers.max()}, the model knows below {n_elements}"
        )
    _check_finite(molecules, config)
    held = held_out(molecules)
    if not held.any() or held.all():
        raise PotentialError(
            f"data: {held.sum()} of {len(molecules)} molecules are held out, and a model is trained on some and tested "
            "on others; add molecules of more trajectories"
        )
    training, tested = select(molecules, np.flatnonzero(~held)), select(molecules, np.flatnonzero(held))
    energies = training.target_energies(config.target)
    elements = element_references(training, energies, n_elements)
    features = nuisance_features(training)
    rest = energies - element_counts(training, n_elements) @ elements
    offsets = features @ nuisance_offsets(features, rest)
    logger.info("trains on %d molecules, %d atoms; %d held out", len(training), training.offsets[-1], len(tested))
    logger.info("energies: %.3f eV RMS after elements, %.3f after offsets", rest.std(), (rest - offsets).std())
    return PreparedData(
        training=TrainingSet(training, energies - offsets, training.target_forces(config.target), features),
        validation=select(tested, validation_part(tested, config.record)),
        element_energies=elements,
        files=files,
    )


def _check_finite(molecules: Molecules, config: TrainingConfig) -> None:
    """Labels of molecules without templates have no force field values."""
    needed = {
        "energies": molecules.target_energies(config.target),
        "forces": molecules.target_forces(config.target),
        "mm_charges": molecules.charges if config.visnet().charge_features else np.zeros(0),
    }
    bad = [name for name, values in needed.items() if not np.isfinite(values).all()]
    if bad:
        raise PotentialError(
            f"data: {', '.join(bad)} for target {config.target} are not finite in some molecules; labels of molecules "
            "without templates of the force field can serve target full without charge_features only"
        )


def validation_part(tested: Molecules, record: RecordSettings) -> np.ndarray:
    """Indices of a few frames of every unit and a few clusters, evenly spread over the held-out starts."""
    unit = tested.is_unit()
    chosen = [
        spread(np.flatnonzero(unit & (tested.label == x)), record.frames_per_unit)
        for x in np.unique(tested.label[unit])
    ]
    return np.concatenate([*chosen, spread(np.flatnonzero(~unit), record.clusters)]).astype(np.int64)


def spread(members: np.ndarray, count: int) -> np.ndarray:
    """`count` of the members, or all if they are fewer, evenly spaced."""
    return members[np.linspace(0, len(members) - 1, min(count, len(members))).round().astype(int)]
