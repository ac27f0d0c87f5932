"""Thermodynamics of a run with enhanced sampling: temperatures put together, metadynamics reweighted.

What the data do not suffice for is said in its place.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ai2bmd.analysis.thermodynamics.comparison import compare_with_bias
from ai2bmd.analysis.thermodynamics.exchange_run import join_exchange_runs, read_exchange_run
from ai2bmd.analysis.thermodynamics.metadynamics import Method, read_metadynamics, reweight_metadynamics
from ai2bmd.errors import InputError
from ai2bmd.report.ensembles import heat_capacities, heat_capacity_section, overlap_section
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.free_energy import readable
from ai2bmd.report.sections import Section, paragraph
from ai2bmd.sampling.settings import Metadynamics, ReplicaExchange, Sampling

_TIWARY = (
    "Tiwary, Parrinello, A time-independent free energy estimator for metadynamics, J. Phys. Chem. B 119, 736 (2015)"
)
_BRANDUARDI = (
    "Branduardi, Bussi, Parrinello, Metadynamics with adaptive Gaussians, J. Chem. Theory Comput. 8, 2247 (2012)"
)


def thermodynamics_sections(run: Path, sampling: Sampling | None) -> tuple[Section, ...]:
    """Of a run directory with the sampling of its settings; nothing without enhanced sampling."""
    if isinstance(sampling, ReplicaExchange):
        return _told(lambda: _exchange(run), title="Temperatures together")
    if isinstance(sampling, Metadynamics):
        return _told(lambda: _metadynamics(run), title="Metadynamics, reweighted")
    return ()


def _told(make: Callable[[], tuple[Section, ...]], *, title: str) -> tuple[Section, ...]:
    """The sections, or why there are none."""
    try:
        return make()
    except InputError as error:
        return (Section(title, paragraph(f"Not possible: {error}.")),)


def _exchange(path: Path) -> tuple[Section, ...]:
    whole = read_exchange_run(path)
    run = whole.at_rest()
    left_out = whole.energies_kcal_mol.shape[1] - run.energies_kcal_mol.shape[1]
    ensembles = join_exchange_runs([run])
    lowest = run.temperatures_K[0]
    sections = [overlap_section(ensembles.mbar), heat_capacity_section(*heat_capacities(ensembles))]
    for name, values in run.variables.items():
        period = 360.0 if name.endswith("_deg") else None
        sections += _told(
            lambda name=name, values=values, period=period: (
                free_energy_section(
                    f"Free energy along {readable(name)}",
                    ensembles.free_energy(list(values), lowest, names=[name], periods=[period]),
                    name=f"free_energy_{name}",
                    origin=(
                        f"At {lowest:g} K from the frames of all temperatures, without the first {left_out} before "
                        "they came to rest."
                    ),
                ),
            ),
            title=f"Free energy along {readable(name)}",
        )
    return tuple(sections)


def _metadynamics(path: Path) -> tuple[Section, ...]:
    run = read_metadynamics(path)
    method: Method = "time-dependent"
    try:
        reweighted = reweight_metadynamics(run, method=method)
    except InputError:  # a frame was not saved at every Gaussian
        method = "final-bias"
        reweighted = reweight_metadynamics(run, method=method)
    if len(run.settings.variables) > 2:
        return (
            Section(
                "Metadynamics, reweighted",
                paragraph(
                    f"{len(reweighted.frames)} frames count as {reweighted.weights.effective_samples:.0f} independent "
                    "samples after their bias is taken back."
                ),
            ),
        )
    found = reweighted.free_energy()
    difference = compare_with_bias(found, run)
    way = "the bias at its time" if method == "time-dependent" else "the last bias"
    section = free_energy_section(
        "Metadynamics, reweighted",
        found,
        name="free_energy_reweighted",
        origin=(
            f"Each frame weighted by {way}, the first fifth left out. What the bias itself tells differs by "
            f"{difference.rms_kcal_mol:.2f} kcal/mol (root mean square over {difference.bins} bins), in "
            f"{100 * difference.within_two_errors:.0f} % of bins by less than two errors."
        ),
    )
    return (_cited(section, _TIWARY if method == "time-dependent" else _BRANDUARDI, way),)


def _cited(section: Section, paper: str, way: str) -> Section:
    methods = f"Frames of metadynamics were weighted by {way}. {section.methods}"
    return replace(section, methods=methods, citations=(*section.citations, paper))
