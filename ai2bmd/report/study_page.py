"""The report of a study: a folder of page, tables and figures."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ai2bmd import __version__
from ai2bmd.analysis.nmr.experiment import Experiment
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError
from ai2bmd.report.analysis_settings import AnalysisSettings
from ai2bmd.report.enough import enough_section
from ai2bmd.report.exports import PAGE, check_folder, write_exports
from ai2bmd.report.kinetics_part import kinetics_part
from ai2bmd.report.methods import methods_section
from ai2bmd.report.movie import movie_of, movie_section
from ai2bmd.report.nmr_part import nmr_part
from ai2bmd.report.one_run import course_sections, run_facts, verdict_html
from ai2bmd.report.provenance import provenance_sections
from ai2bmd.report.sections import Fact, Section, paragraph
from ai2bmd.report.structure.page import structure_sections
from ai2bmd.report.study import Study, make_study
from ai2bmd.report.study_runs import trajectories_section
from ai2bmd.report.thermodynamics_part import thermodynamics_part
from ai2bmd.viewer import fill_page, script_literal
from ai2bmd.words import counted


def write_study(
    trajectories: Sequence[Trajectory],
    output: Path,
    *,
    settings: AnalysisSettings | None = None,
    experiment: Experiment | None = None,
) -> Path:
    """Write OUT/report.html, OUT/tables/*.csv and OUT/figures/*.svg.

    Args:
        trajectories: of one molecule, independent of each other.
        output: folder, made if it is not there.
        settings: what to do, and how.
        experiment: measured values to compare with.

    Returns:
        Path of the page.

    Raises:
        InputError: trajectories or settings cannot be used; what they do not suffice for is said in the report.
    """
    check_folder(output)
    return write_page(make_study(trajectories, settings, experiment=experiment), output, earlier="remove")


def write_page(study: Study, output: Path, *, earlier: Literal["remove", "keep"], more: str = "") -> Path:
    """Write the page of a study, its tables and its figures.

    Args:
        study: to write.
        output: folder, made if it is not there.
        earlier: what becomes of tables and figures that an earlier report had and this one has not.
        more: what to do for more than is on the page.

    Returns:
        Path of the page.
    """
    run = study.run
    own = (trajectories_section(study.origin),) if run is None else course_sections(run)
    sections = [*own, *_parts(study)]
    enough, methods = enough_section(sections), methods_section(sections, opening=_opening(study))
    provenance = () if run is None else provenance_sections(run.run)
    everything = [*([enough] if enough else []), *sections, *provenance, methods]
    movie, count = movie_of(study.trajectories[0]), len(study.trajectories)
    values = {
        "title": html.escape(_title(study)),
        "verdict": ("" if run is None else verdict_html(run.verdict)) + _remarks(study),
        "facts": "".join(fact.html() for fact in _facts(study)),
        "sections": "".join(section.html() for section in (movie_section(movie, of=count), *everything)),
        "movie": script_literal(movie.data()),
        "footer": html.escape(f"ai2bmd {__version__}: numbers in tables/, pictures in figures/{more}"),
    }
    write_exports(output, everything, page=fill_page("report.html", values), earlier=earlier)
    return output / PAGE


def _parts(study: Study) -> list[Section]:
    """Sections of all parts that are asked for; a part that is not possible says why."""
    makers: dict[str, tuple[str, Callable[[], Sequence[Section]]]] = {
        "structure": ("Structure", lambda: structure_sections(study.structure)),
        "nmr": ("NMR", lambda: nmr_part(study)),
        "kinetics": ("Kinetics", lambda: kinetics_part(study)),
        "thermodynamics": ("Thermodynamics", lambda: thermodynamics_part(study)),
    }
    sections = []
    for part in study.settings.parts:
        title, make = makers[part]
        try:
            sections += make()
        except InputError as error:
            sections.append(Section(title, paragraph(f"Not possible: {error}.")))
    return sections


def _title(study: Study) -> str:
    first, *others = study.trajectories
    return first.name if not others else f"{first.name} and {len(others)} more"


def _remarks(study: Study) -> str:
    """What a reader must know of the trajectories before the numbers."""
    remarks = (*study.structure.remarks, *study.origin.remarks)
    if not remarks:
        return ""
    names = tuple(trajectory.name for trajectory in study.trajectories)
    text = ". ".join(remark if remark.startswith(names) else remark[:1].upper() + remark[1:] for remark in remarks)
    return f'<p class="verdict"><b class="look">Note</b> {html.escape(text)}.</p>'


def _length_ps(trajectory: Trajectory) -> float:
    return float(trajectory.time_ps[-1] - trajectory.time_ps[0])


def _facts(study: Study) -> tuple[Fact, ...]:
    if study.run is not None:
        return run_facts(study.run, study.structure)
    lengths = [_length_ps(trajectory) for trajectory in study.trajectories]
    frames, count = sum(study.structure.reading.frames), len(lengths)
    molecule = study.trajectories[0].molecule
    residues, chains = len(molecule.residue_names), len(set(molecule.chain_ids))
    temperature_K = study.origin.temperature_K
    return (
        Fact("Length", _time(sum(lengths)), f"{counted(count, 'trajectory')}, {counted(frames, 'frame')}"),
        Fact("Atoms", f"{len(molecule.atom_names)}", f"{counted(residues, 'residue')}, {counted(chains, 'chain')}"),
        Fact("Temperature", "unknown" if temperature_K is None else f"{temperature_K:g} K", study.origin.how),
    )


def _time(time_ps: float) -> str:
    if time_ps >= 1e6:
        return f"{time_ps / 1e6:.4g} \N{MICRO SIGN}s"
    return f"{time_ps / 1000:.4g} ns" if time_ps >= 1000 else f"{time_ps:.4g} ps"


def _range(times_ps: np.ndarray) -> str:
    shortest, longest = _time(times_ps.min()), _time(times_ps.max())
    return f"each {shortest}" if shortest == longest else f"{shortest} to {longest}"


def _opening(study: Study) -> str:
    lengths = np.array([_length_ps(trajectory) for trajectory in study.trajectories])
    frames, count = sum(study.structure.reading.frames), len(lengths)
    molecule = study.trajectories[0].molecule
    residues = counted(len(molecule.residue_names), "residue")
    what = f"a molecule of {counted(len(molecule.atom_names), 'atom')} and {residues}"
    if count == 1:
        runs = f"One trajectory of {_time(lengths[0])} ({counted(frames, 'frame')}) of {what} was analysed."
    else:
        runs = (
            f"{count} independent trajectories of {what} were analysed, {_range(lengths)} long, "
            f"{_time(lengths.sum())} and {frames} frames in all."
        )
    return f"{runs} {study.origin.methods}".strip()
