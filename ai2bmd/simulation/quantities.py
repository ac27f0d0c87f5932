"""Numbers with units, as they stand in settings files and on the command line."""

import math
import re
from typing import Annotated, Any

import pydantic

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.ASCII)
_UNITS: dict[str, dict[str, float]] = {
    "ps": {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6},
    "fs": {"fs": 1.0, "ps": 1e3},
    "K": {"": 1.0, "K": 1.0},
    "1/ps": {"": 1.0, "/ps": 1.0, "1/ps": 1.0, "ps-1": 1.0},
    "A": {"A": 1.0, "nm": 10.0},
    "M": {"M": 1.0, "mM": 1e-3},
    "bar": {"bar": 1.0, "atm": 1.01325},
    "deg": {"deg": 1.0, "rad": 180.0 / math.pi},
    "": {"": 1.0},
    "kcal/mol": {"kcal/mol": 1.0, "kJ/mol": 1.0 / 4.184},
    "GB": {"GB": 1.0, "MB": 1e-3, "GiB": 2**30 / 1e9, "MiB": 2**20 / 1e9},
    "eV/A": {"eV/A": 1.0, "kcal/mol/A": 4.184 / 96.48533212331002},
    "u": {"u": 1.0, "amu": 1.0, "Da": 1.0},
    "kcal/mol/A2": {"kcal/mol/A2": 1.0, "kcal/mol/A^2": 1.0, "kJ/mol/nm2": 1.0 / 418.4, "kJ/mol/nm^2": 1.0 / 418.4},
}


def parse_quantity(value: Any, unit: str) -> float:
    """A number in this unit; without a unit only where it cannot be mistaken.

    Raises:
        ValueError: no finite number, or no unit that can be converted.
    """
    match = _NUMBER.fullmatch(str(value))
    if match is None or match[2] not in _UNITS[unit] or isinstance(value, bool):
        raise ValueError(f"expected a number and a unit like 1 {unit}" if unit else "expected a number")
    number = float(match[1]) * _UNITS[unit][match[2]]
    if not math.isfinite(number):
        raise ValueError("expected a finite number")
    return number


class _Unit:
    """Makes a field of a settings model take text with a unit, and give it back so in JSON mode."""

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def parse(self, value: Any) -> float:
        return parse_quantity(value, self.unit)

    def parse_pair(self, value: Any) -> tuple[float, float]:
        """From and to; one value stands for both."""
        if not isinstance(value, list | tuple):
            value = (value, value)
        if len(value) != 2:
            raise ValueError(f"expected one value, or a list of two: from and to, each like 1 {self.unit}")
        return self.parse(value[0]), self.parse(value[1])

    def show(self, value: float | None) -> str | None:
        return None if value is None else f"{value!r} {self.unit}"

    def show_pair(self, value: tuple[float, float] | None) -> str | list[str | None] | None:
        if value is None or value[0] == value[1]:
            return self.show(value[0] if value else None)
        return [self.show(end) for end in value]


def _single(unit: str) -> tuple[pydantic.BeforeValidator, pydantic.PlainSerializer]:
    return pydantic.BeforeValidator(_Unit(unit).parse), pydantic.PlainSerializer(_Unit(unit).show)


def _pair(unit: str) -> tuple[pydantic.BeforeValidator, pydantic.PlainSerializer]:
    return pydantic.BeforeValidator(_Unit(unit).parse_pair), pydantic.PlainSerializer(_Unit(unit).show_pair)


Picoseconds = Annotated[float, *_single("ps")]
Femtoseconds = Annotated[float, *_single("fs")]
Kelvin = Annotated[float, *_single("K")]
PerPicosecond = Annotated[float, *_single("1/ps")]
Angstrom = Annotated[float, *_single("A")]
Molar = Annotated[float, *_single("M")]
Bar = Annotated[float, *_single("bar")]
KilocaloriesPerMole = Annotated[float, *_single("kcal/mol")]
Dalton = Annotated[float, *_single("u")]
EvPerAngstrom = Annotated[float, *_single("eV/A")]
Gigabytes = Annotated[float, *_single("GB")]
Stiffness = Annotated[float, *_single("kcal/mol/A2")]
KelvinRange = Annotated[tuple[float, float], *_pair("K")]
StiffnessRange = Annotated[tuple[float, float], *_pair("kcal/mol/A2")]
