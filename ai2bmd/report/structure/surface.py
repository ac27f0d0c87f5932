"""Solvent-accessible surface."""

from collections.abc import Sequence

import numpy as np

from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.analysis.structure.surface import POINTS, PROBE_A, Surface
from ai2bmd.report.figures import ORANGE, Plot
from ai2bmd.report.sections import Section, Table
from ai2bmd.report.structure.drawing import draw_series, judge

_AREA = "\N{ANGSTROM SIGN}\N{SUPERSCRIPT TWO}"


def surface_section(structure: Structure) -> Section:
    """Total against time; residues as a table."""
    surface = structure.surface
    assert not isinstance(surface, Absent)
    names, judged = [trajectory.name for trajectory in structure.trajectories], judge(surface.total)
    drawing = draw_surface_area(surface, names)
    each = "every frame" if surface.total.stride == 1 else f"one frame in {surface.total.stride}"
    rows = [
        (label, estimate.value, estimate.error, estimate.effective_samples)
        for label, estimate in zip(surface.residue_labels, surface.residue_A2, strict=True)
    ]
    most = int(np.argmax([estimate.value for estimate in surface.residue_A2]))
    return Section(
        "Surface",
        drawing.html(),
        f"Accessible to a probe of {PROBE_A:g} \N{ANGSTROM SIGN}, of {each}: {judged.estimate} in the mean; most "
        f"of a residue: {surface.residue_labels[most]}, {surface.residue_A2[most]}.",
        figures={"surface": drawing},
        tables={"surface": Table(("residue", "surface_A2", "standard_error_A2", "effective_samples"), rows)},
        methods=(
            f"The solvent-accessible surface is by Shrake and Rupley's method with {POINTS} points an atom and a probe "
            f"of {PROBE_A:g} \N{ANGSTROM SIGN} (mdtraj), of {each}."
        ),
        citations=(
            "Shrake, Rupley, Environment and exposure to solvent of protein atoms, J. Mol. Biol. 79, 351 (1973)",
        ),
        quantities=(judged,),
    )


def draw_surface_area(surface: Surface, names: Sequence[str] = ()) -> Plot:
    """Total surface against time."""
    return draw_series("Surface against time", surface.total, names, y=f"surface ({_AREA})", color=ORANGE)
