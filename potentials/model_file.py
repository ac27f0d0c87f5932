"""Model files: weights as safetensors and a JSON card beside them, `NAME.safetensors` and `NAME.json`.

In comes a ViSNet and a card that says what it predicts, against which force field and how well; out comes the same
model again. Nothing is ever unpickled, and a file that is not exactly what its card says is refused.
"""

import dataclasses
import hashlib
import json
import math
import struct
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch

from potentials.errors import PotentialError
from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

FORMAT_VERSION = 2
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80")


@dataclasses.dataclass(frozen=True)
class CommitteeCard:
    """How the spread of a committee's members becomes an error bar: it is multiplied by the scales.

    `calibration` says on how many held-out molecules they were found, and how well the spread tells the error.
    """

    energy_scale: float
    force_scale: float
    calibration: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for scales that are no positive numbers."""
        if not (0 < self.energy_scale < math.inf and 0 < self.force_scale < math.inf):
            raise ValueError(f"committee: expected positive scales, got {self.energy_scale}, {self.force_scale}")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """What a model is. `errors` holds held-out errors with their units in the keys; `sha256` is that of the weights."""

    kind: Literal["correction", "full"]
    level_of_theory: str
    force_field: str | None
    config: dict[str, Any]
    data: tuple[dict[str, str], ...] = ()
    errors: dict[str, Any] = dataclasses.field(default_factory=dict)
    training: dict[str, Any] = dataclasses.field(default_factory=dict)
    pretraining: dict[str, Any] | None = None
    """Of a fine-tuned model: the level of theory, data and hash of the one it began with."""
    committee: CommitteeCard | None = None
    """Of a model with several members; None for one."""
    sha256: str = ""
    version: int = FORMAT_VERSION


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, on the CPU, with its card."""

    model: ViSNet
    card: ModelCard


def card_path(path: Path | str) -> Path:
    """The card that belongs to a weights file."""
    return Path(path).with_suffix(".json")


def file_sha256(path: Path | str) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_config(settings: dict[str, Any], *, where: str) -> ViSNetConfig:
    """A ViSNetConfig from plain settings.

    Raises:
        PotentialError: a key is unknown or a value unusable; the text names `where` they were read.
    """
    known = {field.name for field in dataclasses.fields(ViSNetConfig)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise PotentialError(
            f"{where}: unknown model setting {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    try:
        return ViSNetConfig(**settings)
    except (TypeError, ValueError) as error:
        raise PotentialError(f"{where}: unusable model settings: {error}") from error


def save_model(path: Path | str, model: ViSNet, card: ModelCard) -> ModelCard:
    """Write weights and card; returns the card as written, with the configuration and hash of the weights.

    Raises:
        PotentialError: a correction model's card names no force field, or a full model's names one; or the card has
            scales of a committee and the model is none, or the other way round.
    """
    if (card.kind == "correction") != (card.force_field is not None):
        raise PotentialError(f"model card: a {card.kind} model with force_field={card.force_field!r} makes no sense")
    if (model.config.members > 1) != (card.committee is not None):
        raise PotentialError(
            f"model card: {model.config.members} members with committee={card.committee} make no sense"
        )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    path.write_bytes(safetensors.torch.save(weights))
    card = dataclasses.replace(card, config=dataclasses.asdict(model.config), sha256=file_sha256(path))
    card_path(path).write_text(json.dumps(dataclasses.asdict(card), indent=1) + "\n")
    return card


def load_model(path: Path | str, *, force_field: str | None) -> LoadedModel:
    """Read a model for use with `force_field` (None: with no force field, which only a full model allows).

    Raises:
        PotentialError: the file or its card is missing, a pickle, corrupt, altered, or of another force field.
    """
    path = Path(path)
    _check_is_safetensors(path)
    card = _read_card(card_path(path))
    if card.kind == "correction" and card.force_field != force_field:
        raise PotentialError(
            f"{path.name} corrects the force field {card.force_field}, but is to be used with {force_field}; "
            "take a model trained for that force field"
        )
    if file_sha256(path) != card.sha256:
        raise PotentialError(f"{path.name}: its SHA-256 is not that in {card_path(path).name}; fetch both files anew")
    model = ViSNet(model_config(card.config, where=card_path(path).name))
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise PotentialError(f"{path.name}: weights do not fit the model its card describes; {error}") from error
    if (model.config.members > 1) != (card.committee is not None):
        raise PotentialError(
            f"{card_path(path).name}: a committee needs members of 2 or more and the scales of its spread, got "
            f"members {model.config.members} and committee {card.committee}; make the committee anew"
        )
    return LoadedModel(model=model.eval(), card=card)


def _check_is_safetensors(path: Path) -> None:
    if not path.is_file():
        raise PotentialError(f"model file {path} does not exist")
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith(_PICKLE_STARTS):
        raise PotentialError(
            f"{path.name} is a pickle (torch.save), which may run any program when loaded; give a safetensors file"
        )
    header = struct.unpack("<Q", start[:8])[0] if len(start) == 9 else 0
    if not (2 <= header <= path.stat().st_size - 8 and start[8:] == b"{"):
        raise PotentialError(f"{path.name} is not a safetensors file, or is cut off; fetch it anew")


def _read_card(path: Path) -> ModelCard:
    if not path.is_file():
        raise PotentialError(f"model card {path} is missing; it belongs beside the weights")
    try:
        fields = json.loads(path.read_text())
        committee = fields.get("committee")
        fields["committee"] = None if committee is None else CommitteeCard(**committee)
        card = ModelCard(**{**fields, "data": tuple(fields["data"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PotentialError(f"model card {path.name} cannot be read: {error!r}") from error
    if card.version != FORMAT_VERSION or card.kind not in ("correction", "full") or not isinstance(card.config, dict):
        raise PotentialError(
            f"model card {path.name}: version {card.version}, kind {card.kind!r} are not understood here "
            f"(version {FORMAT_VERSION}, kind correction or full); train the model anew, or take one of this version"
        )
    return card


def parameter_count(model: torch.nn.Module) -> int:
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
