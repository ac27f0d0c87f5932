"""Pictures of melting: the free energy of unfolding against temperature with its fit, and the share that is folded."""

import numpy as np

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.sufficiency import judge_estimate
from ai2bmd.analysis.thermodynamics.constants import GAS_CONSTANT_KCAL
from ai2bmd.analysis.thermodynamics.melting import Melting
from ai2bmd.report.figures import BLUE, GREY, INK, Plot, plot
from ai2bmd.report.sections import Section, Table, table

_INTERVAL = 1.96
_BEYOND_K = 5.0
_POINTS = 200


def draw_stability(melting: Melting) -> Plot:
    """Free energy of unfolding with errors, and the fit with its 95 % band."""
    own, temperature_K = melting.stability, _axis(melting)
    values, errors = melting.curve(temperature_K)
    with plot("Free energy of unfolding", x="temperature (K)", y="unfolding (kcal/mol)") as drawing:
        width = _INTERVAL * errors
        drawing.axes.fill_between(temperature_K, values - width, values + width, color=BLUE, alpha=0.2, linewidth=0)
        drawing.axes.plot(temperature_K, values, color=BLUE, linewidth=1.8)
        drawing.axes.errorbar(
            own.temperatures_K,
            own.unfolding_kcal_mol,
            yerr=_INTERVAL * own.errors_kcal_mol,
            fmt="o",
            color=INK,
            markersize=4,
            capsize=2,
        )
        drawing.axes.axhline(0.0, color=GREY, linestyle="--", linewidth=1.0)
    return drawing


def draw_melting_curve(melting: Melting) -> Plot:
    """Share of folded molecules, with the fit and its 95 % band."""
    own, temperature_K = melting.stability, _axis(melting)
    values, errors = melting.curve(temperature_K)
    width = _INTERVAL * errors
    with plot("Melting curve", x="temperature (K)", y="folded") as drawing:
        low, high = _share(values - width, temperature_K), _share(values + width, temperature_K)
        drawing.axes.fill_between(temperature_K, low, high, color=BLUE, alpha=0.2, linewidth=0)
        drawing.axes.plot(temperature_K, _share(values, temperature_K), color=BLUE, linewidth=1.8)
        found = _share(own.unfolding_kcal_mol, own.temperatures_K)
        ends = [
            np.abs(_share(own.unfolding_kcal_mol + sign * _INTERVAL * own.errors_kcal_mol, own.temperatures_K) - found)
            for sign in (-1.0, 1.0)
        ]
        drawing.axes.errorbar(own.temperatures_K, found, yerr=ends, fmt="o", color=INK, markersize=4, capsize=2)
        drawing.axes.axvline(melting.temperature.value, color=GREY, linestyle="--", linewidth=1.0)
        drawing.axes.set_ylim(-0.02, 1.02)
    return drawing


def _axis(melting: Melting) -> np.ndarray:
    temperatures_K = melting.stability.temperatures_K
    return np.linspace(temperatures_K.min() - _BEYOND_K, temperatures_K.max() + _BEYOND_K, _POINTS)


def _share(unfolding_kcal_mol: np.ndarray, temperature_K: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-unfolding_kcal_mol / (GAS_CONSTANT_KCAL * temperature_K)))


def melting_section(melting: Melting, *, folded: str) -> Section:
    """Melting temperature, enthalpy and heat-capacity change, with both pictures.

    Args:
        melting: the fit.
        folded: how frames were told folded, such as `RMSD below 3 A`.
    """
    estimates: tuple[tuple[str, Estimate], ...] = (
        ("melting temperature", melting.temperature),
        ("enthalpy of unfolding", melting.enthalpy),
        ("heat-capacity change of unfolding", melting.heat_capacity_change),
    )
    rows = [(name, str(estimate)) for name, estimate in estimates]
    if np.isfinite(melting.reduced_chi2):
        rows.append(("chi\N{SUPERSCRIPT TWO} for each temperature to spare", f"{melting.reduced_chi2:.2f}"))
    pictures = {"unfolding": draw_stability(melting), "melting_curve": draw_melting_curve(melting)}
    images = "".join(picture.html() for picture in pictures.values())
    own = melting.stability
    numbers = zip(own.temperatures_K, own.unfolding_kcal_mol, own.errors_kcal_mol, strict=True)
    header = ("temperature_K", "unfolding_kcal_mol", "standard_error_kcal_mol")
    return Section(
        "Melting",
        f'<div class="row">{images}</div>{table(rows)}',
        f"Folded: {folded}. Bars and bands are 95 % intervals. {melting.statement}".strip(),
        wide=True,
        figures=pictures,
        tables={"unfolding": Table(header, [tuple(map(float, row)) for row in numbers])},
        methods=(
            f"Frames were folded by {folded}; the free energy of unfolding at {len(own.temperatures_K)} temperatures "
            "was fitted by the Gibbs-Helmholtz equation, weighted by its errors."
        ),
        citations=("Becktel, Schellman, Protein stability curves, Biopolymers 26, 1859 (1987)",),
        quantities=tuple(judge_estimate(name, estimate) for name, estimate in estimates if np.isfinite(estimate.value)),
    )
