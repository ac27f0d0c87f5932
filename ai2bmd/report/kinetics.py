"""Kinetics in the report: timescales, states, test of the model, passage times and paths, as far as the data went."""

from dataclasses import replace

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.kinetics.analysis import Kinetics
from ai2bmd.analysis.kinetics.hidden_markov import HiddenMarkovModel
from ai2bmd.analysis.kinetics.hidden_timescales import HiddenTimescales
from ai2bmd.analysis.kinetics.timescales import ImpliedTimescales
from ai2bmd.analysis.sufficiency import Sufficiency, judge_estimate
from ai2bmd.report.kinetics_figures import draw_committor, draw_hidden_timescales, draw_map, draw_test, draw_timescales
from ai2bmd.report.sections import Section, Table, paragraph, table

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
        drawing = draw_test(kinetics)
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


def hidden_section(model: HiddenMarkovModel, scales: HiddenTimescales) -> Section:
    """Populations and timescales of hidden states, and whether these still rise with the lag."""
    drawing, lag = draw_hidden_timescales(scales), f"{scales.lags_ps[scales.at]:.4g} ps"
    states = [(f"hidden state {number + 1}", one) for number, one in enumerate(model.populations)]
    times = [(f"timescale {number + 1}", one) for number, one in enumerate(model.timescales_ps)]
    rows = [(name, one.value, one.error, *one.interval(), one.unit) for name, one in (*states, *times)]
    return Section(
        "Hidden Markov model",
        drawing.html() + table([(name, str(one)) for name, one in (*states, *times)]),
        f"At a lag time of {lag} (dashed). Test of the lag: {scales.reason}. Errors and shaded 95 % intervals are "
        "statistical alone.",
        figures={"hidden_timescales": drawing},
        tables={
            "hidden_markov_model": Table(("quantity", "value", "error", "low", "high", "unit"), rows),
            "hidden_timescales": _against_lag(scales),
        },
        methods=f"A hidden Markov model of {len(states)} states was fitted to the microstates at a lag time of {lag}, "
        f"and at {len(scales.lags) - 1} others to test whether its timescales depend on it; errors are of a jackknife "
        "over tenths of the data.",
        citations=("Noé et al., Projected and hidden Markov models, J. Chem. Phys. 139, 184114 (2013)",),
        quantities=tuple(_judged(f"hidden Markov model, {name}", one, scales) for name, one in times[:1]),
    )


def _judged(name: str, estimate: Estimate, scales: HiddenTimescales) -> Sufficiency:
    """The worse of both lights: of the samples, and of the lag."""
    found, order = judge_estimate(name, estimate), ("good", "look", "poor")
    grade = max(found.grade, scales.grade, key=order.index)
    return replace(found, grade=grade, reason=f"{found.reason}; {scales.reason}")


def _against_lag(scales: ImpliedTimescales | HiddenTimescales) -> Table:
    """Timescales at each lag, with errors and intervals."""
    rows = [
        tuple(map(float, (lag, *times, *errors, *low, *high)))
        for lag, times, errors, low, high in zip(
            scales.lags_ps, scales.timescales_ps, scales.errors_ps, *scales.intervals_ps(), strict=True
        )
    ]
    columns = [
        f"{what}_{number + 1}_ps"
        for what in ("timescale", "error", "low", "high")
        for number in range(scales.timescales_ps.shape[1])
    ]
    return Table(("lag_ps", *columns), rows)


def _timescale_section(kinetics: Kinetics) -> Section:
    scales, choice = kinetics.timescales, kinetics.choice
    assert scales is not None
    assert choice is not None
    drawing = draw_timescales(kinetics)
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
    note = f"{choice.reason} Shaded: 95 %; grey: faster than the lag time."
    return Section(
        "Timescales",
        drawing.html(),
        note,
        figures={"timescales": drawing},
        tables={"timescales": _against_lag(scales)},
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
    time, rate = (
        (f"{what}_{unit}", f"{what}_error_{unit}", f"{what}_low_{unit}", f"{what}_high_{unit}")
        for what, unit in (("time", "ps"), ("rate", "per_us"))
    )
    cells = [
        (
            one.source,
            one.target,
            *_with_interval(one.time_ps),
            *_with_interval(one.rate_per_us),
            one.time_ps.effective_samples,
        )
        for one in found
    ]
    names = [f"passage time {one.source} to {one.target}" for one in found]
    return Section(
        "Passage times",
        body,
        "From the equilibrium within the core of the first state until that of the second is reached; one over it is "
        "the rate. In brackets 95 % intervals, taken in logarithms: a time or a rate is known to a factor.",
        tables={"passage_times": Table(("source", "target", *time, *rate, "effective_samples"), cells)},
        methods="Mean first-passage times follow from the reversible Markov model, 95 % intervals of their logarithms "
        "from a Bayesian bootstrap over blocks of frames.",
        citations=("Rubin, The Bayesian bootstrap, Ann. Stat. 9, 130 (1981)",),
        quantities=tuple(judge_estimate(name, one.time_ps) for name, one in zip(names, found, strict=True)),
    )


def _with_interval(estimate: Estimate) -> tuple[float, ...]:
    return (estimate.value, estimate.error, *estimate.interval())


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
