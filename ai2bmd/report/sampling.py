"""Enhanced sampling: the course of the variables and of what the method did, and the free energy."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

from ai2bmd.analysis.thermodynamics.free_energy import free_energy
from ai2bmd.errors import InputError
from ai2bmd.report.figures import BLUE, GREEN, ORANGE, Plot, draw_course, plot, time_label, time_unit
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.free_energy import draw_free_energy, readable
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Section, paragraph, table, told
from ai2bmd.sampling.free_energy import read_free_energy
from ai2bmd.sampling.settings import Metadynamics, ReplicaExchange, SimulatedTempering
from ai2bmd.sampling.tables import Columns, read_sampling_table


def sampling_sections(run: Run) -> tuple[Section, ...]:
    """Courses and free energy; nothing for a run without enhanced sampling."""
    settings = run.settings.sampling
    if settings is None:
        return ()
    if isinstance(settings, ReplicaExchange):
        return (_exchange(run, settings),)
    columns = read_sampling_table(run.directory.sampling_table)
    if isinstance(settings, Metadynamics):
        return _metadynamics(run, settings, columns)
    return (_tempering(settings, columns), *_lowest(settings, columns))


def _metadynamics(run: Run, settings: Metadynamics, columns: Columns) -> tuple[Section, ...]:
    gaussians = int(columns["gaussians"][-1])
    pictures = draw_courses(run)
    courses = Section(
        "Metadynamics",
        _row(pictures),
        f"Collective variables and their bias in each frame; {gaussians} Gaussians so far, of "
        f"{settings.height:g} kcal/mol at first, bias factor {settings.bias_factor:g}.",
        wide=True,
        figures=pictures,
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
    picture = draw_free_energy_bias(run)
    return (courses, Section("Free energy", picture.html(), note, figures={"free_energy_bias": picture}))


def _tempering(settings: SimulatedTempering, columns: Columns) -> Section:
    """The walk through the temperatures, and how often each was visited."""
    index = columns["temperature_index"].astype(int)
    visits = np.bincount(index, minlength=len(settings.temperatures_K)) / len(index)
    rows = [
        (f"{temperature_K:.1f} K", f"{100 * share:.1f} %", f"{columns[f'weight_{number}'][-1]:.3f}")
        for number, (temperature_K, share) in enumerate(zip(settings.temperatures_K, visits, strict=True))
    ]
    note = (
        "Share of the frames at each temperature, and its weight at the end. The trajectory holds all temperatures; "
        "sampling.csv tells that of each frame."
    )
    if settings.weights is None:
        note += " Weights are found while it runs; before they stay as they are the shares mean nothing."
    picture = _walk(columns["time_ps"], [index], settings)
    body = picture.html() + table(rows, header=("temperature", "frames", "weight"))
    return Section("Simulated tempering", body, note, wide=True, figures={"temperature_walk": picture})


def _exchange(run: Run, settings: ReplicaExchange) -> Section:
    """The walks of the replicas, and how often neighbours exchanged."""
    columns, count = read_sampling_table(run.directory.exchanges), len(settings.temperatures_K)
    if not len(columns["step"]):
        return Section("Replica exchange", paragraph("There was no exchange yet."), wide=True)
    pairs = [f"{lower}_{lower + 1}" for lower in range(count - 1)]
    attempted, accepted = (
        np.stack([columns[f"{what}_{pair}"] for pair in pairs]) for what in ("attempted", "accepted")
    )
    rows = [
        (
            f"{settings.temperatures_K[lower]:.1f} K, {settings.temperatures_K[lower + 1]:.1f} K",
            f"{int(tried)}",
            f"{100 * taken / tried:.1f} %" if tried else "\N{EN DASH}",
        )
        for lower, (tried, taken) in enumerate(zip(attempted.sum(1), accepted.sum(1), strict=True))
    ]
    walks = _walks(columns, count)
    there = sum(bool((walk == 0).any() and (walk == count - 1).any()) for walk in walks)
    note = (
        f"{len(columns['step'])} exchanges (exchanges.csv); {there} of {count} replicas have been at the lowest and at "
        "the highest temperature. Everything else in this report is of the lowest temperature; the trajectories of the "
        "others lie beside it."
    )
    picture = _walk(columns["time_ps"], walks, settings)
    body = picture.html() + table(rows, header=("neighbours", "attempts", "accepted"))
    return Section("Replica exchange", body, note, wide=True, figures={"temperature_walk": picture})


def _walk(
    time_ps: Float64[np.ndarray, " rows"],
    walks: list[Int64[np.ndarray, " rows"]],
    settings: SimulatedTempering | ReplicaExchange,
) -> Plot:
    """The temperature of each replica against time."""
    temperatures_K = np.array(settings.temperatures_K)
    with plot("Temperatures against time", x=time_label(time_ps), y="temperature (K)", width_in=13.2) as drawing:
        for walk in walks:
            drawing.axes.step(time_ps * time_unit(time_ps)[0], temperatures_K[walk], where="post", linewidth=0.9)
        drawing.axes.set_yticks(temperatures_K[:: -(-len(temperatures_K) // 8)])
    return drawing


def _lowest(settings: SimulatedTempering, columns: Columns) -> tuple[Section, ...]:
    """Free energy of each variable at the lowest temperature, from how often frames have a value."""
    chosen, temperature_K = columns["temperature_index"] == 0, settings.temperatures_K[0]
    sections = []
    for name in (variable.column for variable in settings.variables):
        title = f"Free energy along {readable(name)}"
        origin = f"From the {chosen.sum()} frames at the lowest temperature, taken to follow each other."

        def make(name: str = name, title: str = title, origin: str = origin) -> tuple[Section, ...]:
            periods = [360.0 if name.endswith("_deg") else None]
            found = free_energy([columns[name][chosen]], temperature_K, names=[name], periods=periods)
            return (free_energy_section(title, found, name=f"free_energy_lowest_{name}", origin=origin),)

        sections += told(title, make)
    return tuple(sections)


def _courses(columns: Columns, names: list[str]) -> dict[str, Plot]:
    """A panel for each column, by the name of its file."""
    time_ps, pictures = columns["time_ps"], {}
    colors = [*(BLUE, GREEN, BLUE, GREEN)[: len(names) - 1], ORANGE]
    for name, color in zip(names, colors, strict=True):
        label = readable(name)
        with plot(f"{label} against time", x=time_label(time_ps), y=label, width_in=4.3) as drawing:
            if name.endswith("_deg"):  # a running mean of angles would mean nothing
                drawing.axes.plot(time_ps * time_unit(time_ps)[0], columns[name], ".", color=color, markersize=2.5)
            else:
                draw_course(drawing.axes, time_ps, columns[name], color=color)
        pictures[f"course_{name}"] = drawing
    return pictures


def draw_courses(run: Run) -> dict[str, Plot]:
    """Variables and bias of metadynamics against time, by the names of their files.

    Raises:
        InputError: the run is of something else.
    """
    settings = _of_metadynamics(run)
    columns = read_sampling_table(run.directory.sampling_table)
    return _courses(columns, [*(variable.column for variable in settings.variables), "bias_kcal_mol"])


def draw_free_energy_bias(run: Run) -> Plot:
    """Free energy as the bias tells it.

    Raises:
        InputError: the run is not of metadynamics, or has no bias yet.
    """
    _of_metadynamics(run)
    if not run.directory.free_energy_table.is_file():
        raise InputError(f"{run.directory.path} has no bias yet; let it go on with `ai2bmd resume`")
    return draw_free_energy(read_free_energy(run.directory.free_energy_table))


def _of_metadynamics(run: Run) -> Metadynamics:
    if not isinstance(run.settings.sampling, Metadynamics):
        raise InputError(f"{run.directory.path} is not a run of metadynamics, which alone has variables with a bias")
    return run.settings.sampling


def _row(pictures: Mapping[str, Plot]) -> str:
    """Side by side."""
    return f'<div class="row">{"".join(picture.html() for picture in pictures.values())}</div>'


def draw_temperature_walk(run: Run) -> Plot:
    """Temperatures against time, of replica exchange or simulated tempering.

    Raises:
        InputError: the run has one temperature, or made no exchange yet.
    """
    settings = run.settings.sampling
    if isinstance(settings, SimulatedTempering):
        columns = read_sampling_table(run.directory.sampling_table)
        return _walk(columns["time_ps"], [columns["temperature_index"].astype(int)], settings)
    if not isinstance(settings, ReplicaExchange):
        raise InputError(f"{run.directory.path} has one temperature; the walk is of replica exchange or tempering")
    columns = read_sampling_table(run.directory.exchanges)
    if not len(columns["step"]):
        raise InputError(f"{run.directory.path} made no exchange yet; let it go on with `ai2bmd resume`")
    return _walk(columns["time_ps"], _walks(columns, len(settings.temperatures_K)), settings)


def _walks(columns: Columns, count: int) -> list[Int64[np.ndarray, " rows"]]:
    """Number of the temperature of each replica after every exchange."""
    return [columns[f"temperature_of_replica_{replica}"].astype(int) for replica in range(count)]
