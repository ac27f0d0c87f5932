"""The stages between a structure and production, as they stand in the settings file under `equilibration:`."""

from typing import Annotated, Any, Literal

import pydantic

from ai2bmd.environment import WATER_MODELS, Solvent
from ai2bmd.simulation.quantities import KelvinRange, PerPicosecond, Picoseconds, StiffnessRange


def _two(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value, value)


def _one(value: tuple[float, float]) -> float | list[float]:
    return value[0] if value[0] == value[1] else list(value)


_FractionRange = Annotated[
    tuple[Annotated[float, pydantic.Field(ge=0, le=1)], Annotated[float, pydantic.Field(ge=0, le=1)]],
    pydantic.BeforeValidator(_two),
    pydantic.PlainSerializer(_one),
]


class Stage(pydantic.BaseModel):
    """One stage: a minimisation, or dynamics. Two values in a list are start and end, with a ramp between them."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = pydantic.Field(min_length=1, max_length=40)
    minimise: int | None = pydantic.Field(default=None, ge=1, le=10**9)
    """Steps of minimisation; the stage has no time then."""
    time_ps: Picoseconds | None = pydantic.Field(default=None, alias="time", gt=0)
    ensemble: Literal["nvt", "npt"] = "nvt"
    temperature_K: KelvinRange | None = pydantic.Field(default=None, alias="temperature")
    """None is that of the run."""
    friction_per_ps: PerPicosecond | None = pydantic.Field(default=None, alias="friction", gt=0)
    """None is that of the run."""
    restraint: StiffnessRange = (0.0, 0.0)
    """Holds the shape of each protein chain, heavy atoms only: k/2 times the sum of their squared distances from the
    prepared structure after the best superposition."""
    correction: _FractionRange = (1.0, 1.0)
    """Fraction of the ab initio correction."""

    @pydantic.model_serializer(mode="wrap")
    def _what_is_said(self, dump: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value is not None}

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> "Stage":
        if (self.minimise is None) == (self.time_ps is None):
            raise ValueError(f"stage {self.name}: give either `time` or `minimise` (steps)")
        if self.temperature_K is not None and min(self.temperature_K) <= 0:
            raise ValueError(f"stage {self.name}: temperature must be above 0 K")
        if min(self.restraint) < 0:
            raise ValueError(f"stage {self.name}: restraint must not be negative")
        return self


def default_stages(solvent: Solvent, *, temperature: Any) -> list[dict[str, Any]]:
    """Stages that bring most proteins to rest in this solvent, as they stand in a settings file."""
    if solvent not in WATER_MODELS:
        return [
            {"name": "minimise", "minimise": 500},
            {"name": "heat", "time": "0.2 ps", "friction": "20 1/ps"},
        ]
    held, off = "10 kcal/mol/A2", 0
    if solvent == "amoeba":  # a step takes a second without a GPU: enough to start from, not to come to rest
        return [
            {"name": "minimise", "minimise": 100, "restraint": held, "correction": off},
            {
                "name": "heat",
                "time": "0.5 ps",
                "temperature": ["50 K", temperature],
                "friction": "10 1/ps",
                "restraint": held,
                "correction": off,
            },
            {
                "name": "release",
                "time": "1 ps",
                "ensemble": "npt",
                "restraint": [held, "0 kcal/mol/A2"],
                "correction": off,
            },
            {"name": "switch on", "time": "0.5 ps", "ensemble": "npt", "friction": "5 1/ps", "correction": [0, 1]},
        ]
    return [
        {"name": "minimise", "minimise": 500, "restraint": held, "correction": off},
        {"name": "heat", "time": "5 ps", "temperature": ["50 K", temperature], "restraint": held, "correction": off},
        {
            "name": "release",
            "time": "20 ps",
            "ensemble": "npt",
            "restraint": [held, "0 kcal/mol/A2"],
            "correction": off,
        },
        {"name": "relax", "time": "10 ps", "ensemble": "npt", "correction": off},
        {"name": "switch on", "time": "1 ps", "ensemble": "npt", "friction": "5 1/ps", "correction": [0, 1]},
        {"name": "settle", "time": "2 ps", "ensemble": "npt"},
    ]
