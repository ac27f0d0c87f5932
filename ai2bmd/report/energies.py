"""Energies, temperature and drift."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ai2bmd.analysis.sufficiency import Sufficiency
from ai2bmd.report.enough import judge_course
from ai2bmd.report.figures import BLUE, GREEN, GREY, INK, ORANGE, Plot, draw_course, plot, time_label
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Fact, Section, Table, course_table


@dataclass(frozen=True, eq=False)
class Energies:
    """Energies (eV) and temperature (K) of each frame."""

    environment: Float64[np.ndarray, " frames"]
    correction: Float64[np.ndarray, " frames"]
    total: Float64[np.ndarray, " frames"]
    """Kinetic energy included."""
    temperature_K: Float64[np.ndarray, " frames"]
    drift_meV_per_atom_ps: float | None
    """Slope of a straight line through the total energy; None below three frames."""
    temperature_error_K: float
    """Standard error of the mean temperature that a run of this length has by chance."""

    @property
    def mean_temperature_K(self) -> float:
        """Over all frames."""
        return float(self.temperature_K.mean())


def analyse_energies(run: Run) -> Energies:
    """Energies of a run."""
    course = run.course
    total = course.energy_environment + course.energy_correction + course.kinetic_energy
    parameters = course.parameters
    atoms, freedom = int(parameters["system_atoms"]), int(parameters["degrees_of_freedom"])
    return Energies(
        environment=course.energy_environment,
        correction=course.energy_correction,
        total=total,
        temperature_K=course.temperature,
        drift_meV_per_atom_ps=energy_drift(run.time_ps, total, atoms=atoms),
        temperature_error_K=temperature_error(
            run.settings.temperature_K,
            degrees_of_freedom=freedom,
            length_ps=float(run.time_ps[-1] - run.time_ps[0]),
            memory_ps=0.5 / run.settings.friction_per_ps,
        ),
    )


def energy_drift(
    time_ps: Float64[np.ndarray, " frames"], total: Float64[np.ndarray, " frames"], *, atoms: int
) -> float | None:
    """Slope of the total energy (eV) in meV per atom and ps; None below three frames."""
    if len(time_ps) < 3:
        return None
    return float(np.polyfit(time_ps - time_ps.mean(), total - total.mean(), 1)[0]) * 1000.0 / atoms


def temperature_error(target_K: float, *, degrees_of_freedom: int, length_ps: float, memory_ps: float) -> float:
    """Standard error (K) of the mean of the kinetic temperature, sqrt(2 / f) T for one independent frame.

    Kinetic energy under Langevin dynamics forgets in 1 / 2 friction, `memory_ps`.
    """
    independent = max(1.0, length_ps / (2.0 * memory_ps))
    return target_K * float(np.sqrt(2.0 / degrees_of_freedom / independent))


def energy_facts(run: Run, energies: Energies) -> tuple[Fact, ...]:
    """Mean temperature; and drift at constant energy, for what a thermostat gives and takes is no drift."""
    mean = f"{energies.mean_temperature_K:.0f} K"
    if run.settings.ensemble != "nve":
        return (Fact("Mean temperature", mean, f"set: {run.settings.temperature_K:.0f} K"),)
    drift = energies.drift_meV_per_atom_ps
    if drift is None:
        value = "too few frames"
    else:
        value = f"{drift:+.{3 if abs(drift) < 1.0 else 1}f}".replace("-", "\N{MINUS SIGN}")
    return Fact("Mean temperature", mean, "constant energy"), Fact("Energy drift", value, "meV per atom and ps")


def energy_sections(run: Run, energies: Energies) -> tuple[Section, ...]:
    """Energies and temperature against time."""
    energy, temperature = draw_energies(run, energies), draw_temperature(run, energies)
    first = f"{energies.environment[0]:.2f} eV (environment) and {energies.correction[0]:.2f} eV (correction)"
    parameters = run.course.parameters
    one = run.settings.temperature_K * np.sqrt(2.0 / int(parameters["degrees_of_freedom"]))
    return (
        Section(
            "Energies",
            energy.html(),
            f"First frame: {first}. Environment is the force field, solvent included; "
            "correction is what the model adds.",
            figures={"energies": energy},
            tables={"energies": _numbers(run, energies)},
        ),
        Section(
            "Temperature",
            temperature.html(),
            f"The temperature of {parameters['system_atoms']} atoms fluctuates by about {one:.0f} K by nature.",
            figures={"temperature": temperature},
            quantities=(
                judge_course("temperature", [energies.temperature_K], unit="K"),
                judge_course("energy of the environment", [energies.environment], unit="eV"),
                *_of_model(run, energies),
            ),
        ),
    )


def draw_energies(run: Run, energies: Energies) -> Plot:
    """Energies against time."""
    time_ps = run.time_ps
    with plot("Energies against time", x=time_label(time_ps), y="change since the first frame (eV)") as drawing:
        draw_course(drawing.axes, time_ps, changes(energies.environment), color=BLUE, label="environment")
        draw_course(drawing.axes, time_ps, changes(energies.correction), color=ORANGE, label="correction")
        draw_course(drawing.axes, time_ps, changes(energies.total), color=INK, label="total, with kinetic")
        drawing.figure.legend(loc="outside upper center", ncols=3)
    return drawing


def draw_temperature(run: Run, energies: Energies) -> Plot:
    """Temperature against time, and that of the thermostat."""
    time_ps = run.time_ps
    with plot("Temperature against time", x=time_label(time_ps), y="temperature (K)") as drawing:
        draw_course(drawing.axes, time_ps, energies.temperature_K, color=GREEN, label="of the atoms")
        if run.settings.ensemble != "nve":
            target = run.settings.temperature_K
            drawing.axes.axhline(target, color=GREY, linestyle="--", linewidth=1.2, label="thermostat")
        drawing.figure.legend(loc="outside upper center", ncols=2)
    return drawing


def _of_model(run: Run, energies: Energies) -> tuple[Sufficiency, ...]:
    if run.settings.coupling == "off":
        return ()
    return (judge_course("correction of the model", [energies.correction], unit="eV"),)


def _numbers(run: Run, energies: Energies) -> Table:
    columns = run.time_ps, energies.environment, energies.correction, energies.total, energies.temperature_K
    header = ("time_ps", "environment_eV", "correction_eV", "total_eV", "temperature_K")
    return course_table(header, *columns)


def changes(values: Float64[np.ndarray, " frames"]) -> Float64[np.ndarray, " frames"]:
    """Values less the first."""
    return values - values[0]
