"""The settings file of `ai2bmd analyze`: what is analysed, and the choices that have a default."""

from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import Field

from ai2bmd.analysis.nmr.karplus import find_relation
from ai2bmd.correction import DEFAULT_COUPLING, Coupling
from ai2bmd.device import Device
from ai2bmd.errors import InputError
from ai2bmd.simulation.quantities import Angstrom, Kelvin, Picoseconds
from ai2bmd.simulation.reasons import reason_of
from ai2bmd.simulation.settings import hint, read_settings

Part = Literal["structure", "nmr", "kinetics", "thermodynamics"]
PARTS: tuple[Part, ...] = ("structure", "nmr", "kinetics", "thermodynamics")


class _Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Folding(_Settings):
    """What counts as folded: one quantity with a threshold to either side, and between them the state last visited."""

    by: Literal["native-contacts", "rmsd"] = "native-contacts"
    folded: float = Field(allow_inf_nan=False)
    """Share of native contacts above, or RMSD (A) below which a frame is folded."""
    unfolded: float = Field(allow_inf_nan=False)
    """The same for unfolded."""

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> "Folding":
        more = self.folded > self.unfolded
        if more != (self.by == "native-contacts") or self.folded == self.unfolded:
            wanted = "above" if self.by == "native-contacts" else "below"
            raise ValueError(f"folded: expected a value {wanted} that of unfolded, for it is of {self.by}")
        return self


class Kinetics(_Settings):
    """Of the Markov state model."""

    features: Literal["backbone", "backbone and side chains"] = "backbone"
    """Dihedral angles, each as sine and cosine."""
    projection: Literal["tica", "vamp"] = "tica"
    lag_ps: Picoseconds | None = Field(default=None, alias="lag", gt=0)
    """None: the one at which the slowest timescale is known best."""
    dimensions: int | None = Field(default=None, ge=1)
    """Of the slow components; None: by the data."""
    microstates: int | None = Field(default=None, ge=2)
    """None: by the number of frames."""
    states: int | None = Field(default=None, ge=2, le=20)
    """None: by the largest gap between timescales."""
    lags: Literal["fixed", "random"] = "fixed"
    """Random: drawn for every pair of frames about the lag time (docs/analysis.md)."""
    hidden_states: int | None = Field(default=None, ge=2, le=20)
    """Of a hidden Markov model beside the Markov model; None: there is none."""
    hidden_lag_ps: Picoseconds | None = Field(default=None, alias="hidden_lag", gt=0)
    """Of that model; None: that of the Markov model."""
    diffusion: str | None = None
    """`molecule`, whose centre of mass it is, or a selection of atoms in MDAnalysis' language; None: there is none."""


class Nmr(_Settings):
    """Of the comparison with NMR."""

    ired: bool = False
    """Order parameters by iRED too, which needs no superposition."""


class Thermodynamics(_Settings):
    """Of free energies and entropies."""

    quasi_harmonic: str | None = None
    """Atoms whose quasi-harmonic entropy is estimated, in MDAnalysis' language, such as `not name H*`."""
    umbrella: Path | None = None
    """Table of umbrella windows, each with the file of its samples; the frames are then taken to be biased."""


class Level(_Settings):
    """Level of theory that frames of the force field, or of another model, are reweighted to."""

    model: Path | None = None
    """Model file; None takes the one that comes with the package."""
    coupling: Coupling = DEFAULT_COUPLING
    device: Device = "auto"


class AnalysisSettings(_Settings):
    """Settings of an analysis; paths in the file are relative to it."""

    parts: tuple[Part, ...] = Field(default=PARTS, min_length=1)
    selection: str | None = None
    """Atoms to analyse, in MDAnalysis' language; the protein if None."""
    superpose_on: str | None = None
    """Of these, what is superposed for RMSD, fluctuation, clusters and principal components; C-alphas if None."""
    reference: Path | None = None
    """Structure that RMSD and native contacts refer to; the first frame if None."""
    temperature_K: Kelvin | None = Field(default=None, alias="temperature", gt=0)
    """None: that of the run; trajectories of other programs have none, and then no free energies."""
    cluster_cutoff_A: Angstrom = Field(default=1.5, alias="cluster_cutoff", gt=0)
    """RMSD within which frames are of one cluster."""
    parametrisations: dict[str, str] = Field(default_factory=dict)
    """Karplus relation by the name of the coupling, such as 3J_HN_HA: hu-bax-1997."""
    folding: Folding | None = None
    level: Level | None = None
    """None: frames stay at the level that they were simulated at."""
    nmr: Nmr = Nmr()
    kinetics: Kinetics = Kinetics()
    thermodynamics: Thermodynamics = Thermodynamics()

    @pydantic.field_validator("parts")
    @classmethod
    def _each_once(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        for part in parts:
            if parts.count(part) > 1:
                raise ValueError(f"{part} is named {parts.count(part)} times; name each part once")
        return parts

    @pydantic.field_validator("parametrisations")
    @classmethod
    def _known_relations(cls, names: dict[str, str]) -> dict[str, str]:
        for coupling, name in names.items():
            try:
                find_relation(coupling, name)
            except InputError as error:
                raise ValueError(str(error)) from error
        return names


def read_analysis_settings(path: Path) -> AnalysisSettings:
    """Read and check a settings file; its paths become absolute.

    Raises:
        InputError: it cannot be read, a key is unknown (the nearest known one is named), or a value cannot be.
    """
    settings, folder = _checked(read_settings(path), where=str(path)), path.absolute().parent
    if settings.reference is not None:
        settings = settings.model_copy(update={"reference": (folder / settings.reference).resolve()})
    if settings.level is not None and settings.level.model is not None:
        level = settings.level.model_copy(update={"model": (folder / settings.level.model).resolve()})
        settings = settings.model_copy(update={"level": level})
    if settings.thermodynamics.umbrella is not None:
        umbrella = (folder / settings.thermodynamics.umbrella).resolve()
        thermodynamics = settings.thermodynamics.model_copy(update={"umbrella": umbrella})
        settings = settings.model_copy(update={"thermodynamics": thermodynamics})
    return settings


def _checked(values: dict[Any, Any], *, where: str) -> AnalysisSettings:
    try:
        return AnalysisSettings.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise InputError(
                f"{where}: unknown setting {name!r}; {hint(str(first['loc'][-1]), _known(first))}"
            ) from error
        reason = reason_of(dict(first))
        given = f", got {first['input']!r}" if name and first["type"] != "missing" else ""
        raise InputError(f"{where}: {name + ': ' if name else ''}{reason}{given}") from error


def _known(error: Any) -> list[str]:
    """Names that the section of an unknown one has."""
    sections: dict[str, type[pydantic.BaseModel]] = {
        "folding": Folding,
        "kinetics": Kinetics,
        "level": Level,
        "nmr": Nmr,
        "thermodynamics": Thermodynamics,
    }
    section = sections[str(error["loc"][0])] if len(error["loc"]) > 1 else AnalysisSettings
    return [field.alias or name for name, field in section.model_fields.items()]
