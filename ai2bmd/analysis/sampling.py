"""Enhanced sampling: the course of the variables and of what the method did, and the free energy."""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.figures import BLUE, GREEN, ORANGE, draw_course, plot, time_label, time_unit
from ai2bmd.analysis.free_energy import draw_free_energy, readable
from ai2bmd.analysis.load import Run
from ai2bmd.analysis.sections import Section
from ai2bmd.errors import InputError
from ai2bmd.sampling.free_energy import read_free_energy
from ai2bmd.sampling.settings import Metadynamics

Columns = dict[str, Float64[np.ndarray, " rows"]]


def read_sampling(path: Path) -> Columns:
    """The table by column.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        values = np.array(rows, dtype=np.float64).reshape(-1, len(header))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); it belongs to the run and must stay as it is") from error
    return dict(zip(header, values.T, strict=True))


def sampling_sections(run: Run) -> tuple[Section, ...]:
    """Courses and free energy; nothing for a run without enhanced sampling."""
    settings = run.settings.sampling
    if settings is None:
        return ()
    return _metadynamics(run, settings)


def _metadynamics(run: Run, settings: Metadynamics) -> tuple[Section, ...]:
    columns = read_sampling(run.directory.sampling_table)
    names = [variable.column for variable in settings.variables]
    gaussians = int(columns["gaussians"][-1])
    courses = Section(
        "Metadynamics",
        _courses(columns, [*names, "bias_kcal_mol"]),
        f"Collective variables and their bias in each frame; {gaussians} Gaussians so far, of "
        f"{settings.height:g} kcal/mol at first, bias factor {settings.bias_factor:g}.",
        wide=True,
    )
    if not run.directory.free_energy_table.is_file():
        return (courses,)
    surface = read_free_energy(run.directory.free_energy_table)
    note = (
        "Free energy as the bias tells it (free_energy.csv); where the run has not been there is no bias yet, and the "
        "highest values mean nothing. It has converged when the variables go back and forth and it stays as it is."
    )
    if len(surface.axes) == 3:
        note += " Of three variables the third is summed over."
    return (courses, Section("Free energy", draw_free_energy(surface).html(), note))


def _courses(columns: Columns, names: list[str]) -> str:
    """A panel for each column, side by side."""
    time_ps, images = columns["time_ps"], []
    colors = [*(BLUE, GREEN, BLUE, GREEN)[: len(names) - 1], ORANGE]
    for name, color in zip(names, colors, strict=True):
        label = readable(name)
        with plot(f"{label} against time", x=time_label(time_ps), y=label, width_in=4.3) as drawing:
            if name.endswith("_deg"):  # a running mean of angles would mean nothing
                drawing.axes.plot(time_ps * time_unit(time_ps)[0], columns[name], ".", color=color, markersize=2.5)
            else:
                draw_course(drawing.axes, time_ps, columns[name], color=color)
        images.append(drawing.html())
    return f'<div class="row">{"".join(images)}</div>'
