"""Pictures of ensembles put together: how far they overlap, and the heat capacity against temperature."""

from collections.abc import Sequence

import numpy as np

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.thermodynamics.mbar import GOOD_OVERLAP, Mbar
from ai2bmd.analysis.thermodynamics.temperatures import TemperatureEnsembles
from ai2bmd.analysis.thermodynamics.umbrella import UmbrellaSampling
from ai2bmd.report.figures import BLUE, INK, Plot, plot
from ai2bmd.report.sections import Section, Table, table

MBAR_PAPER = (
    "Shirts, Chodera, Statistically optimal analysis of samples from multiple equilibrium states, J. Chem. Phys. 129, "
    "124105 (2008)"
)
_OVERLAP_PAPER = (
    "Klimovich, Shirts, Mobley, Guidelines for the analysis of free energy calculations, J. Comput. Aided Mol. Des. "
    "29, 397 (2015)"
)
_NUMBERS_UP_TO = 16
_TEMPERATURES = 25


def draw_overlap(mbar: Mbar) -> Plot:
    """The overlap matrix, with its numbers where they can be read."""
    count = len(mbar.names)
    with plot("Overlap of ensembles", x="belongs to", y="frame of", height_in=4.6) as drawing:
        shown = drawing.axes.imshow(mbar.overlap, cmap="Blues", vmin=0.0, vmax=1.0)
        drawing.figure.colorbar(shown, ax=drawing.axes, label="probability")
        if count <= _NUMBERS_UP_TO:
            for row, column in np.ndindex(count, count):
                value = float(mbar.overlap[row, column])
                if value >= 0.005:
                    color = "white" if value > 0.6 else INK
                    drawing.axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
        every = -(-count // _NUMBERS_UP_TO)
        drawing.axes.set_xticks(range(0, count, every), mbar.names[::every], rotation=45, ha="right")
        drawing.axes.set_yticks(range(0, count, every), mbar.names[::every])
        drawing.axes.grid(visible=False)
    return drawing


def overlap_section(mbar: Mbar) -> Section:
    """The overlap matrix, and independent samples of each ensemble."""
    rows = [
        (
            name,
            f"{own.frames}",
            f"{own.inefficiency:.1f}",
            f"{len(own.kept)}",
            f"{free:.2f} \N{PLUS-MINUS SIGN} {error:.2f}",
        )
        for name, own, free, error in zip(
            mbar.names, mbar.thinned, mbar.reduced_free_energies, mbar.errors, strict=True
        )
    ]
    note = (
        f"Each row adds up to 1; neighbours should overlap by {GOOD_OVERLAP:g} at least. "
        f"{' '.join(remark[0].upper() + remark[1:] + '.' for remark in mbar.warnings)}"
    )
    picture = draw_overlap(mbar)
    header = ("ensemble", "frames", "inefficiency", "independent", "free energy (kT)")
    numbers = [(name, *map(float, row)) for name, row in zip(mbar.names, mbar.overlap, strict=True)]
    return Section(
        "Overlap of ensembles",
        f'<div class="row">{picture.html()}{table(rows, header=header)}</div>',
        note.strip(),
        wide=True,
        figures={"overlap": picture},
        tables={"overlap": Table(("ensemble", *mbar.names), numbers)},
        methods=(
            f"{len(mbar.names)} ensembles, thinned to {int(mbar.samples.sum())} independent frames by their "
            "statistical inefficiency, were put together by the multistate Bennett acceptance ratio (pymbar); "
            "errors are its asymptotic ones."
        ),
        citations=(MBAR_PAPER, _OVERLAP_PAPER),
    )


def draw_heat_capacity(temperatures_K: Sequence[float], capacities: Sequence[Estimate]) -> Plot:
    """Heat capacity against temperature with its 95 % band."""
    temperature, values, low, high = _band(temperatures_K, capacities)
    with plot("Heat capacity", x="temperature (K)", y="heat capacity (kcal/mol/K)") as drawing:
        drawing.axes.fill_between(temperature, low, high, color=BLUE, alpha=0.2, linewidth=0)
        drawing.axes.plot(temperature, values, color=BLUE, linewidth=1.8)
    return drawing


def draw_overlap_of(ensembles: TemperatureEnsembles | UmbrellaSampling) -> Plot:
    """The overlap matrix of what was put together."""
    return draw_overlap(ensembles.mbar)


def draw_heat_capacity_of(ensembles: TemperatureEnsembles) -> Plot:
    """Heat capacity against temperature, between the lowest and the highest simulated."""
    return draw_heat_capacity(*heat_capacities(ensembles))


def heat_capacities(ensembles: TemperatureEnsembles) -> tuple[list[float], list[Estimate]]:
    """Temperatures from the lowest to the highest, and the heat capacity at each."""
    lowest, highest = ensembles.temperatures_K[0], ensembles.temperatures_K[-1]
    temperatures_K = np.linspace(lowest, highest, _TEMPERATURES).tolist()
    return temperatures_K, [ensembles.heat_capacity(temperature_K) for temperature_K in temperatures_K]


def _band(temperatures_K: Sequence[float], estimates: Sequence[Estimate]) -> tuple[np.ndarray, ...]:
    intervals = np.array([estimate.interval() for estimate in estimates])
    values = np.array([estimate.value for estimate in estimates])
    return np.asarray(temperatures_K, float), values, intervals[:, 0], intervals[:, 1]


def heat_capacity_section(temperatures_K: Sequence[float], capacities: Sequence[Estimate]) -> Section:
    """The curve of the potential energy's heat capacity; a peak is where most of the molecules melt."""
    picture = draw_heat_capacity(temperatures_K, capacities)
    rows = [
        (float(temperature_K), own.value, own.error, own.effective_samples)
        for temperature_K, own in zip(temperatures_K, capacities, strict=True)
    ]
    header = ("temperature_K", "heat_capacity_kcal_mol_K", "standard_error_kcal_mol_K", "effective_samples")
    return Section(
        "Heat capacity",
        picture.html(),
        "Of the potential energy at constant volume, from all temperatures together; the band is the 95 % interval. "
        "Nuclei are classical, so the whole is too large by what stiff bonds take; steps and peaks mean something.",
        figures={"heat_capacity": picture},
        tables={"heat_capacity": Table(header, rows)},
        methods="The heat capacity is the fluctuation of the potential energy, reweighted to each temperature.",
        citations=(MBAR_PAPER,),
    )
