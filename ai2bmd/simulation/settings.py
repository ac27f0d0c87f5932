"""The settings of a run: a YAML file, flags before it; everything checked, and echoed into the run directory."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from ai2bmd.correction import DEFAULT_COUPLING
from ai2bmd.device import Device
from ai2bmd.engine import EngineSettings, Ensemble
from ai2bmd.environment import Solvent
from ai2bmd.errors import InputError

_UNITS: dict[str, dict[str, float]] = {
    "ps": {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6},
    "fs": {"fs": 1.0, "ps": 1e3},
    "K": {"": 1.0, "K": 1.0},
    "/ps": {"": 1.0, "/ps": 1.0, "1/ps": 1.0, "ps-1": 1.0},
}
_QUANTITIES = {"time": "ps", "timestep": "fs", "temperature": "K", "friction": "/ps"}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


class RunSettings(pydantic.BaseModel):
    """All settings of a run. The keys of a settings file are the names of the flags: `time: 10 ps`."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())

    solvent: Solvent = "gbn2"
    coupling: Literal["units", "whole", "off"] = DEFAULT_COUPLING
    model: str | None = None
    """Model file; None is the one that comes with the package."""
    ensemble: Ensemble = "nvt"
    time_ps: float = pydantic.Field(default=1.0, alias="time", gt=0)
    """Length of production, heating not counted."""
    timestep_fs: float = pydantic.Field(default=1.0, alias="timestep", gt=0, le=20)
    temperature_K: float = pydantic.Field(default=300.0, alias="temperature", gt=0, le=10_000)
    friction_per_ps: float = pydantic.Field(default=1.0, alias="friction", gt=0)
    seed: int = pydantic.Field(default=1, ge=0, lt=2**31)
    device: Device = "auto"
    threads: int = pydantic.Field(default=1, ge=1)
    """Processor threads of torch and OpenMM; for a small protein a second one gains a sixth, and loses much more where
    the processors are shared."""
    minimise_steps: int = pydantic.Field(default=500, ge=0)
    """Of the environment alone, before the correction joins; 0 starts from the structure as it is."""
    heat_steps: int = pydantic.Field(default=200, ge=0)
    """Of strongly damped Langevin dynamics; with 0 the run starts from random velocities."""
    save_every: int = pydantic.Field(default=10, ge=1)
    """Steps between frames of the trajectory and rows of the log."""
    save_velocities: bool = False
    save_forces: bool = False
    checkpoint_every: int = pydantic.Field(default=500, ge=1)
    """Steps after which trajectory, log and checkpoint are brought to the disk."""
    guard_every: int = pydantic.Field(default=10, ge=1)
    """Steps between two looks of the guard; when it finds something it goes back and finds the step."""

    @pydantic.field_validator("time_ps", "timestep_fs", "temperature_K", "friction_per_ps", mode="before")
    @classmethod
    def _quantity(cls, value: Any, info: pydantic.ValidationInfo) -> float:
        name = str(info.field_name)
        return _parse_quantity(
            value, _UNITS[next(unit for key, unit in _QUANTITIES.items() if name.startswith(f"{key}_"))]
        )

    @pydantic.field_validator("coupling", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false

    @pydantic.model_validator(mode="after")
    def _at_least_one_step(self) -> "RunSettings":
        if self.last_step < 1:
            raise ValueError(f"time: {self.time_ps:g} ps is less than one timestep of {self.timestep_fs:g} fs")
        return self

    @property
    def last_step(self) -> int:
        """Number of steps of the whole run."""
        return round(self.time_ps * 1000.0 / self.timestep_fs)

    @property
    def engine(self) -> EngineSettings:
        """What the engine needs to know."""
        return EngineSettings(
            ensemble=self.ensemble,
            timestep_fs=self.timestep_fs,
            temperature_K=self.temperature_K,
            friction_per_ps=self.friction_per_ps,
            seed=self.seed,
        )

    def as_text(self) -> dict[str, Any]:
        """Plain values with units, by the keys of a settings file."""
        values = self.model_dump(by_alias=True)
        return values | {key: f"{values[key]!r} {unit}".replace(" /ps", " 1/ps") for key, unit in _QUANTITIES.items()}


def make_settings(values: Mapping[str, Any], *, where: str) -> RunSettings:
    """Settings from keys and values.

    Args:
        values: as in a settings file.
        where: what an error names as their place.

    Raises:
        InputError: an unknown key (the nearest known one is named), or a value that cannot be.
    """
    known = list(RunSettings().as_text())
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"{where}: unknown setting {str(key)!r}; {hint}")
    try:
        return RunSettings.model_validate(dict(values))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        reason = first["msg"].removeprefix("Value error, ")
        given = f", got {first['input']!r}" if name else ""
        raise InputError(f"{where}: {name + ': ' if name else ''}{reason}{given}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """Keys and values of a YAML settings file, unchecked.

    Raises:
        InputError: there is no such file, or it is not a YAML mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"settings file {path} does not exist") from error
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected lines like `temperature: 300 K`, got a {type(values).__name__}")
    return values


def write_settings(settings: RunSettings, path: Path, *, comment: str) -> None:
    """Write all settings in a form that `read_settings` takes back."""
    text = f"# {comment}\n" + yaml.safe_dump(settings.as_text(), sort_keys=False, allow_unicode=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _parse_quantity(value: Any, units: dict[str, float]) -> float:
    """A number with its unit; the dimensionless way only where the unit cannot be mistaken."""
    match = _NUMBER.fullmatch(str(value))
    if match is None or match[2] not in units or isinstance(value, bool):
        first = next(unit for unit in reversed(units) if unit) if "" in units else "ps" if "ns" in units else "fs"
        raise ValueError(f"expected a number and a unit like 1{first}")
    return float(match[1]) * units[match[2]]
