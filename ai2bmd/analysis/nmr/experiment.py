"""Tables of measured values: what is in a row, how a file is read, and the tables that come along.

A table is a CSV file. Lines that begin with # say where the numbers are from. The columns are

    observable          a coupling (3J_HN_HA, ...: see COUPLINGS), NOE, NOE_upper (an upper bound), S2, or RDC
    value               in Hz; of a NOE the distance in A
    error               standard error of the measurement in the unit of the value; empty if it is not known
    residue, chain      of couplings, S2 and RDC; chain may be empty in a molecule of one
    parametrisation     of the coupling; empty for the preferred one
    atoms_1, atoms_2    selections of MDAnalysis for the two groups of a NOE; of S2 and RDC the names of the two atoms
                        of the residue, N and H if empty

of which only observable and value must be there.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from ai2bmd.analysis.nmr.karplus import COUPLINGS, find_relation
from ai2bmd.errors import InputError

COLUMNS = ("observable", "value", "error", "residue", "chain", "parametrisation", "atoms_1", "atoms_2")
DISTANCES, VECTORS = ("NOE", "NOE_upper"), ("S2", "RDC")
OBSERVABLES = (*COUPLINGS, *DISTANCES, *VECTORS)
_RANGES = {
    **dict.fromkeys(COUPLINGS, (-30.0, 30.0, "Hz")),
    **dict.fromkeys(DISTANCES, (1.0, 50.0, "A")),
    "RDC": (-50_000.0, 50_000.0, "Hz"),
    "S2": (0.0, 1.1, ""),
}
"""What a value can be: of dipolar couplings that of two nuclei that do not move, of S2 a little above its limit, 1, for
the error of the measurement."""
_OF_EITHER_HYDROGEN = {name: name.replace("HA2", "HA").replace("HA3", "HA") for name in COUPLINGS}


@dataclass(frozen=True)
class Measurement:
    """A measured value."""

    observable: str
    value: float
    """Hz; A of distances."""
    error: float = float("nan")
    """Standard error; not a number if it is not known."""
    residue: int | None = None
    chain: str = ""
    parametrisation: str = ""
    atoms_1: str = ""
    atoms_2: str = ""
    line: int = 0
    """Of the file."""

    @property
    def unit(self) -> str:
        """Of value and error."""
        return "A" if self.observable in DISTANCES else "" if self.observable == "S2" else "Hz"

    @property
    def label(self) -> str:
        """What was measured, in words."""
        if self.observable in DISTANCES:
            return f"{self.observable} {self.atoms_1} \N{EN DASH} {self.atoms_2}"
        atoms = f" {self.atoms_1}-{self.atoms_2}" if self.observable in VECTORS else ""
        return f"{COUPLINGS.get(self.observable, self.observable)}{atoms} {self.chain}{self.residue}"


@dataclass(frozen=True)
class Experiment:
    """A table of measured values."""

    name: str
    source: str
    """The comments of the file, where the numbers are from; its name if it has none."""
    measurements: tuple[Measurement, ...]

    def of(self, *observables: str) -> tuple[Measurement, ...]:
        """The measurements of some observables."""
        return tuple(entry for entry in self.measurements if entry.observable in observables)


def read_experiment(path: Path) -> Experiment:
    """Read a table.

    Raises:
        InputError: it cannot be used; the text names file, line and column and says what to do.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"experiment: {path} does not exist") from error
    except IsADirectoryError as error:
        raise InputError(f"experiment: {path} is a directory; name a table in it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); give a text file in UTF-8") from error
    return parse_experiment(text, name=str(path))


def shipped_tables() -> tuple[str, ...]:
    """Names of the tables that come along."""
    folder = resources.files("ai2bmd") / "assets" / "experiment"
    return tuple(sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".csv")))


def shipped_experiment(name: str) -> Experiment:
    """A table that comes along.

    Raises:
        InputError: there is none of that name.
    """
    if name not in shipped_tables():
        raise InputError(f"there is no experimental table {name!r}; there are {', '.join(shipped_tables())}")
    file = resources.files("ai2bmd") / "assets" / "experiment" / f"{name}.csv"
    return parse_experiment(file.read_text(encoding="utf-8"), name=name)


def parse_experiment(text: str, *, name: str) -> Experiment:
    """A table from its text.

    Args:
        text: of the file.
        name: of the table, for errors and figures.

    Raises:
        InputError: it cannot be used; the text names line and column and says what to do.
    """
    lines = text.splitlines()
    comments = [line.lstrip("# ").rstrip() for line in lines if line.startswith("#")]
    numbered = [
        (number, line) for number, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#")
    ]
    if not numbered:
        raise InputError(f"{name} is empty; its first line names the columns: {', '.join(COLUMNS)}")
    header = _header(numbered[0][1], name)
    measurements = []
    for number, line in numbered[1:]:
        cells = [cell.strip() for cell in next(csv.reader(io.StringIO(line)))]
        if len(cells) != len(header):
            raise InputError(
                f"{name}, line {number}: {len(cells)} cells under {len(header)} columns; "
                'put a cell that holds a comma between quotes: "..."'
            )
        measurements.append(_measurement(dict(zip(header, cells, strict=True)), number, name))
    if not measurements:
        raise InputError(f"{name} has no row below its header")
    _refuse_twice(measurements, name)
    return Experiment(name, " ".join(comments) or name, tuple(measurements))


def _header(line: str, name: str) -> list[str]:
    header = [cell.strip() for cell in next(csv.reader(io.StringIO(line)))]
    for column in header:
        if column not in COLUMNS:
            hint = "; separate columns by commas" if ";" in line or "\t" in line else ""
            raise InputError(f"{name} has a column {column!r}; known are {', '.join(COLUMNS)}{hint}")
    if len(set(header)) < len(header):
        raise InputError(f"{name} has a column twice; the header is {', '.join(header)}")
    for column in ("observable", "value"):
        if column not in header:
            raise InputError(f"{name} has no column {column!r}; every table needs observable and value")
    return header


def _measurement(cells: Mapping[str, str], line: int, name: str) -> Measurement:
    place, observable = f"{name}, line {line}", cells["observable"]
    if observable not in OBSERVABLES:
        raise InputError(f"{place}: unknown observable {observable!r}; known are {', '.join(OBSERVABLES)}")
    error = _number(cells.get("error", ""), "error", place) if cells.get("error") else float("nan")
    if error <= 0.0:
        raise InputError(f"{place}: error is {error:g}; give a positive number, or leave it empty if it is not known")
    atoms = cells.get("atoms_1", ""), cells.get("atoms_2", "")
    if observable in DISTANCES:
        for column, selection in zip(("atoms_1", "atoms_2"), atoms, strict=True):
            if not selection:
                raise InputError(f"{place}: a {observable} needs {column}, a selection such as 'resid 3 and name HA'")
    elif observable in VECTORS:
        atoms = atoms[0] or "N", atoms[1] or "H"
    value = _value(cells["value"], observable, place)
    parametrisation = cells.get("parametrisation", "")
    if observable in COUPLINGS:
        _check_relation(_OF_EITHER_HYDROGEN[observable], parametrisation, place)
    return Measurement(
        observable,
        value,
        error,
        None if observable in DISTANCES else _residue(cells.get("residue", ""), place, observable),
        cells.get("chain", ""),
        parametrisation,
        *atoms,
        line=line,
    )


def _check_relation(coupling: str, parametrisation: str, place: str) -> None:
    try:
        find_relation(coupling, parametrisation)
    except InputError as error:
        raise InputError(f"{place}, column parametrisation: {error}") from error


def _number(text: str, column: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        hint = "; write the decimal point as a point" if "," in text else ""
        raise InputError(f"{place}, column {column}: {text!r} is not a number{hint}")
    return number


def _value(text: str, observable: str, place: str) -> float:
    """A number that the observable can have."""
    number = _number(text, "value", place)
    low, high, unit = _RANGES[observable]
    if not low <= number <= high:
        hint = "; distances are in A, 1 nm is 10 A" if observable in DISTANCES else ""
        raise InputError(
            f"{place}, column value: {observable} is {number:g}, expected {low:g} to {high:g} {unit}".rstrip() + hint
        )
    return number


def _residue(text: str, place: str, observable: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(
            f"{place}, column residue: {text!r} is not the number of a residue, which {observable} needs"
        ) from None


def _refuse_twice(measurements: list[Measurement], name: str) -> None:
    seen: dict[tuple, int] = {}
    for entry in measurements:
        key = (entry.observable, entry.chain, entry.residue, entry.atoms_1, entry.atoms_2)
        if key in seen:
            raise InputError(f"{name}: lines {seen[key]} and {entry.line} are the same observable; remove one")
        seen[key] = entry.line
