"""How far the protein moves: RMSD to the first frame, radius of gyration, fluctuation of each residue."""

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses
from jaxtyping import Float, Float64, Int64

from ai2bmd.analysis.superposition import superpose, superposed_atoms
from ai2bmd.report.figures import BLUE, GREEN, ORANGE, Plot, draw_course, plot, time_label
from ai2bmd.report.load import Run
from ai2bmd.report.sections import Fact, Section, paragraph
from fragmentation.topology import ProteinTopology


@dataclass(frozen=True, eq=False)
class Geometry:
    """Per frame, and per residue, in A."""

    atoms_used: str
    """Which atoms are superposed, in words."""
    rmsd_A: Float64[np.ndarray, " frames"]
    radius_of_gyration_A: Float64[np.ndarray, " frames"]
    rmsf_A: Float64[np.ndarray, " residues"]
    """Of the C-alpha; NaN where a residue has none (caps)."""
    rmsf_heavy_A: Float64[np.ndarray, " residues"]
    """Over all atoms of a residue but hydrogen."""


def analyse_geometry(run: Run) -> Geometry:
    """Motions of a run."""
    chosen, words = superposed_atoms(run.protein)
    rmsd, _ = superpose(run.positions_A, run.positions_A[0], atoms=chosen)
    ca = np.array([-1 if (atom := _alpha(run.protein, r)) is None else atom for r in range(_residues(run.protein))])
    squares = mean_squares(run.positions_A, atoms=chosen)
    heavy = run.protein.atomic_numbers > 1
    residue = run.protein.residue_index[heavy]
    sums = np.bincount(residue, weights=squares[heavy], minlength=len(ca))
    return Geometry(
        atoms_used=words,
        rmsd_A=rmsd,
        radius_of_gyration_A=radius_of_gyration(run.positions_A, atomic_masses[run.protein.atomic_numbers]),
        rmsf_A=np.where(ca >= 0, np.sqrt(squares[ca]), np.nan),
        rmsf_heavy_A=np.sqrt(sums / np.bincount(residue, minlength=len(ca))),
    )


def radius_of_gyration(
    positions_A: Float[np.ndarray, "frames atoms 3"], masses: Float64[np.ndarray, " atoms"]
) -> Float64[np.ndarray, " frames"]:
    """Root of the mass-weighted mean square distance from the centre of mass, in A."""
    weights = masses / masses.sum()
    result = np.empty(len(positions_A))
    for frame, positions in enumerate(positions_A):
        centred = positions - weights @ positions
        result[frame] = np.sqrt(weights @ (centred**2).sum(1))
    return result


def mean_squares(
    positions_A: Float[np.ndarray, "frames atoms 3"], *, atoms: Int64[np.ndarray, " chosen"]
) -> Float64[np.ndarray, " atoms"]:
    """Mean square distance of each atom from its mean place (A^2), the frames superposed on the mean structure."""
    _, aligned = superpose(positions_A, positions_A[0], atoms=atoms)
    _, aligned = superpose(positions_A, aligned.mean(0, dtype=np.float64), atoms=atoms)
    aligned -= aligned.mean(0, dtype=np.float64).astype(np.float32)
    return np.einsum("fak,fak->a", aligned, aligned, dtype=np.float64) / len(aligned)


def geometry_facts(geometry: Geometry) -> tuple[Fact, ...]:
    """RMSD at the end and in the mean."""
    rmsd = geometry.rmsd_A
    return (
        Fact(
            f"Final {geometry.atoms_used} RMSD",
            f"{rmsd[-1]:.2f} \N{ANGSTROM SIGN}",
            f"{rmsd.mean():.2f} \N{ANGSTROM SIGN} in the mean",
        ),
    )


def geometry_sections(run: Run, geometry: Geometry) -> tuple[Section, ...]:
    """RMSD, radius of gyration and fluctuation."""
    label = time_label(run.time_ps)
    angstrom = "\N{ANGSTROM SIGN}"
    with plot("RMSD to the first frame against time", x=label, y=f"RMSD ({angstrom})") as rmsd:
        draw_course(rmsd.axes, run.time_ps, geometry.rmsd_A, color=BLUE)
        rmsd.axes.set_ylim(bottom=0)
    with plot("Radius of gyration against time", x=label, y=f"radius of gyration ({angstrom})") as gyration:
        draw_course(gyration.axes, run.time_ps, geometry.radius_of_gyration_A, color=GREEN)
    fluctuation = "Fluctuation of each residue"
    if run.frames < 2:
        rmsf = Section(fluctuation, paragraph("One frame shows no fluctuation."), wide=True)
    else:
        rmsf = Section(
            fluctuation,
            _fluctuation_plot(run, geometry).html(),
            "Root mean square distance from the mean structure (RMSF), frames superposed on it.",
            wide=True,
        )
    return (
        Section(
            f"{geometry.atoms_used} RMSD",
            rmsd.html(),
            f"Distance from the first frame after the best superposition of the {geometry.atoms_used} atoms.",
        ),
        Section("Radius of gyration", gyration.html(), "How compact the protein is, weighted by mass, all atoms."),
        rmsf,
    )


def _fluctuation_plot(run: Run, geometry: Geometry) -> Plot:
    places = np.arange(len(run.residue_labels))
    with plot("Fluctuation of each residue", x="residue", y="RMSF (\N{ANGSTROM SIGN})", width_in=13.2) as drawing:
        axes = drawing.axes
        marker = "o" if len(places) <= 60 else None
        for chain in sorted(set(run.protein.chain_ids)):  # a line for each chain: they are not connected
            within = places[np.array(run.protein.chain_ids) == chain]
            first = chain == run.protein.chain_ids[0]
            heavy, alpha = geometry.rmsf_heavy_A[within], geometry.rmsf_A[within]
            axes.plot(within, heavy, color=ORANGE, lw=1.2, marker=marker, ms=3, label="all heavy atoms" * first)
            axes.plot(within, alpha, color=BLUE, lw=2.0, marker=marker, ms=4, label="C-alpha" * first)
        every = -(-len(places) // 40)
        axes.set_xticks(places[::every], run.residue_labels[::every], rotation=60 if len(places) > 15 else 0)
        axes.set_ylim(bottom=0)
        drawing.figure.legend(loc="outside upper center", ncols=2)
    return drawing


def _alpha(protein: ProteinTopology, residue: int) -> int | None:
    return protein.atom(residue, "CA")


def _residues(protein: ProteinTopology) -> int:
    return len(protein.residue_names)
