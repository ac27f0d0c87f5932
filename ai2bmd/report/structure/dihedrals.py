"""The Ramachandran plot of all trajectories, and the rotamers of side chains."""

import numpy as np
from matplotlib.axes import Axes

from ai2bmd.analysis.structure.dihedrals import WELLS, DihedralAngles
from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.errors import InputError
from ai2bmd.report.figures import BLUE, GREEN, GREY, ORANGE, Plot, plot
from ai2bmd.report.sections import Section, Table, paragraph, table
from ai2bmd.words import counted

_ROWS = 40
_MOST_POINTS = 6000
_KINDS = {"GLY": ("glycine", GREEN), "PRO": ("proline", ORANGE)}


def ramachandran_section(structure: Structure) -> Section:
    """Phi and psi of all residues that have both."""
    angles = structure.dihedrals
    assert not isinstance(angles, Absent)
    residues, phi, psi = backbone_pairs(angles)
    if not len(residues):
        return Section("Ramachandran plot", paragraph("No residue has a neighbour on both sides."))
    drawing, frames = _draw_pairs(angles)
    rows = [
        (angles.residue_labels[residue], *map(float, _circular(phi[:, place])), *map(float, _circular(psi[:, place])))
        for place, residue in enumerate(residues.tolist())
    ]
    header = ("residue", "phi_mean_deg", "phi_circular_deviation_deg", "psi_mean_deg", "psi_circular_deviation_deg")
    return Section(
        "Ramachandran plot",
        drawing.html(),
        f"Backbone angles of the {counted(len(residues), 'residue')} with a neighbour on both sides in "
        f"{counted(frames, 'frame')}. Shaded: "
        "where the residues of 500 known structures lie, all kinds together (MDAnalysis).",
        figures={"ramachandran": drawing},
        tables={"backbone_angles": Table(header, rows)},
    )


def backbone_pairs(angles: DihedralAngles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residues with phi and psi, and both, all trajectories one after the other."""
    (with_phi, phi), (with_psi, psi) = angles.of("phi"), angles.of("psi")
    residues, first, second = np.intersect1d(with_phi, with_psi, return_indices=True)
    return residues, np.concatenate(phi)[:, first], np.concatenate(psi)[:, second]


def draw_ramachandran(angles: DihedralAngles) -> Plot:
    """Phi and psi of all residues that have both, over where they are known to lie.

    Raises:
        InputError: no residue has both.
    """
    return _draw_pairs(angles)[0]


def _draw_pairs(angles: DihedralAngles) -> tuple[Plot, int]:
    """The plot, and how many frames are in it."""
    residues, phi, psi = backbone_pairs(angles)
    if not len(residues):
        raise InputError("no residue has a neighbour on both sides, so there is no Ramachandran plot")
    names = np.array([angles.residue_names[residue] for residue in residues])
    with plot("Ramachandran plot", x="\u03c6 (degrees)", y="\u03c8 (degrees)", height_in=4.9) as drawing:
        every = -(-phi.size // _MOST_POINTS)
        _draw_background(drawing.axes)
        _draw_points(drawing, names, phi[::every], psi[::every])
    return drawing, len(phi[::every])


def _draw_points(drawing: Plot, names: np.ndarray, phi: np.ndarray, psi: np.ndarray) -> None:
    """Angles (frames, residues) of residues of these names, a colour for each kind."""
    axes = drawing.axes
    for name, (label, color) in {"": ("other residues", BLUE), **_KINDS}.items():
        chosen = ~np.isin(names, list(_KINDS)) if not name else names == name
        if chosen.any():
            points = phi[:, chosen].ravel(), psi[:, chosen].ravel()
            axes.scatter(*points, s=7, alpha=0.45, color=color, linewidths=0, label=label, rasterized=True)
    axes.set(xlim=(-180, 180), ylim=(-180, 180), box_aspect=1)
    axes.set_xticks(range(-180, 181, 60))
    axes.set_yticks(range(-180, 181, 60))
    axes.axhline(0, color=GREY, lw=0.6)
    axes.axvline(0, color=GREY, lw=0.6)
    if len(axes.get_legend_handles_labels()[0]) > 1:  # a single kind needs no name
        legend = drawing.figure.legend(loc="outside right upper", markerscale=2.0)
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1.0)


def _draw_background(axes: Axes) -> None:
    from MDAnalysis.analysis.data.filenames import Rama_ref

    grid = np.arange(-180, 181, 4)
    counts = np.pad(np.load(Rama_ref), (0, 1), mode="wrap")
    axes.contourf(grid, grid, counts, levels=[1, 17, 15000], colors=["#edf1f5", "#dbe3eb"])
    axes.grid(visible=False)


def rotamer_section(structure: Structure) -> Section:
    """Populations of the wells of every side-chain angle."""
    found = structure.rotamers
    assert not isinstance(found, Absent)
    shown = [
        (f"{each.residue_label} {_greek(each.kind)}", *map(str, each.populations), str(each.transitions))
        for each in found[:_ROWS]
    ]
    rows = [
        (
            each.residue_label,
            each.kind,
            *(number for one in each.populations for number in (one.value, one.error)),
            str(each.transitions),
        )
        for each in found
    ]
    header = (
        "residue",
        "angle",
        *(f"{well}{what}" for well in ("gauche_plus", "trans", "gauche_minus") for what in ("", "_standard_error")),
        "transitions",
    )
    few = f" The first {_ROWS} of {len(found)}; all are in the table." if len(found) > _ROWS else ""
    return Section(
        "Rotamers of side chains",
        table(shown, header=("angle", *WELLS, "transitions")),
        "Fraction of the frames in the wells around 60, 180 and \u221260 degrees, and how often the angle went from "
        f"one to another. What never turned has no known error: it may not have had the time.{few}",
        wide=True,
        tables={"rotamers": Table(header, rows)},
        methods="Rotamers are the thirds of the circle around 60, 180 and -60 degrees of side-chain angles about bonds "
        "between tetrahedral atoms.",
    )


def _greek(kind: str) -> str:
    return f"\u03c7{kind[-1]}"


def _circular(angles_deg: np.ndarray) -> tuple[float, float]:
    """Mean direction, and the deviation that goes with it (degrees)."""
    vector = np.exp(1j * np.radians(angles_deg.astype(np.float64))).mean()
    length = min(max(abs(vector), 1e-12), 1.0)
    return float(np.degrees(np.angle(vector))), float(np.degrees(np.sqrt(-2.0 * np.log(length))))
