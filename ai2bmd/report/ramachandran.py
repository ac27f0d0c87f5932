"""Backbone angles phi and psi of every residue in every frame, and the Ramachandran plot."""

import logging
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.structure.dihedrals import backbone_quadruples, dihedrals_deg
from ai2bmd.report.figures import BLUE, GREEN, GREY, ORANGE, Plot, plot
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Section, paragraph

_MAX_POINTS = 6000
_KINDS = {"GLY": ("glycine", GREEN), "PRO": ("proline", ORANGE)}


@dataclass(frozen=True, eq=False)
class BackboneAngles:
    """Angles in degrees, -180 to 180."""

    residues: Int64[np.ndarray, " angles"]
    """Residues that have both angles."""
    phi: Float64[np.ndarray, "frames angles"]
    psi: Float64[np.ndarray, "frames angles"]


def analyse_backbone(run: Run) -> BackboneAngles:
    """Backbone angles of a run."""
    logging.getLogger("MDAnalysis.coordinates.AMBER").setLevel(logging.ERROR)  # warns of an absent netCDF4 at import
    residues, quadruples = backbone_quadruples(run.protein)
    phi = dihedrals_deg(run.positions_A, quadruples[:, :4])
    return BackboneAngles(residues, phi, dihedrals_deg(run.positions_A, quadruples[:, 1:]))


def backbone_sections(run: Run, angles: BackboneAngles) -> tuple[Section, ...]:
    """The Ramachandran plot."""
    title = "Ramachandran plot"
    if not len(angles.residues):
        return (Section(title, paragraph("No residue has a neighbour on both sides.")),)
    with plot("Ramachandran plot", x="\u03c6 (degrees)", y="\u03c8 (degrees)", height_in=4.9) as drawing:
        names = np.array([run.protein.residue_names[residue] for residue in angles.residues])
        frames = draw_angles(drawing, names, angles.phi, angles.psi)
    note = (
        f"Backbone angles of the {len(angles.residues)} residues with a neighbour on both sides in "
        f"{frames} frames. Shaded: where the residues of 500 known structures lie, all kinds together (MDAnalysis)."
    )
    return (Section(title, drawing.html(), note),)


def draw_angles(
    drawing: Plot,
    names: np.ndarray,
    phi: Float[np.ndarray, "frames angles"],
    psi: Float[np.ndarray, "frames angles"],
) -> int:
    """Draw backbone angles of residues of these names over where they are known to lie; the number of frames drawn."""
    axes = drawing.axes
    _draw_background(axes)
    every = -(-phi.size // _MAX_POINTS)
    for name, (label, color) in {"": ("other residues", BLUE), **_KINDS}.items():
        chosen = ~np.isin(names, list(_KINDS)) if not name else names == name
        if chosen.any():
            points = phi[::every, chosen].ravel(), psi[::every, chosen].ravel()
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
    return len(phi[::every])


def _draw_background(axes) -> None:
    from MDAnalysis.analysis.data.filenames import Rama_ref

    grid = np.arange(-180, 181, 4)
    counts = np.pad(np.load(Rama_ref), (0, 1), mode="wrap")
    axes.contourf(grid, grid, counts, levels=[1, 17, 15000], colors=["#edf1f5", "#dbe3eb"])
    axes.grid(visible=False)
