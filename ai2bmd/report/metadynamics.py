"""Metadynamics of one or several runs, reweighted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.sufficiency import Sufficiency, judge_estimate
from ai2bmd.analysis.thermodynamics.comparison import compare_with_bias
from ai2bmd.analysis.thermodynamics.free_energy import FreeEnergy
from ai2bmd.analysis.thermodynamics.metadynamics import read_metadynamics
from ai2bmd.analysis.thermodynamics.metadynamics_runs import PooledMetadynamics, pool_metadynamics
from ai2bmd.errors import InputError
from ai2bmd.report.free_energies import free_energy_section
from ai2bmd.report.sections import Section, Table, paragraph, table

_TIWARY = (
    "Tiwary, Parrinello, A time-independent free energy estimator for metadynamics, J. Phys. Chem. B 119, 736 (2015)"
)
_BRANDUARDI = (
    "Branduardi, Bussi, Parrinello, Metadynamics with adaptive Gaussians, J. Chem. Theory Comput. 8, 2247 (2012)"
)
_TITLE = "Metadynamics, reweighted"


def metadynamics_sections(paths: Sequence[Path]) -> tuple[Section, ...]:
    """Of run directories with the same variables and temperature.

    Raises:
        InputError: a run cannot be read, or they cannot be put together.
    """
    runs = [read_metadynamics(path) for path in paths]
    why_last = ""
    try:
        pooled = pool_metadynamics(runs)
    except InputError as error:
        pooled, why_last = pool_metadynamics(runs, method="final-bias"), f" That at its time was not used: {error}."
    if len(runs[0].settings.variables) > 2:
        frames, samples = len(pooled.weights.joined), pooled.weights.effective_samples
        text = f"{frames} frames count as {samples:.0f} independent samples after their bias is taken back."
        return (Section(_TITLE, paragraph(text)),)
    found = pooled.free_energy()
    way = "the bias at its time" if pooled.method == "time-dependent" else "the last bias"
    several = "" if len(paths) == 1 else f" of {len(paths)} independent runs"
    section = free_energy_section(
        _TITLE,
        found,
        name="free_energy_reweighted",
        origin=f"Each frame{several} weighted by {way}, the first fifth left out.{why_last} "
        f"{_against_bias(pooled, found)}",
    )
    if several:
        section = replace(section, note=f"{section.note} Each run counts by its number of frames.")
    of_each = () if len(paths) == 1 else (_each(paths, pooled, found),)
    methods = f"Frames of metadynamics{several} were weighted by {way}. {section.methods}"
    paper = _TIWARY if pooled.method == "time-dependent" else _BRANDUARDI
    cited = replace(section, methods=methods, citations=(*section.citations, paper), quantities=(_judged(found),))
    return (cited, *of_each)


def _against_bias(pooled: PooledMetadynamics, found: FreeEnergy) -> str:
    """Of a single run; those of several are in the table."""
    only, *others = pooled.each
    if others:
        return ""
    difference = compare_with_bias(found, only.run)
    return (
        f"What the bias itself tells differs by {difference.rms_kcal_mol:.2f} kcal/mol (root mean square over "
        f"{difference.bins} bins), in {100 * difference.within_two_errors:.0f} % of bins by less than two errors."
    )


def _judged(found: FreeEnergy) -> Sufficiency:
    """The bin whose error is in the middle stands for all."""
    errors, values = found.error_kcal_mol[found.known], found.energy_kcal_mol[found.known]
    middle = int(np.argsort(errors)[len(errors) // 2])
    samples = float(found.effective_samples[found.known][middle])
    typical = Estimate(float(values[middle]), float(errors[middle]), samples, "kcal/mol")
    return judge_estimate("reweighted free energy, a bin of typical error", typical)


def _each(paths: Sequence[Path], pooled: PooledMetadynamics, found: FreeEnergy) -> Section:
    """What each run alone has, and how far its own bias is from all together."""
    cells = []
    for path, one in zip(paths, pooled.each, strict=True):
        difference = compare_with_bias(found, one.run)
        cells.append(
            (
                path.resolve().name,
                float(len(one.frames)),
                one.weights.kish,
                difference.rms_kcal_mol,
                100.0 * difference.within_two_errors,
            )
        )
    shown = [(name, *(f"{value:.3g}" for value in rest)) for name, *rest in cells]
    header = ("run", "frames", "effective samples (Kish)", "bias differs by (kcal/mol)", "bins within two errors (%)")
    names = ("run", "frames", "kish_samples", "rms_difference_kcal_mol", "bins_within_two_errors_percent")
    return Section(
        "Metadynamics, run by run",
        table(shown, header=header),
        "How far the free energy that the bias of each run tells is from that of all runs together (root mean square). "
        "Runs that differ by much more than the errors have not converged.",
        tables={"metadynamics_runs": Table(names, cells)},
    )
