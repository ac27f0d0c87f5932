"""Pictures of a run by its directory alone: energies, temperature, density, expected errors, walk of temperatures."""

from pathlib import Path

from ai2bmd.errors import InputError
from ai2bmd.report.density import draw_density
from ai2bmd.report.energies import analyse_energies, draw_energies, draw_temperature
from ai2bmd.report.error_bars import draw_expected_errors
from ai2bmd.report.figures import Plot
from ai2bmd.report.load import load_run
from ai2bmd.report.sampling import draw_courses, draw_free_energy_bias, draw_temperature_walk


def draw_energies_of(run: Path | str) -> Plot:
    """Energies against time, as changes since the first frame.

    Raises:
        InputError: it is no run directory, or damaged.
    """
    loaded = load_run(Path(run))
    return draw_energies(loaded, analyse_energies(loaded))


def draw_temperature_of(run: Path | str) -> Plot:
    """Temperature against time, and that of the thermostat.

    Raises:
        InputError: it is no run directory, or damaged.
    """
    loaded = load_run(Path(run))
    return draw_temperature(loaded, analyse_energies(loaded))


def draw_density_of(run: Path | str) -> Plot:
    """Density of the box against time.

    Raises:
        InputError: it is no run directory, damaged, or not at constant pressure.
    """
    return draw_density(load_run(Path(run)))


def draw_expected_errors_of(run: Path | str) -> Plot:
    """Expected error of the correction against time.

    Raises:
        InputError: it is no run directory, damaged, or of a model without committee.
    """
    return draw_expected_errors(load_run(Path(run)))


def draw_temperature_walk_of(run: Path | str) -> Plot:
    """Temperatures against time, of replica exchange or simulated tempering.

    Raises:
        InputError: it is no run directory, damaged, or has one temperature.
    """
    return draw_temperature_walk(load_run(Path(run)))


def draw_course_of(run: Path | str, column: str) -> Plot:
    """A variable or the bias of metadynamics against time, by its column in sampling.csv such as `bias_kcal_mol`.

    Raises:
        InputError: it is no run directory, damaged, or not of metadynamics; or has no such column.
    """
    courses = draw_courses(load_run(Path(run)))
    name = f"course_{column}"
    if name not in courses:
        known = ", ".join(one.removeprefix("course_") for one in courses)
        raise InputError(f"{run} has no course of {column!r}; choose one of {known}")
    return courses[name]


def draw_free_energy_bias_of(run: Path | str) -> Plot:
    """Free energy of metadynamics as its bias tells it.

    Raises:
        InputError: it is no run directory, damaged, not of metadynamics, or has no bias yet.
    """
    return draw_free_energy_bias(load_run(Path(run)))
