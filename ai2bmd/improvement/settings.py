"""The settings file of `ai2bmd improve`: what a turn of the loop samples, chooses, labels and trains with."""

from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import Field

from ai2bmd.conformations.units import parse_units
from ai2bmd.errors import InputError
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.quantities import Gigabytes, Kelvin
from ai2bmd.simulation.reasons import reason_of
from ai2bmd.simulation.settings import hint, read_settings

_PATHS = ("store", "output", "model", "training")


class ImprovementSettings(pydantic.BaseModel):
    """Settings of a turn; paths in the file are relative to it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())

    store: Path
    """Labels; made where there is none."""
    output: Path
    """Folder of the turns."""
    method: str = "r2scan-3c"
    """Level of theory of the labels."""
    model: Path | None = None
    """Pretrained model that every turn fine-tunes; None is the pretrained one that comes with the package."""
    units: tuple[str, ...] = Field(default="all", validate_default=True)
    """Sampled on their own: all, none, or a list of names."""
    proteins: tuple[Path, ...] = ()
    """Files from which units and clusters are cut."""
    pool: int = Field(default=100, ge=1)
    """Frames of each unit to choose from, in each turn."""
    labels: int = Field(default=5, ge=1)
    """Frames of each unit to label, in each turn."""
    clusters: int = Field(default=100, ge=0)
    """Frames of clusters of each protein to choose from."""
    cluster_labels: int = Field(default=20, ge=0)
    """Frames of all clusters together to label."""
    cluster_atoms: int = Field(default=60, ge=1)
    snapshots: int = Field(default=4, ge=1)
    """Of each protein at each temperature."""
    temperatures_K: tuple[Kelvin, ...] = Field(default=(300.0, 400.0, 550.0), alias="temperatures", min_length=1)
    by: Literal["both", "distance"] = "both"
    """How frames are chosen; see docs/conformations.md."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Of the first turn; each further one takes the next."""
    workers: int | None = Field(default=None, ge=1)
    """Frames that are labelled at a time."""
    memory_GB: Gigabytes | None = Field(default=None, alias="memory", gt=0)
    """Of all workers on this machine; None is what is free."""
    cluster: ClusterSettings | None = None
    """Where labels are computed; None is this machine."""
    training: Path | None = None
    """Settings file of `ai2bmd train`; None are those of `FINE_TUNING`."""

    @pydantic.field_validator("units", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(x, str) for x in value)):
            raise ValueError("expected all, none or a list of names")
        try:
            return parse_units(value)
        except InputError as error:
            raise ValueError(str(error).removeprefix("units: ")) from error

    @pydantic.field_validator("temperatures_K")
    @classmethod
    def _possible(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.0 < temperature <= 2000.0 for temperature in value):
            raise ValueError("expected temperatures above 0 and up to 2000 K")
        return value

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> "ImprovementSettings":
        if not self.units and not self.proteins:
            raise ValueError("units: there is nothing to sample; name units, or files under proteins")
        if self.labels > self.pool:
            raise ValueError(f"labels: expected at most the size of the pool ({self.pool}), got {self.labels}")
        if self.proteins and self.cluster_labels > self.clusters * len(self.proteins):
            raise ValueError(
                f"cluster_labels: expected at most what there is to choose from ({self.clusters * len(self.proteins)}),"
                f" got {self.cluster_labels}"
            )
        if self.cluster is not None and self.cluster.kind == "slurm" and self.memory_GB is not None:
            raise ValueError("memory: is for this machine; of jobs of Slurm cluster.memory says it")
        return self

    def as_record(self) -> dict[str, Any]:
        """What decides the result of a turn, as plain values."""
        return self.model_dump(mode="json", by_alias=True, exclude={"workers", "memory_GB", "cluster"})


def read_improvement(path: Path) -> ImprovementSettings:
    """Read and check a settings file; its paths become absolute.

    Raises:
        InputError: it cannot be read, a key is unknown (the nearest known one is named), or a value cannot be.
    """
    values = read_settings(path)
    known = [field.alias or name for name, field in ImprovementSettings.model_fields.items()]
    for key in values:
        if key not in known:
            raise InputError(f"{path}: unknown setting {str(key)!r}; {hint(str(key), known)}")
    try:
        settings = ImprovementSettings.model_validate(values)
    except pydantic.ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from error
    return _with_absolute_paths(settings, path.absolute().parent)


def _sentence(error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":  # of the one section that there is
        return f"unknown setting {name!r}; {hint(str(first['loc'][-1]), list(ClusterSettings.model_fields))}"
    reason = reason_of(dict(first))
    given = f", got {first['input']!r}" if name and first["type"] != "missing" else ""
    return f"{name + ': ' if name else ''}{reason}{given}"


def _with_absolute_paths(settings: ImprovementSettings, folder: Path) -> ImprovementSettings:
    changed: dict[str, Any] = {
        name: (folder / value).resolve() for name in _PATHS if (value := getattr(settings, name)) is not None
    }
    proteins = tuple((folder / protein).resolve() for protein in settings.proteins)
    return settings.model_copy(update=changed | {"proteins": proteins})
