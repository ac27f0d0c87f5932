"""Enhanced sampling as it stands in the settings file under `sampling:`."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pydantic

from ai2bmd.simulation.quantities import Kelvin, KilocaloriesPerMole, parse_quantity


@dataclass(frozen=True)
class Kind:
    """A kind of collective variable."""

    unit: str
    """Of range and width in settings and tables; empty for a pure number."""
    openmm: float
    """OpenMM's unit in this one."""
    range: tuple[float, float]
    width: float
    selected: bool = False
    """Whether it is of atoms chosen by a selection."""
    referred: bool = False
    """Whether it needs a reference structure."""


_DEGREE = float(np.pi / 180.0)
DIHEDRALS = ("phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5")
KINDS: dict[str, Kind] = {
    **dict.fromkeys(DIHEDRALS, Kind("deg", _DEGREE, (-180.0, 180.0), 20.0)),
    "rmsd": Kind("A", 0.1, (0.0, 10.0), 0.25, selected=True, referred=True),
    "radius_of_gyration": Kind("A", 0.1, (3.0, 20.0), 0.25, selected=True),
    "native_contacts": Kind("", 1.0, (0.0, 1.0), 0.03, selected=True, referred=True),
    "end_to_end": Kind("A", 0.1, (0.0, 50.0), 0.5),
}
PREPARED = "prepared"
_MOST_GRID_POINTS = 1_000_000


class Variable(pydantic.BaseModel):
    """A collective variable, written as its kind and what it is of: `phi: A 3`, `rmsd: name CA`, `end_to_end: A`."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    kind: str
    of: str = pydantic.Field(min_length=1)
    """A residue (chain and number) for dihedrals, a chain for end_to_end, else a selection of MDAnalysis."""
    name: str = pydantic.Field(min_length=1, max_length=40, pattern=r"^\w+$")
    """In tables and plots."""
    range: tuple[float, float]
    """Where it is biased; walls keep it inside unless it is periodic."""
    width: float = pydantic.Field(gt=0)
    """Standard deviation of the Gaussians."""
    periodic: bool = False
    reference: str = PREPARED
    """What rmsd and native_contacts compare with: the prepared structure, or a PDB file."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _by_kind(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("kind") in KINDS:
            return values
        named = [key for key in values if key in KINDS]
        if len(named) != 1:
            raise ValueError(f"a variable has one line like `phi: A 3`, with one of {', '.join(KINDS)}")
        name, of = named[0], str(values[named[0]])
        kind = KINDS[name]
        rest = {key: value for key, value in values.items() if key != name}
        if "reference" in rest and not kind.referred:
            raise ValueError(f"{name} is compared with nothing; leave out `reference`")
        rest["range"] = _pair(rest["range"], kind.unit) if "range" in rest else kind.range
        rest["width"] = parse_quantity(rest["width"], kind.unit) if "width" in rest else kind.width
        rest.setdefault("periodic", name in DIHEDRALS)
        rest.setdefault("name", _default_name(name, of))
        return {"kind": name, "of": of, **rest}

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> "Variable":
        low, high = self.range
        if low >= high:
            raise ValueError(f"{self.kind} {self.of}: range must ascend, got {low:g} to {high:g}")
        if self.periodic and self.kind not in DIHEDRALS:
            raise ValueError(f"{self.kind} is not periodic; leave out `periodic`")
        if self.periodic and not np.isclose(high - low, 360.0):
            raise ValueError(
                f"{self.kind} {self.of}: a periodic dihedral has a range of 360 deg; take `periodic: false` to keep it "
                "within a smaller one"
            )
        if self.kind in DIHEDRALS and not self.periodic and high - low > 360.0 - 4.0 * self.width:
            raise ValueError(
                f"{self.kind} {self.of}: a dihedral that is not periodic needs room for walls; make range at least "
                "four widths smaller than 360 deg"
            )
        if self.width > (high - low) / 2.0:
            raise ValueError(f"{self.kind} {self.of}: width must be at most half the range, got {self.width:g}")
        return self

    @pydantic.model_serializer
    def _as_written(self) -> dict[str, Any]:
        kind = KINDS[self.kind]
        shown = f" {kind.unit}".rstrip()
        values: dict[str, Any] = {self.kind: self.of, "name": self.name}
        values["range"] = [f"{end!r}{shown}" for end in self.range]
        values["width"] = f"{self.width!r}{shown}"
        if self.kind in DIHEDRALS:
            values["periodic"] = self.periodic
        if kind.referred:
            values["reference"] = self.reference
        return values

    @property
    def column(self) -> str:
        """Name and unit."""
        unit = KINDS[self.kind].unit
        return f"{self.name}_{unit}" if unit else self.name

    @property
    def margin(self) -> float:
        """How far the grid of the bias reaches beyond the range, where walls push back."""
        if self.periodic:
            return 0.0
        free = (360.0 - self.range[1] + self.range[0]) / 2.0 if self.kind in DIHEDRALS else np.inf
        return min(4.0 * self.width, free)

    @property
    def grid_points(self) -> int:
        """Five a width."""
        points = np.ceil(5.0 * (self.range[1] - self.range[0] + 2.0 * self.margin) / self.width)
        return int(min(points, 1e15)) + 1  # which is refused as too many


def _pair(value: Any, unit: str) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"range: expected a list of two, from and to, got {value!r}")
    low, high = (parse_quantity(end, unit) for end in value)
    return low, high


def _default_name(kind: str, of: str) -> str:
    if not KINDS[kind].selected:
        return f"{kind}_{''.join(character for character in of if character.isalnum() or character == '_')}"
    return kind


class _Method(pydantic.BaseModel):
    """What all methods have."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    variables: tuple[Variable, ...] = pydantic.Field(default=(), max_length=3)

    @pydantic.model_validator(mode="after")
    def _names_differ(self) -> "_Method":
        names = [variable.name for variable in self.variables]
        if len(set(names)) < len(names):
            raise ValueError(f"variables: give each a `name` of its own, got {', '.join(names)}")
        return self

    def check_ensemble(self, ensemble: str, *, temperature_K: float) -> None:
        """Make sure that the run is one that the method can guide.

        Raises:
            ValueError: it is not.
        """
        if ensemble == "nve":
            raise ValueError("sampling: needs a thermostat; take ensemble nvt or npt, not nve")


class Metadynamics(_Method):
    """Well-tempered metadynamics (Barducci, Bussi and Parrinello, Phys. Rev. Lett. 100, 020603, 2008)."""

    method: Literal["metadynamics"]
    variables: tuple[Variable, ...] = pydantic.Field(min_length=1, max_length=3)
    bias_factor: float = pydantic.Field(default=10.0, gt=1, allow_inf_nan=False)
    """The variables move as at this many times the temperature."""
    height: KilocaloriesPerMole = pydantic.Field(default=0.3, gt=0)
    """Of the first Gaussians."""
    every: int = pydantic.Field(default=500, ge=1)
    """Steps between Gaussians."""

    @pydantic.model_validator(mode="after")
    def _one_grid(self) -> "Metadynamics":
        if len({variable.periodic for variable in self.variables}) > 1:
            raise ValueError(
                "variables: OpenMM's metadynamics takes either periodic variables or others, not both; give dihedrals "
                "`periodic: false` and a range that they do not leave"
            )
        points = math.prod([variable.grid_points for variable in self.variables])
        if points > _MOST_GRID_POINTS:
            raise ValueError(
                f"variables: the bias would have {points:.3g} grid points, more than {_MOST_GRID_POINTS:,}; take "
                "smaller ranges, larger widths or fewer variables"
            )
        return self


class Ladder(pydantic.BaseModel):
    """Temperatures in constant ratio."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    lowest: Kelvin = pydantic.Field(gt=0)
    highest: Kelvin = pydantic.Field(gt=0, le=10_000)
    number: int = pydantic.Field(ge=2, le=256)

    def list_K(self) -> list[float]:
        """The temperatures."""
        return [float(value) for value in np.geomspace(self.lowest, self.highest, self.number)]


def _rungs(value: Any) -> Any:
    """The temperatures of a ladder, in full; what is a list already stays."""
    return Ladder.model_validate(value).list_K() if isinstance(value, dict) else value


_Temperatures = Annotated[
    tuple[Annotated[Kelvin, pydantic.Field(gt=0, le=10_000)], ...],
    pydantic.BeforeValidator(_rungs),
    pydantic.Field(min_length=2, max_length=256),
]


class _Tempered(_Method):
    """What the methods have that go through temperatures."""

    temperatures_K: _Temperatures = pydantic.Field(alias="temperatures")
    """In ascending order; or lowest, highest and number, for a constant ratio."""

    @pydantic.model_validator(mode="after")
    def _ascending(self) -> "_Tempered":
        if list(self.temperatures_K) != sorted(set(self.temperatures_K)):
            raise ValueError("temperatures: expected them in ascending order, each once")
        return self

    def check_ensemble(self, ensemble: str, *, temperature_K: float) -> None:
        """See `_Method`."""
        super().check_ensemble(ensemble, temperature_K=temperature_K)
        if ensemble == "npt":
            raise ValueError(
                "sampling: temperatures are exchanged at constant volume; take ensemble nvt (the stages of "
                "equilibration may be npt)"
            )
        if not np.isclose(self.temperatures_K[0], temperature_K):
            raise ValueError(
                f"sampling: the lowest of the temperatures must be the run's, {temperature_K:g} K, got "
                f"{self.temperatures_K[0]:g} K"
            )


class SimulatedTempering(_Tempered):
    """One system that goes through temperatures (Marinari and Parisi, Europhys. Lett. 19, 451, 1992)."""

    method: Literal["simulated-tempering"]
    every: int = pydantic.Field(default=25, ge=1)
    """Steps between changes of temperature."""
    weights: tuple[float, ...] | None = None
    """Of the temperatures; None finds them while it runs (Wang and Landau, Phys. Rev. Lett. 86, 2050, 2001)."""

    @pydantic.model_validator(mode="after")
    def _one_weight_each(self) -> "SimulatedTempering":
        if self.weights is not None and len(self.weights) != len(self.temperatures_K):
            raise ValueError(
                f"weights: expected one for each of the {len(self.temperatures_K)} temperatures, got "
                f"{len(self.weights)}"
            )
        return self


class ReplicaExchange(_Tempered):
    """A replica at each temperature (Sugita and Okamoto, Chem. Phys. Lett. 314, 141, 1999)."""

    method: Literal["replica-exchange"]
    every: int = pydantic.Field(default=100, ge=1)
    """Steps between exchanges."""


_METHODS = {
    "metadynamics": Metadynamics,
    "simulated-tempering": SimulatedTempering,
    "replica-exchange": ReplicaExchange,
}
Sampling = Metadynamics | SimulatedTempering | ReplicaExchange
"""Any method."""


def read_sampling(value: Any) -> Any:
    """Tell the method of a section of a settings file, and check the section as its.

    Raises:
        ValueError: there is none, or an unknown one.
    """
    if not isinstance(value, dict):
        return value
    method = value.get("method")
    if method not in _METHODS:
        raise ValueError(f"method: expected one of {', '.join(_METHODS)}, got {method!r}")
    return value


def known_keys(place: tuple[int | str, ...]) -> list[str]:
    """Keys that a settings file may have at a place below `sampling`; for hints."""
    if "variables" in place:
        return [*KINDS, "name", "range", "width", "periodic", "reference"]
    if "temperatures" in place:
        return list(Ladder.model_fields)
    method = next((part for part in place if part in _METHODS), "metadynamics")
    return [field.alias or name for name, field in _METHODS[str(method)].model_fields.items()]
