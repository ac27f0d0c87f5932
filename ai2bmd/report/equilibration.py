"""Equilibration: what each stage did to temperature, density, energy and shape, and whether it came to rest."""

from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes

from ai2bmd.engine import G_CM3_PER_U_A3
from ai2bmd.report.density import natural_fluctuation
from ai2bmd.report.figures import BLUE, GREEN, GREY, ORANGE, plot, time_label, time_unit
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Section, table
from ai2bmd.simulation.equilibration import Sample, read_samples

_TEMPERATURE_K = 15.0
_DENSITY = 0.005
"""Relative; the density of water at 300 K changes so much in 20 K."""
_FLUCTUATIONS = 2.0
"""Short stages are within the time in which a volume forgets: by chance their parts differ so many times the natural
standard deviation."""
_RMSD_A = 0.3
_LARGEST_RMSD_A = 3.0


@dataclass(frozen=True, eq=False)
class StageSummary:
    """One stage; means are over its last half."""

    name: str
    length_ps: float
    temperature_K: float
    density_g_cm3: float | None
    energy_environment_eV: float
    rmsd_A: float
    converged: bool
    reason: str


def summarise(samples: list[Sample], *, mass_u: float | None = None) -> tuple[StageSummary, ...]:
    """A summary of each stage, in order.

    Args:
        samples: rows of equilibration.csv.
        mass_u: of the system, which tells how much the density of a small box fluctuates.
    """
    stages, start_ps = [], 0.0
    for _, group in groupby(samples, key=lambda sample: sample.stage):
        rows = list(group)
        stages.append(_summary(rows, length_ps=rows[-1].time_ps - start_ps, mass_u=mass_u))
        start_ps = rows[-1].time_ps
    return tuple(stages)


def _summary(rows: list[Sample], *, length_ps: float, mass_u: float | None) -> StageSummary:
    half = rows[len(rows) // 2 :]
    density = [row.density_g_cm3 for row in half if row.density_g_cm3 is not None]
    converged, reason = (True, "minimised") if length_ps == 0.0 else _verdict(rows, mass_u=mass_u)
    return StageSummary(
        name=rows[0].stage,
        length_ps=length_ps,
        temperature_K=float(np.mean([row.temperature_K for row in half])),
        density_g_cm3=float(np.mean(density)) if density else None,
        energy_environment_eV=float(np.mean([row.energy_environment_eV for row in half])),
        rmsd_A=float(np.mean([row.rmsd_A for row in half])),
        converged=converged,
        reason=reason,
    )


def _verdict(rows: list[Sample], *, mass_u: float | None) -> tuple[bool, str]:
    """Whether temperature, density and shape are the same in the third and the last quarter of a stage."""
    ramped = rows[0].thermostat_K != rows[-1].thermostat_K
    remarks = []
    off = abs(_last(rows, "temperature_K") - rows[-1].thermostat_K)
    if not ramped and off > _TEMPERATURE_K:
        remarks.append(f"temperature {off:.0f} K away from the thermostat")
    if rows[0].density_g_cm3 is not None and (change := abs(_change(rows, "density_g_cm3"))) > _allowed(rows, mass_u):
        remarks.append(f"density still changing, by {100 * change:.1f} %")
    shape = _change(rows, "rmsd_A") * _last(rows, "rmsd_A")
    if abs(shape) > _RMSD_A:
        remarks.append(f"RMSD still changing, by {shape:.1f} \N{ANGSTROM SIGN}")
    if _last(rows, "rmsd_A") > _LARGEST_RMSD_A:
        remarks.append(f"RMSD above {_LARGEST_RMSD_A:g} \N{ANGSTROM SIGN}")
    return not remarks, ", ".join(remarks) or ("follows the ramp" if ramped else "at rest")


def _allowed(rows: list[Sample], mass_u: float | None) -> float:
    """Relative change of the density that means nothing."""
    density = rows[-1].density_g_cm3
    if mass_u is None or not density:
        return _DENSITY
    volume_A3 = mass_u / density * G_CM3_PER_U_A3
    return max(_DENSITY, _FLUCTUATIONS * natural_fluctuation(volume_A3, temperature_K=rows[-1].thermostat_K))


def _quarter(rows: list[Sample], name: str, number: int) -> float:
    values: Float64[np.ndarray, " rows"] = np.array([getattr(row, name) for row in rows], dtype=np.float64)
    return float(np.array_split(values, min(4, len(values)))[number].mean())


def _last(rows: list[Sample], name: str) -> float:
    return _quarter(rows, name, -1)


def _change(rows: list[Sample], name: str) -> float:
    """From the third quarter to the last, relative to the last."""
    if len(rows) < 4:
        return 0.0
    return (_last(rows, name) - _quarter(rows, name, -2)) / max(_last(rows, name), 1e-12)


def equilibration_sections(run: Run) -> tuple[Section, ...]:
    """A table of the stages with a verdict for each, and courses; nothing for a run without equilibration."""
    path = run.directory.equilibration_table
    if not path.is_file() or not (samples := read_samples(path)):
        return ()
    mass_u = run.course.parameters.get("system_mass_u")
    stages = summarise(samples, mass_u=None if mass_u is None else float(mass_u))
    dense = any(stage.density_g_cm3 is not None for stage in stages)
    rows = [
        (
            stage.name,
            f"{stage.length_ps:.3g} ps" if stage.length_ps else "",
            f"{stage.temperature_K:.0f} K" if stage.length_ps else "",
            *((f"{stage.density_g_cm3:.3f}" if stage.density_g_cm3 is not None else "",) if dense else ()),
            f"{stage.energy_environment_eV:.1f}",
            f"{stage.rmsd_A:.2f}",
            ("converged: " if stage.converged else "not converged: ") + stage.reason if stage.length_ps else "done",
        )
        for stage in stages
    ]
    header = (
        "stage",
        "length",
        "temperature",
        *(("density (g/cm\N{SUPERSCRIPT THREE})",) if dense else ()),
        "environment (eV)",
        "RMSD (\N{ANGSTROM SIGN})",
        "verdict",
    )
    note = "Means over the last half of each stage. RMSD to the prepared structure."
    return (Section("Equilibration", table(rows, header=header) + _courses(samples), note, wide=True),)


def draw_stages(axes: Axes, samples: list[Sample], name: str, *, color: str) -> None:
    """Draw a quantity against time, with a line wherever one stage ends."""
    scale, _ = time_unit(np.array([sample.time_ps for sample in samples]))
    values = [getattr(sample, name) for sample in samples]
    axes.plot([scale * sample.time_ps for sample in samples], values, color=color, linewidth=1.4)
    for before, after in pairwise(samples):
        if before.stage != after.stage:
            axes.axvline(scale * before.time_ps, color=GREY, linestyle=":", linewidth=1.0)


def _courses(samples: list[Sample]) -> str:
    moving = [sample for sample in samples if sample.time_ps > 0]
    if len(moving) < 2:
        return ""
    time_ps = np.array([sample.time_ps for sample in moving])
    panels = [("temperature_K", "temperature (K)", GREEN), ("rmsd_A", "RMSD (\N{ANGSTROM SIGN})", BLUE)]
    if moving[0].density_g_cm3 is not None:
        panels.insert(1, ("density_g_cm3", "density (g/cm\N{SUPERSCRIPT THREE})", ORANGE))
    images = []
    for name, label, color in panels:
        with plot(f"{label} during equilibration", x=time_label(time_ps), y=label, width_in=4.3) as drawing:
            draw_stages(drawing.axes, moving, name, color=color)
        images.append(drawing.html())
    return f'<div class="row">{"".join(images)}</div>'
