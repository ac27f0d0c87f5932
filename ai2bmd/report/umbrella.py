"""Umbrella windows of a study: a table of biases with the samples of each window, put together by MBAR."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.thermodynamics.umbrella import UmbrellaSampling, Windows, read_windows, umbrella_sampling
from ai2bmd.errors import InputError
from ai2bmd.report.ensembles import overlap_section
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.free_energy import readable
from ai2bmd.report.sections import Section, told

TITLE = "Free energy from umbrella windows"
_CITATIONS = (
    "Torrie, Valleau, Nonphysical sampling distributions in Monte Carlo free-energy estimation: umbrella sampling, "
    "J. Comput. Phys. 23, 187 (1977)",
)


def umbrella_sections(path: Path, temperature_K: float) -> tuple[Section, ...]:
    """Overlap of the windows, and the free energy without bias.

    Raises:
        InputError: the table or a file of samples cannot be read, or windows do not overlap.
    """
    found = read_umbrella(path, temperature_K)
    return (overlap_section(found.mbar), *told(TITLE, lambda: (_profile(found),)))


def read_umbrella(path: Path, temperature_K: float) -> UmbrellaSampling:
    """Windows of a table, put together. Rows of the same bias are runs of one window.

    Args:
        path: CSV table as `read_windows` takes it; files of samples are relative to it, CSV with a column for each
            variable. Variables whose names end in `_deg` have a period of 360.
        temperature_K: of all windows.

    Raises:
        InputError: the table or a file of samples cannot be read, or windows do not overlap.
    """
    rows, files = read_windows(path)
    runs: dict[tuple[float, ...], list[np.ndarray]] = {}
    for centre, stiffness, file in zip(rows.centres, rows.stiffnesses_kcal_mol, files, strict=True):
        runs.setdefault((*centre, *stiffness), []).append(_samples(path.parent / file, rows.names))
    biases, count = np.array(list(runs)), len(rows.names)
    periods = tuple(360.0 if name.endswith("_deg") else None for name in rows.names)
    windows = Windows(biases[:, :count], biases[:, count:], rows.names, periods)
    return umbrella_sampling(list(runs.values()), windows, temperature_K)


def _samples(path: Path, names: tuple[str, ...]) -> Float64[np.ndarray, "frames variables"]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in names if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: has no column {', '.join(missing)}; its first line must name them")
            values = np.array([[float(row[name]) for name in names] for row in reader])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); give a CSV table with the samples of a window") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a value is no number ({error}); leave that line out") from error
    if not len(values) or not np.isfinite(values).all():
        raise InputError(f"{path}: expected one or more lines of finite values; leave others out")
    return values


def _profile(found: UmbrellaSampling) -> Section:
    count, names = len(found.windows.centres), " and ".join(map(readable, found.windows.names))
    section = free_energy_section(
        TITLE, found.free_energy(), name="free_energy_umbrella", origin=f"From {count} windows along {names}, by MBAR."
    )
    methods = (
        f"Of {count} umbrella windows with harmonic biases the free energy along {names} was reweighted to the "
        "unbiased ensemble in bins."
    )
    return replace(section, methods=methods, citations=_CITATIONS)
