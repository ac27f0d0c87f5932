"""Density of a periodic box, and how much it varies by nature."""

import numpy as np
from jaxtyping import Float64

from ai2bmd.engine import G_CM3_PER_U_A3
from ai2bmd.errors import InputError
from ai2bmd.report.enough import judge_course
from ai2bmd.report.figures import ORANGE, Plot, draw_course, plot, time_label
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Section, course_table

_BOLTZMANN_BAR_A3_K = 138.0649
_COMPRESSIBILITY_PER_BAR = 4.5e-5
"""Of water at 300 K (Kell, J. Chem. Eng. Data 20, 97, 1975)."""


def natural_fluctuation(volume_A3: float, *, temperature_K: float) -> float:
    """Relative standard deviation of the volume of this much water at constant pressure, sqrt(kT kappa / V)."""
    return float(np.sqrt(_BOLTZMANN_BAR_A3_K * temperature_K * _COMPRESSIBILITY_PER_BAR / volume_A3))


def densities_g_cm3(run: Run) -> Float64[np.ndarray, " frames"] | None:
    """Of each frame; None without a periodic box."""
    mass_u = run.course.parameters.get("system_mass_u")
    if run.course.box_A is None or mass_u is None:
        return None
    return float(mass_u) / np.linalg.det(run.course.box_A) * G_CM3_PER_U_A3


def density_sections(run: Run) -> tuple[Section, ...]:
    """Density against time, of runs at constant pressure."""
    density, box_A = densities_g_cm3(run), run.course.box_A
    if density is None or box_A is None or run.settings.ensemble != "npt":
        return ()
    volume_A3 = float(np.linalg.det(box_A).mean())
    spread = natural_fluctuation(volume_A3, temperature_K=run.settings.temperature_K) * density.mean()
    drawing = draw_density(run)
    note = (
        f"Protein, water and ions: {density.mean():.3f} g/cm\N{SUPERSCRIPT THREE} in the mean. In a box of this size "
        f"it fluctuates by about {spread:.3f} by nature."
    )
    return (
        Section(
            "Density",
            drawing.html(),
            note,
            figures={"density": drawing},
            tables={"density": course_table(("time_ps", "density_g_cm3"), run.time_ps, density)},
            quantities=(judge_course("density", [density], unit="g/cm\N{SUPERSCRIPT THREE}"),),
        ),
    )


def draw_density(run: Run) -> Plot:
    """Density against time.

    Raises:
        InputError: the run is not at constant pressure.
    """
    density = densities_g_cm3(run)
    if density is None or run.settings.ensemble != "npt":
        raise InputError(f"{run.directory.path} is not at constant pressure, so its density does not change")
    with plot("Density against time", x=time_label(run.time_ps), y="density (g/cm\N{SUPERSCRIPT THREE})") as drawing:
        draw_course(drawing.axes, run.time_ps, density, color=ORANGE, label="of the box")
    return drawing
