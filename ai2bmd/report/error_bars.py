"""What the model thinks of its own error along a run: the spread of its committee."""

import numpy as np

from ai2bmd.errors import InputError
from ai2bmd.report.figures import ORANGE, Plot, draw_course, plot, time_label
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Section, course_table


def error_bar_sections(run: Run) -> tuple[Section, ...]:
    """Expected errors of energy and forces against time; nothing for a model without committee."""
    course = run.course
    if course.correction_std is None or course.max_force_std is None:
        return ()
    known = np.isfinite(course.max_force_std)
    picture = draw_expected_errors(run)
    note = (
        "Spread of the model's committee, scaled to the error it had on held-out molecules. Of the correction: error "
        "of its difference to the structure the run began with."
    )
    if known.any():
        forces = course.max_force_std[known]
        note += (
            f" Largest expected error of the force on an atom: {np.median(forces):.2f} eV/Å in the median, "
            f"{forces.max():.2f} eV/Å at most, in {len(forces)} frames; the guard's limit is "
            f"{run.settings.max_force_std_eV_per_A:g} eV/Å."
        )
    header = ("time_ps", "correction_std_eV", "max_force_std_eV_A")
    numbers = course_table(header, run.time_ps, course.correction_std, course.max_force_std)
    return (
        Section(
            "Expected errors",
            picture.html(),
            note,
            figures={"expected_errors": picture},
            tables={"expected_errors": numbers},
        ),
    )


def draw_expected_errors(run: Run) -> Plot:
    """Expected error of the correction against time.

    Raises:
        InputError: the model has no committee.
    """
    errors = run.course.correction_std
    if errors is None:
        raise InputError(f"{run.directory.path} has no expected errors: its model has no committee")
    with plot("Expected errors against time", x=time_label(run.time_ps), y="of the correction (eV)") as picture:
        draw_course(picture.axes, run.time_ps, errors, color=ORANGE, label="of the correction")
    return picture
