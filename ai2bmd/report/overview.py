"""The overview of a run in several copies: a table that leads to their reports, and how all of them moved."""

import html
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jaxtyping import Float64
from matplotlib.colors import to_hex

from ai2bmd import __version__
from ai2bmd.errors import InputError
from ai2bmd.replicas.layout import ReplicaDirectory
from ai2bmd.report.figures import draw_course, plot, time_label
from ai2bmd.report.page import replace_text
from ai2bmd.report.report import analyse, write_report
from ai2bmd.report.sections import Section
from ai2bmd.report.verdict import Verdict
from ai2bmd.viewer import fill_page

_HEADER = ("copy", "verdict", "length (ps)", "frames", "temperature (K)", "RMSD, mean (Å)", "RMSD, end (Å)", "ns/day")


@dataclass(frozen=True, eq=False)
class _Row:
    """What the overview says of one copy; without a trajectory only why."""

    name: str
    verdict: Verdict | None
    cells: tuple[str, ...]
    time_ps: Float64[np.ndarray, " frames"]
    rmsd_A: Float64[np.ndarray, " frames"]


def write_overview(directory: ReplicaDirectory) -> Path:
    """Write the report of each copy, and one of all beside the copies.

    Returns:
        Path of the overview.

    Raises:
        InputError: the directory holds no copies of a run, settings.yaml is damaged, or no copy has a frame yet.
    """
    settings = directory.settings()
    rows = [_row(copy) for copy in directory.copies]
    if not any(row.verdict for row in rows):
        raise InputError(f"no copy of {directory.path} has a frame yet; let them go on with `ai2bmd resume`")
    values = {
        "title": html.escape(directory.path.resolve().name),
        "summary": html.escape(_summary(rows, f"{settings.temperature_K:g} K, {settings.solvent}")),
        "sections": Section("Copies", _table(rows), wide=True).html() + _course(rows).html(),
        "footer": html.escape(f"ai2bmd {__version__}: the report of each copy is in its directory"),
    }
    replace_text(directory.report, fill_page("overview.html", values))
    return directory.report


def _row(copy: Path) -> _Row:
    """One copy, whose report is written on the way; the trajectory is not kept, for there may be many."""
    try:
        study = analyse(copy)
    except InputError as error:
        return _Row(copy.name, None, (str(error),), np.empty(0), np.empty(0))
    write_report(copy, study=study)
    judged, rmsd = study.run, study.structure.rmsd.values[0]
    if judged is None:
        return _Row(copy.name, None, (". ".join(study.structure.remarks),), np.empty(0), np.empty(0))
    run = judged.run
    cells = (
        f"{run.time_ps[-1]:g}",
        f"{run.frames}",
        f"{judged.energies.mean_temperature_K:.0f}",
        f"{rmsd.mean():.2f}",
        f"{rmsd[-1]:.2f}",
        "unknown" if run.speed_ns_per_day is None else f"{run.speed_ns_per_day:.3g}",
    )
    return _Row(copy.name, judged.verdict, cells, run.time_ps, rmsd)


def _summary(rows: list[_Row], conditions: str) -> str:
    judged = [row for row in rows if row.verdict]
    total_ps = sum(float(row.time_ps[-1]) for row in judged)
    stable = sum(row.verdict is not None and row.verdict.grade == "good" for row in rows)
    length = f"{total_ps / 1000:g} ns" if total_ps >= 1000 else f"{total_ps:g} ps"
    return f"{len(rows)} independent copies, {conditions}: {length} in sum; {stable} of {len(rows)} stable."


def _table(rows: list[_Row]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in _HEADER)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>{"".join(map(_line, rows))}</table></div>'


def _line(row: _Row) -> str:
    name = html.escape(row.name)
    if row.verdict is None:
        width = len(_HEADER) - 1
        return f'<tr><th scope="row">{name}</th><td colspan="{width}">{html.escape(row.cells[0])}</td></tr>'
    grade = f'<b class="{row.verdict.grade}">{html.escape(row.verdict.headline)}</b>'
    cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row.cells)
    return f'<tr><th scope="row"><a href="{name}/report.html">{name}</a></th><td>{grade}</td>{cells}</tr>'


def _course(rows: list[_Row]) -> Section:
    """RMSD of all copies, each to its own first frame."""
    shown = [row for row in rows if row.verdict]
    longest = max((row.time_ps for row in shown), key=lambda time_ps: time_ps[-1])
    colors = mpl.colormaps["viridis"](np.linspace(0.0, 0.9, len(shown)))
    description = "RMSD of all copies against time"
    with plot(description, x=time_label(longest), y="RMSD (Å)", width_in=13.2, height_in=4.0) as figure:
        for row, color in zip(shown, colors, strict=True):
            draw_course(figure.axes, row.time_ps, row.rmsd_A, color=to_hex(color), label=row.name, axis_ps=longest)
        if len(shown) <= 12:
            figure.axes.legend(ncols=min(6, len(shown)), loc="upper left")
    return Section("RMSD", figure.html(), note="Of each copy to its own first frame.", wide=True)
