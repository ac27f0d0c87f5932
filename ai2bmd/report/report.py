"""The report of a run: every analysis in turn, laid out as one HTML file that needs no network.

A further analysis is a module beside this one that gives sections; it is added to `_sections`.
"""

import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ai2bmd import __version__
from ai2bmd.report.density import density_sections
from ai2bmd.report.energies import Energies, analyse_energies, energy_facts, energy_sections
from ai2bmd.report.equilibration import equilibration_sections
from ai2bmd.report.error_bars import error_bar_sections
from ai2bmd.report.geometry import Geometry, analyse_geometry, geometry_facts, geometry_sections
from ai2bmd.report.load import Run, load_run
from ai2bmd.report.movie import Movie, chosen_frames, make_movie, movie_section, shown_atoms
from ai2bmd.report.page import replace_text
from ai2bmd.report.provenance import provenance_sections
from ai2bmd.report.ramachandran import analyse_backbone, backbone_sections
from ai2bmd.report.sampling import sampling_sections
from ai2bmd.report.sections import Fact, Section
from ai2bmd.report.thermodynamics import thermodynamics_sections
from ai2bmd.report.verdict import Verdict, judge
from ai2bmd.viewer import fill_page, script_literal


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known of a run."""

    run: Run
    energies: Energies
    geometry: Geometry
    verdict: Verdict


def analyse(run_directory: Path) -> Analysis:
    """Read and judge a run.

    Raises:
        InputError: the directory is no run, or a file of it is damaged.
    """
    run = load_run(run_directory)
    energies, geometry = analyse_energies(run), analyse_geometry(run)
    return Analysis(run, energies, geometry, judge(run, energies, geometry))


def write_report(run_directory: Path, *, analysis: Analysis | None = None) -> Path:
    """Write report.html, and analysis.csv with the numbers of each frame, into a run directory.

    Args:
        run_directory: of the run.
        analysis: of it, if there is one already.

    Returns:
        Path of the report.

    Raises:
        InputError: the directory is no run, or a file of it is damaged.
    """
    analysis = analysis or analyse(run_directory)
    run, energies, geometry = analysis.run, analysis.energies, analysis.geometry
    movie = _movie(run)
    values = {
        "title": html.escape(run_directory.resolve().name),
        "verdict": verdict_html(analysis.verdict),
        "facts": "".join(fact.html() for fact in run_facts(run, energies, geometry)),
        "sections": "".join(section.html() for section in _sections(run, energies, geometry, movie)),
        "movie": script_literal(movie.data()),
        "footer": html.escape(f"ai2bmd {__version__}: numbers of each frame in analysis.csv, energies in log.csv"),
    }
    report = run_directory / "report.html"
    replace_text(report, fill_page("report.html", values))
    replace_text(run_directory / "analysis.csv", _numbers(run, geometry))
    return report


def _movie(run: Run) -> Movie:
    frames = chosen_frames(run.frames, atoms=len(shown_atoms(run.protein)[0]))
    return make_movie(run.protein, run.positions_A[frames], run.time_ps[frames], frames=run.frames)


def run_facts(run: Run, energies: Energies, geometry: Geometry) -> tuple[Fact, ...]:
    """Headline numbers of a run."""
    length, speed = float(run.time_ps[-1]), run.speed_ns_per_day
    residues, chains = len(run.residue_labels), len(set(run.protein.chain_ids))
    every = f", every {run.stride}th read" if run.stride > 1 else ""
    return (
        Fact(
            "Length",
            f"{length / 1000:g} ns" if length >= 1000 else f"{length:g} ps",
            f"{run.frames} frame{'s' * (run.frames > 1)}{every}",
        ),
        Fact(
            "Atoms",
            f"{len(run.trajectory.atomic_numbers)}",
            f"{residues} residues, {chains} chain{'s' * (chains > 1)}",
        ),
        *energy_facts(run, energies),
        *geometry_facts(geometry),
        Fact("Speed", "unknown" if speed is None else f"{speed:.3g} ns/day", f"device: {run.settings.device}"),
    )


def _sections(run: Run, energies: Energies, geometry: Geometry, movie: Movie) -> tuple[Section, ...]:
    """In the order of the page, two to a row."""
    backbone = backbone_sections(run, analyse_backbone(run))
    return (
        movie_section(movie),
        *backbone,
        *energy_sections(run, energies),
        *error_bar_sections(run),
        *density_sections(run),
        *geometry_sections(run, geometry),
        *sampling_sections(run),
        *thermodynamics_sections(run.directory.path, run.settings.sampling),
        *equilibration_sections(run),
        *provenance_sections(run),
    )


def verdict_html(verdict: Verdict) -> str:
    """One word in its colour, and the sentences."""
    text = " ".join(verdict.sentences)
    return f'<p class="verdict"><b class="{verdict.grade}">{verdict.headline}</b> {html.escape(text)}</p>'


def _numbers(run: Run, geometry: Geometry) -> str:
    lines = ["step,time_ps,rmsd_A,radius_of_gyration_A"]
    columns = run.trajectory.step, run.time_ps, geometry.rmsd_A, geometry.radius_of_gyration_A
    lines += [
        f"{step},{time:.10g},{rmsd:.5f},{radius:.5f}"
        for step, time, rmsd, radius in zip(*map(np.asarray, columns), strict=True)
    ]
    return "\n".join(lines) + "\n"
