"""Where fine-tuning begins: a trained model, its energies moved to the level of theory of the new data.

Total energies of two methods differ by thousands of eV in each molecule, which composition explains up to some tenths.
Before the first step that is taken out of the way in closed form: what elements explain goes into the model's reference
energies, what the kind of molecule explains into the offsets, so that from then on weights learn only what is new.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64

from potentials.errors import PotentialError
from potentials.model_file import LoadedModel, ModelCard, load_model
from potentials.training.batching import TrainingSet
from potentials.training.config import TrainingConfig
from potentials.training.dataset import Target, select
from potentials.training.evaluation import model_deviations
from potentials.training.preparation import spread
from potentials.training.references import element_counts, element_references, nuisance_offsets
from potentials.visnet.committee import mean_member
from potentials.visnet.model import ViSNet

_MOST_MOLECULES = 2000
"""Of a large set, evenly spread; more would not change averages."""
_RIDGE = 0.01  # molecules; a unit of which there is one frame gets its whole offset


def starting_model(config: TrainingConfig, folder: Path) -> LoadedModel:
    """The model of `start_from`.

    Raises:
        PotentialError: it is of another kind or force field, or of another shape than the settings say.
    """
    assert config.start_from is not None  # else there is nothing to start from
    loaded = load_model(folder / config.start_from, force_field=config.force_field)
    if loaded.card.kind != config.target:
        raise PotentialError(
            f"start_from: {config.start_from} is a {loaded.card.kind} model, and target is {config.target}; "
            "take a model of that kind"
        )
    # trained is the mean, and the finished model gets members of its own
    loaded = LoadedModel(mean_member(loaded.model), loaded.card)
    shape = dataclasses.asdict(loaded.model.config)
    different = [name for name, value in config.model.items() if shape[name] != value]
    if different:
        raise PotentialError(
            f"start_from: the settings of model say another {', '.join(different)} than {config.start_from} has; "
            "leave model out, for fine-tuning keeps the shape"
        )
    return loaded


def pretraining_record(card: ModelCard) -> dict[str, Any]:
    """What the card of a fine-tuned model says of where it began."""
    return {"level_of_theory": card.level_of_theory, "sha256": card.sha256, "data": card.data} | (
        {"pretraining": card.pretraining} if card.pretraining else {}
    )


def move_references(
    model: ViSNet,
    training: TrainingSet,
    element_energies: Float64[np.ndarray, " elements"],
    *,
    target: Target,
    device: torch.device,
) -> Float32[np.ndarray, " features"]:
    """Set the model's reference energies for new data; returns the offset of each nuisance feature, in eV.

    Args:
        model: on its device; changed.
        training: molecules to train on.
        element_energies: of the data by itself, eV; what the network adds to them on average is taken off.
        target: of the model.
        device: of the model.
    """
    model.set_element_energies(torch.from_numpy(element_energies))
    chosen = spread(np.arange(len(training.molecules)), _MOST_MOLECULES)
    molecules = select(training.molecules, chosen)
    deviations = model_deviations(model, molecules, target=target, device=device).energies
    missing = training.energies[chosen] - (molecules.target_energies(target) + deviations)
    elements = element_references(molecules, missing, len(element_energies))
    model.set_element_energies(torch.from_numpy(element_energies + elements))
    rest = missing - element_counts(molecules, len(elements)) @ elements
    # the loss takes offsets off what is predicted
    return -nuisance_offsets(training.features[chosen], rest, ridge=_RIDGE).astype(np.float32)
