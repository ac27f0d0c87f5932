"""Settings of a training run: one YAML file, every key known, every value of the right type."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field

from potentials.errors import PotentialError
from potentials.model_file import model_config
from potentials.visnet.config import ViSNetConfig


class _Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


def _one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class DataSettings(_Settings):
    """Files of labelled molecules; names are relative to the folder given with --data, else to the settings file."""

    units: Annotated[tuple[str, ...], pydantic.BeforeValidator(_one_or_several)] = ()
    """One file or several; molecules of the same name belong together."""
    clusters: str | None = None
    cluster_share: float = Field(default=0.5, ge=0, le=1)
    """Fraction of the atoms of a step that come from clusters, where both files are given."""


class LossSettings(_Settings):
    """Loss = force_weight * force term + energy_weight * energy term, in eV and Angstrom.

    `norm`: mean length of the force error of an atom; `huber`: the same, quadratic below `force_delta`.
    Energy: Huber of the error per atom, linear with slope one above `energy_delta`.
    """

    force: Literal["norm", "huber"] = "norm"
    force_weight: float = Field(default=1.0, ge=0)
    force_delta: float = Field(default=0.05, gt=0)
    energy_weight: float = Field(default=1.0, ge=0)
    energy_delta: float = Field(default=0.002, gt=0)


class OptimiserSettings(_Settings):
    """AdamW with gradient clipping and an exponential moving average of the weights."""

    learning_rate: float = Field(default=2e-3, gt=0)
    offset_learning_rate: float = Field(default=1e-3, ge=0)
    """Of the per-composition energy offsets, eV per step at most."""
    beta2: float = Field(default=0.99, gt=0, lt=1)
    weight_decay: float = Field(default=1e-2, ge=0)
    gradient_clip: float = Field(default=10.0, gt=0)
    average_decay: float = Field(default=0.999, ge=0, lt=1)


class ScheduleSettings(_Settings):
    """Length of the run, in steps, in passes through the data or in minutes of wall time.

    The learning rate follows the progress through it. With few labels it is passes that decide about overfitting.
    """

    steps: int | None = Field(default=None, gt=0)
    passes: float | None = Field(default=None, gt=0)
    time_limit_minutes: float | None = Field(default=None, gt=0)
    warmup_fraction: float = Field(default=0.02, ge=0, lt=1)
    final_fraction: float = Field(default=0.01, ge=0, le=1)
    atoms_per_step: int = Field(default=200, gt=0)

    @pydantic.model_validator(mode="after")
    def _one_length(self) -> "ScheduleSettings":
        if [self.steps, self.passes, self.time_limit_minutes].count(None) != 2:
            raise ValueError("give one of steps, passes and time_limit_minutes")
        return self


class RecordSettings(_Settings):
    """How often the run is validated and saved; `None` leaves only the end."""

    validate_minutes: float | None = Field(default=5.0, gt=0)
    validate_steps: int | None = Field(default=None, gt=0)
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    frames_per_unit: int = Field(default=4, gt=1)
    clusters: int = Field(default=60, ge=0)


class CommitteeSettings(_Settings):
    """Members that a finished model gets for its error bars; its predictions stay what they are."""

    members: int = Field(default=8, ge=2, le=64)
    molecules: int = Field(default=400, gt=0)
    """Of the training data, that say what the members may disagree on."""


class TrainingConfig(_Settings):
    """Everything that decides what a training run does."""

    target: Literal["correction", "full"] = "correction"
    level_of_theory: str
    force_field: str | None = None
    """Of the data's `mm_*` labels; required for a correction."""
    seed: int = 1
    device: Literal["cpu", "cuda", "auto"] = "auto"
    threads: int = Field(default=1, gt=0)
    matmul_precision: Literal["highest", "high", "medium"] = "highest"
    """torch's float32 matrix products: "medium" multiplies in bfloat16, faster where the processor has it."""
    start_from: str | None = None
    """Model file whose weights a run begins with, relative like the data."""
    data: DataSettings
    model: dict[str, Any] = Field(default_factory=dict)
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    schedule: ScheduleSettings
    record: RecordSettings = RecordSettings()
    committee: CommitteeSettings | None = CommitteeSettings()
    """None for a model without error bars."""

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> "TrainingConfig":
        if (self.target == "correction") != (self.force_field is not None):
            raise ValueError("force_field belongs to target: correction, and only to it")
        if not self.data.units and self.data.clusters is None:
            raise ValueError("data: give units, clusters or both")
        if "members" in self.model:
            raise ValueError("model.members: is what the finished model gets; give committee.members")
        return self

    def visnet(self) -> ViSNetConfig:
        """Settings of the model."""
        return model_config(self.model, where="model")


def training_config(settings: object, *, where: str) -> TrainingConfig:
    """Validated settings from plain ones.

    Raises:
        PotentialError: a key is unknown, missing or its value unusable; the text names each.
    """
    try:
        config = TrainingConfig.model_validate(settings)
    except pydantic.ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors()]
        raise PotentialError(f"{where}: " + "; ".join(problems)) from error
    config.visnet()
    return config


def read_config(path: Path | str) -> TrainingConfig:
    """Read and validate a YAML settings file; raises PotentialError as `training_config` does."""
    path = Path(path)
    try:
        settings = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PotentialError(f"training settings {path} cannot be read: {' '.join(str(error).split())}") from error
    return training_config(settings, where=path.name)
