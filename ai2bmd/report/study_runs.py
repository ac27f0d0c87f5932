"""Where the trajectories of a study come from: the settings of their runs, and a table of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import AnalysisSettings
from ai2bmd.report.load import Run, load_run
from ai2bmd.report.sections import Section, Table, table
from ai2bmd.sampling.settings import SimulatedTempering
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings

_AI2BMD = "Wang et al., Ab initio characterization of protein molecular dynamics with AI2BMD, Nature 635, 1019 (2024)"


@dataclass(frozen=True, eq=False)
class Origin:
    """Of all trajectories together."""

    trajectories: tuple[Trajectory, ...]
    settings: tuple[RunSettings | None, ...]
    """Of each trajectory's run; None for those of other programs."""
    temperature_K: float | None
    """That all have in common; None if it is not known."""
    how: str
    """Where the temperature is from, in words."""
    methods: str
    differences: tuple[str, ...] = ()
    """In what the runs differ that they cannot differ in and be put together, in words."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of them."""

    @property
    def plain(self) -> bool:
        """Whether the frames are those of unbiased dynamics at one temperature, as far as is known."""
        return all(one is None or one.sampling is None for one in self.settings)

    def check_alike(self) -> None:
        """Make sure that the frames are of one ensemble, as far as is known.

        Raises:
            InputError: the runs differ in temperature, environment or model.
        """
        if self.differences:
            raise InputError(f"the runs differ in {' and '.join(self.differences)}; analyse each kind on its own")


def origin(trajectories: Sequence[Trajectory], settings: AnalysisSettings) -> Origin:
    """Read the settings of the runs, and settle on a temperature."""
    of_runs = tuple(
        make_settings(read_settings(trajectory.run.settings), where=str(trajectory.run.settings))
        if trajectory.run is not None and trajectory.run.settings.is_file()
        else None
        for trajectory in trajectories
    )
    known = {
        one.temperature_K for one in of_runs if one is not None and not isinstance(one.sampling, SimulatedTempering)
    }
    if settings.temperature_K is not None:
        temperature_K, how = settings.temperature_K, "given"
    elif len(known) == 1 and None not in of_runs:
        temperature_K, how = known.pop(), "of the thermostat"
    else:
        temperature_K, how = None, "give temperature in the settings" if not known else "the runs differ"
    differences, remarks = list(_differences(of_runs)), []
    if differences:
        remarks.append(f"the runs differ in {' and '.join(differences)}: means are over all of them")
    if (given := settings.temperature_K) is not None and known - {given}:
        remarks.append(f"{given:g} K was given for frames of runs at {_listed(known)} K")
    if intervals := _unequal_intervals(trajectories):
        remarks.append(f"frames are {intervals} ps apart and count alike: runs with more of them count more")
    return Origin(
        tuple(trajectories),
        of_runs,
        temperature_K,
        how,
        _methods(trajectories, of_runs),
        tuple(differences),
        tuple(remarks),
    )


def _differences(settings: Sequence[RunSettings | None]) -> Iterator[str]:
    known = [one for one in settings if one is not None]
    if len(temperatures := {one.temperature_K for one in known if one.sampling is None}) > 1:
        yield f"temperature ({_listed(temperatures)} K)"
    if len(surroundings := {f"{one.environment}, {one.solvent}" for one in known}) > 1:
        yield f"environment ({'; '.join(sorted(surroundings))})"
    if len(models := {"no model" if one.coupling == "off" else one.coupling for one in known}) > 1:
        yield f"coupling ({', '.join(sorted(models))})"


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in sorted(values))


def _unequal_intervals(trajectories: Sequence[Trajectory]) -> str:
    """From the least to the greatest, where they are not the same."""
    steps = [float(np.median(np.diff(one.time_ps))) for one in trajectories if one.frames > 1]
    unequal = len(steps) > 1 and not np.allclose(steps, steps[0], rtol=1e-3)
    return f"{min(steps):g} to {max(steps):g}" if unequal else ""


def _methods(trajectories: Sequence[Trajectory], settings: Sequence[RunSettings | None]) -> str:
    names: dict[str, list[str]] = {}
    for trajectory, one in zip(trajectories, settings, strict=True):
        if one is not None:
            names.setdefault(_kind(one), []).append(trajectory.name)
    if len(names) == 1 and None not in settings:
        names = {kind: ["They" if len(settings) > 1 else "It"] for kind in names}
    verbs = {kind: "were" if len(those) > 1 or those == ["They"] else "was" for kind, those in names.items()}
    return " ".join(f"{', '.join(those)} {verbs[kind]} simulated with {kind}." for kind, those in names.items())


def _kind(settings: RunSettings) -> str:
    model = (
        "the force field alone"
        if settings.coupling == "off"
        else f"the force field corrected by a machine-learned potential (coupling {settings.coupling})"
    )
    thermostat = "" if settings.ensemble == "nve" else f" at {settings.temperature_K:g} K"
    return (
        f"{settings.environment} in {settings.solvent}, {model}, with a time step of "
        f"{settings.timestep_fs:g} fs in the {settings.ensemble.upper()} ensemble{thermostat}"
    )


def single_run(where: Origin) -> Run | None:
    """The files of the run, if it is the only trajectory, and whole.

    Raises:
        InputError: they do not fit together.
    """
    first, *others = where.trajectories
    if others or first.run is None or first.remarks:
        return None
    return load_run(first.run.path)


def trajectories_section(where: Origin) -> Section:
    """A table of the trajectories."""
    header = ("trajectory", "length (ps)", "frames", "temperature (K)", "environment", "model")
    rows = [
        (
            trajectory.name,
            f"{trajectory.time_ps[-1] - trajectory.time_ps[0]:.6g}",
            str(trajectory.frames),
            "unknown" if one is None else f"{one.temperature_K:g}",
            "unknown" if one is None else f"{one.environment}, {one.solvent}",
            "unknown" if one is None else "none" if one.coupling == "off" else one.coupling,
        )
        for trajectory, one in zip(where.trajectories, where.settings, strict=True)
    ]
    note = "Each is taken to be independent of the others."
    numbers = Table(("trajectory", "length_ps", "frames", "temperature_K", "environment", "model"), rows)
    return Section("Trajectories", table(rows, header=header), note, wide=True, tables={"trajectories": numbers})
