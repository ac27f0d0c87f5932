"""Quasi-harmonic entropy of a study: its modes, what each adds, and what the number is good for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ai2bmd.analysis.molecule import masses_u
from ai2bmd.analysis.sufficiency import Sufficiency, judge_estimate
from ai2bmd.analysis.thermodynamics.quasi_harmonic import QuasiHarmonicEntropy, entropy_of_frames
from ai2bmd.report.figures import BLUE, Plot, plot
from ai2bmd.report.sections import Section, Table, table

if TYPE_CHECKING:
    from ai2bmd.report.study import Study

TITLE = "Quasi-harmonic entropy"
_CITATIONS = (
    "Andricioaei, Karplus, On the calculation of entropy from covariance matrices of the atomic fluctuations, "
    "J. Chem. Phys. 115, 6289 (2001)",
    "Schlitter, Estimation of absolute and relative entropies of macromolecules using the covariance matrix, "
    "Chem. Phys. Lett. 215, 617 (1993)",
)


def quasi_harmonic_of(study: Study, selection: str, temperature_K: float) -> QuasiHarmonicEntropy:
    """Of chosen atoms in all trajectories.

    Raises:
        InputError: no atom is chosen, too many are, or frames are too few for them.
    """
    chosen = study.trajectories[0].select(selection)
    counts = study.structure.reading.frames

    def chunks() -> Iterator[np.ndarray]:
        for trajectory in study.trajectories:
            for chunk in trajectory.chunks():
                if len(chunk.frames):
                    yield chunk.positions_A[:, chosen]

    masses = np.asarray(masses_u(study.trajectories[0].molecule), np.float64)[chosen]
    return entropy_of_frames(chunks, masses, temperature_K, frames=sum(counts), runs=counts)


def quasi_harmonic_section(found: QuasiHarmonicEntropy, *, selection: str) -> Section:
    """Both entropies, and the modes."""
    drawing = draw_quasi_harmonic(found)
    rows = (("Andricioaei, Karplus", str(found.andricioaei_karplus)), ("Schlitter", str(found.schlitter)))
    cells = list(zip(map(float, found.frequencies_per_cm), map(float, found.of_modes_cal_mol_K), strict=True))
    return Section(
        TITLE,
        drawing.html() + table(rows, header=("formula", "entropy")),
        f"Of `{selection}`, superposed by mass. {found.statement}",
        figures={"quasi_harmonic": drawing},
        tables={"quasi_harmonic": Table(("frequency_per_cm", "entropy_cal_mol_K"), cells)},
        methods=f"Quasi-harmonic entropies of the atoms `{selection}` are from the covariance of their mass-weighted "
        "coordinates after superposition; errors are of a jackknife over ten blocks.",
        citations=_CITATIONS,
        quantities=(_judged(found),),
    )


def _judged(found: QuasiHarmonicEntropy) -> Sufficiency:
    """Red also while it still rises, however many the samples."""
    light = judge_estimate("quasi-harmonic entropy", found.andricioaei_karplus)
    if found.converged:
        return light
    return replace(light, grade="poor", reason=f"{light.reason}; it still rises with the length of the run")


def draw_quasi_harmonic(found: QuasiHarmonicEntropy) -> Plot:
    """Entropy of all modes up to a frequency."""
    x, y = "frequency (cm\u207b\u00b9)", "entropy of modes up to it (cal/mol/K)"
    with plot("Quasi-harmonic entropy by frequency", x=x, y=y) as drawing:
        summed = np.cumsum(found.of_modes_cal_mol_K)
        drawing.axes.step(found.frequencies_per_cm, summed, where="post", color=BLUE, linewidth=1.6)
        drawing.axes.set_xscale("log")
        drawing.axes.set_ylim(bottom=0.0)
    return drawing
