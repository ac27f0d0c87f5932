"""The settings of a run: a YAML file, flags before it; everything checked, and echoed into the run directory."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml

from ai2bmd.correction import DEFAULT_COUPLING
from ai2bmd.device import Device
from ai2bmd.environment import (
    WATER_MODELS,
    Constraints,
    EnvironmentName,
    Solvent,
    check_environment,
)
from ai2bmd.errors import InputError
from ai2bmd.integrators import BAROSTAT_EVERY, EngineSettings, Ensemble
from ai2bmd.sampling.settings import Sampling, known_keys, read_sampling
from ai2bmd.simulation.cluster_settings import ClusterSettings
from ai2bmd.simulation.quantities import (
    Angstrom,
    Bar,
    Dalton,
    EvPerAngstrom,
    Femtoseconds,
    Gigabytes,
    Kelvin,
    Molar,
    PerPicosecond,
    Picoseconds,
)
from ai2bmd.simulation.reasons import reason_of
from ai2bmd.simulation.restraints import Restraint
from ai2bmd.simulation.stages import Stage, default_stages
from ai2bmd.solvation import BoxShape, with_virtual_sites

_IMPLICIT = {"ensemble": "nvt", "constraints": "none", "hydrogen_mass": None, "timestep": "1 fs"}
_EXPLICIT = {"ensemble": "npt", "constraints": "h-bonds", "hydrogen_mass": "3 u", "timestep": "3 fs"}
_AMOEBA = {"constraints": "none", "timestep": "1 fs"}
_PROTEIN_FRAMES_PER_SOLVENT_FRAME = 100
_MOST_STEPS = 1e12
_MOST_INTERVAL = 10**12
WATER_ONLY = ("padding", "box", "salt", "crystal_waters", "pressure")
"""Settings that mean nothing without explicit water."""
NO_MODEL = "model: nothing is corrected with coupling off; leave the model out, or take --coupling whole"


class RunSettings(pydantic.BaseModel):
    """All settings of a run. The keys of a settings file are the names of the flags: `time: 10 ps`."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())

    environment: EnvironmentName = "amber19"
    """The force field of the whole system, which the model corrects."""
    solvent: Solvent
    """By default gbn2; gas with amoeba2018, whose water has to be asked for, for its cost."""
    padding_A: Angstrom = pydantic.Field(default=10.0, alias="padding", ge=2, le=200)
    """Water around the sphere that holds the protein; like box, salt and crystal_waters for explicit water only."""
    box: BoxShape = "dodecahedron"
    salt_M: Molar = pydantic.Field(default=0.15, alias="salt", ge=0, le=5)
    """NaCl, in addition to the ions that neutralise the protein."""
    crystal_waters: Literal["remove", "keep"] = "remove"
    coupling: Literal["units", "whole", "off"] = DEFAULT_COUPLING
    model: str | None = None
    """Model file; None is the one that comes with the package."""
    ensemble: Ensemble
    """By default npt in explicit water, else nvt."""
    time_ps: Picoseconds = pydantic.Field(default=1.0, alias="time", gt=0)
    """Length of production, equilibration not counted."""
    timestep_fs: Femtoseconds = pydantic.Field(alias="timestep", gt=0, le=20)
    """By default 3 fs in explicit water (2 fs with hydrogens of their own mass, 1 fs without constraints), else 1 fs;
    always 1 fs with amoeba2018. docs/explicit_water.md has the measurements."""
    substeps: int = pydantic.Field(default=1, ge=1, le=16)
    """Steps of the force field within one time step; the correction is evaluated once."""
    constraints: Constraints
    """Of the protein; by default bonds to hydrogen in explicit water, else none, and always none with amoeba2018. Water
    is rigid, AMOEBA's flexible."""
    hydrogen_mass_u: Dalton | None = pydantic.Field(alias="hydrogen_mass", gt=1, le=4)
    """Of the protein's hydrogens, taken from the atoms they are bound to; None is their own. By default 3 u in explicit
    water with constraints. With 5 u the carbon of a methyl group would have nothing left."""
    temperature_K: Kelvin = pydantic.Field(default=300.0, alias="temperature", gt=0, le=10_000)
    pressure_bar: Bar = pydantic.Field(default=1.0, alias="pressure", gt=-1e4, lt=1e5)
    friction_per_ps: PerPicosecond = pydantic.Field(default=1.0, alias="friction", gt=0)
    seed: int = pydantic.Field(default=1, ge=0, lt=2**31)
    replicas: int = pydantic.Field(default=1, ge=1, le=10_000)
    """Copies of the run, which differ in their seeds."""
    cluster: ClusterSettings | None = None
    """Where copies run; None is this machine."""
    device: Device = "auto"
    threads: int = pydantic.Field(default=1, ge=1, le=1024)
    """Processor threads of torch and OpenMM; for a small protein a second one gains a sixth, and loses much more where
    the processors are shared."""
    memory_GB: Gigabytes | None = pydantic.Field(default=None, alias="memory", gt=0)
    """Most that an evaluation of the model may take; a large protein is then done in parts. None is half of the
    machine's memory, or four fifths of what is free on a GPU."""
    equilibration: tuple[Stage, ...]
    """Before production; by default what suits the solvent. An empty list starts from the structure as it is."""
    restraints: tuple[Restraint, ...] | None = None
    """Atoms held near their places in the prepared structure, from the first stage of equilibration on."""
    frozen: str | None = pydantic.Field(default=None, min_length=1)
    """Selection of MDAnalysis: atoms that do not move, from the first stage of equilibration on."""
    sampling: Annotated[Sampling, pydantic.Field(discriminator="method")] | None = None
    """Enhanced sampling in production."""
    save_every: int = pydantic.Field(default=10, ge=1, le=_MOST_INTERVAL)
    """Steps between frames of the trajectory and rows of the log."""
    save_solvent_every: int = pydantic.Field(ge=0, le=_MOST_INTERVAL)
    """Steps between frames of water and ions, a multiple of save_every, so that each has its frame of the protein; 0
    for none. By default 100 times save_every: a box has some 10 to 30 atoms of solvent for each of the protein, which
    then make the trajectory larger by a third at most."""
    save_velocities: bool = False
    save_forces: bool = False
    checkpoint_every: int = pydantic.Field(default=100, ge=1, le=_MOST_INTERVAL)
    """Steps after which trajectory, log and checkpoint are brought to the disk."""
    max_hours: float | None = pydantic.Field(default=None, gt=0)
    """Wall-clock limit, after which the run saves and stops, to be resumed."""
    rollbacks: int = pydantic.Field(default=5, ge=0, le=_MOST_INTERVAL)
    """How often the guard may send the run back before it gives up."""
    guard_every: int = pydantic.Field(default=10, ge=1, le=_MOST_INTERVAL)
    """Steps between two looks of the guard; when it finds something it goes back and finds the step."""
    max_force_std_eV_per_A: EvPerAngstrom = pydantic.Field(default=3.0, alias="max_force_std", gt=0)
    """Expected error of the force on an atom above which the guard takes a geometry for one that the model does not
    know; for models with a committee. docs/committee.md has the measurements."""
    force_std_every: int = pydantic.Field(default=100, ge=0, le=_MOST_INTERVAL)
    """Steps between two looks at that error, each of which takes several times as long as a step; 0 for none."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _by_solvent(cls, values: Any) -> Any:
        """What a solvent suggests is in force where nothing else is said."""
        if not isinstance(values, dict):
            return values
        amoeba = values.get("environment") == "amoeba2018"
        solvent = values.get("solvent", "gas" if amoeba else "gbn2")
        suggested = (_explicit(values) if solvent in WATER_MODELS else dict(_IMPLICIT)) | (_AMOEBA if amoeba else {})
        suggested["solvent"] = solvent
        suggested["save_solvent_every"] = _solvent_stride(values) if solvent in WATER_MODELS else 0
        suggested["equilibration"] = default_stages(solvent, temperature=values.get("temperature", "300 K"))
        aliases = {name: field.alias or name for name, field in cls.model_fields.items()}
        return suggested | {aliases.get(key, key): value for key, value in values.items()}

    @pydantic.field_validator("sampling", mode="before")
    @classmethod
    def _method(cls, value: Any) -> Any:
        return read_sampling(value)

    @pydantic.field_validator("coupling", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML 1.1 reads a bare `off` as false

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> "RunSettings":
        check_environment(self.environment, self.solvent, constraints=self.constraints)
        if self.time_ps * 1000.0 < 0.5 * self.timestep_fs:
            raise ValueError(f"time: {self.time_ps:g} ps is less than one timestep of {self.timestep_fs:g} fs")
        if self.time_ps * 1000.0 > _MOST_STEPS * self.timestep_fs:
            raise ValueError(
                f"time: {self.time_ps:g} ps is more than {_MOST_STEPS:g} timesteps of {self.timestep_fs:g} fs"
            )
        for stage in self.equilibration:
            if stage.time_ps is not None and stage.time_ps * 1000.0 < 0.5 * self.timestep_fs / self.substeps:
                raise ValueError(
                    f"equilibration: stage {stage.name}: {stage.time_ps:g} ps is less than one timestep of "
                    f"{self.timestep_fs / self.substeps:g} fs"
                )
        if self.coupling == "off" and self.model is not None:
            raise ValueError(NO_MODEL)
        if not self.explicit:
            self._refuse_water()
        if self.substeps > 1 and self.solvent in WATER_MODELS and with_virtual_sites(self.solvent):
            raise ValueError(
                f"substeps: expected 1 in {self.solvent}, got {self.substeps}; OpenMM moves the virtual sites of such "
                "water at the end of a whole step only, and the system heats up; take --solvent tip3p, tip3p-fb or spce"
            )
        if self.cluster and self.replicas == 1:
            raise ValueError("cluster: says where copies of a run are computed; it needs replicas of 2 or more")
        stages = {"npt"} & {stage.ensemble for stage in self.equilibration}
        if not self.explicit and (self.ensemble == "npt" or stages):
            raise ValueError("ensemble: npt keeps the pressure of explicit water; take nvt, or --solvent opc")
        if self.save_solvent_every and not self.explicit:
            raise ValueError("save_solvent_every: there is no solvent to save; take 0, or --solvent opc")
        if self.save_solvent_every % self.save_every:
            raise ValueError(
                f"save_solvent_every: expected a multiple of save_every ({self.save_every} steps), or 0 for none, "
                f"got {self.save_solvent_every}"
            )
        if self.ensemble == "npt" and self.checkpoint_every % BAROSTAT_EVERY:
            raise ValueError(
                f"checkpoint_every: expected a multiple of {BAROSTAT_EVERY} steps, the barostat's interval, "
                f"got {self.checkpoint_every}"
            )
        if self.sampling is not None:
            self.sampling.check_ensemble(self.ensemble, temperature_K=self.temperature_K)
        return self

    def _refuse_water(self) -> None:
        """A setting of explicit water that differs from its default has been meant, and would do nothing."""
        for name, field in type(self).model_fields.items():
            if field.alias in WATER_ONLY or name in WATER_ONLY:
                value = getattr(self, name)
                if value != field.default:
                    raise ValueError(needs_water(field.alias or name, self.solvent))

    @property
    def explicit(self) -> bool:
        """Whether the protein is in explicit water."""
        return self.solvent in WATER_MODELS

    @property
    def last_step(self) -> int:
        """Number of steps of the whole run."""
        return round(self.time_ps * 1000.0 / self.timestep_fs)

    @property
    def memory_bytes(self) -> int | None:
        """Most that an evaluation of the model may take; None where nothing is said."""
        return None if self.memory_GB is None else int(self.memory_GB * 1e9)

    @property
    def engine(self) -> EngineSettings:
        """What the engine needs to know."""
        return EngineSettings(
            ensemble=self.ensemble,
            timestep_fs=self.timestep_fs,
            substeps=self.substeps,
            temperature_K=self.temperature_K,
            friction_per_ps=self.friction_per_ps,
            pressure_bar=self.pressure_bar,
            seed=self.seed,
        )

    def as_text(self) -> dict[str, Any]:
        """Plain values with units, by the keys of a settings file."""
        return self.model_dump(mode="json", by_alias=True)


def _explicit(values: dict[str, Any]) -> dict[str, Any]:
    """The longest step that conserves energy as well as the force field does at 2 fs, with what is asked for."""
    if values.get("constraints", "h-bonds") == "none":
        return _EXPLICIT | {"hydrogen_mass": None, "timestep": "1 fs"}
    light = "hydrogen_mass" in values and values["hydrogen_mass"] is None
    return _EXPLICIT | ({"timestep": "2 fs"} if light else {})


def needs_water(name: str, solvent: str) -> str:
    """What to say of a setting that is for explicit water only."""
    return f"{name}: is for explicit water, and solvent is {solvent}; leave it out, or take --solvent opc"


def _solvent_stride(values: dict[str, Any]) -> int:
    """The default; a `save_every` that is no number is refused elsewhere."""
    try:
        return _PROTEIN_FRAMES_PER_SOLVENT_FRAME * max(1, int(values.get("save_every", 10)))
    except (TypeError, ValueError, OverflowError):
        return 0


def default_settings() -> RunSettings:
    """What a run takes that says nothing."""
    return RunSettings.model_validate({})


def make_settings(values: Mapping[str, Any], *, where: str) -> RunSettings:
    """Settings from keys and values.

    Args:
        values: as in a settings file.
        where: what an error names as their place.

    Raises:
        InputError: an unknown key (the nearest known one is named), or a value that cannot be.
    """
    known = list(default_settings().as_text())
    for key in values:
        if key not in known:
            raise InputError(f"{where}: unknown setting {str(key)!r}; {hint(str(key), known)}")
    try:
        return RunSettings.model_validate(dict(values))
    except pydantic.ValidationError as error:
        first = next((one for one in error.errors() if one["type"] == "extra_forbidden"), error.errors()[0])
        place = _place(first["loc"])
        name = ".".join(str(part) for number, part in enumerate(place) if number != 1 or place[0] != "sampling")
        if first["type"] == "extra_forbidden":
            section = ClusterSettings if place[0] == "cluster" else Stage
            keys = [field.alias or key for key, field in section.model_fields.items()]
            keys = {"sampling": known_keys(place), "restraints": list(Restraint.model_fields)}.get(str(place[0]), keys)
            raise InputError(f"{where}: unknown setting {name!r}; {hint(str(place[-1]), keys)}") from error
        reason = reason_of(dict(first))
        given = f", got {first['input']!r}" if name else ""
        raise InputError(f"{where}: {name + ': ' if name else ''}{reason}{given}") from error


def _place(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where an error is, as a settings file has it."""
    if location[:1] == ("sampling",):
        return location
    return location[: {"equilibration": 3, "restraints": 3, "cluster": 2}.get(str(location[0]) if location else "", 1)]


def hint(key: str, known: list[str]) -> str:
    """What to say of an unknown key: the nearest known one, or all of them."""
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_settings(path: Path) -> dict[str, Any]:
    """Keys and values of a YAML settings file, unchecked.

    Raises:
        InputError: there is no such file, or it is not a YAML mapping.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError as error:
        raise InputError(f"settings file {path} does not exist") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a directory; name a settings file in it") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: its encoding, or an impossible date
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
