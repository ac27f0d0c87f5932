"""Spectra, correlation functions, diffusion and counted rates in the report."""

from dataclasses import replace

import numpy as np

from ai2bmd.analysis.kinetics.correlation_times import CorrelationFunction
from ai2bmd.analysis.kinetics.counted_rates import CountedRate, CountedRates
from ai2bmd.analysis.kinetics.diffusion import Diffusion
from ai2bmd.analysis.kinetics.spectra import Spectrum
from ai2bmd.analysis.sufficiency import Sufficiency, judge_estimate
from ai2bmd.report.figures import BLUE, ORANGE, Plot, plain_log, plot
from ai2bmd.report.sections import Section, Table, table

_HIGHEST_CM1 = 4000.0


def spectrum_section(spectrum: Spectrum) -> Section:
    """A vibrational or infrared spectrum."""
    drawing, name = draw_spectrum(spectrum), spectrum.kind.replace(" ", "_")
    rows = list(zip(*(map(float, one) for one in _columns(spectrum)), strict=True))
    correction = "" if spectrum.quantum_correction == "none needed" else f", {spectrum.quantum_correction} correction"
    note = (
        f"Resolution {spectrum.resolution_cm1:.3g} cm\u207b\u00b9 ({spectrum.window} window, "
        f"{spectrum.integral.effective_samples:.0f} windows overlapping by half{correction}). "
        f"Integral: {spectrum.integral}. {' '.join(spectrum.remarks)}"
    )
    return Section(
        spectrum.kind.capitalize(),
        drawing.html(),
        note.strip(),
        figures={name: drawing},
        tables={name: Table(("wavenumber_cm1", "density", "standard_error"), rows)},
        methods=f"The {spectrum.kind} is the average over {spectrum.window} windows of a resolution of "
        f"{spectrum.resolution_cm1:.3g} cm\u207b\u00b9{correction}.",
        citations=(
            "Welch, The use of fast Fourier transform for the estimation of power spectra, "
            "IEEE Trans. Audio Electroacoust. 15, 70 (1967)",
        ),
    )


def draw_spectrum(spectrum: Spectrum) -> Plot:
    """Density against wavenumber, with one standard error."""
    wavenumbers, density, errors = _columns(spectrum)
    label = f"{spectrum.kind} ({spectrum.unit})"
    with plot(spectrum.kind, x="wavenumber (cm\u207b\u00b9)", y=label) as drawing:
        drawing.axes.plot(wavenumbers, density, color=BLUE, linewidth=1.2)
        drawing.axes.fill_between(wavenumbers, density - errors, density + errors, color=BLUE, alpha=0.25, linewidth=0)
        drawing.axes.set_xlim(0.0, float(wavenumbers[-1]))
        drawing.axes.set_ylim(bottom=0.0)
    return drawing


def correlation_section(name: str, function: CorrelationFunction) -> Section:
    """An autocorrelation function and its times, of a quantity named in words."""
    drawing, file = draw_correlation(name, function), f"autocorrelation_{name.replace(' ', '_')}"
    columns = (function.lags_ps, function.values, function.errors, function.fitted)
    rows = [tuple(map(float, row)) for row in zip(*columns, strict=True)]
    return Section(
        f"Memory of {name}",
        drawing.html(),
        f"Decay time of the fit {function.time_ps}; by the integral {function.integral_ps}.",
        figures={file: drawing},
        tables={file: Table(("lag_ps", "autocorrelation", "standard_error", "fit"), rows)},
        methods=f"The correlation time of {name} is that of an exponential fitted down to a tenth.",
        quantities=(judge_estimate(f"correlation time of {name}", function.time_ps),),
    )


def draw_correlation(name: str, function: CorrelationFunction) -> Plot:
    """The function with one standard error, and the fit."""
    with plot(f"Autocorrelation of {name}", x="lag (ps)", y="autocorrelation") as drawing:
        lags, values, errors = function.lags_ps, function.values, function.errors
        drawing.axes.plot(lags, values, color=BLUE, linewidth=1.6, label=name)
        drawing.axes.fill_between(lags, values - errors, values + errors, color=BLUE, alpha=0.25, linewidth=0)
        drawing.axes.plot(lags, function.fitted, color=ORANGE, linestyle="--", linewidth=1.4, label="fit")
        drawing.figure.legend(loc="outside upper center", ncols=2)
    return drawing


def diffusion_section(name: str, found: Diffusion) -> Section:
    """Mean square displacement and coefficient, of particles named in words."""
    drawing = draw_displacement(name, found)
    columns = (found.lags_ps, found.displacement_A2, found.errors_A2)
    rows = [tuple(map(float, row)) for row in zip(*columns, strict=True)]
    low, high = found.fit_ps
    return Section(
        f"Diffusion of {name}",
        drawing.html(),
        f"{found.coefficient_A2_ps} from {low:.4g} to {high:.4g} ps; exponent {found.exponent}. "
        + " ".join(found.remarks),
        figures={"displacement": drawing},
        tables={"displacement": Table(("lag_ps", "displacement_A2", "standard_error_A2"), rows)},
        methods=f"The diffusion coefficient of {name} is the slope of the mean square displacement from {low:.4g} to "
        f"{high:.4g} ps.",
        quantities=(_judged(name, found),),
    )


def _judged(name: str, found: Diffusion) -> Sufficiency:
    """Red also where it is no diffusion, however many the samples."""
    light = judge_estimate(f"diffusion coefficient of {name}", found.coefficient_A2_ps)
    if found.normal:
        return light
    return replace(light, grade="poor", reason=f"no diffusion: the exponent of time is {found.exponent}")


def draw_displacement(name: str, found: Diffusion) -> Plot:
    """Mean square displacement against lag, and where the slope is taken."""
    label = "mean square displacement (\u00c5\u00b2)"
    with plot(f"Displacement of {name}", x="lag (ps)", y=label) as drawing:
        errors = np.nan_to_num(found.errors_A2)
        drawing.axes.errorbar(found.lags_ps, found.displacement_A2, errors, fmt="o-", color=BLUE, markersize=3)
        drawing.axes.axvspan(*found.fit_ps, color=ORANGE, alpha=0.12)
        drawing.axes.set_xscale("log")
        drawing.axes.set_yscale("log")
        plain_log(drawing.axes.xaxis)
        plain_log(drawing.axes.yaxis)
    return drawing


def counted_rate_section(rates: CountedRates) -> Section:
    """Times counted with two thresholds."""
    both = (rates.leaving_low, rates.leaving_high)
    rows = [
        (
            f"{one.source} \u2192 {one.target}",
            f"{one.transitions}",
            "unknown" if np.isinf(one.time_ps.value) else f"{one.time_ps.value:.3g} ps",
            _interval(one),
            "{:.3g} to {:.3g}".format(*one.rate_interval_per_us),
        )
        for one in both
    ]
    header = ("source", "target", "transitions", "dwelt_ps", "time_ps", "low_ps", "high_ps")
    cells = [
        (one.source, one.target, one.transitions, one.dwelt_ps, one.time_ps.value, *one.interval_ps) for one in both
    ]
    return Section(
        "Transitions counted",
        table(rows, header=("from, to", "transitions", "mean life", "95 % interval", "rate (1/\u00b5s)")),
        f"Without a model: a frame is in the state whose core was visited last. Part of the time in "
        f"{rates.leaving_high.source}: {rates.population_high}.",
        tables={"counted_rates": Table(header, cells)},
        methods="Transitions were counted between two cores, each frame assigned to the core visited last; intervals "
        "are of Poisson's distribution.",
        citations=(
            "Buchete, Hummer, Coarse master equations for peptide folding dynamics, J. Phys. Chem. B 112, 6057 (2008)",
        ),
        quantities=tuple(judge_estimate(f"mean life of {one.source}", one.time_ps) for one in both),
    )


def _interval(rate: CountedRate) -> str:
    low, high = rate.interval_ps
    return f"{low:.3g} to {high:.3g} ps" if np.isfinite(high) else f"above {low:.3g} ps"


def _columns(spectrum: Spectrum) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inside = spectrum.wavenumbers_cm1 <= _HIGHEST_CM1
    return spectrum.wavenumbers_cm1[inside], spectrum.density[inside], np.nan_to_num(spectrum.errors[inside])
