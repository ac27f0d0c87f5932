"""RMSD, radius of gyration, and fluctuation of each residue."""

from collections.abc import Sequence

import numpy as np

from ai2bmd.analysis.series import Series
from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.analysis.structure.motion import Fluctuation
from ai2bmd.report.figures import BLUE, GREEN, ORANGE, Plot, plot
from ai2bmd.report.sections import MAX_ROWS, Section, Table
from ai2bmd.report.structure.drawing import draw_series, judge, label_residues

_ANGSTROM = "\N{ANGSTROM SIGN}"


def rmsd_section(structure: Structure) -> Section:
    """RMSD against time, and the table of all numbers of each frame."""
    names = [trajectory.name for trajectory in structure.trajectories]
    drawing = draw_rmsd(structure.rmsd, names)
    return Section(
        f"{structure.atoms_used} RMSD",
        drawing.html(),
        f"Distance from {structure.reference} after the best superposition of the atoms ({structure.atoms_used}).",
        figures={"rmsd": drawing},
        tables={"frames": frames_table(structure)},
        methods=f"RMSD ({structure.atoms_used}) is to {structure.reference} after least-squares superposition.",
        citations=(
            "Kabsch, A solution for the best rotation to relate two sets of vectors, Acta Cryst. A 32, 922 (1976)",
        ),
        quantities=(judge(structure.rmsd),),
    )


def gyration_section(structure: Structure) -> Section:
    """Radius of gyration against time."""
    names = [trajectory.name for trajectory in structure.trajectories]
    series = structure.radius_of_gyration
    drawing, judged = draw_gyration(series, names), judge(series)
    note = f"How compact the molecule is, weighted by mass, all atoms: {judged.estimate} in the mean."
    return Section(
        "Radius of gyration",
        drawing.html(),
        note,
        figures={"radius_of_gyration": drawing},
        methods="The radius of gyration is mass-weighted over all atoms analysed.",
        quantities=(judged,),
    )


def fluctuation_section(structure: Structure) -> Section:
    """RMSF of each residue."""
    fluctuation = structure.fluctuation
    assert not isinstance(fluctuation, Absent)
    drawing = draw_fluctuation(fluctuation)
    rows = [
        (label, float(alpha), float(heavy), float(error))
        for label, alpha, heavy, error in zip(
            fluctuation.residue_labels,
            fluctuation.alpha_A,
            fluctuation.heavy_A,
            fluctuation.heavy_error_A,
            strict=True,
        )
    ]
    header = ("residue", "rmsf_alpha_A", "rmsf_heavy_A", "rmsf_heavy_standard_error_A")
    return Section(
        "Fluctuation of each residue",
        drawing.html(),
        "Root mean square distance from the mean structure (RMSF), frames superposed on it; bars: standard errors from "
        "blocks of frames.",
        wide=True,
        figures={"rmsf": drawing},
        tables={"rmsf": Table(header, rows)},
        methods=(
            "RMSF is about the mean structure, frames superposed on it by the same atoms as for RMSD, over heavy atoms "
            "of each residue, with errors from block averages."
        ),
    )


def frames_table(structure: Structure) -> Table:
    """What is known of each frame; of very many, every second, third ..."""
    columns: dict[str, Series] = {"rmsd_A": structure.rmsd, "radius_of_gyration_A": structure.radius_of_gyration}
    if not isinstance(structure.native_contacts, Absent):
        columns["native_contacts_Q"] = structure.native_contacts.series
    if not isinstance(structure.contact_map, Absent):
        columns["contacts"] = structure.contact_map.number
    if not isinstance(structure.hydrogen_bonds, Absent):
        columns["hydrogen_bonds"] = structure.hydrogen_bonds.number
    every = -(-sum(map(len, structure.rmsd.values)) // MAX_ROWS)
    rows = []
    for piece, time_ps in enumerate(structure.rmsd.time_ps):
        name = structure.trajectories[piece].name
        values = np.column_stack([time_ps, *(series.values[piece] for series in columns.values())])
        rows += [(name, *row) for row in values[::every].tolist()]
    return Table(("trajectory", "time_ps", *columns), rows)


def draw_rmsd(series: Series, names: Sequence[str] = ()) -> Plot:
    """RMSD against time."""
    drawing = draw_series("RMSD against time", series, names, y=f"RMSD ({_ANGSTROM})")
    drawing.axes.set_ylim(bottom=0)
    return drawing


def draw_gyration(series: Series, names: Sequence[str] = ()) -> Plot:
    """Radius of gyration against time."""
    y = f"radius of gyration ({_ANGSTROM})"
    return draw_series("Radius of gyration against time", series, names, y=y, color=GREEN)


def draw_fluctuation(fluctuation: Fluctuation) -> Plot:
    """RMSF of each residue."""
    labels, chains = fluctuation.residue_labels, np.array(fluctuation.chain_ids)
    places = np.arange(len(labels))
    with plot("Fluctuation of each residue", x="residue", y=f"RMSF ({_ANGSTROM})", width_in=13.2) as drawing:
        axes = drawing.axes
        marker = "o" if len(places) <= 60 else None
        for chain in dict.fromkeys(fluctuation.chain_ids):  # a line for each chain: they are not connected
            within = places[chains == chain]
            first = chain == chains[0]
            heavy, alpha = fluctuation.heavy_A[within], fluctuation.alpha_A[within]
            errors = np.nan_to_num(fluctuation.heavy_error_A[within])
            axes.errorbar(
                within, heavy, errors, color=ORANGE, lw=1.2, marker=marker, ms=3, label="all heavy atoms" * first
            )
            axes.plot(within, alpha, color=BLUE, lw=2.0, marker=marker, ms=4, label="C-alpha" * first)
        label_residues(axes, labels)
        axes.set_ylim(bottom=0)
        drawing.figure.legend(loc="outside upper center", ncols=2)
    return drawing
