"""Secondary structure over time: a coloured map, and how much of each class there is."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.series import Series
from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.analysis.structure.secondary import HELIX, KINDS, SHEET, SecondaryStructure
from ai2bmd.report.figures import Plot, plot, time_label, time_unit
from ai2bmd.report.sections import Section, Table
from ai2bmd.report.structure.drawing import judge, label_residues

_COLORS = {
    "H": "#2f6fb5",
    "G": "#7fa9d6",
    "I": "#1b3f6b",
    "E": "#d9772b",
    "B": "#ecb88d",
    "T": "#3b8f6b",
    "S": "#b3d6c6",
    " ": "#f4f6f8",
}
_MAPS = 4
_COLUMNS = 1500


def secondary_section(structure: Structure) -> Section:
    """Maps of the first trajectories, and the content of helix and strand."""
    secondary = structure.secondary
    assert not isinstance(secondary, Absent)
    names = [trajectory.name for trajectory in structure.trajectories]
    pictures = {
        "secondary_structure" + f"_{piece + 1}" * (len(names) > 1): draw_secondary_structure(
            secondary, run=piece, name=names[piece]
        )
        for piece in range(min(_MAPS, len(secondary.codes.values)))
    }
    helix = judge(_content(secondary, HELIX, "helix"))
    sheet = judge(_content(secondary, SHEET, "strand and bridge"))
    shown = f" Shown: the first {_MAPS} of {len(names)} trajectories." if len(names) > _MAPS else ""
    note = (
        f"Classes of DSSP. Helix (\u03b1, 3-10, \u03c0): {_percent(helix.estimate)}; strand and bridge: "
        f"{_percent(sheet.estimate)} of the residues.{shown}"
    )
    frequency = np.array([secondary.frequency(kind) for kind in KINDS]).T
    rows = [(label, *map(float, row)) for label, row in zip(secondary.residue_labels, frequency, strict=True)]
    header = ("residue", *(name.replace(" ", "_") for name in KINDS.values()))
    return Section(
        "Secondary structure",
        "".join(picture.html() for picture in pictures.values()),
        note,
        wide=True,
        figures=pictures,
        tables={"secondary_structure": Table(header, rows)},
        methods="Secondary structure was assigned by DSSP as mdtraj implements it.",
        citations=(
            "Kabsch, Sander, Dictionary of protein secondary structure, Biopolymers 22, 2577 (1983)",
            "McGibbon et al., MDTraj: a modern open library for the analysis of molecular dynamics trajectories, "
            "Biophys. J. 109, 1528 (2015)",
        ),
        quantities=(helix, sheet),
    )


def _content(secondary: SecondaryStructure, classes: str, name: str) -> Series:
    wanted, codes = np.isin(list(KINDS), list(classes)), secondary.codes
    values = tuple(wanted[part].mean(1) for part in codes.values)
    return Series(f"fraction in {name}", "", codes.time_ps, values, codes.stride)


def _percent(estimate: Estimate) -> str:
    error = "" if not np.isfinite(estimate.error) else f" \N{PLUS-MINUS SIGN} {100 * estimate.error:.1f}"
    return f"{100 * estimate.value:.1f}{error} %"


def draw_secondary_structure(secondary: SecondaryStructure, *, run: int = 0, name: str = "") -> Plot:
    """A map of the classes in one run, by its number from 0 and with its name as title."""
    codes, time_ps = secondary.codes.values[run], secondary.codes.time_ps[run]
    every = -(-len(codes) // _COLUMNS)
    scale, _ = time_unit(time_ps)
    shown = np.unique(codes[::every])
    height = float(np.clip(1.1 + 0.16 * len(secondary.residue_labels), 2.2, 8.0))
    with plot(
        f"Secondary structure against time{', ' * bool(name)}{name}",
        x=time_label(time_ps),
        y="",
        width_in=13.2,
        height_in=height,
    ) as drawing:
        axes = drawing.axes
        end = max(time_ps[-1], time_ps[0] + 1e-3) * scale
        extent = (time_ps[0] * scale, end, len(secondary.residue_labels) - 0.5, -0.5)
        axes.imshow(
            codes[::every].T,
            aspect="auto",
            interpolation="nearest",
            extent=extent,
            cmap=ListedColormap(list(_COLORS.values())),
            vmin=-0.5,
            vmax=len(KINDS) - 0.5,
        )
        axes.grid(visible=False)
        axes.set_title(name, fontsize=11)
        label_residues(axes, secondary.residue_labels, of="y")
        kinds = [list(KINDS)[code] for code in shown]
        patches = [Patch(facecolor=_COLORS[kind], edgecolor="#c5ccd3", label=KINDS[kind]) for kind in kinds]
        drawing.figure.legend(handles=patches, loc="outside right upper")
    return drawing
