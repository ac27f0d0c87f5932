"""Kinetics in the report: timescales, states, test of the model, passage times and paths, as far as the data went."""

import numpy as np

from ai2bmd.analysis.kinetics.analysis import Kinetics, frame_weights
from ai2bmd.analysis.kinetics.chapman_kolmogorov import ChapmanKolmogorov
from ai2bmd.analysis.kinetics.timescales import ImpliedTimescales, LagChoice
from ai2bmd.analysis.sufficiency import Sufficiency, judge_estimate
from ai2bmd.report.figures import BLUE, GREEN, GREY, INK, ORANGE, Plot, plot
from ai2bmd.report.sections import Section, Table, paragraph, table

_COLORS = (BLUE, ORANGE, GREEN, GREY, INK)
_BINS = 60
_HIGHEST_KT = 8.0
CITATIONS = (
    "Hoffmann et al., Deeptime: a Python library for machine learning dynamical models from time series data, "
    "Mach. Learn.: Sci. Technol. 3, 015009 (2022)",
    "Prinz et al., Markov models of molecular kinetics: generation and validation, J. Chem. Phys. 134, 174105 (2011)",
)


def kinetics_sections(kinetics: Kinetics) -> tuple[Section, ...]:
    """All there is to show; a section of remarks alone where there is no more."""
    sections = []
    if kinetics.timescales is not None and kinetics.choice is not None:
        sections.append(_timescale_section(kinetics))
    if kinetics.model is not None and kinetics.macrostates is not None:
        sections.append(_state_section(kinetics))
    if kinetics.test is not None:
        drawing = draw_test(kinetics.test)
        note = f"{kinetics.test.reason} Lines: foretold by the model; points: counted, with standard errors."
        sections.append(
            Section("Test of the Markov model", drawing.html(), note, figures={"chapman_kolmogorov": drawing})
        )
    if kinetics.passages:
        sections.append(_passage_section(kinetics))
    if kinetics.paths is not None:
        sections.append(_path_section(kinetics))
    if kinetics.remarks:
        body = "".join(map(paragraph, kinetics.remarks))
        sections.append(Section("Kinetics: what to mind", body, wide=True))
    return tuple(sections)


def draw_timescales(scales: ImpliedTimescales, choice: LagChoice | None = None) -> Plot:
    """Timescales against lag time, with two standard errors; below the grey line a process is faster than the lag."""
    lags = scales.lags_ps
    with plot("Implied timescales against lag time", x="lag time (ps)", y="timescale (ps)") as drawing:
        axes = drawing.axes
        axes.fill_between(lags, lags, lags.min() * 0.5, color=GREY, alpha=0.2, linewidth=0)
        for number, (times, errors) in enumerate(zip(scales.timescales_ps.T, scales.errors_ps.T, strict=True)):
            color = _COLORS[number % len(_COLORS)]
            axes.plot(lags, times, "o-", color=color, markersize=3, linewidth=1.4)
            low = np.maximum(times - 2.0 * errors, 1e-3 * lags[0])
            axes.fill_between(lags, low, times + 2.0 * errors, color=color, alpha=0.2, linewidth=0)
        if choice is not None and choice.lag is not None:
            axes.axvline(choice.lag * scales.frame_ps, color=INK, linestyle="--", linewidth=1.0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5 * float(lags.min()))
    return drawing


def draw_test(test: ChapmanKolmogorov) -> Plot:
    """Chance to be in each state again, foretold and counted."""
    steps = np.concatenate([[0.0], test.times_ps])
    with plot("Chapman-Kolmogorov test", x="time (ps)", y="probability to be there again") as drawing:
        for number, name in enumerate(test.names):
            color = _COLORS[number % len(_COLORS)]
            foretold = np.concatenate([[1.0], test.predicted[:, number, number]])
            drawing.axes.plot(steps, foretold, color=color, linewidth=1.6, label=name)
            counted, errors = (array[:, number, number] for array in (test.estimated, test.errors))
            drawing.axes.errorbar(test.times_ps, counted, errors, fmt="o", color=color, markersize=4, capsize=2)
        drawing.axes.set_ylim(-0.02, 1.05)
        drawing.figure.legend(loc="outside upper center", ncols=len(test.names))
    return drawing


def draw_map(kinetics: Kinetics) -> Plot:
    """Free energy over the slowest two components (or one) at equilibrium, by the weights of the model.

    Raises:
        InputError: there is no model.
    """
    weights = np.concatenate(frame_weights(kinetics))
    joined = np.concatenate(kinetics.projection.runs)
    label = "slow component {} ({})"
    method = kinetics.projection.method.upper()
    if joined.shape[1] == 1:
        counts, edges = np.histogram(joined[:, 0], bins=_BINS, weights=weights)
        x = label.format(1, method)
        with plot("Free energy along the slow component", x=x, y="free energy (kT)") as drawing:
            middles = (edges[1:] + edges[:-1]) / 2.0
            drawing.axes.plot(middles, _energy(counts), color=BLUE, linewidth=1.8)
        return drawing
    counts, *edges = np.histogram2d(joined[:, 0], joined[:, 1], bins=_BINS, weights=weights)
    x, y = (label.format(number, method) for number in (1, 2))
    with plot("Free energy over the slow components", x=x, y=y, height_in=4.2) as drawing:
        shown = drawing.axes.pcolormesh(
            *edges, _energy(counts).T, cmap="viridis", vmin=0.0, vmax=_HIGHEST_KT, rasterized=True
        )
        drawing.figure.colorbar(shown, ax=drawing.axes, label="free energy (kT)")
        _name_states(drawing, kinetics)
    return drawing


def draw_committor(kinetics: Kinetics) -> Plot:
    """Committor of each microstate along the slowest component."""
    paths, model = kinetics.paths, kinetics.model
    assert paths is not None
    assert model is not None
    places = kinetics.microstates.centres[model.transitions.states, 0]
    x = f"slow component 1 ({kinetics.projection.method.upper()})"
    with plot("Committor", x=x, y=f"chance to reach {paths.target} before {paths.source}") as drawing:
        errors = np.nan_to_num(paths.committor_errors)
        drawing.axes.errorbar(places, paths.committor, errors, fmt="o", color=BLUE, markersize=4, capsize=2, alpha=0.8)
        drawing.axes.axhline(0.5, color=GREY, linestyle="--", linewidth=1.0)
        drawing.axes.set_ylim(-0.05, 1.05)
    return drawing


def _energy(counts: np.ndarray) -> np.ndarray:
    """In kT, from the lowest; nan where no frame is."""
    with np.errstate(divide="ignore"):
        energy = -np.log(counts / counts.max())
    return np.where(np.isfinite(energy), energy, np.nan)


def _name_states(drawing: Plot, kinetics: Kinetics) -> None:
    if kinetics.macrostates is None or kinetics.model is None:
        return
    states, pi = kinetics.model.transitions.states, kinetics.model.stationary
    for name, members in zip(kinetics.macrostates.names, kinetics.macrostates.members, strict=True):
        x, y = np.average(kinetics.microstates.centres[states[members], :2], axis=0, weights=pi[members])
        drawing.axes.annotate(
            name,
            (float(x), float(y)),
            ha="center",
            va="center",
            bbox={"boxstyle": "round", "fc": "white", "ec": GREY, "alpha": 0.85},
        )


def _timescale_section(kinetics: Kinetics) -> Section:
    scales, choice = kinetics.timescales, kinetics.choice
    assert scales is not None
    assert choice is not None
    drawing = draw_timescales(scales, choice)
    rows = [
        (float(lag), *map(float, times), *map(float, errors))
        for lag, times, errors in zip(scales.lags_ps, scales.timescales_ps, scales.errors_ps, strict=True)
    ]
    count = scales.timescales_ps.shape[1]
    header = ("lag_ps", *(f"{what}_{number + 1}_ps" for what in ("timescale", "error") for number in range(count)))
    projection, microstates = kinetics.projection, kinetics.microstates
    methods = (
        f"Features ({len(kinetics.features.names)}) were projected on {projection.runs[0].shape[1]} slow components by "
        f"{projection.method.upper()} at a lag time of {projection.lag * scales.frame_ps:.4g} ps, which hold "
        f"{100.0 * projection.kinetic_variance:.0f} % of the kinetic variance, and divided into "
        f"{len(microstates.centres)} microstates ({microstates.method}). Transitions were counted within each "
        f"trajectory with overlapping windows. {choice.reason}"
    )
    quantities: tuple[Sufficiency, ...] = ()
    if kinetics.model is not None and (slowest := kinetics.model.timescales(1)):
        quantities = (judge_estimate("slowest relaxation time", slowest[0]),)
    note = f"{choice.reason} Shaded: two standard errors; grey: faster than the lag time."
    return Section(
        "Timescales",
        drawing.html(),
        note,
        figures={"timescales": drawing},
        tables={"timescales": Table(header, rows)},
        methods=methods,
        citations=CITATIONS,
        quantities=quantities,
    )


def _state_section(kinetics: Kinetics) -> Section:
    states = kinetics.macrostates
    assert states is not None
    drawing = draw_map(kinetics)
    rows = list(zip(states.names, states.populations, strict=True))
    body = drawing.html() + table([(name, str(value)) for name, value in rows], header=("state", "population"))
    cells = [(name, value.value, value.error, value.effective_samples) for name, value in rows]
    return Section(
        "States",
        body,
        f"{states.reason} Populations at equilibrium, by the Markov model.",
        figures={"states": drawing},
        tables={"states": Table(("state", "population", "standard_error", "effective_samples"), cells)},
        quantities=tuple(judge_estimate(f"population of {name}", value) for name, value in rows),
    )


def _passage_section(kinetics: Kinetics) -> Section:
    found = kinetics.passages
    body = table(
        [(f"{one.source} \u2192 {one.target}", str(one.time_ps), str(one.rate_per_us)) for one in found],
        header=("from, to", "mean first-passage time", "rate"),
    )
    header = ("source", "target", "time_ps", "time_error_ps", "rate_per_us", "rate_error_per_us", "effective_samples")
    cells = [
        (
            one.source,
            one.target,
            one.time_ps.value,
            one.time_ps.error,
            one.rate_per_us.value,
            one.rate_per_us.error,
            one.time_ps.effective_samples,
        )
        for one in found
    ]
    names = [f"passage time {one.source} to {one.target}" for one in found]
    return Section(
        "Passage times",
        body,
        "From the equilibrium within the core of the first state until that of the second is reached; one over it is "
        "the rate.",
        tables={"passage_times": Table(header, cells)},
        methods="Mean first-passage times follow from the reversible Markov model, standard errors from a Bayesian "
        "bootstrap over blocks of frames.",
        citations=("Rubin, The Bayesian bootstrap, Ann. Stat. 9, 130 (1981)",),
        quantities=tuple(judge_estimate(name, one.time_ps) for name, one in zip(names, found, strict=True)),
    )


def _path_section(kinetics: Kinetics) -> Section:
    paths, model = kinetics.paths, kinetics.model
    assert paths is not None
    assert model is not None
    drawing = draw_committor(kinetics)
    states = model.transitions.states
    rows = [
        (" \u2192 ".join(str(int(states[step])) for step in path.microstates), f"{100.0 * path.share:.1f} %")
        for path in paths.paths[:5]
    ]
    cells = [
        (int(state), float(value), float(error))
        for state, value, error in zip(states, paths.committor, paths.committor_errors, strict=True)
    ]
    return Section(
        f"Paths from {paths.source} to {paths.target}",
        drawing.html() + table(rows, header=("strongest paths through microstates", "share of the flux")),
        f"Rate by reactive flux: {paths.rate_per_us}. At a committor of one half either state is as likely to be next.",
        figures={"committor": drawing},
        tables={"committor": Table(("microstate", "committor", "standard_error"), cells)},
        citations=(
            "Metzner, Schütte, Vanden-Eijnden, Transition path theory for Markov jump processes, "
            "Multiscale Model. Simul. 7, 1192 (2009)",
        ),
    )
